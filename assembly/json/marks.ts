// SPDX-License-Identifier: Apache-2.0
// What is special in a part of a JSON text, one bit for each of the keys that fields read: so that an array's
// element which holds something new is told from the thousandth of a kind.
import { MAX_DEPTH } from './scan';

@unmanaged
export class Marks {
  private present0: u64;
  private present1: u64;
  private true0: u64;
  private true1: u64;
  private star0: u64;
  private star1: u64;

  /**
   * Notes a member's key; false when it was there before. With escapes it is another key than without: fields
   * read the one with them only if the other is not there.
   */
  isNew(number: i32, isEscaped: bool): bool {
    if (number < 0) return false;
    const at =
      changetype<usize>(this) +
      (isEscaped ? offsetof<Marks>('true0') : offsetof<Marks>('present0')) +
      usize(number >> 6) * 8;
    const bits = load<u64>(at);
    const bit = u64(1) << u64(number & 63);
    store<u64>(at, bits | bit);
    return (bits & bit) == 0;
  }

  clear(): void {
    memory.fill(changetype<usize>(this), 0, SIZE);
  }

  /** A member with key `number` is there. */
  notePresent(number: i32): void {
    this.set(offsetof<Marks>('present0'), number);
  }

  /** It is `true`. */
  noteTrue(number: i32): void {
    this.set(offsetof<Marks>('true0'), number);
  }

  isTrue(number: i32): bool {
    const bits = number < 64 ? this.true0 : this.true1;
    return ((bits >> u64(number & 63)) & 1) != 0;
  }

  /** It is `"*"`, or a list with it. */
  noteStar(number: i32): void {
    this.set(offsetof<Marks>('star0'), number);
  }

  addAll(other: Marks): void {
    for (let i: usize = 0; i < SIZE; i += 8) {
      const at = changetype<usize>(this) + i;
      store<u64>(at, load<u64>(at) | load<u64>(changetype<usize>(other) + i));
    }
  }

  hasAll(other: Marks): bool {
    for (let i: usize = 0; i < SIZE; i += 8) {
      const missing = load<u64>(changetype<usize>(other) + i) & ~load<u64>(changetype<usize>(this) + i);
      if (missing != 0) return false;
    }
    return true;
  }

  private set(offset: usize, number: i32): void {
    if (number < 0) return;
    const at = changetype<usize>(this) + offset + usize(number >> 6) * 8;
    store<u64>(at, load<u64>(at) | (u64(1) << u64(number & 63)));
  }
}
const SIZE: usize = offsetof<Marks>();

const levels = heap.alloc((usize(MAX_DEPTH) + 2) * 2 * SIZE);

/** What was found in the container that is open at this depth; in an array, in its current element. */
export function foundAt(depth: i32): Marks {
  return changetype<Marks>(levels + usize(depth) * 2 * SIZE);
}

/** What the elements of the array that is open at this depth held; in an object, which keys were there. */
export function seenAt(depth: i32): Marks {
  return changetype<Marks>(levels + usize(depth) * 2 * SIZE + SIZE);
}
