// SPDX-License-Identifier: Apache-2.0
// Cuts a text into the JSON documents that stand in it one behind the other, with or without something between. Whether
// a document is good inside is not looked at: it ends where its brackets are closed.
import { Counter, counters } from '../../counters';
import { Name } from '../../json/name';
import { Reason, Severity, logLimited, mayLog } from '../../log';
import { WHOLE_PAYLOAD } from '../../survivor';
import { Reader } from '../reader';
import { KEEP, TextWindow } from '../text_window';

/** Bytes of a document; CloudWatch Logs sends at most some MiB. */
const MAX_DOCUMENT: u32 = 16 * 1024 * 1024;
/** Bytes of a text that may be gone over again, looking for good documents in damaged ones. */
const MAX_VAIN: u64 = 64 * 1024 * 1024;

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
/** How a document of CloudWatch Logs begins; within a string its quotes would be escaped. */
const BEGINNING = new Name('{"messageType"');

export class Documents extends TextWindow {
  /** The document that was found: its address, bytes, and offset in the text. It stays until `fill`. */
  start: usize = 0;
  length: u32 = 0;
  offset: u64 = 0;
  /** False for what stands at the end of a text that breaks off. */
  isWhole: bool = false;
  /** What the text is called in messages. */
  name: string = '';
  /** So much was gone over in vain that the text is to be given up. */
  isHopeless: bool = false;

  private depth: i32 = 0; // brackets that are open; 0: between documents
  private inString: bool = false;
  private isEscaped: bool = false; // the byte at `searched` stands behind a backslash
  private skipping: bool = false; // inside a document that is dropped
  private skippedFrom: u64 = 0; // where it begins
  private inJunk: bool = false; // behind something that is no document
  private unreadable: u64 = 0; // offset plus one of a document that could not be read, or 0
  private vain: u64 = 0;

  constructor(private reader: Reader) {
    super();
  }

  /** A text begins, or goes on at `offset`; `trapped` as in survivor.ts. */
  begin(offset: u64, trapped: u64): void {
    this.beginAt(offset);
    this.skipping = false;
    this.inJunk = false;
    this.isHopeless = false;
    this.vain = 0;
    this.unreadable = (trapped & WHOLE_PAYLOAD) != 0 ? trapped & ~WHOLE_PAYLOAD : 0;
    this.startAt(0);
    this.buffer.shrink(KEEP);
  }

  private startAt(from: u32): void {
    this.from = from;
    this.searched = from;
    this.depth = 0;
    this.inString = false;
    this.isEscaped = false;
  }

  /** Where to go on: the offset of the first document that was neither found nor dropped to its end. */
  position(): u64 {
    return this.skipping ? this.skippedFrom : this.bufferOffset + this.from;
  }

  /** Finds the next whole document; false when more must be read first. */
  next(): bool {
    while (this.depth > 0 || this.findStart()) {
      if (!this.findEnd()) {
        if (!this.skipping && this.filled - this.from > MAX_DOCUMENT && !this.refuse()) continue;
        if (this.skipping) this.from = this.filled;
        return false;
      }
      const isWanted = !this.skipping;
      if (isWanted) this.show(this.searched, true);
      this.skipping = false;
      this.startAt(this.searched);
      if (isWanted) return true;
    }
    return false;
  }

  /** The text has ended: what stands behind the last document is shown as one that is not whole. False: nothing does. */
  takeRest(): bool {
    const isThere = this.depth > 0 && !this.skipping && this.filled > this.from;
    if (isThere) this.show(this.filled, false);
    this.startAt(this.filled);
    this.skipping = false;
    return isThere;
  }

  private show(end: u32, isWhole: bool): void {
    this.start = this.buffer.address + this.from;
    this.length = end - this.from;
    this.offset = this.bufferOffset + this.from;
    this.isWhole = isWhole;
  }

  /** Goes to the bracket that opens the next document; false: it is not there yet. */
  private findStart(): bool {
    const address = this.buffer.address;
    for (; this.from < this.filled; this.from++) {
      const byte = load<u8>(address + this.from);
      if (byte == 0x7b) {
        this.startAt(this.from);
        this.inJunk = false;
        if (this.position() + 1 == this.unreadable) this.dropUnreadable();
        return true;
      }
      // White space and commas are between documents; anything else is told once.
      if (byte > 0x20 && byte != 0x2c && !this.inJunk) {
        this.inJunk = true;
        this.complain(Counter.DroppedInvalid, Reason.Invalid, 'no JSON object', this.position());
      }
    }
    this.searched = this.from;
    return false;
  }

  /** Counts brackets; true when the document has ended, at `searched`. */
  private findEnd(): bool {
    const address = this.buffer.address;
    const end = address + this.filled;
    let at = address + this.searched;
    let depth = this.depth;
    let inString = this.inString;
    let isEscaped = this.isEscaped;
    while (at < end) {
      const byte = load<u8>(at++);
      if (inString) {
        if (isEscaped) isEscaped = false;
        else if (byte == BACKSLASH) isEscaped = true;
        else if (byte == QUOTE) inString = false;
      } else if (byte == QUOTE) {
        inString = true;
      } else if ((byte | 0x20) == 0x7b) {
        depth++;
      } else if ((byte | 0x20) == 0x7d && --depth == 0) {
        break;
      }
    }
    const isEnd = depth == 0 && this.filled > this.searched;
    this.searched = u32(at - address);
    this.depth = depth;
    this.inString = inString;
    this.isEscaped = isEscaped;
    return isEnd;
  }

  /** The document is too large: it is dropped. False when a good one may begin within what is there of it. */
  private refuse(): bool {
    const limit = 'a document of more than ' + MAX_DOCUMENT.toString() + ' bytes';
    this.complain(Counter.DroppedTooLarge, Reason.TooLarge, limit, this.position());
    if (this.restart(this.from, this.filled)) return false;
    this.skip();
    return true;
  }

  /**
   * The document that was found is damaged: goes on at the next beginning of one in it, if there is one, because a
   * document that was cut swallows those behind it.
   */
  goBack(): void {
    const from = u32(this.start - this.buffer.address);
    this.restart(from, from + this.length);
  }

  /** Goes on at the first beginning of a document behind `from`; false when there is none before `end`. */
  private restart(from: u32, end: u32): bool {
    const address = this.buffer.address;
    const limit = address + end;
    for (let at = address + from + 1; at + BEGINNING.length <= limit; at++) {
      if (load<u8>(at) != 0x7b || !BEGINNING.beginsAt(at, u32(limit - at))) continue;
      this.vain += this.searched - u32(at - address);
      this.isHopeless = this.vain > MAX_VAIN;
      this.startAt(u32(at - address));
      return true;
    }
    return false;
  }

  private skip(): void {
    this.skippedFrom = this.bufferOffset + this.from;
    this.skipping = true;
  }

  private dropUnreadable(): void {
    this.unreadable = 0;
    this.skip();
    const what = 'a document that made the plugin stop with an internal error';
    this.complain(Counter.DroppedTrap, Reason.Trap, what, this.position());
  }

  private complain(counter: Counter, reason: Reason, what: string, position: u64): void {
    counters.drop(counter);
    if (!mayLog(reason)) return;
    const where = ' at byte ' + position.toString() + ' of ' + this.name;
    logLimited(reason, Severity.Warning, what + where + '; it is dropped, the rest is kept');
  }

  /** Reads more; the count, or a Read. */
  fill(): i32 {
    return this.readMore(this.reader, this.position());
  }

  free(): void {
    this.buffer.free();
  }
}
