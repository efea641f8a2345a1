// SPDX-License-Identifier: Apache-2.0
// The search for the end of a line, which looks at 64 bytes at a time, against a plain one.
import { beforeAll, expect, test } from 'vitest';
import { compileAssembly, type Part } from '../support/assembly';
import { Random } from '../support/random';

const BREAK = 0x0a;
const SIZE = 1000;

let part: Part;
let space: number;
beforeAll(async () => {
  part = await compileAssembly(`
    import { lineEnd } from './json/skip';
    import { PADDING } from './memory';
    export { lineEnd };
    export function space(size: i32): usize { return heap.alloc(size + PADDING); }
  `);
  space = Number(part.call.space(SIZE));
});

/** Both, of the same bytes. */
function expectSame(bytes: Uint8Array, from: number, end: number): void {
  new Uint8Array(part.memory.buffer, space, SIZE).set(bytes);
  const found = bytes.subarray(from, end).indexOf(BREAK);
  const expected = found < 0 ? end : from + found;
  expect(Number(part.call.lineEnd(space + from, space + end)) - space, `${from} to ${end}`).toBe(expected);
}

test('finds a break at each place of a text of each length, and none outside of it', () => {
  for (let end = 0; end <= 140; end++) {
    for (let place = 0; place < 150; place++) {
      const bytes = new Uint8Array(SIZE).fill(0x0b);
      bytes[place] = BREAK;
      expectSame(bytes, 3, Math.max(end, 3));
    }
  }
});

test('finds the first of several breaks among all bytes', () => {
  const random = new Random(4);
  for (let i = 0; i < 2000; i++) {
    const bytes = Uint8Array.from({ length: SIZE }, () => random.below(256));
    const from = random.below(SIZE);
    expectSame(bytes, from, from + random.below(SIZE + 1 - from));
  }
});
