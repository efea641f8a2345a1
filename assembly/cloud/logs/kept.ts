// SPDX-License-Identifier: Apache-2.0
// How far a log was handed over. It stands in the survivor region, so a new instance goes on from it after a trap; and it is
// what Progress keeps over the end of the process. Behind the numbers stand the ids that were read last: all that is
// known of them where there is no journal (id_journal.ts).
import { KEPT_SIZE, keptAddress } from '../../survivor';

@unmanaged
export class Kept {
  /** What it is about: see LogGroup.owner; 0: there is nothing. */
  owner: u64;
  /** All up to here was handed over but what comes late; of this very time, perhaps not all. */
  position: i64;
  /** What is before this time came so long ago that nothing more is expected: it is not read again. */
  settled: i64;
  /** What is before this time is not read again: too many ids for all to be known. 0: all are. */
  floor: i64;
  /** Ids noted so far. Number n stands at n modulo RECENT. */
  count: u64;
}

/** Bytes of the numbers. */
export const KEPT_HEAD: u32 = offsetof<Kept>();
const ID: u32 = 8;
/** Ids that are kept. */
export const RECENT: u32 = (u32(KEPT_SIZE) - KEPT_HEAD) / ID;

export const kept = changetype<Kept>(keptAddress());

/** Notes the hash of an id. */
export function noteRecent(hash: u64): void {
  store<u64>(keptAddress() + KEPT_HEAD + u32(kept.count++ % RECENT) * ID, hash);
}

/** How many ids are there; they are those from `recentId(0)` on, in no order that means anything. */
export function recentCount(): u32 {
  return u32(min<u64>(kept.count, RECENT));
}

export function recentId(index: u32): u64 {
  return load<u64>(keptAddress() + KEPT_HEAD + index * ID);
}

/** Bytes of what is to be kept. */
export function keptLength(withIds: bool): u32 {
  return withIds ? KEPT_HEAD + recentCount() * ID : KEPT_HEAD;
}

/** The position in what was kept, or 0. */
export function positionOf(blob: usize, length: u32): i64 {
  return length < KEPT_HEAD ? 0 : changetype<Kept>(blob).position;
}

/** Takes what was kept, if it is about `owner` and makes sense; `now` in milliseconds. */
export function takeKept(blob: usize, length: u32, owner: u64, now: i64): bool {
  if (length < KEPT_HEAD || length > u32(KEPT_SIZE) || load<u64>(blob) != owner) return false;
  memory.copy(keptAddress(), blob, length);
  kept.position = min(max<i64>(kept.position, 0), now);
  kept.settled = min(max<i64>(kept.settled, 0), kept.position);
  kept.floor = min(max<i64>(kept.floor, 0), kept.position);
  kept.count = min<u64>(kept.count, (length - KEPT_HEAD) / ID);
  return true;
}
