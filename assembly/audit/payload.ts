// SPDX-License-Identifier: Apache-2.0
// A payload is what a source receives in one piece: a line of a file, the body of a request. It holds an
// Event, an EventList, arrays of either, or several of these one after the other (JSON Lines).
import { Counter, counters } from '../counters';
import { realtime } from '../host';
import { Index, ScanError, scan, scanError, scanErrorAt, skipSpace } from '../json/scan';
import { lineEnd } from '../json/skip';
import { Node } from '../json/tape';
import { Reason, Severity, logLimited, mayLog } from '../log';
import { Seen } from '../state/seen';
import { MAX_NESTING, survivor } from '../survivor';
import { Batch } from './batch';
import { NO_CLUSTER } from './clusters';
import { Window } from './dedupe';
import { Fault, Faults } from './faults';
import { Head, Shape } from './head';
import { leadingItems } from './list';
import { Resync } from './resync';
import { Rest, Salvage, hasTooManyValues } from './salvage';
import { NO_TIME } from './time';

/** What `behind` holds for an array that is no list's, and for a list whose end is not known yet. */
const PLAIN_ARRAY: usize = 0;
const END_UNKNOWN: usize = 1;

/**
 * Moves through a payload and puts its events into batches. A bad element costs only itself: it is counted,
 * logged, and the walk goes on behind it.
 */
export class Payload {
  readonly faults: Faults = new Faults();
  /** Events found so far. */
  good: u32 = 0;
  /** Offset of the payload in its file. */
  offset: u64 = 0;
  /** The number of the cluster that sent it: see clusters.ts. */
  cluster: u32 = NO_CLUSTER;
  /** When its events happened that carry no time: nanoseconds since the epoch; NO_TIME: now. */
  time: i64 = NO_TIME;
  /** What was delivered lately and is not delivered again, or null. */
  window: Window | null = null;

  private start: usize = 0;
  private at: usize = 0;
  private end: usize = 0;
  private resync: Resync = new Resync();
  private salvage: Salvage = new Salvage();
  // The arrays and lists that the walk is in: where each begins, and for a list's items where the object that
  // holds them ends.
  private opened: StaticArray<usize> = new StaticArray<usize>(MAX_NESTING);
  // The end of the line on which each begins; 0 until somebody asked.
  private openedLine: StaticArray<usize> = new StaticArray<usize>(MAX_NESTING);
  private behind: StaticArray<usize> = new StaticArray<usize>(MAX_NESTING);
  private nesting: u32 = 0;
  private trapped: u64 = 0;

  /** Begins a payload; PADDING zero bytes or more text stand behind its end. */
  begin(start: usize, length: u32): void {
    this.start = start;
    this.at = start;
    this.end = start + length;
    this.resync.begin(start, this.end);
    this.nesting = 0;
    this.trapped = 0;
    this.good = 0;
    this.faults.clear();
  }

  /** Notes in the survivor region how far the payload was handed over. */
  save(): void {
    survivor.within = this.at - this.start;
    survivor.nesting = this.nesting;
    for (let i: u32 = 0; i < this.nesting; i++) {
      survivor.setOpened(i, u32(this.opened[i] - this.start));
      const behind = this.behind[i];
      survivor.setBehind(i, behind <= END_UNKNOWN ? u32(behind) : u32(behind - this.start));
    }
  }

  /** After `begin`, when a trap came before the payload was done: goes on from what `save` noted. */
  restore(): void {
    const length = this.end - this.start;
    this.at = this.start + min(usize(survivor.within), length);
    this.nesting = min(u32(survivor.nesting), MAX_NESTING);
    for (let i: u32 = 0; i < this.nesting; i++) {
      const behind = min(usize(survivor.behind(i)), length);
      this.opened[i] = this.start + min(usize(survivor.opened(i)), length);
      this.behind[i] = behind <= END_UNKNOWN ? behind : this.start + behind;
      this.openedLine[i] = 0;
    }
  }

  /** Drops the element whose offset in the file or body, plus one, is `mark`: reading it ended in a trap. */
  dropTrapped(mark: u64): void {
    this.trapped = mark;
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
      // A cut inside the list was told already.
      const isTold = this.faults.count + this.faults.salvages > 0;
      if (this.nesting > 0 && !isTold) this.refuse(ScanError.UnexpectedEnd, this.end);
      this.at = this.end;
      return false;
    }
    const byte = load<u8>(at);
    if (this.nesting > 0 && byte == 0x2c) {
      this.at = at + 1;
    } else if (this.nesting > 0 && byte == 0x5d) {
      this.leave();
    } else if (byte == 0x5b) {
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
      this.goOnBehind(at, at);
      this.giveUpIfHopeless(at);
      return;
    }
    this.opened[this.nesting] = at;
    this.openedLine[this.nesting] = 0;
    this.behind[this.nesting++] = behind;
    this.at = at + 1;
  }

  private leave(): void {
    const behind = this.behind[--this.nesting];
    const at = this.at + 1;
    if (behind == PLAIN_ARRAY) {
      this.at = at;
    } else if (behind != END_UNKNOWN) {
      this.at = behind;
    } else {
      this.at = this.resync.behindItems(at);
      if (this.at == 0) {
        this.refuse(ScanError.UnexpectedEnd, at);
        this.at = this.resync.behindLine(this.resync.lineOf(at));
        this.giveUpIfHopeless(at);
      }
    }
  }

  private inList(): bool {
    return this.nesting > 0 && this.behind[this.nesting - 1] != PLAIN_ARRAY;
  }

  private element(batch: Batch, at: usize): void {
    const mark = this.position(at) + 1;
    if (mark == this.trapped) {
      this.faults.add(Fault.Trap, 0, this.position(at));
      this.goOnBehind(at, at);
      this.giveUpIfHopeless(at);
      // So that it is noted as done: another trap must not bring this one back.
      batch.end();
      return;
    }
    survivor.suspect = mark;
    const end = this.resync.limitOf(at);
    const list = leadingItems(at, end);
    if (list != 0) {
      this.enter(list, END_UNKNOWN);
      return;
    }
    const tapes = batch.tapes;
    const tape = tapes.top;
    const behind = scan(at, at, end, tapes, Index.Event);
    if (behind == 0) {
      this.broken(batch, at, scanError, scanErrorAt);
      return;
    }
    this.at = behind;
    const root = changetype<Node>(tapes.address + tape);
    Head.read(at, root);
    const shape = Head.shape(this.inList());
    if (shape == Shape.Event) {
      this.event(batch, at, u32(behind - at), tape);
      return;
    }
    // `kind` behind `items`: the items were skipped as one span and are walked now.
    const items = shape == Shape.List ? Head.items() : null;
    const start = items ? at + items.start : 0;
    tapes.top = tape;
    if (start != 0) this.enter(start, behind);
    else if (shape == Shape.Foreign) this.faults.add(Fault.NotAudit, 0, this.position(at));
  }

  /** An element whose scan failed: delivers what stands before the fault, if that is an event. */
  private broken(batch: Batch, at: usize, error: ScanError, errorAt: usize): void {
    const inList = this.inList();
    this.goOnBehind(at, errorAt);
    if (error == ScanError.TooManyValues) {
      this.oversized(batch, at, this.at, Fault.TooManyValues, inList);
    } else {
      const rest = this.salvage.ofCut(at, this.at, this.faults.maxEventSize, batch.tapes, inList);
      this.settle(batch, rest, at, this.at, Fault.Invalid, error, this.position(errorAt));
    }
    this.giveUpIfHopeless(at);
  }

  /** An event that is whole, whose Head was read. */
  private event(batch: Batch, at: usize, length: u32, tape: u32): void {
    const tapes = batch.tapes;
    const isTooLarge = length > this.faults.maxEventSize;
    if (isTooLarge || hasTooManyValues(at, tapes, tape)) {
      tapes.top = tape;
      const fault = isTooLarge ? Fault.TooLarge : Fault.TooManyValues;
      this.oversized(batch, at, at + length, fault, this.inList());
      return;
    }
    Head.root = changetype<Node>(tapes.address + tape); // it may have moved
    if (this.window && Head.hasAuditId() && this.isDuplicate(at, length)) tapes.top = tape;
    else this.deliver(batch, at, length, tape, false);
  }

  private oversized(batch: Batch, at: usize, end: usize, fault: Fault, inList: bool): void {
    const rest = this.salvage.ofOversized(at, end, this.faults.maxEventSize, batch.tapes, inList);
    const size = fault == Fault.TooLarge ? u32(end - at) : 0;
    this.settle(batch, rest, at, end, fault, size, this.position(at));
  }

  /**
   * Delivers what was salvaged of the event from `at` to `end`, which has this fault, or notes that there is nothing
   * to deliver.
   */
  private settle(
    batch: Batch,
    rest: Rest,
    at: usize,
    end: usize,
    fault: Fault,
    detail: u32,
    position: u64,
  ): void {
    const salvage = this.salvage;
    batch.spend(salvage.work);
    if (rest == Rest.Event) {
      const tape = salvage.tape;
      // What came, not what is left of it, tells a duplicate: two events may have the same rest.
      if (this.isDuplicate(at, u32(end - at))) {
        batch.tapes.top = tape;
        return;
      }
      this.deliver(batch, salvage.text, salvage.length, tape, true);
      this.faults.salvaged(fault, detail, position);
    } else if (rest == Rest.WithoutId) {
      this.faults.add(Fault.WithoutId, fault == Fault.Invalid ? detail : ScanError.None, position);
    } else {
      this.faults.add(fault, detail, position);
    }
  }

  /** Delivers the event whose Head was read. */
  private deliver(batch: Batch, at: usize, length: u32, tape: u32, isCut: bool): void {
    let time = Head.time();
    if (time == NO_TIME) time = this.time;
    if (time == NO_TIME) {
      time = realtime();
      counters.add(Counter.WithoutTime, 1);
    } else {
      batch.noteTime(time);
    }
    Seen.observe(this.cluster, time, isCut);
    batch.add(at, length, time, tape, this.cluster);
    this.good++;
    counters.add(Counter.EventsReceived, 1);
  }

  /** Counts an event, which has an auditID, that was delivered before; it is good all the same. */
  private isDuplicate(at: usize, length: u32): bool {
    const window = this.window;
    if (!window || window.isNew(this.cluster, at, length)) return false;
    this.good++;
    counters.add(Counter.EventsReceived, 1);
    counters.add(Counter.EventsDeduplicated, 1);
    if (mayLog(Reason.Duplicate)) {
      const text = 'an event that came again was not delivered again';
      logLimited(Reason.Duplicate, Severity.Info, text + ' (dedupeWindow)');
    }
    return true;
  }

  /** Offset of an address in the file or body. */
  private position(at: usize): u64 {
    return this.offset + u64(at - this.start);
  }

  private refuse(error: ScanError, at: usize): void {
    this.faults.add(Fault.Invalid, error, this.position(at));
  }

  /** Goes on behind the broken element at `element`; out of the lists whose line it cuts. */
  private goOnBehind(element: usize, error: usize): void {
    const line = this.resync.lineOf(element);
    this.at = this.resync.behind(element, error, this.nesting > 0);
    if (this.at > line) {
      // A list over several lines goes on in the next one; a list on one line was cut with it.
      while (this.nesting > 0 && this.lineOfInnermost() >= element) this.nesting--;
    }
  }

  private lineOfInnermost(): usize {
    const level = this.nesting - 1;
    if (this.openedLine[level] == 0) this.openedLine[level] = lineEnd(this.opened[level], this.end);
    return this.openedLine[level];
  }

  private giveUpIfHopeless(at: usize): void {
    if (!this.resync.isHopeless) return;
    this.faults.add(Fault.Damaged, 0, this.position(at));
    this.at = this.end;
    this.nesting = 0;
  }
}
