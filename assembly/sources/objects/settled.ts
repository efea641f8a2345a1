// SPDX-License-Identifier: Apache-2.0
// What a source that is told of objects knows of them over a trap: the newest that are done, so that one whose message
// comes again is not read again; and the place in those whose reading ended in a trap. It all stands in the survivor region.
import { MAX_NESTING, PLACES_SIZE, Survivor, placesAddress, survivor } from '../../survivor';

/** Objects that are known to be done. */
const MAX_DONE: u32 = 1024;
/** Objects with a place to go on from. */
const MAX_PLACES: u32 = 8;

const PLACE_FROM: u32 = offsetof<Survivor>('first');
const PLACE_SIZE: u32 = offsetof<Survivor>() + MAX_NESTING * 8 - PLACE_FROM;
/** The survivor's numbers from `first` on, and `trapped`. */
const SLOT_SIZE: u32 = PLACE_SIZE + 8;

// count of objects done (4), count of places ever made (4), objects, places
const DONE_AT: u32 = 8;
const SLOTS_AT: u32 = DONE_AT + MAX_DONE * 8;
if (SLOTS_AT + MAX_PLACES * SLOT_SIZE > u32(PLACES_SIZE)) ERROR('no room in the survivor region');

/** What became of an object; in the lowest bit of its identity, which is even. */
export const enum Settled {
  Unknown = -1,
  Read = 0,
  /** It is damaged: what was good in it was read. */
  Damaged = 1,
}

export function settle(identity: u64, how: Settled): void {
  const at = placesAddress();
  const count = load<u32>(at);
  store<u64>(at + DONE_AT + (count % MAX_DONE) * 8, identity | u64(how));
  store<u32>(at, count + 1);
}

export function settledHow(identity: u64): Settled {
  const at = placesAddress();
  const count = min(load<u32>(at), MAX_DONE);
  for (let i: u32 = 0; i < count; i++) {
    const known = load<u64>(at + DONE_AT + i * 8);
    if ((known & ~1) == identity) return <Settled>i32(known & 1);
  }
  return Settled.Unknown;
}

/** After a trap: keeps the place in the object that was being read. */
export function keepPlace(): void {
  if (survivor.first == 0) return;
  const at = placesAddress();
  const made = load<u32>(at, 4);
  const slot = at + SLOTS_AT + (made % MAX_PLACES) * SLOT_SIZE;
  memory.copy(slot, changetype<usize>(survivor) + PLACE_FROM, PLACE_SIZE);
  store<u64>(slot + PLACE_SIZE, survivor.trapped);
  store<u32>(at, made + 1, 4);
  survivor.first = 0;
}

/** Puts the place in this object back into the survivor, if one was kept; gives what the trap was about, or 0. */
export function takePlace(identity: u64): u64 {
  const first = placesAddress() + SLOTS_AT;
  for (let i: u32 = 0; i < MAX_PLACES; i++) {
    const slot = first + i * SLOT_SIZE;
    if (load<u64>(slot) != identity) continue;
    memory.copy(changetype<usize>(survivor) + PLACE_FROM, slot, PLACE_SIZE);
    store<u64>(slot, 0);
    return load<u64>(slot + PLACE_SIZE);
  }
  return 0;
}
