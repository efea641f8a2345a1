// SPDX-License-Identifier: Apache-2.0
// The table of what was asked for lately, against a plain list in the exact order.
import { beforeAll, describe, expect, test } from 'vitest';
import { compileAssembly, type Part } from '../support/assembly';
import { Random } from '../support/random';

let part: Part;
beforeAll(async () => {
  part = await compileAssembly(`
    import { NONE, Recent } from './state/recent';

    let table: Recent = new Recent(0, 8);
    let at: u32 = NONE;

    export function begin(limit: u32): void { table = new Recent(limit, 8); }
    export function count(): u32 { return table.count; }
    /** The value, or -1. */
    export function find(hash: u64): i64 {
      const value = table.find(hash);
      return value == 0 ? -1 : load<i64>(value);
    }
    /** The value that was there before. */
    export function add(hash: u64, value: i64): i64 {
      const address = table.add(hash);
      const before = load<i64>(address);
      store<i64>(address, value);
      return before;
    }
    /** The hashes from the newest on, -1 at the end. */
    export function newest(): i64 { at = table.newest; return next(); }
    export function next(): i64 {
      if (at == NONE) return -1;
      const hash = i64(table.hashOf(at));
      at = table.olderThan(at);
      return hash;
    }
  `);
});

const ask = (name: string, ...args: (number | bigint)[]): number => Number(part.call[name](...args));

function order(): number[] {
  const hashes: number[] = [];
  for (let hash = ask('newest'); hash >= 0; hash = ask('next')) hashes.push(hash);
  return hashes;
}

describe('what was asked for lately', () => {
  test.each([1, 2, 5, 7, 8, 30, 64, 100, 1000])('with room for %i', (limit) => {
    const random = new Random(limit);
    ask('begin', limit);
    // From the newest on; how each one's value was made.
    const plain: number[] = [];
    const values = new Map<number, number>();
    const eighth = Math.floor(limit / 8);
    const moveToFront = (hash: number) => {
      if (plain.includes(hash)) plain.splice(plain.indexOf(hash), 1);
      plain.unshift(hash);
    };
    for (let i = 0; i < 6000; i++) {
      // Low bits that are alike make long chains; most of those that are asked for come again.
      const hash = random.below(Math.ceil(limit * 1.5)) * (random.below(4) === 0 ? 1 : 64) + 1;
      const found = ask('find', BigInt(hash));
      expect(found, `${hash} at ${i}`).toBe(values.get(hash) ?? -1);
      if (found < 0) {
        const before = ask('add', BigInt(hash), BigInt(i));
        if (values.size === limit) {
          const [gone] = [...values].find(([, value]) => value === before)!;
          // It is the oldest, or what was asked for at most an eighth later.
          expect(plain.length - plain.indexOf(gone)).toBeLessThanOrEqual(eighth + 1);
          values.delete(gone);
          plain.splice(plain.indexOf(gone), 1);
        }
        values.set(hash, i);
      }
      moveToFront(hash);
      expect(ask('count')).toBe(values.size);
    }
    expect(order().toSorted((a, b) => a - b)).toEqual([...values.keys()].toSorted((a, b) => a - b));
  });

  test('is in the exact order, as long as nobody asks again for one of the newest eighth', () => {
    ask('begin', 80);
    for (let i = 0; i < 80; i++) ask('add', BigInt(i), 0n);
    for (const old of [3, 40, 0]) ask('find', BigInt(old));
    expect(order().slice(0, 4)).toEqual([0, 40, 3, 79]);
    ask('find', 3n);
    expect(order().slice(0, 4)).toEqual([0, 40, 3, 79]);
    for (let i = 80; i < 91; i++) ask('add', BigInt(i), 0n);
    ask('find', 3n);
    expect(order().slice(0, 3)).toEqual([3, 90, 89]);
    expect(order()).not.toContain(1);
  });
});
