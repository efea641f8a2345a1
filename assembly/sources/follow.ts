// SPDX-License-Identifier: Apache-2.0
// Files that grow (`file://`), read one after the other while followed.ts keeps track of what rotation does to
// them, and where each is noted in places.ts. A line without its line break waits until it is whole.
import * as host from '../host';
import { Batch } from '../audit/batch';
import { Config } from '../config/config';
import { Severity, log } from '../log';
import { Checkpoint } from '../state/checkpoint';
import { survivor } from '../survivor';
import { tellWaiting } from './follow_messages';
import { Followed } from './followed';
import { shownPath } from './input';
import { LineSource } from './line_source';
import { MAX_BLOB, Mark, places } from './places';
import { Poll } from './source';
import { Survey } from './survey';
import { Tail } from './tail';

/** Between two looks that nothing has asked for, and between two lists of the folder: nanoseconds. */
const LOOK_INTERVAL: i64 = 1_000_000_000;
const LIST_INTERVAL: i64 = 10_000_000_000;
/** After which a file that was not under its path is tried again. */
const RACE_PATIENCE: i64 = 50_000_000;
/** Reads after which another file has its turn. */
const TURN: i32 = 16;
const ENOENT = -2;
const ESTALE = -116;

/**
 * Where it begins: after a trap or with a checkpoint, exactly where it was; files that have come since are read from
 * their start. Without either, `fromStart` decides for the files that are there; those that come later are read from
 * their start in any case.
 */
export class Follow extends LineSource {
  /** Why it cannot be opened, or an empty string. */
  problem: string = '';
  private followed: Followed;
  private current: Tail | null = null;
  private turns: i32 = 0;
  /** Where the turn began: the offset of its first payload. */
  private turnFrom: u64 = 0;
  private watch: i32 = 0; // 0 or negative: none
  private isListDue: bool = true;
  private nextLook: i64 = 0;
  private nextList: i64 = 0;
  private blob: usize = heap.alloc(MAX_BLOB);

  constructor(
    private survey: Survey,
    fromStart: bool,
    private checkpoint: Checkpoint | null,
    /** What the checkpoint belongs to. */
    private owner: u64,
    config: Config,
  ) {
    super(config);
    this.followed = new Followed(survey, fromStart);
    this.setName(shownPath(survey.path));
    const isKnown = this.openCheckpoint() || survivor.open != 0;
    this.followed.isFirst = !isKnown;
    if (this.problem == '') this.begin();
    // What is rotated away before the first batch must be known, too.
    if (this.problem == '' && !isKnown) this.ack();
  }

  private begin(): void {
    this.watch = host.watchOpen();
    this.look();
    if (survivor.open != 0) return this.resume();
    if (this.survey.isSingle && !this.survey.isThere) tellWaiting(this.survey.path);
    // So that what comes first need not wait for a change of files.
    const first = this.followed.first();
    if (first) this.goTo(first);
  }

  /** Opens the checkpoint and takes the places from it; false when there are none in it. */
  private openCheckpoint(): bool {
    const checkpoint = this.checkpoint;
    if (!checkpoint) return false;
    // After a trap the survivor region knows better; a file that cannot be had is tried for again by `save`.
    const length = checkpoint.open() ? checkpoint.load(this.blob) : -1;
    if (survivor.open != 0) return true;
    if (length < 0) this.problem = checkpoint.problem;
    else if (length >= 8 && load<u64>(this.blob) != this.owner) this.problem = 'it belongs to another path';
    if (this.problem != '' || length < 8) return false;
    places.unpack(this.blob, length);
    return true;
  }

  /** Goes on after a trap, in the file that was being read. */
  private resume(): void {
    const tail = this.followed.tailAt(survivor.first, survivor.second);
    // Not when its content is another one by now: it has begun anew then.
    if (!tail || tail.isChanged || tail.place.offset != survivor.position) return;
    if (tail.place.has(Mark.Done) || this.enter(tail) < 0) return;
    const result = this.goOn();
    if (result < 0) this.leave(tail, result);
  }

  poll(batch: Batch, patience: i32): Poll {
    this.lookAround();
    this.read(batch);
    if (batch.count == 0 && !batch.isFull() && patience > 0) {
      host.wait(patience);
      this.lookAround();
      this.read(batch);
    }
    return Poll.Open;
  }

  // --- looking ---

  /** Finds out what has changed, if it is time. Nothing of the current file is in the batch then. */
  private lookAround(): void {
    if (!this.payload.isDone()) return;
    const now = host.monotonic();
    const isSignalled = this.watch > 0 ? host.watchTake(this.watch) == 1 : true;
    if (!isSignalled && !this.isListDue && !this.followed.isLookDue && now < this.nextLook) return;
    this.nextLook = now + LOOK_INTERVAL;
    const isListDue =
      this.isListDue || this.followed.isLookDue || now >= this.nextList || this.survey.isChanged();
    if (this.followed.glance() || isListDue) this.look();
  }

  private look(): void {
    this.isListDue = false;
    this.nextList = host.monotonic() + LIST_INTERVAL;
    const checkpoint = this.checkpoint;
    if (checkpoint) {
      this.survey.excludedDevice = checkpoint.file.device;
      this.survey.excludedInode = checkpoint.file.inode;
    }
    this.followed.look(this.current);
    // A file that was found changed is dealt with now that all copies of its old content are there to be found.
    if (this.followed.isLookDue) this.followed.look(this.current);
    if (this.watch <= 0) return;
    const folders = this.survey.folders;
    for (let i = 0; i < folders.length; i++) {
      const path = folders[i].encoded;
      const result = host.watchAdd(this.watch, changetype<usize>(path), path.byteLength);
      if (result >= 0 || result == ENOENT) continue;
      // Without room for a watch, looking from time to time does as well.
      host.watchClose(this.watch);
      this.watch = 0;
      return;
    }
  }

  // --- reading ---

  private read(batch: Batch): void {
    while (!batch.isFull()) {
      if (this.fillFromLine(batch)) continue;
      if (this.current != null && this.lines.next()) this.beginLine();
      else if (!this.readOn(batch)) return;
    }
  }

  /** Reads what is there; false when there is nothing to do now. */
  private readOn(batch: Batch): bool {
    const tail = this.current;
    if (!tail) return this.goToNext(batch);
    if (this.lines.skipUnreadable()) {
      batch.end();
      return true;
    }
    if (tail.isChanged) return this.leaveContent(tail, batch);
    if (batch.count == 0 && this.isTurnOver(tail)) return this.goToNext(batch);
    const from = this.lines.end();
    const count = this.lines.fill();
    if (count < 0) return this.failToRead(tail, count, batch);
    if (count > 0) return this.take(tail, from, count, batch);
    if (!tail.isPacked) {
      tail.readTo = this.lines.end();
      tail.size = min(tail.size, tail.readTo);
    }
    if (batch.count > 0) {
      // What the batch holds of this file is handed over first; the next poll comes here again.
      batch.end();
      return true;
    }
    return tail.isFinal ? this.finish(tail, batch) : this.goToNext(batch);
  }

  /** Takes the `count` bytes that were read from `from` on, if they are of the content that was read so far. */
  private take(tail: Tail, from: u64, count: u32, batch: Batch): bool {
    const data = this.lines.lastBytes(count);
    const verdict = tail.isPacked ? 1 : this.followed.isSame(tail, data, from, count);
    if (verdict == 1) {
      tail.readTo = this.lines.end();
      batch.spend(count);
      return true;
    }
    this.lines.unread(count);
    if (verdict < 0) {
      this.lines.input.skipTo(from);
      return this.failToRead(tail, verdict, batch);
    }
    this.followed.setChanged(tail);
    batch.end();
    return true;
  }

  /** Whether a file that always has more must let another one have its turn. */
  private isTurnOver(tail: Tail): bool {
    // A line that is longer than a turn would otherwise be begun again and again.
    if (++this.turns < TURN || tail.isFinal || tail.place.offset == this.turnFrom) return false;
    this.turns = 0;
    return this.followed.choose(tail) != null;
  }

  private failToRead(tail: Tail, error: i32, batch: Batch): bool {
    if (batch.count > 0) {
      batch.end();
      return true;
    }
    this.leave(tail, error);
    return this.goToNext(batch);
  }

  /** Lets go of a file that cannot be read now. */
  private leave(tail: Tail, error: i32): void {
    this.drop();
    // A handle that the file system has given up must be had anew; any other one keeps hold of the file.
    if (error == ESTALE) this.followed.close(tail);
    this.followed.fail(tail, 'read', error);
  }

  /** The file is at its end for good: a last line without a break is whole now. */
  private finish(tail: Tail, batch: Batch): bool {
    if (this.lines.takeRest()) {
      this.beginLine();
      return true;
    }
    if (this.lines.input.isCutOff) this.noteCut(tail);
    this.drop();
    this.followed.finish(tail);
    return this.goToNext(batch);
  }

  private noteCut(tail: Tail): void {
    const text = 'the gzip data of ' + shownPath(tail.path) + ' breaks off; what came before is delivered';
    log(Severity.Warning, text);
  }

  /** The file's content is another one; every whole line that was read of the old one was handed over. */
  private leaveContent(tail: Tail, batch: Batch): bool {
    if (batch.count > 0) {
      batch.end();
      return true;
    }
    if (!this.followed.canLeaveContent(tail)) {
      this.isListDue = true;
      return false;
    }
    const isElsewhere = this.followed.handToCopy(tail.place) || this.followed.isContinued(tail.place);
    if (!isElsewhere && this.lines.takeRest()) {
      // The line without a break was truncated away with the rest: no more of it will come.
      this.beginLine();
      return true;
    }
    this.drop();
    this.followed.restart(tail);
    this.isListDue = true;
    return this.goToNext(batch);
  }

  /** Goes to the next file with news; false when there is none. */
  private goToNext(batch: Batch): bool {
    for (
      let next = this.followed.choose(this.current);
      next != null;
      next = this.followed.choose(this.current)
    ) {
      const result = this.goTo(next);
      if (result == 0) {
        batch.end();
        return true;
      }
      if (result == ENOENT) {
        // It was renamed or removed since the last look; the others need not wait for the next.
        next.retryAt = host.monotonic() + RACE_PATIENCE;
        this.isListDue = true;
      }
    }
    return false;
  }

  /** Begins to read a file at its place; 0 or -errno. */
  private goTo(tail: Tail): i32 {
    this.drop();
    let result = this.enter(tail);
    if (result < 0) return result;
    const offset = tail.place.offset;
    this.lines.begin(offset, tail.place.has(Mark.Skipping));
    result = this.lines.input.skipTo(offset);
    if (result < 0) this.leave(tail, result);
    return result;
  }

  /** Makes a tail the current one; 0 or -errno. */
  private enter(tail: Tail): i32 {
    let result = this.followed.open(tail);
    if (result == 0) result = this.lines.input.adopt(tail.file, !tail.isPacked);
    if (result < 0) {
      if (result != ENOENT) this.followed.fail(tail, tail.file == 0 ? 'open' : 'read', result);
      return result;
    }
    tail.place.unmark(Mark.Done);
    this.current = tail;
    this.followed.pinned = tail;
    this.turns = 0;
    this.turnFrom = tail.place.offset;
    this.setName(shownPath(tail.path));
    return 0;
  }

  /** Lets go of the current file's bytes; it stays open. What was not handed over is read again. */
  private drop(): void {
    this.lines.input.release();
    this.lines.begin(0);
    this.forgetTrap();
    this.current = null;
    this.followed.pinned = null;
  }

  // --- noting ---

  handOver(): void {
    const tail = this.current;
    this.noteLine(tail ? tail.place.device : 0, tail ? tail.place.inode : 0);
    if (!tail) return;
    tail.place.offset = survivor.position;
    if (survivor.skipping != 0) tail.place.mark(Mark.Skipping);
    else tail.place.unmark(Mark.Skipping);
  }

  ack(): void {
    const checkpoint = this.checkpoint;
    if (!checkpoint) return;
    checkpoint.save(this.blob, places.pack(this.owner, this.blob));
  }

  /** Does not acknowledge: Falco may end in the middle of a batch. */
  close(): void {
    this.drop();
    this.lines.close();
    this.followed.free();
    if (this.watch > 0) host.watchClose(this.watch);
    const checkpoint = this.checkpoint;
    if (checkpoint) checkpoint.free();
    heap.free(this.blob);
  }
}
