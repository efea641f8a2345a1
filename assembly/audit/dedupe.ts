// SPDX-License-Identifier: Apache-2.0
// Knows the events that were delivered lately, so that what a client sends again is not delivered again.
//
// What is compared is a keyed hash of the whole text of an event, not its auditID and stage: kube-apiserver takes the
// auditID from a header of the request, so an attacker could hide a request behind one that he made before. What
// kube-apiserver sends again is the same bytes. The key is random, so that nobody can make two texts with one hash.
import { randomBytes } from '../host';
import { Block } from '../memory';
import { HashSet } from './hash_set';
import { TEXT_KEY_SIZE, textHash } from './texthash';

const HASH_SIZE: u32 = 8;

/** The hashes of the newest `size` events. The oldest goes when a new one comes. */
export class Window {
  // The hashes in the order in which they came, over and over: the place of the next one is `next`.
  private ring: Block = new Block();
  private next: u32 = 0;
  private count: u32 = 0;
  // The same hashes.
  private hashes: HashSet = new HashSet();
  private key: usize = 0;

  constructor(private size: u32) {}

  /** Whether this text of this cluster is not in the window; it is then put in. */
  isNew(cluster: u32, text: usize, length: u32): bool {
    if (this.size == 0) return true;
    if (!this.hashes.isOpen) this.begin();
    // 0 is no hash.
    const hash = max<u64>(textHash(this.key, cluster, text, length), 1);
    if (this.hashes.has(hash)) return false;
    this.put(hash);
    return true;
  }

  /** Gives the memory back, and forgets all. */
  free(): void {
    this.ring.free();
    this.hashes.free();
    if (this.key != 0) heap.free(this.key);
    this.key = 0;
    this.next = 0;
    this.count = 0;
  }

  private begin(): void {
    this.ring.reserve(this.size * HASH_SIZE);
    this.hashes.begin(this.size);
    this.key = heap.alloc(TEXT_KEY_SIZE);
    randomBytes(this.key, TEXT_KEY_SIZE);
  }

  private put(hash: u64): void {
    const oldest = this.ring.address + this.next * HASH_SIZE;
    if (this.count == this.size) this.hashes.remove(load<u64>(oldest));
    else this.count++;
    store<u64>(oldest, hash);
    this.hashes.add(hash);
    this.next = this.next + 1 == this.size ? 0 : this.next + 1;
  }
}
