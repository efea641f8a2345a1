// SPDX-License-Identifier: Apache-2.0
// The log events that were read, so that none is delivered twice however often its time is read again.
import { HashSet } from '../../audit/hash_set';
import { Block } from '../../memory';

@unmanaged
class Entry {
  hash: u64;
  time: i64;
}
const ENTRY: u32 = offsetof<Entry>();
const FIRST_CAPACITY: u32 = 1024;

/**
 * Hashes of the ids of at most `limit` events (a power of two), with their times, in the order in which they were read. Each
 * has a number, counted up from 0. Takes memory as it grows, 32 bytes each, and gives it back.
 */
export class KnownIds {
  /** The number of the oldest that is kept, and of the next. */
  first: u64 = 0;
  next: u64 = 0;
  /** Not all that is at or after this time is known: there was no room. Milliseconds since the epoch; 0: all is. */
  floor: i64 = 0;
  // Number n stands at n modulo the capacity, a power of two.
  private ring: Block = new Block();
  private capacity: u32 = 0;
  private hashes: HashSet = new HashSet();

  constructor(readonly limit: u32) {}

  get count(): u32 {
    return u32(this.next - this.first);
  }

  has(hash: u64): bool {
    return this.hashes.isOpen && this.hashes.has(hash);
  }

  /** Adds one that is not in it; false when another one had to be forgotten for it. */
  add(hash: u64, time: i64): bool {
    const isFull = this.count == this.limit;
    if (isFull) {
      this.floor = max(this.floor, this.entry(this.first).time + 1);
      this.forgetOldest();
    } else if (this.count == this.capacity) {
      this.resize(max(this.capacity * 2, min(FIRST_CAPACITY, this.limit)));
    }
    const entry = this.entry(this.next++);
    entry.hash = hash;
    entry.time = time;
    this.hashes.add(hash);
    return !isFull;
  }

  /** Forgets what was read first, as far as it is of before this time. */
  forgetBefore(time: i64): void {
    while (this.first < this.next && this.entry(this.first).time < time) this.forgetOldest();
    if (this.floor < time) this.floor = 0;
    if (this.capacity > FIRST_CAPACITY && this.count < this.capacity / 8) this.resize(this.capacity / 4);
  }

  hashOf(number: u64): u64 {
    return this.entry(number).hash;
  }

  timeOf(number: u64): i64 {
    return this.entry(number).time;
  }

  /** Gives the memory back, and forgets all. */
  clear(): void {
    this.ring.free();
    this.hashes.free();
    this.capacity = 0;
    this.first = 0;
    this.next = 0;
    this.floor = 0;
  }

  private forgetOldest(): void {
    this.hashes.remove(this.entry(this.first++).hash);
  }

  private entry(number: u64): Entry {
    return changetype<Entry>(this.ring.address + (u32(number) & (this.capacity - 1)) * ENTRY);
  }

  private resize(capacity: u32): void {
    const old = this.ring;
    const oldMask = this.capacity - 1;
    this.ring = new Block();
    this.ring.reserve(capacity * ENTRY);
    this.capacity = capacity;
    this.hashes.begin(capacity);
    for (let number = this.first; number < this.next; number++) {
      const from = changetype<Entry>(old.address + (u32(number) & oldMask) * ENTRY);
      const to = this.entry(number);
      to.hash = from.hash;
      to.time = from.time;
      this.hashes.add(from.hash);
    }
    old.free();
  }
}
