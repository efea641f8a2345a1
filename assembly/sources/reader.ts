// SPDX-License-Identifier: Apache-2.0
// Where bytes come from, one after the other.

/** What `read` gives when there is no byte. */
export const enum Read {
  /** None has come yet; of a file: this is its end for now. */
  Nothing = 0,
  /** That was all. */
  End = -1,
  /** What came is damaged. */
  Damaged = -2,
  /** It cannot be had: whoever reads it from outside knows why. */
  Failed = -3,
}

export abstract class Reader {
  /** Takes up to `capacity` bytes, at least 1; the count, or a Read, or of a file -errno. */
  abstract read(out: usize, capacity: i32): i32;
}
