// SPDX-License-Identifier: Apache-2.0
// Cuts an input into lines. A line is a payload: it stays at its address until the next call of `fill`.
import { Counter, counters } from '../counters';
import { lineEnd } from '../json/skip';
import { Reason, Severity, logLimited, mayLog } from '../log';
import { PADDING } from '../memory';
import { WHOLE_PAYLOAD } from '../survivor';
import { Input } from './input';
import { Reader } from './reader';
import { TextWindow } from './text_window';

export class Lines extends TextWindow {
  readonly input: Input;
  /** Where the text comes from: the input, or what was put in its place. */
  reader: Reader;
  /** The line that `next` found: address, bytes without its line break, and offset in the uncompressed text. */
  line: usize = 0;
  length: u32 = 0;
  offset: u64 = 0;

  private skipping: bool = false; // inside a line that is dropped
  private unreadable: u64 = 0; // offset plus one of a line that could not be read, or 0

  /** What the file is called in messages. */
  name: string = '';

  constructor(private maxLine: u32) {
    super();
    const input = new Input();
    this.input = input;
    this.reader = input;
  }

  close(): void {
    this.input.close();
    this.buffer.free();
    this.begin(0);
  }

  /** Whether the reader is inside a line that is dropped up to its end. */
  isSkipping(): bool {
    return this.skipping;
  }

  /** Begins at `offset` bytes of the text of a file that was just opened there; `skipping` drops a first line. */
  begin(offset: u64, skipping: bool = false): void {
    this.beginAt(offset);
    this.skipping = skipping;
    this.unreadable = 0;
  }

  /** After `begin`: drops the line whose reading ended in a trap, if `trapped` (see survivor.ts) tells of one. */
  dropUnreadable(trapped: u64): void {
    if ((trapped & WHOLE_PAYLOAD) != 0) this.unreadable = trapped & ~WHOLE_PAYLOAD;
  }

  /** To be called before `fill`: true when it has come to that line, and dropped it. */
  skipUnreadable(): bool {
    if (this.unreadable == 0 || this.position() + 1 != this.unreadable) return false;
    this.unreadable = 0;
    this.skipping = true;
    counters.drop(Counter.DroppedTrap);
    if (mayLog(Reason.Trap)) {
      const where = 'the line at byte ' + this.position().toString() + ' of ' + this.name;
      logLimited(
        Reason.Trap,
        Severity.Warning,
        where + ' made the plugin stop with an internal error; it is dropped',
      );
    }
    return true;
  }

  /** Finds the next whole line; false when more must be read first. Empty lines are passed over. */
  next(): bool {
    while (true) {
      const address = this.buffer.address;
      const end = u32(lineEnd(address + this.searched, address + this.filled) - address);
      if (end == this.filled) {
        this.searched = this.filled;
        return false;
      }
      const start = this.from;
      const isWhole = !this.skipping;
      if (isWhole && end - start > this.maxLine) this.tooLong();
      this.skipping = false;
      this.from = end + 1;
      this.searched = end + 1;
      if (isWhole && end > start && end - start <= this.maxLine) {
        this.show(start, end);
        return true;
      }
    }
  }

  /** Takes what stands behind the last line break as a line: the file has ended. False when it is nothing. */
  takeRest(): bool {
    const start = this.from;
    const end = this.filled;
    this.from = end;
    this.searched = end;
    if (this.skipping || start == end) {
      this.skipping = false;
      return false;
    }
    this.show(start, end);
    return true;
  }

  private show(start: u32, end: u32): void {
    this.line = this.buffer.address + start;
    this.length = end - start;
    this.offset = this.bufferOffset + start;
  }

  /** Offset of the first byte that no line was made of. */
  position(): u64 {
    return this.bufferOffset + this.from;
  }

  /** Reads more; the bytes read, 0 at the end for now, or a negative number of the reader. */
  fill(): i32 {
    if (!this.skipping && this.filled - this.from > this.maxLine) {
      this.tooLong();
      this.skipping = true;
    }
    if (this.skipping) this.from = this.filled;
    return this.readMore(this.reader, this.position());
  }

  /** Offset behind the last byte that was read. */
  end(): u64 {
    return this.bufferOffset + this.filled;
  }

  /** Address of the last `count` bytes that were read. */
  lastBytes(count: u32): usize {
    return this.buffer.address + this.filled - count;
  }

  /** Takes back the last `count` bytes, which `fill` has just read: they are not of this text. */
  unread(count: u32): void {
    this.filled -= count;
    memory.fill(this.buffer.address + this.filled, 0, PADDING);
  }

  private tooLong(): void {
    counters.drop(Counter.DroppedTooLarge);
    if (!mayLog(Reason.TooLarge)) return;
    const where = ' at byte ' + this.position().toString() + ' of ' + this.name;
    const limit = this.maxLine.toString() + ' bytes (webhookMaxBatchSize)';
    logLimited(
      Reason.TooLarge,
      Severity.Warning,
      'the line' + where + ' is longer than ' + limit + '; it is dropped',
    );
  }
}
