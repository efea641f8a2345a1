// SPDX-License-Identifier: Apache-2.0
// A text whose start is looked at before it is read, and of which a first part may be passed over.
import { Block, PADDING } from '../../memory';
import { Read, Reader } from '../reader';

/** Bytes that are looked at. */
const MAX_HEAD: i32 = 4096;
/** Bytes that are passed over at once. */
const STEP: i32 = 64 * 1024;

export class Peeked extends Reader {
  /** Bytes at the start of what is read, to be looked at: PADDING bytes of no meaning, or more of it, stand behind. */
  length: i32 = 0;
  private bytes: Block = new Block();
  private at: i32 = 0;
  private toSkip: u64 = 0;
  private hasEnded: bool = false;

  constructor(private reader: Reader) {
    super();
  }

  get address(): usize {
    return this.bytes.address;
  }

  /** The reader begins anew; so many bytes of it are passed over. */
  begin(toSkip: u64): void {
    this.toSkip = toSkip;
    this.length = 0;
    this.at = 0;
    this.hasEnded = false;
  }

  /** Goes on up to where the head is there: then Read.End. What it gives else is a Read, or the bytes it went over. */
  look(): i32 {
    const out = this.bytes.reserve(STEP + PADDING);
    if (this.hasEnded || this.length >= MAX_HEAD) return Read.End;
    if (this.toSkip > 0) {
      const count = this.reader.read(out, i32(min<u64>(STEP, this.toSkip)));
      if (count > 0) this.toSkip -= count;
      else if (count == Read.End) this.hasEnded = true;
      return count;
    }
    const count = this.reader.read(out + this.length, STEP - this.length);
    if (count > 0) this.length += count;
    else if (count == Read.End) this.hasEnded = true;
    memory.fill(out + this.length, 0, PADDING);
    return count > 0 && this.length >= MAX_HEAD ? Read.End : count;
  }

  read(out: usize, capacity: i32): i32 {
    const left = this.length - this.at;
    if (left == 0) return this.hasEnded ? Read.End : this.reader.read(out, capacity);
    const count = min(left, capacity);
    memory.copy(out, this.bytes.address + this.at, count);
    this.at += count;
    return count;
  }

  free(): void {
    this.bytes.free();
  }
}
