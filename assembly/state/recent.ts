// SPDX-License-Identifier: Apache-2.0
import { Block } from '../memory';

/** No entry. */
export const NONE: u32 = u32.MAX_VALUE;
const FIRST_PLACES: u32 = 64;

@unmanaged
class Entry {
  hash: u64;
  /** The entries that were asked for right after it and right before it, or NONE. */
  newer: u32;
  older: u32;
}
const HEAD: u32 = offsetof<Entry>();

/**
 * At most `limit` values of `size` bytes by the hash of their keys, which nobody else can choose: see textHash. When it is
 * full, the one that was not asked for longest makes room. Takes memory as it grows.
 */
export class Recent {
  count: u32 = 0;
  private entries: Block = new Block();
  private entrySize: u32;
  // Numbers of entries plus one, by open addressing with linear probing; 0 where there is none. At most half is used.
  private places: Block = new Block();
  private mask: u32 = 0;
  /** The entry that was asked for last, or NONE. */
  newest: u32 = NONE;
  private oldest: u32 = NONE;

  constructor(
    readonly limit: u32,
    size: u32,
  ) {
    this.entrySize = HEAD + ((size + 7) & ~7);
  }

  get isFull(): bool {
    return this.count == this.limit;
  }

  /** The entry with this hash, or NONE. It is the newest then. */
  find(hash: u64): u32 {
    if (this.count == 0) return NONE;
    const number = this.at(this.placeOf(hash));
    if (number == 0) return NONE;
    this.touch(number - 1);
    return number - 1;
  }

  /** A new entry, the newest, for a hash that find has not found. When it is full, this is the oldest one, with its value. */
  add(hash: u64): u32 {
    let entry = this.count;
    if (this.isFull) {
      entry = this.oldest;
      this.unlink(entry);
      this.remove(this.placeOf(this.entry(entry).hash));
    } else {
      this.count++;
      this.entries.reserve(this.count * this.entrySize);
      if (this.count > this.places.capacity / 8) this.growPlaces();
    }
    this.entry(entry).hash = hash;
    this.link(entry);
    this.put(this.placeOf(hash), entry + 1);
    return entry;
  }

  /** The value of an entry; until the next `add`. */
  value(entry: u32): usize {
    return this.entries.address + entry * this.entrySize + HEAD;
  }

  hashOf(entry: u32): u64 {
    return this.entry(entry).hash;
  }

  /** The entry that was asked for right before this one, or NONE. */
  olderThan(entry: u32): u32 {
    return this.entry(entry).older;
  }

  free(): void {
    this.entries.free();
    this.places.free();
    this.count = 0;
    this.newest = NONE;
    this.oldest = NONE;
  }

  private entry(entry: u32): Entry {
    return changetype<Entry>(this.entries.address + entry * this.entrySize);
  }

  private touch(entry: u32): void {
    if (entry == this.newest) return;
    this.unlink(entry);
    this.link(entry);
  }

  private unlink(entry: u32): void {
    const gone = this.entry(entry);
    if (gone.newer == NONE) this.newest = gone.older;
    else this.entry(gone.newer).older = gone.older;
    if (gone.older == NONE) this.oldest = gone.newer;
    else this.entry(gone.older).newer = gone.newer;
  }

  private link(entry: u32): void {
    const added = this.entry(entry);
    added.newer = NONE;
    added.older = this.newest;
    if (this.newest == NONE) this.oldest = entry;
    else this.entry(this.newest).newer = entry;
    this.newest = entry;
  }

  private growPlaces(): void {
    const size = max(this.places.capacity * 2, FIRST_PLACES * 4);
    memory.fill(this.places.reserve(size), 0, size);
    this.mask = size / 4 - 1;
    // The last one is not in use yet.
    for (let entry: u32 = 0; entry < this.count - 1; entry++) {
      this.put(this.placeOf(this.entry(entry).hash), entry + 1);
    }
  }

  /** Where this hash stands, or would stand. */
  private placeOf(hash: u64): u32 {
    let place = u32(hash) & this.mask;
    for (; this.at(place) != 0; place = (place + 1) & this.mask) {
      if (this.entry(this.at(place) - 1).hash == hash) break;
    }
    return place;
  }

  /** Empties a place, and closes the gap that this leaves in the chain behind it. */
  private remove(place: u32): void {
    let gap = place;
    for (let at = (gap + 1) & this.mask; this.at(at) != 0; at = (at + 1) & this.mask) {
      const home = u32(this.entry(this.at(at) - 1).hash) & this.mask;
      // None may stand in front of its home.
      if (((at - home) & this.mask) < ((at - gap) & this.mask)) continue;
      this.put(gap, this.at(at));
      gap = at;
    }
    this.put(gap, 0);
  }

  private at(place: u32): u32 {
    return load<u32>(this.places.address + place * 4);
  }

  private put(place: u32, number: u32): void {
    store<u32>(this.places.address + place * 4, number);
  }
}
