// SPDX-License-Identifier: Apache-2.0
// The answers to questions with an argument, for the current event: rules ask the same ones again and again, and
// each answer takes memory until the event changes.
import { Arena } from './arena';

/** Answers that are kept, a power of two; what finds no place is read anew. */
const SLOTS: u32 = 1024;
const PROBES: u32 = 8;

@unmanaged
class Slot {
  generation: u64;
  field: u32;
  index: u64;
  key: usize;
  keyLength: u32;
  hash: u32;
  answer: u64;
}
const SLOT_SIZE: u32 = offsetof<Slot>();

const table = heap.alloc(SLOTS * SLOT_SIZE);
memory.fill(table, 0, SLOTS * SLOT_SIZE);

/** Set by `find`: where `keep` may put the answer, or null. */
let free: Slot | null = null;
let wantedHash: u32 = 0;

/** The slot of this question, or null; `generation` (never 0, see Document) tells the events apart. */
export function find(generation: u64, field: u32, index: u64, key: usize, keyLength: u32): Slot | null {
  const hash = hashOf(field, index, key, keyLength);
  wantedHash = hash;
  free = null;
  for (let probe: u32 = 0; probe < PROBES; probe++) {
    const slot = changetype<Slot>(table + ((hash + probe) & (SLOTS - 1)) * SLOT_SIZE);
    if (slot.generation != generation) {
      free = slot;
      return null;
    }
    const isSame = slot.hash == hash && slot.field == field && slot.index == index;
    if (isSame && slot.keyLength == keyLength && memory.compare(slot.key, key, keyLength) == 0) return slot;
  }
  return null;
}

/** Keeps the answer to the question that `find` has just not found. */
export function keep(generation: u64, field: u32, index: u64, key: usize, keyLength: u32, answer: u64): void {
  const slot = free;
  if (!slot) return;
  const copy = Arena.alloc(keyLength);
  memory.copy(copy, key, keyLength);
  slot.generation = generation;
  slot.field = field;
  slot.index = index;
  slot.key = copy;
  slot.keyLength = keyLength;
  slot.hash = wantedHash;
  slot.answer = answer;
}

/** FNV-1a. */
function hashOf(field: u32, index: u64, key: usize, keyLength: u32): u32 {
  let hash: u32 = 0x811c9dc5;
  hash = (hash ^ field) * 0x01000193;
  hash = (hash ^ u32(index)) * 0x01000193;
  for (let i: u32 = 0; i < keyLength; i++) hash = (hash ^ load<u8>(key + i)) * 0x01000193;
  return hash;
}
