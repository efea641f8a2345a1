// SPDX-License-Identifier: Apache-2.0
import { Counter, counters } from '../counters';
import { Block, PADDING } from '../memory';
import { WHOLE_PAYLOAD, survivor } from '../survivor';
import { Reader } from './reader';

/** Bytes that are read at once: they stay in the second-level cache until they are scanned. */
const CHUNK: u32 = 256 * 1024;
/** Memory that is kept while nothing is in it. */
export const KEEP: u32 = 4 * CHUNK;

/** The part of a text that is in memory: what was read of it and is still needed. It moves when more is read. */
export class TextWindow {
  protected buffer: Block = new Block();
  /** Where in the buffer what is needed begins, */
  protected from: u32 = 0;
  /** up to where it was searched for an end, */
  protected searched: u32 = 0;
  /** and where it ends. */
  protected filled: u32 = 0;
  /** Offset of the buffer's first byte in the text. */
  protected bufferOffset: u64 = 0;

  /** Empties it: the text goes on at `offset`. */
  protected beginAt(offset: u64): void {
    this.from = 0;
    this.searched = 0;
    this.filled = 0;
    this.bufferOffset = offset;
  }

  /**
   * Reads more; what the reader gave. If that traps, there is no memory for what begins at `position` of the text, and the
   * next instance drops it.
   */
  protected readMore(reader: Reader, position: u64): i32 {
    survivor.suspect = WHOLE_PAYLOAD | (position + 1);
    this.moveToFront();
    const address = this.buffer.reserve(this.filled + CHUNK + PADDING);
    const count = reader.read(address + this.filled, i32(CHUNK));
    if (count > 0) {
      this.filled += count;
      counters.add(Counter.BytesReceived, count);
    }
    memory.fill(address + this.filled, 0, PADDING);
    survivor.suspect = 0;
    return count;
  }

  private moveToFront(): void {
    if (this.from == 0) return;
    const rest = this.filled - this.from;
    memory.copy(this.buffer.address, this.buffer.address + this.from, rest);
    this.bufferOffset += this.from;
    this.filled = rest;
    this.searched -= this.from;
    this.from = 0;
    if (rest == 0) this.buffer.shrink(KEEP);
  }
}
