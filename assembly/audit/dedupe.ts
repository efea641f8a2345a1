// SPDX-License-Identifier: Apache-2.0
// Knows the events that were delivered lately, so that what a client sends again is not delivered again.
//
// What is compared is a keyed hash of the whole text of an event, not its auditID and stage: kube-apiserver takes the
// auditID from a header of the request, so an attacker could hide a request behind one that he made before. What
// kube-apiserver sends again is the same bytes. The key is random, so that nobody can make two texts with one hash.
import { randomBytes } from '../host';
import { Block } from '../memory';
import { sipHash } from './siphash';

const HASH_SIZE: u32 = 8;
const ENTRY_SIZE: u32 = 4;
const KEY_SIZE: i32 = 16;

/** The hashes of the newest `size` events. The oldest goes when a new one comes. */
export class Window {
  // The hashes in the order in which they came, over and over: the place of the next one is `next`.
  private ring: Block = new Block();
  private next: u32 = 0;
  private count: u32 = 0;
  // Open addressing with linear probing: each entry holds a place in the ring plus one, or 0. At most half of it is used.
  private table: Block = new Block();
  private mask: u32 = 0;
  private key: usize = 0;

  constructor(private size: u32) {}

  /** Whether this text of this cluster is not in the window; it is then put in. */
  isNew(cluster: u32, text: usize, length: u32): bool {
    if (this.size == 0) return true;
    if (this.mask == 0) this.begin();
    const hash = sipHash(load<u64>(this.key), load<u64>(this.key, 8), cluster, text, length);
    if (this.entryOf(hash) != 0) return false;
    this.put(hash);
    return true;
  }

  /** Gives the memory back, and forgets all. */
  free(): void {
    this.ring.free();
    this.table.free();
    if (this.key != 0) heap.free(this.key);
    this.key = 0;
    this.mask = 0;
    this.next = 0;
    this.count = 0;
  }

  private begin(): void {
    let entries: u32 = 2;
    while (entries < 2 * this.size) entries *= 2;
    this.ring.reserve(this.size * HASH_SIZE);
    memory.fill(this.table.reserve(entries * ENTRY_SIZE), 0, entries * ENTRY_SIZE);
    this.key = heap.alloc(KEY_SIZE);
    randomBytes(this.key, KEY_SIZE);
    this.mask = entries - 1;
  }

  private put(hash: u64): void {
    if (this.count == this.size) this.remove(this.hashAt(this.next));
    else this.count++;
    store<u64>(this.ring.address + this.next * HASH_SIZE, hash);
    let at = u32(hash) & this.mask;
    while (this.entry(at) != 0) at = (at + 1) & this.mask;
    this.setEntry(at, this.next + 1);
    this.next = this.next + 1 == this.size ? 0 : this.next + 1;
  }

  /** The address of the entry with this hash, or 0. */
  private entryOf(hash: u64): usize {
    let at = u32(hash) & this.mask;
    while (this.entry(at) != 0) {
      if (this.hashAt(this.entry(at) - 1) == hash) return this.table.address + at * ENTRY_SIZE;
      at = (at + 1) & this.mask;
    }
    return 0;
  }

  /** Takes a hash out of the table, and closes the gap that this leaves in the chain behind it. */
  private remove(hash: u64): void {
    let gap = u32(this.entryOf(hash) - this.table.address) / ENTRY_SIZE;
    for (let at = (gap + 1) & this.mask; this.entry(at) != 0; at = (at + 1) & this.mask) {
      const home = u32(this.hashAt(this.entry(at) - 1)) & this.mask;
      // An entry may not stand in front of its home.
      if (((at - home) & this.mask) < ((at - gap) & this.mask)) continue;
      this.setEntry(gap, this.entry(at));
      gap = at;
    }
    this.setEntry(gap, 0);
  }

  private hashAt(place: u32): u64 {
    return load<u64>(this.ring.address + place * HASH_SIZE);
  }

  private entry(at: u32): u32 {
    return load<u32>(this.table.address + at * ENTRY_SIZE);
  }

  private setEntry(at: u32, value: u32): void {
    store<u32>(this.table.address + at * ENTRY_SIZE, value);
  }
}
