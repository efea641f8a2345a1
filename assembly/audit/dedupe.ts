// SPDX-License-Identifier: Apache-2.0
// Knows the events that were delivered lately, so that what a client sends again is not delivered again.
//
// What is compared is a keyed hash of the whole text of an event, not its auditID and stage: kube-apiserver takes the
// auditID from a header of the request, so an attacker could hide a request behind one that he made before. What
// kube-apiserver sends again is the same bytes. The key is random, so that nobody can make two texts with one hash.
import { randomBytes } from '../host';
import { Block } from '../memory';
import { TEXT_KEY_SIZE, textHash } from './texthash';

const HASH_SIZE: u32 = 8;

/** The hashes of the newest `size` events. The oldest goes when a new one comes. */
export class Window {
  // The hashes in the order in which they came, over and over: the place of the next one is `next`.
  private ring: Block = new Block();
  private next: u32 = 0;
  private count: u32 = 0;
  // The same hashes, by open addressing with linear probing, and 0 where there is none. At most half of it is used.
  // The hashes themselves, not places in the ring: each event would else read from the ring at three places or more,
  // which are not in the cache.
  private table: Block = new Block();
  private mask: u32 = 0;
  private key: usize = 0;

  constructor(private size: u32) {}

  /** Whether this text of this cluster is not in the window; it is then put in. */
  isNew(cluster: u32, text: usize, length: u32): bool {
    if (this.size == 0) return true;
    if (this.mask == 0) this.begin();
    // 0 is no hash.
    const hash = max<u64>(textHash(this.key, cluster, text, length), 1);
    if (this.hashAt(this.placeOf(hash)) == hash) return false;
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
    let places: u32 = 2;
    while (places < 2 * this.size) places *= 2;
    this.ring.reserve(this.size * HASH_SIZE);
    memory.fill(this.table.reserve(places * HASH_SIZE), 0, places * HASH_SIZE);
    this.key = heap.alloc(TEXT_KEY_SIZE);
    randomBytes(this.key, TEXT_KEY_SIZE);
    this.mask = places - 1;
  }

  private put(hash: u64): void {
    const oldest = this.ring.address + this.next * HASH_SIZE;
    if (this.count == this.size) this.remove(load<u64>(oldest));
    else this.count++;
    store<u64>(oldest, hash);
    // Looked for again: a removal may have moved what stood in front.
    this.setHash(this.placeOf(hash), hash);
    this.next = this.next + 1 == this.size ? 0 : this.next + 1;
  }

  /** Where this hash stands in the table, or would stand. */
  private placeOf(hash: u64): u32 {
    let at = u32(hash) & this.mask;
    while (this.hashAt(at) != 0 && this.hashAt(at) != hash) at = (at + 1) & this.mask;
    return at;
  }

  /** Takes a hash out of the table, and closes the gap that this leaves in the chain behind it. */
  private remove(hash: u64): void {
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

  private hashAt(place: u32): u64 {
    return load<u64>(this.table.address + place * HASH_SIZE);
  }

  private setHash(place: u32, hash: u64): void {
    store<u64>(this.table.address + place * HASH_SIZE, hash);
  }
}
