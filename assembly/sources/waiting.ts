// SPDX-License-Identifier: Apache-2.0
// The complete requests whose turn has not come.
import { HttpRequest } from '../host';

const REQUEST_SIZE: u32 = offsetof<HttpRequest>();

/** A queue of fixed size. */
class Queue {
  count: u32 = 0;
  private first: u32 = 0;
  private space: usize;

  constructor(readonly size: u32) {
    this.space = heap.alloc(size * REQUEST_SIZE);
  }

  push(request: HttpRequest): void {
    memory.copy(this.place(this.first + this.count++), changetype<usize>(request), REQUEST_SIZE);
  }

  /** Writes the oldest to `request`; false when there is none. */
  shift(request: HttpRequest): bool {
    if (this.count == 0) return false;
    memory.copy(changetype<usize>(request), this.place(this.first), REQUEST_SIZE);
    this.first = (this.first + 1) % this.size;
    this.count--;
    return true;
  }

  private place(index: u32): usize {
    return this.space + (index % this.size) * REQUEST_SIZE;
  }

  free(): void {
    if (this.space != 0) heap.free(this.space);
    this.space = 0;
    this.count = 0;
  }
}

/**
 * Plain and packed bodies take turns: to unpack few bytes may be much work, and a flood of such bodies must not be in
 * the way of the others. Within each kind the order is that in which they came.
 */
export class Waiting {
  private resumed: Queue = new Queue(1);
  private plain: Queue;
  private packed: Queue;
  private isPackedTurn: bool = false;

  /** `size` is the greatest number of requests without an answer. */
  constructor(size: u32) {
    this.plain = new Queue(size);
    this.packed = new Queue(size);
  }

  isFull(): bool {
    return this.plain.count == this.plain.size || this.packed.count == this.packed.size;
  }

  isEmpty(): bool {
    return this.resumed.count + this.plain.count + this.packed.count == 0;
  }

  push(request: HttpRequest, isPacked: bool): void {
    (isPacked ? this.packed : this.plain).push(request);
  }

  /** The request comes before all others. There is one such request at most. */
  pushFirst(request: HttpRequest): void {
    this.resumed.push(request);
  }

  /** Writes the next one to `request`; false when there is none. */
  shift(request: HttpRequest): bool {
    if (this.resumed.shift(request)) return true;
    this.isPackedTurn = !this.isPackedTurn;
    const turn = this.isPackedTurn ? this.packed : this.plain;
    const other = this.isPackedTurn ? this.plain : this.packed;
    return turn.shift(request) || other.shift(request);
  }

  free(): void {
    this.resumed.free();
    this.plain.free();
    this.packed.free();
  }
}
