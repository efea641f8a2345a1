// SPDX-License-Identifier: Apache-2.0
import { Block } from '../memory';

const HASH_SIZE: u32 = 8;

/**
 * A set of hashes of 64 bits, by open addressing with linear probing, and 0, which is no hash, where there is none. At most
 * half of it is to be used: who has it sees to that. The hashes themselves, not places elsewhere: each look would else
 * read at three places or more, which are not in the cache.
 */
export class HashSet {
  private table: Block = new Block();
  private mask: u32 = 0;

  /** Begins anew with room for so many hashes. */
  begin(count: u32): void {
    let places: u32 = 2;
    while (places < 2 * count) places *= 2;
    this.table.free();
    memory.fill(this.table.reserve(places * HASH_SIZE), 0, places * HASH_SIZE);
    this.mask = places - 1;
  }

  /** Whether there is room: `begin` was called. */
  get isOpen(): bool {
    return this.mask != 0;
  }

  has(hash: u64): bool {
    return this.hashAt(this.placeOf(hash)) == hash;
  }

  add(hash: u64): void {
    this.setHash(this.placeOf(hash), hash);
  }

  /** Takes out a hash that is in it, and closes the gap that this leaves in the chain behind it. */
  remove(hash: u64): void {
    let gap = this.placeOf(hash);
    for (let at = (gap + 1) & this.mask; this.hashAt(at) != 0; at = (at + 1) & this.mask) {
      const home = u32(this.hashAt(at)) & this.mask;
      // A hash may not stand in front of its home.
      if (((at - home) & this.mask) < ((at - gap) & this.mask)) continue;
      this.setHash(gap, this.hashAt(at));
      gap = at;
    }
    this.setHash(gap, 0);
  }

  /** Gives the memory back, and forgets all. */
  free(): void {
    this.table.free();
    this.mask = 0;
  }

  /** Where this hash stands, or would stand. */
  private placeOf(hash: u64): u32 {
    let at = u32(hash) & this.mask;
    while (this.hashAt(at) != 0 && this.hashAt(at) != hash) at = (at + 1) & this.mask;
    return at;
  }

  private hashAt(place: u32): u64 {
    return load<u64>(this.table.address + place * HASH_SIZE);
  }

  private setHash(place: u32, hash: u64): void {
    store<u64>(this.table.address + place * HASH_SIZE, hash);
  }
}
