// SPDX-License-Identifier: Apache-2.0
// The ids of log events that are known, and their journal, alone: against a plain model, with little room, over laps.
import * as fs from 'node:fs';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { type Part, compileAssembly } from '../support/assembly';
import { Host } from '../support/host';
import { Random } from '../support/random';
import { Workspace } from '../support/workspace';

const SOURCE = `
import { IdJournal } from './cloud/logs/id_journal';
import { KnownIds } from './cloud/logs/known_ids';

let known = new KnownIds(64);
let journal: IdJournal | null = null;
const space = heap.alloc(4096);

export function room(): usize { return space; }
export function begin(limit: u32): void { known.clear(); known = new KnownIds(limit); }
export function add(hash: u64, time: i64): i32 { return i32(known.add(hash, time)); }
export function has(hash: u64): i32 { return i32(known.has(hash)); }
export function forgetBefore(time: i64): void { known.forgetBefore(time); }
export function count(): u32 { return known.count; }
export function next(): u64 { return known.next; }
export function floor(): i64 { return known.floor; }
/** Adds so many, from a number on; their times are their numbers. */
export function addMany(from: u64, count: u32): void {
  for (let i: u64 = 0; i < count; i++) known.add(mixed(from + i), i64(from + i));
}
export function hasNumber(number: u64): i32 { return i32(known.has(mixed(number))); }
function mixed(number: u64): u64 { return (number + 1) * 0x9e3779b97f4a7c15; }

export function open(length: u32): i32 {
  const path = String.UTF8.decodeUnsafe(space, length);
  journal = new IdJournal(path, 7);
  return i32(journal!.open());
}
export function load_(from: i64): i32 { return i32(journal!.load(known, from)); }
export function write(): void { journal!.write(known, known.next); }
export function close(): void { journal!.free(); journal = null; }
`;

let host: Host;
let part: Part;

beforeAll(async () => {
  host = new Host();
  part = await compileAssembly(SOURCE, host);
}, 120_000);

let file: string;
beforeEach(() => {
  file = new Workspace().at('ids');
});

function open(): void {
  const bytes = Buffer.from(file);
  Buffer.from(part.memory.buffer).set(bytes, Number(part.call.room()));
  expect(part.call.open(bytes.length)).toBe(1);
}

/** The journal of another process. */
function reopen(limit: number, from = 0n): void {
  part.call.close();
  part.call.begin(limit);
  open();
  expect(part.call.load_(from)).toBe(1);
}

test('known ids are those of a plain list, as it grows and shrinks', () => {
  const random = new Random(1);
  const limit = 4096;
  part.call.begin(limit);
  let list: { hash: bigint; time: bigint }[] = [];
  let floor = 0n;
  let horizon = 0n;
  for (let step = 0; step < 60_000; step++) {
    // Hashes that lie close together, so that chains are long; times that go on, not in order.
    const hash = BigInt(1 + random.below(20_000));
    if (list.some((each) => each.hash === hash) !== Boolean(part.call.has(hash))) {
      throw new Error(`step ${step}: ${hash}`);
    }
    if (!part.call.has(hash)) {
      const time = BigInt(step + random.below(200));
      const isForgotten = list.length === limit;
      if (isForgotten) {
        const [first] = list.splice(0, 1);
        if (first.time + 1n > floor) floor = first.time + 1n;
      }
      list.push({ hash, time });
      expect(part.call.add(hash, time)).toBe(isForgotten ? 0 : 1);
    }
    if (random.below(step % 20_000 < 10_000 ? 4000 : 300) === 0) {
      horizon = BigInt(Math.max(0, step - random.below(3000)));
      const firstKept = list.findIndex(({ time }) => time >= horizon);
      list = firstKept < 0 ? [] : list.slice(firstKept);
      if (floor < horizon) floor = 0n;
      part.call.forgetBefore(horizon);
    }
    if (Number(part.call.count()) !== list.length || BigInt(part.call.floor()) !== floor) {
      throw new Error(
        `step ${step}: ${part.call.count()} of ${list.length}, ${part.call.floor()} of ${floor}`,
      );
    }
  }
});

test('the journal gives back what was written, in pieces of any size, over the end of the file', () => {
  const limit = 1 << 20;
  part.call.begin(limit);
  open();
  expect(part.call.load_(0n)).toBe(1);
  const random = new Random(2);
  let written = 0;
  while (written < 2_300_000) {
    const count = 1 + random.below(200_000);
    part.call.addMany(BigInt(written), count);
    written += count;
    part.call.write();
    host.now += 1_000_000_000n;
    if (random.below(4) > 0) continue;
    reopen(limit);
    // All but what was overwritten.
    const first = Math.max(0, written - limit);
    expect(Number(part.call.count())).toBe(written - first);
    const numbers = Array.from({ length: 300 }, () => first + random.below(written - first));
    for (const number of [first, written - 1, ...numbers])
      expect(part.call.hasNumber(BigInt(number))).toBe(1);
    if (first > 0) expect(part.call.hasNumber(BigInt(first - 1))).toBe(0);
    expect(part.call.hasNumber(BigInt(written))).toBe(0);
  }
  // Only what is new enough.
  reopen(limit, BigInt(written - 1000));
  expect(Number(part.call.count())).toBe(1000);
  part.call.close();
  expect(fs.statSync(file).size).toBe(4096 + 16 * limit);
}, 120_000);

test('a journal with a torn write anywhere has all others, and goes on behind the newest', () => {
  const random = new Random(4);
  for (let round = 0; round < 8; round++) {
    fs.rmSync(file, { force: true });
    part.call.begin(1 << 20);
    open();
    part.call.load_(0n);
    const before = round % 2 === 0 ? 5000 : (1 << 20) + 5000;
    part.call.addMany(0n, before);
    part.call.write();
    part.call.close();
    // The last write ended in the middle: what stood there before is still there, up to some byte.
    const whole = fs.readFileSync(file);
    const cut = 4096 + (before % (1 << 20)) * 16 - random.below(4000);
    const end = 4096 + (before % (1 << 20)) * 16;
    for (let i = cut; i < end; i++) whole[i] = random.below(4) === 0 ? random.below(256) : 0;
    fs.writeFileSync(file, whole);
    part.call.begin(1 << 20);
    open();
    part.call.load_(0n);
    const kept = before - Math.ceil((end - cut) / 16);
    for (let i = 0; i < 200; i++) {
      const number = kept - 1 - random.below(Math.min(kept, 1_000_000));
      expect(part.call.hasNumber(BigInt(number))).toBe(1);
    }
    part.call.addMany(10_000_000n, 300);
    part.call.write();
    reopen(1 << 20);
    for (let i = 0; i < 300; i++) expect(part.call.hasNumber(BigInt(10_000_000 + i))).toBe(1);
    expect(part.call.hasNumber(BigInt(kept - 1))).toBe(1);
    part.call.close();
  }
}, 120_000);
