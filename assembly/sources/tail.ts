// SPDX-License-Identifier: Apache-2.0
// A followed file as this instance knows it, beside its place.
import { encodePath } from './input';
import { Mark, Place } from './places';

export class Tail {
  encoded: ArrayBuffer;
  /** The open file, or 0. */
  file: i32 = 0;
  /** As of the last look: bytes, and nanoseconds since the epoch. */
  size: i64 = 0;
  modified: i64 = 0;
  /** Up to where it was read; more than what was handed over when it ends within a line. */
  readTo: i64;
  /** Whether the last look found it in its folder. */
  isSeen: bool = false;
  /** Whether its content was compared with its place. */
  isChecked: bool = false;
  /** Whether its content is another one now, and the number of the look before which this was found out. */
  isChanged: bool = false;
  changedIn: u32 = 0;
  /** Whether it stood under the path that is followed. */
  isLive: bool = false;
  /** Whether another file has taken its path, and was written to. */
  isLeft: bool = false;
  /** Steady clock: when it may be tried again after a failure; when it was last read from; since when unseen. */
  retryAt: i64 = 0;
  usedAt: i64 = 0;
  missingSince: i64 = 0;

  constructor(
    readonly place: Place,
    public path: string,
    /** The path under which it is, or was, followed. */
    readonly origin: string,
  ) {
    this.encoded = encodePath(path);
    this.readTo = place.offset;
  }

  rename(path: string): void {
    if (path == this.path) return;
    this.path = path;
    this.encoded = encodePath(path);
  }

  get isPacked(): bool {
    return this.place.has(Mark.Packed);
  }

  /** Whether nothing will be added to it. */
  get isFinal(): bool {
    return this.isLeft || this.isPacked || this.place.has(Mark.Rest);
  }

  /** Whether there is something to do with it. */
  hasNews(): bool {
    // Without a path, it is one that an earlier instance knew and that was not found again.
    if (this.place.has(Mark.Copy) || this.path == '') return false;
    if (this.isChanged) return true;
    const isDone = this.place.has(Mark.Done);
    if (this.isPacked) return !isDone;
    return this.size > this.readTo || (this.isFinal && !isDone);
  }
}
