// SPDX-License-Identifier: Apache-2.0
// The places that fields read: what an oversized event keeps first. Each path of the catalogue adds its own. They
// are a tree, because a patch may hold anything anywhere: what stands under a key that is read elsewhere must not
// crowd out what is read here.
import { SLACK } from '../memory';
import { Name } from './name';
import { unescape } from './text';

/** Keys that are told apart: marks.ts has a bit for each. */
export const MAX_KEYS: i32 = 128;
const SLOTS: u32 = 512;
/** The place of the event itself. */
export const ROOT: i32 = 0;
/** A place that no field reads. */
export const UNREAD: i32 = -1;
/** A place where anything may stand that is read elsewhere, at any depth: a patch says where it belongs. */
export const ANYTHING: i32 = -2;
/** Bytes of a key with escapes that is looked at: all names are shorter, even if each letter is escaped. */
const MAX_ESCAPED: u32 = 512;
const plain = heap.alloc(MAX_ESCAPED + SLACK);

export class Keys {
  private names: Name[] = [];
  // Number of a key plus one, by the hash of its bytes; 0 where there is none.
  private slots: StaticArray<u8> = new StaticArray<u8>(SLOTS);
  // The place below a place, by its number and the key's.
  private below: Map<i32, i32> = new Map();
  private count: i32 = 0;
  /** The place of a text that is a path to others: of a JSON Patch. */
  pointer: i32 = UNREAD;
  // The places of which a field reads members of any name.
  private maps: i32[] = [];

  /** A place that `link` leads to. */
  place(): i32 {
    return ++this.count;
  }

  /** The place of the member `name` of the object at `place`, which is read. */
  add(place: i32, name: Name): i32 {
    const step = place * MAX_KEYS + this.number(name);
    if (!this.below.has(step)) this.below.set(step, ++this.count);
    return this.below.get(step);
  }

  /** Makes `target` the place of the member `name` of the object at `place`. */
  link(place: i32, name: Name, target: i32): void {
    this.below.set(place * MAX_KEYS + this.number(name), target);
  }

  /** Members of any name of the object at `place` are read. */
  addAny(place: i32): void {
    if (!this.maps.includes(place)) this.maps.push(place);
  }

  /** Whether members of any name of the object at `place` are read. */
  isMap(place: i32): bool {
    return place == ANYTHING || this.maps.includes(place);
  }

  /** The place of the member with key `number` of the object at `place`, or UNREAD. */
  member(place: i32, number: i32): i32 {
    if (place == UNREAD || number < 0) return UNREAD;
    if (place == ANYTHING) return ANYTHING;
    const step = place * MAX_KEYS + number;
    return this.below.has(step) ? this.below.get(step) : UNREAD;
  }

  /** The key that stands from `from` to `end` in an ASCII text: the same Name for the same key. */
  name(text: string, from: i32, end: i32): Name {
    if (end - from > <i32>MAX_ESCAPED) unreachable();
    for (let i = from; i < end; i++) store<u8>(plain + (i - from), u8(text.charCodeAt(i)));
    const known = this.find(plain, end - from);
    return known >= 0 ? this.names[known] : this.names[this.number(new Name(text.substring(from, end)))];
  }

  /** The number of the key, which gets one if it has none. */
  number(name: Name): i32 {
    const known = this.find(name.address, name.length);
    if (known >= 0) return known;
    if (this.names.length == MAX_KEYS) unreachable();
    let slot = hash(name.address, name.length);
    while (this.slots[slot] != 0) slot = (slot + 1) % SLOTS;
    this.names.push(name);
    this.slots[slot] = u8(this.names.length);
    return this.names.length - 1;
  }

  /** The number of the key with these bytes, or -1. */
  find(key: usize, length: u32): i32 {
    for (let slot = hash(key, length); this.slots[slot] != 0; slot = (slot + 1) % SLOTS) {
      const number = i32(this.slots[slot]) - 1;
      if (this.names[number].equals(key, length)) return number;
    }
    return -1;
  }

  /** The same for a key that is written with escapes. */
  findEscaped(key: usize, length: u32): i32 {
    return length > MAX_ESCAPED ? -1 : this.find(plain, unescape(key, key + length, plain));
  }
}

/** Of the first bytes and the length only: a key of an event may be very long. */
function hash(key: usize, length: u32): u32 {
  let value: u32 = length;
  const end = key + min<u32>(length, 16);
  for (let at = key; at < end; at++) value = (value ^ load<u8>(at)) * 0x01000193;
  return (value ^ (value >> 15)) % SLOTS;
}

export const keys = new Keys();
