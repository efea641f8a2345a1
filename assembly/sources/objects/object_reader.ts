// SPDX-License-Identifier: Apache-2.0
// Reads the audit events of an object of S3: JSON Lines, or what CloudWatch Logs sends for a subscription; plain, gzip, or
// gzip in gzip.
//
// How far it is stands in the survivor region: the object (first), its content (second), the offset of the line or
// document (position), which format, how many messages of the document are done and whether it is in a line that is dropped
// (skipping), and how much of the line or message was handed over (within …). The same numbers in a checkpoint let a new
// process go on.
import { Batch } from '../../audit/batch';
import { Window } from '../../audit/dedupe';
import { Payload } from '../../audit/payload';
import { S3, objectName } from '../../cloud/aws/s3';
import { Config } from '../../config/config';
import { DEDUPE_WINDOW, MAX_EVENT_SIZE, WEBHOOK_MAX_BATCH_SIZE } from '../../config/schema';
import { Counter, counters } from '../../counters';
import { Reason, Severity, countText, logLimited, mayLog } from '../../log';
import { survivor } from '../../survivor';
import { Lines } from '../lines';
import { Read } from '../reader';
import { ClusterNames } from './cluster_names';
import { Delivery } from './delivery';
import { Documents } from './documents';
import { Gunzip } from './gunzip';
import { ObjectStream, Trouble } from './object_stream';
import { Peeked } from './peeked';

/** How the events stand in an object. */
const enum Format {
  /** Not known yet. */
  None = 0,
  Lines = 1,
  Deliveries = 2,
}

/** What has become of an object. */
export const enum Fate {
  /** There is, or may come, more. */
  Open = 0,
  /** It was read to its end. */
  Done = 1,
  /** It is damaged; what is good in it was read. See `problem`. */
  Damaged = 2,
  /** It cannot be had, now or at all: see `stream`. */
  Trouble = 3,
}

// What stands in `survivor.skipping`.
const FORMAT: u64 = 0xff;
const SKIPPING: u64 = 0x100;
const INDEX_SHIFT: u64 = 32;

/** Times that an object may change while it is read. */
const MAX_CHANGES: i32 = 3;

export class ObjectReader {
  readonly stream: ObjectStream;
  /** Whether an object was begun and is not done. */
  isActive: bool = false;
  /** Which object it is; not 0. */
  identity: u64 = 0;
  /** Why the object is damaged. */
  problem: string = '';

  private outer: Gunzip;
  private inner: Gunzip;
  private text: Peeked;
  private lines: Lines;
  private documents: Documents;
  private delivery: Delivery = new Delivery();
  private payload: Payload = new Payload();
  private window: Window;
  private format: Format = Format.None;
  private name: string = '';
  // Whether the reader is at or behind the place that is noted: what is noted may be noted anew.
  private isPlaced: bool = false;
  private isOpened: bool = false; // the object's head was looked at
  private hasEnded: bool = false; // all of the text has come
  private inDocument: bool = false; // messages of a document are being read
  private index: u32 = 0; // messages of the document that were begun
  private toSkip: u32 = 0; // of them, those that were handed over before
  private isPart: bool = false; // the next payload was handed over in part
  private trapped: u64 = 0;
  private good: u64 = 0; // events
  private faults: u64 = 0; // elements that are none
  private changes: i32 = 0;

  constructor(
    s3: S3,
    private clusters: ClusterNames,
    config: Config,
  ) {
    const stream = new ObjectStream(s3);
    const outer = new Gunzip(stream);
    const inner = new Gunzip(outer);
    const text = new Peeked(inner);
    const window = new Window(config.integer(DEDUPE_WINDOW));
    this.stream = stream;
    this.outer = outer;
    this.inner = inner;
    this.text = text;
    this.lines = new Lines(config.integer(WEBHOOK_MAX_BATCH_SIZE));
    this.documents = new Documents(text);
    this.window = window;
    this.lines.reader = text;
    this.payload.window = window;
    this.payload.faults.maxEventSize = config.integer(MAX_EVENT_SIZE);
  }

  /**
   * Begins an object; where the survivor region says that it was handed over in part, behind that part. `trapped` as in
   * survivor.ts.
   */
  begin(identity: u64, bucket: string, key: string, trapped: u64): void {
    this.isActive = true;
    this.identity = identity;
    this.name = objectName(bucket, key);
    this.lines.name = this.name;
    this.documents.name = this.name;
    this.payload.faults.origin = this.name;
    this.trapped = trapped;
    this.changes = 0;
    this.stream.begin(bucket, key);
    this.restart(survivor.first == identity && (survivor.skipping & FORMAT) != 0);
    // So that what a trap is about is known to be of this object.
    if (this.isPlaced) this.noteStart();
  }

  private noteStart(): void {
    survivor.first = this.identity;
    survivor.second = 0;
    survivor.position = 0;
    survivor.within = 0;
    survivor.skipping = 0;
  }

  private restart(isPart: bool): void {
    this.isOpened = false;
    this.isPlaced = !isPart;
    this.hasEnded = false;
    this.inDocument = false;
    this.format = Format.None;
    this.index = 0;
    this.toSkip = 0;
    this.isPart = false;
    this.good = 0;
    this.faults = 0;
    this.problem = '';
    this.payload.begin(0, 0);
    this.outer.begin();
    this.inner.begin();
  }

  /** Puts events into the batch, until it is full or there is nothing to be had now. */
  fill(batch: Batch): Fate {
    while (!batch.isFull()) {
      if (!this.payload.isDone()) {
        this.payload.fill(batch);
        if (this.payload.isDone()) this.count();
      } else if (this.format == Format.None) {
        const result = this.look(batch);
        if (result != Fate.Open) return result;
        if (this.format == Format.None) return Fate.Open;
      } else if (!this.next(batch)) {
        if (this.documents.isHopeless) return this.finish('there is too much damage in it');
        if (this.hasEnded) return this.finish(this.problem);
        const count = this.more(batch);
        const result = count > 0 ? Fate.Open : this.judge(count);
        if (result != Fate.Open || count == Read.Nothing || count == Read.Failed) return result;
      }
    }
    return Fate.Open;
  }

  /** Adds what became of a payload. */
  private count(): void {
    this.good += this.payload.good;
    this.faults += this.payload.faults.count;
  }

  /** Reads the start of the text, and with it what the format is. */
  private look(batch: Batch): Fate {
    const opened = this.stream.open();
    if (opened != Read.End) return this.judge(opened);
    if (!this.isOpened) this.opened();
    while (!batch.isFull()) {
      const result = this.text.look();
      if (result > 0) batch.spend(result);
      else if (result == Read.End) return this.start();
      else return this.judge(result);
    }
    return Fate.Open;
  }

  /** The object's head is there: is it the content that was handed over in part? */
  private opened(): void {
    this.isOpened = true;
    if (!this.isPlaced && survivor.second != 0 && survivor.second != this.stream.contentHash) {
      this.tellChange();
      this.isPlaced = true;
    }
    this.text.begin(this.isPlaced ? 0 : survivor.position);
  }

  private tellChange(): void {
    if (!mayLog(Reason.Object)) return;
    const text = this.name + ' has another content than when it was read in part; reading it from its start';
    logLimited(Reason.Object, Severity.Warning, text);
  }

  private start(): Fate {
    const text = this.text;
    if (this.isPlaced) {
      const isDelivery = text.length > 0 && Delivery.isAt(text.address, text.address + text.length);
      this.format = isDelivery ? Format.Deliveries : Format.Lines;
      this.lines.begin(0);
      this.documents.begin(0, this.trapped);
    } else {
      this.restore();
    }
    this.lines.dropUnreadable(this.trapped);
    this.isPlaced = true;
    return Fate.Open;
  }

  /** Goes on where the survivor region says. */
  private restore(): void {
    const flags = survivor.skipping;
    this.format = (flags & FORMAT) == u64(Format.Deliveries) ? Format.Deliveries : Format.Lines;
    this.toSkip = u32(flags >> INDEX_SHIFT);
    this.isPart = survivor.within != 0;
    this.lines.begin(survivor.position, (flags & SKIPPING) != 0);
    this.documents.begin(survivor.position, this.trapped);
  }

  /** Makes the next line or message the payload, if it is there. */
  private next(batch: Batch): bool {
    if (this.format == Format.Deliveries) return this.nextMessage(batch);
    const lines = this.lines;
    if (!lines.next() && (lines.skipUnreadable() || !this.hasEnded || !lines.takeRest())) return false;
    this.payload.cluster = this.clusters.numberOf(0, 0);
    this.beginPayload(lines.offset, lines.line, lines.length);
    return true;
  }

  private beginPayload(offset: u64, start: usize, length: u32): void {
    const payload = this.payload;
    payload.offset = offset;
    payload.begin(start, length);
    payload.dropTrapped(this.trapped);
    if (this.isPart) payload.restore();
    this.isPart = false;
  }

  private nextMessage(batch: Batch): bool {
    while (!batch.isFull()) {
      if (!this.inDocument && !this.nextDocument()) return false;
      const delivery = this.delivery;
      if (!delivery.nextMessage()) {
        this.endDocument(batch);
        continue;
      }
      if (this.index++ < this.toSkip) continue;
      batch.spend(delivery.length);
      if (delivery.length == 0) {
        this.faults++;
        counters.drop(Counter.DroppedNotAudit);
        continue;
      }
      this.beginPayload(this.documents.offset + delivery.at, delivery.message, delivery.length);
      return true;
    }
    // The batch is full: the caller sees that.
    return true;
  }

  private nextDocument(): bool {
    const documents = this.documents;
    if (documents.isHopeless) return false;
    if (!documents.next() && !(this.hasEnded && documents.takeRest())) return false;
    this.inDocument = true;
    this.index = 0;
    const delivery = this.delivery;
    delivery.begin(documents.start, documents.length);
    this.payload.cluster = this.clusters.numberOf(delivery.group, delivery.groupLength);
    const isOther =
      this.clusters.isEks &&
      delivery.groupLength != 0 &&
      !ClusterNames.isAuditStream(delivery.stream, delivery.streamLength);
    if (isOther || delivery.isControl) delivery.skip();
    return true;
  }

  private endDocument(batch: Batch): void {
    this.inDocument = false;
    this.index = 0;
    this.toSkip = 0;
    this.isPart = false;
    const documents = this.documents;
    batch.spend(documents.length);
    if (!this.delivery.isDamaged) return;
    this.faults++;
    counters.drop(Counter.DroppedInvalid);
    documents.goBack();
    if (!mayLog(Reason.Invalid)) return;
    const what = documents.isWhole ? 'is damaged' : 'breaks off';
    const text = 'the document at byte ' + documents.offset.toString() + ' of ' + this.name + ' ' + what;
    logLimited(Reason.Invalid, Severity.Warning, text + '; its events before that place are kept');
  }

  /** Reads more of the text; the count, or a Read. */
  private more(batch: Batch): i32 {
    const count = this.format == Format.Deliveries ? this.documents.fill() : this.lines.fill();
    if (count > 0) batch.spend(count);
    return count;
  }

  /** What is to be done when there is no byte. */
  private judge(result: i32): Fate {
    if (result == Read.Nothing) return Fate.Open;
    if (result == Read.Failed) return this.failed();
    if (result == Read.Damaged) this.problem = 'its gzip data is damaged, or breaks off';
    // What came before the damage is read first.
    if (this.format == Format.None) return this.start();
    this.hasEnded = true;
    return Fate.Open;
  }

  private failed(): Fate {
    if (this.stream.trouble != Trouble.Changed || ++this.changes > MAX_CHANGES) return Fate.Trouble;
    this.tellChange();
    this.stream.restart();
    this.restart(false);
    return Fate.Open;
  }

  private finish(problem: string): Fate {
    this.isActive = false;
    this.close();
    if (problem == '' && this.good == 0 && this.faults > 0) {
      countText();
      this.problem = 'there is no audit event in it';
    } else {
      this.problem = problem;
    }
    return this.problem == '' ? Fate.Done : Fate.Damaged;
  }

  /** Notes in the survivor region how far the object was handed over. */
  note(): void {
    if (!this.isActive || !this.isPlaced || this.format == Format.None) return;
    survivor.second = this.stream.contentHash;
    const isDone = this.payload.isDone();
    if (!isDone) this.payload.save();
    else if (!this.isPart) survivor.within = 0;
    let flags = u64(this.format);
    if (this.format == Format.Deliveries) {
      survivor.position = this.inDocument ? this.documents.offset : this.documents.position();
      flags |= u64(this.messagesDone(isDone)) << INDEX_SHIFT;
    } else {
      survivor.position = isDone ? this.lines.position() : this.payload.offset;
      if (this.lines.isSkipping()) flags |= SKIPPING;
    }
    survivor.skipping = flags;
  }

  /** Of the document at the place that is noted: a message that was handed over in part is begun again. */
  private messagesDone(isDone: bool): u32 {
    return this.inDocument ? max(this.index, this.toSkip) - u32(!isDone) : this.toSkip;
  }

  /** Lets the object go, wherever it is. */
  abandon(): void {
    this.isActive = false;
    this.close();
  }

  close(): void {
    this.stream.close();
    this.outer.close();
    this.inner.close();
  }

  free(): void {
    this.close();
    this.stream.free();
    this.outer.free();
    this.inner.free();
    this.text.free();
    this.lines.close();
    this.documents.free();
    this.delivery.free();
    this.window.free();
  }
}
