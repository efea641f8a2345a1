// SPDX-License-Identifier: Apache-2.0
import { Block } from '../memory';

/** No entry. */
export const NONE: u32 = u32.MAX_VALUE;
/** So many that few entries of a small table share a place: to find out costs a branch that goes wrong. */
const FIRST_PLACES: u32 = 1024;

@unmanaged
class Entry {
  hash: u64;
  /** The entries that were asked for right after it and right before it, or NONE. */
  newer: u32;
  older: u32;
  /** The number of the move that made it the newest. */
  move: u32;
}
const HEAD: u32 = (offsetof<Entry>() + 7) & ~7;

/**
 * At most `limit` values of `size` bytes by the hash of their keys, which nobody else can choose: see textHash. When it is
 * full, the one that was not asked for longest makes room. Takes memory as it grows.
 *
 * The order is exact but for the newest eighth: what is asked for again while it stands there is not moved, as that
 * costs as much as to find it. So what goes was not asked for while 7/8 of `limit` others were.
 */
export class Recent {
  count: u32 = 0;
  private moves: u32 = 0;
  /** What was moved before this move may stand behind the newest eighth. */
  private settled: u32;
  private entrySize: u32;
  // Where entries stand, plus one, by open addressing with linear probing; 0 where there is none. At most half is used.
  private placesAt: usize = 0;
  private mask: u32 = 0;
  private entriesAt: usize = 0;
  private places: Block = new Block();
  private entries: Block = new Block();
  /** The entry that was asked for last, or NONE. */
  newest: u32 = NONE;
  private oldest: u32 = NONE;

  constructor(
    readonly limit: u32,
    size: u32,
  ) {
    this.entrySize = HEAD + ((size + 7) & ~7);
    this.settled = 0 - limit / 8;
    this.growPlaces();
  }

  get isFull(): bool {
    return this.count == this.limit;
  }

  /** Makes this the table that Current finds in. */
  becomeCurrent(): void {
    Current.places = this.placesAt;
    Current.mask = this.mask;
    // No entry of a small table stands behind the newest eighth.
    Current.base = this.count <= this.limit / 8 ? this.entriesAt - 1 : 0;
  }

  /** The value with this hash, until the next `add`, or 0. It is among the newest then. */
  find(hash: u64): usize {
    const places = this.placesAt;
    const mask = this.mask;
    const base = this.entriesAt - 1;
    let place = u32(hash) & mask;
    let offset = load<u32>(places + place * 4);
    while (offset != 0) {
      const found = changetype<Entry>(base + offset);
      if (found.hash == hash) {
        if (i32(found.move - this.settled) < 0) this.touch((offset - 1) / this.entrySize);
        return changetype<usize>(found) + HEAD;
      }
      place = (place + 1) & mask;
      offset = load<u32>(places + place * 4);
    }
    return 0;
  }

  /**
   * The value, until the next `add`, of a new entry, the newest, for a hash that find has not found. When it is full,
   * that is the oldest entry with its value.
   */
  add(hash: u64): usize {
    let entry = this.count;
    if (this.isFull) {
      entry = this.oldest;
      this.unlink(entry);
      this.remove(this.placeOf(this.entry(entry).hash));
    } else {
      this.count++;
      this.entriesAt = this.entries.reserve(this.count * this.entrySize);
      if (this.count > this.places.capacity / 8) this.growPlaces();
    }
    this.entry(entry).hash = hash;
    this.link(entry);
    this.put(this.placeOf(hash), entry);
    return this.value(entry);
  }

  /** The value of an entry; until the next `add`. */
  value(entry: u32): usize {
    return this.entriesAt + entry * this.entrySize + HEAD;
  }

  hashOf(entry: u32): u64 {
    return this.entry(entry).hash;
  }

  /** The entry that was asked for right before this one, or NONE. */
  olderThan(entry: u32): u32 {
    return this.entry(entry).older;
  }

  /** To be called last. */
  free(): void {
    this.entries.free();
    this.places.free();
    this.count = 0;
    this.newest = NONE;
    this.oldest = NONE;
  }

  private entry(entry: u32): Entry {
    return changetype<Entry>(this.entriesAt + entry * this.entrySize);
  }

  private touch(entry: u32): void {
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
    added.move = ++this.moves;
    this.settled++;
  }

  private growPlaces(): void {
    const size = max(this.places.capacity * 2, FIRST_PLACES * 4);
    this.placesAt = this.places.reserve(size);
    memory.fill(this.placesAt, 0, size);
    this.mask = size / 4 - 1;
    // The last one is not in use yet.
    for (let entry: u32 = 0; entry + 1 < this.count; entry++) {
      this.put(this.placeOf(this.entry(entry).hash), entry);
    }
  }

  /** Where this hash stands, or would stand. */
  private placeOf(hash: u64): u32 {
    let place = u32(hash) & this.mask;
    for (; this.at(place) != 0; place = (place + 1) & this.mask) {
      if (this.entryAt(place).hash == hash) break;
    }
    return place;
  }

  /** Empties a place, and closes the gap that this leaves in the chain behind it. */
  private remove(place: u32): void {
    let gap = place;
    for (let at = (gap + 1) & this.mask; this.at(at) != 0; at = (at + 1) & this.mask) {
      const home = u32(this.entryAt(at).hash) & this.mask;
      // None may stand in front of its home.
      if (((at - home) & this.mask) < ((at - gap) & this.mask)) continue;
      store<u32>(this.placesAt + gap * 4, this.at(at));
      gap = at;
    }
    store<u32>(this.placesAt + gap * 4, 0);
  }

  private at(place: u32): u32 {
    return load<u32>(this.placesAt + place * 4);
  }

  private entryAt(place: u32): Entry {
    return changetype<Entry>(this.entriesAt + this.at(place) - 1);
  }

  private put(place: u32, entry: u32): void {
    store<u32>(this.placesAt + place * 4, entry * this.entrySize + 1);
  }
}

/**
 * Finds in one table, the one of which becomeCurrent was called last, and again after each `add`. Static, as members of
 * objects have their checks of bounds, and in place: each event asks. This saves 48 of the 309 instructions that an
 * event without a body costs.
 */
export class Current {
  static places: usize = 0;
  static mask: u32 = 0;
  /** What places count from; 0: the table is so large that an entry may have to be moved. */
  static base: usize = 0;

  /** The value with this hash, or 0. */
  @inline
  static find(table: Recent, hash: u64): usize {
    const base = Current.base;
    if (base == 0) return table.find(hash);
    let place = u32(hash) & Current.mask;
    let offset = load<u32>(Current.places + place * 4);
    while (offset != 0) {
      if (load<u64>(base + offset) == hash) return base + offset + HEAD;
      place = (place + 1) & Current.mask;
      offset = load<u32>(Current.places + place * 4);
    }
    return 0;
  }
}
