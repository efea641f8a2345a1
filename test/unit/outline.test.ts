// SPDX-License-Identifier: Apache-2.0
// Where strings end and containers close, against a walk byte by byte.
import { beforeAll, expect, test } from 'vitest';
import { compileAssembly, type Part } from '../support/assembly';
import { Random } from '../support/random';

let part: Part;
beforeAll(async () => {
  part = await compileAssembly(`
    import { Outline } from './json/outline';
    import { Block, PADDING } from './memory';

    const text = new Block();
    export function space(length: u32): usize {
      memory.fill(text.reserve(length + PADDING), 0, length + PADDING);
      return text.address;
    }
    export function begin(length: u32): void { Outline.begin(text.address, text.address + length); }
    function offset(address: usize): i32 { return address == 0 ? -1 : i32(address - text.address); }
    export function stringEnd(at: u32): i32 {
      const from = text.address + at;
      const quotes = Outline.quotesFrom(from);
      return offset(quotes != 0 ? from + usize(ctz(quotes)) : Outline.stringEnd(from));
    }
    export function behind(at: u32, depth: i32): i32 {
      const from = text.address + at;
      const flat = depth == 0 ? Outline.behindFlat(from) : 0;
      return offset(flat != 0 ? flat : Outline.behind(from, depth));
    }
    export function isEscaped(start: u32, close: u32): bool {
      return Outline.isEscaped(text.address + start, text.address + close);
    }
  `);
});

const ask = (name: string, ...args: number[]): number => Number(part.call[name](...args));

/** A JSON text with long and short strings, escapes and brackets in strings. */
function randomJson(random: Random, depth: number): string {
  const string = (): string => {
    const pieces = ['a', '{', ']', String.raw`\"`, String.raw`\\`, 'text of some length ', ':', ','];
    const length = random.below(8) === 0 ? random.below(40) : random.below(4);
    return `"${Array.from({ length }, () => random.pick(pieces)).join('')}"`;
  };
  const kind = depth === 0 ? 0 : random.below(4);
  const count = kind < 2 ? 0 : random.below(5);
  const items = Array.from({ length: count }, () => randomJson(random, depth - 1));
  const space = random.below(10) === 0 ? ' '.repeat(random.below(70)) : '';
  if (kind < 2) return random.below(3) === 0 ? String(random.below(1000)) : string();
  if (kind === 2) return `[${space}${items.join(`,${space}`)}]`;
  return `{${items.map((item) => `${string()}:${space}${item}`).join(',')}}`;
}

/** The offset of the quote that ends the string whose first byte is at `at`. */
function plainStringEnd(text: string, at: number): number {
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

/** The offset behind the bracket that closes what is open. */
function plainBehind(text: string, at: number, depth: number): number {
  for (; ; at++) {
    if (text[at] === '"') at = plainStringEnd(text, at + 1);
    else if ('{['.includes(text[at])) depth++;
    else if ('}]'.includes(text[at]) && --depth === 0) return at + 1;
  }
}

test('strings and containers end where a walk byte by byte says', () => {
  const random = new Random(11);
  let asked = 0;
  for (let i = 0; i < 5000; i++) {
    const text = `{"k":[${randomJson(random, 4)},${randomJson(random, 4)}]}`;
    const bytes = Buffer.from(text);
    const address = ask('space', bytes.length);
    bytes.copy(Buffer.from(part.memory.buffer), address);
    ask('begin', bytes.length);
    // A walk that now and then skips what it has come to, or all that is open around it.
    const open: number[] = [];
    for (let at = 0; at < text.length;) {
      asked++;
      if (text[at] === '"') {
        const close = plainStringEnd(text, at + 1);
        expect(ask('stringEnd', at + 1), text).toBe(close);
        if (close - at <= 128) {
          const isEscaped = text.slice(at + 1, close).includes('\\');
          expect(ask('isEscaped', at + 1, close) === 1, text).toBe(isEscaped);
        }
        at = close + 1;
      } else if ('{['.includes(text[at]) && random.below(2) === 0) {
        const behind = plainBehind(text, at, 0);
        expect(ask('behind', at, 0), text).toBe(behind);
        at = behind;
      } else if (open.length > 0 && random.below(20) === 0) {
        const behind = plainBehind(text, at, 1);
        expect(ask('behind', at, 1), text).toBe(behind);
        open.pop();
        at = behind;
      } else {
        if ('{['.includes(text[at])) open.push(at);
        if ('}]'.includes(text[at])) open.pop();
        at++;
      }
    }
    // What does not end before the text does, does not end.
    expect(ask('behind', text.length - 1, 2)).toBe(-1);
  }
  expect(asked).toBeGreaterThan(20_000);
});
