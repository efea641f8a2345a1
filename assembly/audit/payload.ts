// SPDX-License-Identifier: Apache-2.0
// A payload is what a source receives in one piece: a line of a file, the body of a request. It holds an
// Event, an EventList, arrays of either, or several of these one after the other (JSON Lines).
import { counters, Counter } from '../counters';
import { Node } from '../json/tape';
import { Index, ScanError, scan, scanError, scanErrorAt, scanErrorText, skipSpace } from '../json/scan';
import { skipContainer, skipTo } from '../json/skip';
import { Reason, Severity, countText, logLimited, mayLog } from '../log';
import { realtime } from '../host';
import { NO_TIME } from './time';
import { Batch } from './batch';
import { survivor } from '../survivor';
import { Shape, itemsOf, shapeOf, timeOf } from './event';
import { leadingItems } from './list';

/** Lists and arrays inside each other that are followed. */
const MAX_NESTING = 8;
/** What `behind` holds for an array that is no list's, and for a list whose end is not known yet. */
const PLAIN_ARRAY: usize = 0;
const END_UNKNOWN: usize = 1;
/**
 * How much may be looked at in vain in a payload: so many times its length, plus so many bytes. What is more
 * damaged than that is dropped whole, because finding the next good element would cost the square of its length.
 */
const VAIN_FACTOR: u64 = 4;
const VAIN_BYTES: u64 = 64 * 1024;

/** Why an element is not delivered. */
const enum Fault {
  Invalid = 0,
  NotAudit = 1,
  TooLarge = 2,
  Trap = 3,
  /** So much was looked at in vain that the rest is given up. */
  Damaged = 4,
}

/**
 * Moves through a payload and puts its events into batches. A bad element costs only itself: it is counted,
 * logged, and the walk goes on behind it.
 */
export class Payload {
  private start: usize = 0;
  private at: usize = 0;
  private end: usize = 0;
  // Inside arrays and lists: for a list's items, where the object that holds them ends.
  private behind: StaticArray<usize> = new StaticArray<usize>(MAX_NESTING);
  private nesting: i32 = 0;
  private skipUntil: u32 = 0;
  private trapped: u64 = 0;
  private vain: u64 = 0; // bytes looked at in vain so far
  /** Bytes an event may have; larger ones are dropped. */
  maxEventSize: u32 = 0;
  /** What the payload is called in messages, without secrets. */
  origin: string = '';
  /** Offset of the payload in its file, for messages. */
  offset: u64 = 0;
  /** Events found so far, and elements that were not events. */
  good: u32 = 0;
  bad: u32 = 0;
  /** How many of the bad ones are events above maxEventSize. */
  tooLarge: u32 = 0;
  /** Why the first bad element was refused. */
  complaint: string = '';

  /**
   * Begins a payload; PADDING zero bytes or more text stand behind its end. After a trap, elements that begin
   * before `skip` bytes were handed over already and are passed over, and the one whose offset (in the
   * file or body) plus one is `trapped` is dropped: it was being read when the trap came.
   */
  begin(start: usize, length: u32, skip: u32 = 0, trapped: u64 = 0): void {
    this.trapped = trapped;
    this.start = start;
    this.at = start;
    this.end = start + length;
    this.nesting = 0;
    this.skipUntil = skip;
    this.vain = 0;
    this.good = 0;
    this.bad = 0;
    this.tooLarge = 0;
    if (this.complaint.length != 0) this.complaint = '';
  }

  /** Bytes of the payload that are done. */
  position(): u32 {
    return u32(this.at - this.start);
  }

  isDone(): bool {
    return this.at >= this.end;
  }

  /** Puts events into the batch until it is full or the payload is done. */
  fill(batch: Batch): void {
    while (!batch.isFull()) {
      const before = this.at;
      const more = this.step(batch);
      batch.spend(u32(this.at - before));
      if (!more) break;
    }
    survivor.suspect = 0;
  }

  /** Goes over one token or element; false when the payload is done. */
  private step(batch: Batch): bool {
    const at = skipSpace(this.at);
    this.at = at;
    if (at >= this.end) {
      if (this.nesting > 0 && this.bad == 0) this.refuse(ScanError.UnexpectedEnd, this.end);
      this.at = this.end;
      return false;
    }
    const byte = load<u8>(at);
    if (this.nesting > 0) {
      if (byte == 0x2c) {
        this.at = at + 1;
        return true;
      }
      if (byte == 0x5d) {
        this.leave();
        return true;
      }
    }
    if (byte == 0x5b) {
      this.enter(at, PLAIN_ARRAY);
    } else {
      this.element(batch, at);
    }
    return true;
  }

  /** Goes into the array at `at`. */
  private enter(at: usize, behind: usize): void {
    if (this.nesting == MAX_NESTING) {
      this.refuse(ScanError.TooDeep, at);
      this.at = this.resyncAfter(at, at);
      return;
    }
    this.behind[this.nesting++] = behind;
    this.at = at + 1;
  }

  private leave(): void {
    const behind = this.behind[--this.nesting];
    const at = this.at + 1;
    if (behind == PLAIN_ARRAY) {
      this.at = at;
    } else if (behind == END_UNKNOWN) {
      const end = skipTo(at, this.end, 1);
      this.at = end;
      if (end == 0) {
        this.refuse(ScanError.UnexpectedEnd, this.end);
        this.at = this.nextLine(at);
      }
    } else {
      this.at = behind;
    }
  }

  private inList(): bool {
    return this.nesting > 0 && this.behind[this.nesting - 1] != PLAIN_ARRAY;
  }

  private element(batch: Batch, at: usize): void {
    const mark = this.offset + u64(at - this.start) + 1;
    if (mark == this.trapped) {
      this.complain(Fault.Trap, 0, at);
      this.at = this.resyncAfter(at, at);
      // So that it is noted as done: another trap must not bring this one back.
      batch.end();
      return;
    }
    survivor.suspect = mark;
    const list = leadingItems(at, this.end);
    if (list != 0) {
      this.enter(list, END_UNKNOWN);
      return;
    }
    const tapes = batch.tapes;
    const tape = tapes.top;
    const behind = scan(at, at, this.end, tapes, Index.Event);
    if (behind == 0) {
      const errorAt = scanErrorAt;
      this.refuse(scanError, errorAt);
      this.at = this.resyncAfter(at, errorAt);
      return;
    }
    this.at = behind;
    const root = changetype<Node>(tapes.address + tape);
    const shape = shapeOf(at, root, this.inList());
    if (shape == Shape.List) {
      // `kind` behind `items`: the items were skipped as one span and are walked now.
      const items = itemsOf(at, root);
      const start = items ? at + items.start : 0;
      tapes.top = tape;
      if (start != 0) this.enter(start, behind);
      return;
    }
    if (shape == Shape.Event) {
      if (u32(at - this.start) >= this.skipUntil) this.deliver(batch, at, u32(behind - at), tape, root);
      else tapes.top = tape;
      return;
    }
    tapes.top = tape;
    this.complain(Fault.NotAudit, 0, at);
  }

  private deliver(batch: Batch, at: usize, length: u32, tape: u32, root: Node): void {
    if (length > this.maxEventSize) {
      batch.tapes.top = tape;
      this.complain(Fault.TooLarge, length, at);
      return;
    }
    let time = timeOf(at, root);
    if (time == NO_TIME) {
      time = realtime();
      counters.add(Counter.WithoutTime, 1);
    }
    batch.add(at, length, time, tape);
    this.good++;
    counters.add(Counter.EventsReceived, 1);
  }

  private refuse(error: ScanError, errorAt: usize): void {
    this.complain(Fault.Invalid, error, errorAt);
  }

  /** Counts a fault, keeps the first one's text for the answer to a client, and logs it within the limit. */
  private complain(fault: Fault, detail: u32, at: usize): void {
    counters.add(Counter.EventsReceived, 1);
    counters.add(counterOf(fault), 1);
    this.bad++;
    if (fault == Fault.TooLarge) this.tooLarge++;
    const reason = reasonOf(fault);
    const first = this.bad == 1;
    const loggable = mayLog(reason);
    if (!first && !loggable) return;
    countText();
    const where = ' at byte ' + (this.offset + u64(at - this.start)).toString();
    const text = this.describe(fault, detail) + where;
    if (first) this.complaint = text;
    if (!loggable) return;
    const kept = fault == Fault.Damaged ? 'the rest of it is dropped' : 'it is dropped, the rest is kept';
    logLimited(reason, Severity.Warning, text + ' of ' + this.origin + '; ' + kept);
  }

  private describe(fault: Fault, detail: u32): string {
    switch (fault) {
      case Fault.Invalid:
        return 'invalid JSON: ' + scanErrorText(<ScanError>detail);
      case Fault.NotAudit:
        return 'not an audit event (an Event of audit.k8s.io)';
      case Fault.TooLarge:
        return (
          'an event of ' +
          detail.toString() +
          ' bytes, above maxEventSize (' +
          this.maxEventSize.toString() +
          ')'
        );
      case Fault.Damaged:
        return 'too many broken elements to find the good ones between them';
      default:
        return 'an element that made the plugin stop with an internal error';
    }
  }

  /**
   * Where to go on behind a bad element: behind its own end, if its brackets and quotes match; behind the next
   * comma, if it is an atom of an array; otherwise in the next line, because a JSON text can hold no line break
   * inside a string.
   */
  private resyncAfter(element: usize, error: usize): usize {
    this.vain += u64(error - element);
    const byte = load<u8>(element);
    const isContainer = byte == 0x7b || byte == 0x5b;
    if (isContainer) {
      const behind = skipContainer(element, this.end);
      if (behind != 0) return behind;
      this.vain += u64(this.end - element);
    }
    if (this.vain > VAIN_FACTOR * u64(this.end - this.start) + VAIN_BYTES) {
      this.nesting = 0;
      this.complain(Fault.Damaged, 0, element);
      return this.end;
    }
    if (this.nesting > 0 && !isContainer) {
      let at = element;
      while (at < this.end && !endsAtom(load<u8>(at))) at++;
      if (at < this.end && load<u8>(at) != 0x0a) return at;
    }
    this.nesting = 0;
    return this.nextLine(element);
  }

  private nextLine(at: usize): usize {
    while (at < this.end && load<u8>(at) != 0x0a) at++;
    return min(at + 1, this.end);
  }
}

function counterOf(fault: Fault): Counter {
  switch (fault) {
    case Fault.NotAudit:
      return Counter.DroppedNotAudit;
    case Fault.TooLarge:
      return Counter.DroppedTooLarge;
    case Fault.Trap:
      return Counter.DroppedTrap;
    default:
      return Counter.DroppedInvalid;
  }
}

function reasonOf(fault: Fault): Reason {
  switch (fault) {
    case Fault.NotAudit:
      return Reason.NotAudit;
    case Fault.TooLarge:
      return Reason.TooLarge;
    case Fault.Trap:
      return Reason.Trap;
    default:
      return Reason.Invalid;
  }
}

/** Whether a bad atom in an array ends before this byte: comma, bracket, line break. */
function endsAtom(byte: u8): bool {
  return byte == 0x2c || byte == 0x5d || byte == 0x0a;
}
