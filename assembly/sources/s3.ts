// SPDX-License-Identifier: Apache-2.0
// The objects of a bucket, in the order of their keys (`s3://BUCKET/PREFIX`). How far Falco has come is kept as a
// journal (objects/journal.ts); the bucket is only read.
import { Batch } from '../audit/batch';
import { S3, objectName } from '../cloud/aws/s3';
import { Progress } from '../cloud/progress';
import { Config } from '../config/config';
import { POLLING_INTERVAL } from '../config/schema';
import { Counter, counters } from '../counters';
import { Reason, Severity, countText, log, logLimited, mayLog } from '../log';
import { hashOfText } from '../state/hash';
import { survivor } from '../survivor';
import { CloudSource } from './cloud_source';
import { ClusterNames } from './objects/cluster_names';
import {
  JOURNAL_SIZE,
  isJournalNewer,
  journalAddress,
  readJournal,
  writeJournal,
  writePlace,
} from './objects/journal';
import { Ledger } from './objects/ledger';
import { Fate, ObjectReader } from './objects/object_reader';
import { Trouble } from './objects/object_stream';
import { Listed, S3Listing } from './s3_listing';

/** Times that an object is asked for when access to it is denied and others could be read. */
const MAX_DENIED: i32 = 5;
/** Objects behind each other that are set aside because access was denied; then it is a matter of all. */
const MAX_DENIED_IN_ROW: i32 = 3;

/** Where reading begins when nothing was kept. */
export class S3Start {
  constructor(
    /** Behind this key; or empty, and: */
    public after: string,
    /** what is there now counts as read. */
    public isNow: bool,
  ) {}
}

export class S3Source extends CloudSource {
  private owner: u64;
  private clusters: ClusterNames;
  private reader: ObjectReader;
  private listing: S3Listing;
  private ledger: Ledger = new Ledger();
  private epoch: u32 = 0;
  private isAfterTrap: bool;
  /** The object that a trap was about. */
  private trappedIn: u64 = 0;
  /** The next key of the page. */
  private at: i32 = 0;
  /** What is there counts as read: the first listing, before its end. */
  private isSurveying: bool = false;
  /** The object that was handed over in part, and comes before any other; 0: none. */
  private sought: u64 = 0;
  private isLedgerNew: bool = false;
  /** The object is done, and its last events are in the batch. */
  private isFinished: bool = false;
  /** Whether the object before could be read: then access is not denied to all. */
  private hasRead: bool = false;
  private denied: i32 = 0;
  private deniedInRow: i32 = 0;

  constructor(
    s3: S3,
    private bucket: string,
    private prefix: string,
    private start: S3Start,
    cluster: string,
    private kept: Progress,
    config: Config,
  ) {
    super();
    const clusters = new ClusterNames(cluster);
    this.owner = hashOfText(bucket + '/' + prefix);
    this.clusters = clusters;
    this.reader = new ObjectReader(s3, clusters, config);
    this.listing = new S3Listing(s3, bucket, prefix, config.integer(POLLING_INTERVAL));
    this.isAfterTrap = survivor.open != 0;
    if (this.isAfterTrap) this.trappedIn = survivor.first;
  }

  protected work(batch: Batch): void {
    this.kept.turn();
    if (this.kept.epoch != this.epoch) this.begin();
    if (this.epoch == 0) return;
    while (!batch.isFull() && this.step(batch));
  }

  /** Begins anew from what was kept. */
  private begin(): void {
    this.epoch = this.kept.epoch;
    this.reader.abandon();
    this.listing.restart();
    this.at = 0;
    this.isSurveying = false;
    if (this.epoch == 0) return;
    const kept = this.kept;
    // After a trap, what was handed over before it is newer than what was kept, unless another replica has gone on.
    const isAtHand = this.isAfterTrap && isJournalNewer(kept.address, kept.length);
    const isKept =
      (isAtHand && readJournal(journalAddress(), this.owner, this.ledger)) ||
      (kept.length == JOURNAL_SIZE && readJournal(kept.address, this.owner, this.ledger));
    this.isAfterTrap = false;
    if (!isKept) this.beginFresh();
    this.sought = survivor.first;
    this.isLedgerNew = true;
  }

  private beginFresh(): void {
    survivor.first = 0;
    this.ledger.clear();
    this.ledger.after = this.start.after;
    this.isSurveying = this.start.isNow && this.start.after == '';
    const what = objectName(this.bucket, this.prefix);
    const from = this.isSurveying
      ? 'what comes from now on'
      : this.start.after == ''
        ? 'all that is there'
        : 'what comes behind the key that was given';
    log(Severity.Info, 'reading ' + what + ' for the first time: ' + from);
  }

  /** Does the next thing; false when there is nothing to do now. */
  private step(batch: Batch): bool {
    if (this.reader.isActive) return this.readObject(batch);
    if (this.nextObject()) return true;
    switch (this.listing.turn(this.ledger.after)) {
      case Listed.Begun:
        this.ledger.rewind();
        return true;
      case Listed.Page:
        this.at = 0;
        return true;
      case Listed.Ended:
        this.endListing();
        return true;
      default:
        return false;
    }
  }

  private endListing(): void {
    this.ledger.end();
    this.at = 0;
    this.isLedgerNew = true;
    if (this.sought != 0) {
      log(
        Severity.Warning,
        'an object of ' + objectName(this.bucket, this.prefix) + ' was read in part and is gone',
      );
      this.seekNoMore();
    }
    if (!this.isSurveying) return;
    this.isSurveying = false;
    this.note();
  }

  /** What was sought is read, or gone: the listing begins anew, for what it has passed over. */
  private seekNoMore(): void {
    this.sought = 0;
    survivor.first = 0;
    this.listing.restart();
    this.at = 0;
  }

  /** Begins the next object of the page that is to be read; false when there is none. */
  private nextObject(): bool {
    const page = this.listing.page;
    for (; this.at < page.keys.length; this.at++) {
      const key = page.keys[this.at];
      if (this.ledger.isDone(key)) continue;
      if (this.isSurveying || page.sizes[this.at] == 0) {
        if (this.sought == 0) this.ledger.add(key, true);
        this.isLedgerNew = true;
        continue;
      }
      const identity = max<u64>(hashOfText(this.bucket + '/' + key), 1);
      if (this.sought != 0 && identity != this.sought) continue;
      countText();
      this.denied = 0;
      const trapped = identity == this.trappedIn ? survivor.trapped : 0;
      this.reader.begin(identity, this.bucket, key, trapped);
      return true;
    }
    return false;
  }

  private readObject(batch: Batch): bool {
    switch (this.reader.fill(batch)) {
      case Fate.Done:
        counters.add(Counter.ObjectsRead, 1);
        this.hasRead = true;
        this.deniedInRow = 0;
        this.finish(batch);
        return true;
      case Fate.Damaged:
        this.setAside(batch, this.reader.problem + '; what is good in it was read');
        return true;
      case Fate.Trouble:
        return this.face(batch, this.reader.stream.trouble);
      default:
        return false;
    }
  }

  /** The object cannot be had: sets it aside, or asks again later when it is not its own fault. */
  private face(batch: Batch, trouble: Trouble): bool {
    const isOfAll = !this.hasRead || this.deniedInRow >= MAX_DENIED_IN_ROW;
    const isHeld = trouble == Trouble.Denied && (isOfAll || ++this.denied < MAX_DENIED);
    const problem = this.reader.stream.problem;
    if (isHeld || trouble == Trouble.Bucket) {
      this.tell('cannot read ', problem + '; trying again, nothing behind it is read before');
      this.reader.stream.retry();
      return false;
    }
    if (trouble == Trouble.Denied) this.deniedInRow++;
    this.setAside(batch, problem);
    return true;
  }

  private setAside(batch: Batch, why: string): void {
    counters.add(Counter.ObjectsSetAside, 1);
    this.tell('set aside, and not to be read again: ', why);
    this.finish(batch);
  }

  private tell(what: string, why: string): void {
    counters.add(Counter.SourceErrors, 1);
    if (!mayLog(Reason.Object)) return;
    const name = objectName(this.bucket, this.listing.page.keys[this.at]);
    logLimited(Reason.Object, Severity.Error, what + name + ': ' + why);
  }

  /** The object is done with. What the batch holds of it is handed over before another is begun. */
  private finish(batch: Batch): void {
    this.reader.abandon();
    this.isFinished = true;
    if (batch.count > 0) batch.end();
    else this.note();
  }

  /** Notes how far the source is: for the time after a trap, and to be kept. */
  private note(): void {
    if (this.isFinished) {
      this.isFinished = false;
      this.isLedgerNew = true;
      this.ledger.add(this.listing.page.keys[this.at++], this.sought == 0);
      survivor.first = 0;
      if (this.sought != 0) this.seekNoMore();
    }
    this.reader.note();
    // A survey that was not ended is begun anew.
    if (this.epoch == 0 || this.isSurveying) return;
    if (this.isLedgerNew) writeJournal(this.owner, this.ledger);
    this.isLedgerNew = false;
    writePlace();
  }

  handOver(): void {
    this.note();
  }

  ack(): void {
    if (this.epoch != 0 && !this.isSurveying) this.kept.save(journalAddress(), JOURNAL_SIZE);
  }

  close(): void {
    this.kept.close();
    this.reader.free();
    this.listing.free();
    this.clusters.free();
  }
}
