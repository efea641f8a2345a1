// SPDX-License-Identifier: Apache-2.0
// The files behind a followed path: finds them, recognises them by inode and head, notices what rotation did.
//
// Rename and create: the file keeps its inode and so its place; it is read to its end under its new name. Copy and
// truncate: a file whose head is that of a place is a copy of its content, and no news; when the original turns out
// truncated, what the copy has behind the original's place is read from the copy. A file that neither inode nor head
// makes known is new content, and read from its start.
import * as host from '../host';
import { Counter, counters } from '../counters';
import { countText } from '../log';
import { hashOf } from '../state/hash';
import { survivor } from '../survivor';
import { complain, noteRotation, tellLost, tellMissing, tellTooMany } from './follow_messages';
import { isOlder } from './glob';
import { Head } from './head';
import { statPath } from './input';
import { OpenTails } from './open_tails';
import { HEAD_SIZE, MAX_PLACES, Mark, Place, places } from './places';
import { Found, Survey } from './survey';
import { Tail } from './tail';

/** Nanoseconds. */
const SECOND: i64 = 1_000_000_000;
/** After which gzip data that breaks off is taken as it is: nobody is writing it any more. */
const CUT_PATIENCE: i64 = 5 * SECOND;
/** For which a file that is gone from a folder is kept, in case that it is still written to. */
const MISSING_PATIENCE: i64 = 60 * SECOND;
/** For which a file that is gone, and not held open, is remembered. */
const GONE_PATIENCE: i64 = 2 * SECOND;
/** How often the folder is listed in one look while known files are missing in it. */
const LISTS: i32 = 3;
const ENOENT = -2;

export class Followed extends OpenTails {
  /** Whether a look is to come soon, whatever has changed. */
  isLookDue: bool = false;
  private lookNumber: u32 = 0;
  /** Whether the places tell nothing of what is there: it was there before anything was followed. */
  isFirst: bool = false;
  private head: Head = new Head();
  private now: i64 = 0;
  // gzip data that breaks off: its inode and size, and since when.
  private cutInode: u64 = 0;
  private cutSize: i64 = 0;
  private cutSince: i64 = 0;
  // Unknown files that cannot be read; until when they are let alone.
  private failed: Set<string> = new Set<string>();
  private failedUntil: i64 = 0;

  constructor(
    readonly survey: Survey,
    private fromStart: bool,
  ) {
    super();
  }

  /** Lists the folder and brings all tails up to date. `current` is being read: its place is not touched. */
  look(current: Tail | null): void {
    this.now = host.monotonic();
    const isFirst = this.isFirst;
    this.lookNumber++;
    this.isLookDue = false;
    if (this.now >= this.failedUntil) {
      this.failed.clear();
      this.failedUntil = this.now + SECOND;
    }
    let unknown = this.listAndMeet(current);
    for (let i = 1; i < LISTS && this.isMissing(); i++) unknown = this.listAndMeet(current);
    if (this.survey.error < 0) complain('list', this.survey.errorPath, this.survey.error);
    if (this.survey.isTooMany) tellTooMany(this.survey.path);
    this.checkMissing();
    // At first the newest are the ones that matter if there are too many.
    if (isFirst) unknown.reverse();
    for (let i = 0; i < unknown.length; i++) this.classify(unknown[i]);
    this.isFirst = false;
    this.settle(current);
    this.count();
  }

  /** Lists the folder and brings the known files up to date; gives the others. */
  private listAndMeet(current: Tail | null): Found[] {
    this.survey.list();
    for (let i = 0; i < this.tails.length; i++) this.tails[i].isSeen = false;
    const found = this.survey.found;
    const unknown: Found[] = [];
    for (let i = 0; i < found.length; i++) {
      const index = places.find(found[i].device, found[i].inode);
      if (index < 0 || !this.meet(found[i], places.at(index), current)) unknown.push(found[i]);
    }
    return unknown;
  }

  /** Whether a list lacks what should be there. A file that is renamed meanwhile may be missing in it. */
  private isMissing(): bool {
    for (let i = 0; i < MAX_PLACES; i++) {
      const place = places.at(i);
      if (place.marks == 0) continue;
      const tail = this.tailOf(place);
      if (tail == null || (!tail.isSeen && tail.file == 0)) return true;
    }
    return false;
  }

  /** Notes that a file's content is another one now. */
  setChanged(tail: Tail): void {
    if (tail.isChanged) return;
    tail.isChanged = true;
    tail.changedIn = this.lookNumber;
    this.isLookDue = true;
  }

  /** Whether a copy of the changed content would be known: a look has begun since the change was found out. */
  canLeaveContent(tail: Tail): bool {
    return tail.changedIn < this.lookNumber;
  }

  /** Brings sizes up to date without listing; true when a path has another file now. */
  glance(): bool {
    for (let i = 0; i < this.tails.length; i++) {
      const tail = this.tails[i];
      if (tail.place.isOver) continue;
      if (statPath(tail.encoded, this.stat) < 0 || !this.isStatOf(tail.place)) return true;
      if (this.stat.size < tail.readTo) return true;
      tail.size = this.stat.size;
    }
    return false;
  }

  private count(): void {
    let count = 0;
    for (let i = 0; i < this.tails.length; i++) {
      if (!this.tails[i].place.isOver) count++;
    }
    counters.set(Counter.FilesFollowed, count);
  }

  /** What is to be read next: the oldest file with news, but `except`, the one that had its turn. */
  choose(except: Tail | null): Tail | null {
    const now = host.monotonic();
    let best: Tail | null = null;
    for (let i = 0; i < this.tails.length; i++) {
      const tail = this.tails[i];
      if (tail === except || now < tail.retryAt || !tail.hasNews()) continue;
      if (best == null || isBefore(tail, best)) best = tail;
    }
    return best;
  }

  /** What is to be read first: a file with news, else any that may get some. */
  first(): Tail | null {
    const best = this.choose(null);
    for (let i = 0; i < this.tails.length && best == null; i++) {
      const tail = this.tails[i];
      if (!tail.place.isOver && tail.retryAt == 0) return tail;
    }
    return best;
  }

  private tailOf(place: Place): Tail | null {
    for (let i = 0; i < this.tails.length; i++) if (this.tails[i].place === place) return this.tails[i];
    return null;
  }

  tailAt(device: u64, inode: u64): Tail | null {
    const index = places.find(device, inode);
    return index < 0 ? null : this.tailOf(places.at(index));
  }

  // --- recognising ---

  /** A file with a known inode is there. False when it is another file that has got this inode. */
  private meet(found: Found, place: Place, current: Tail | null): bool {
    let tail = this.tailOf(place);
    if (tail == null) tail = this.newTail(place, found);
    if (tail.file == 0 && found.size > 0 && place.offset == 0 && !place.has(Mark.Telling)) {
      // The inode alone says nothing: another file may have it by now. Nothing of this one was handed over.
      this.forget(tail);
      return false;
    }
    tail.isSeen = true;
    tail.missingSince = 0;
    tail.rename(found.path);
    if (tail.isChecked && tail.size == found.size && tail.modified == found.modified) return true;
    if (this.now < tail.retryAt) return true;
    const known = place.head;
    const verdict = this.check(tail, found.isPacked);
    if (verdict < 0) {
      if (verdict != ENOENT) this.fail(tail, tail.file == 0 ? 'open' : 'read', verdict);
      return true;
    }
    const isSame = verdict == 1 && (tail.isPacked || found.size >= tail.readTo);
    // Only under its own path is a file truncated; otherwise the inode belongs to another file now.
    const isOther = tail.file == 0 && (found.path != found.origin || found.isPacked);
    const isOver = place.isOver || tail.isPacked || isOther;
    if (!isSame && isOver && tail !== current) {
      this.detach(tail);
      return false;
    }
    if (place.has(Mark.Copy) && place.head > known) {
      // What a short start made known as a copy may have become something else.
      this.forget(tail);
      return false;
    }
    if (!isSame) this.setChanged(tail);
    tail.isChecked = true;
    tail.size = found.size;
    tail.modified = found.modified;
    return true;
  }

  /** Another file has a tail's inode. The content stays known for a while: it may be found under another one. */
  private detach(tail: Tail): void {
    this.close(tail);
    tail.place.device = 0;
    tail.place.inode = 0;
    tail.rename('');
    tail.isSeen = false;
  }

  /** Looks at the heads of open files that are not in the folder any more, so that copies of them are known. */
  private checkMissing(): void {
    for (let i = 0; i < this.tails.length; i++) {
      const tail = this.tails[i];
      if (tail.isSeen || tail.file == 0 || tail.isPacked) continue;
      if (this.check(tail, false) == 0) this.setChanged(tail);
    }
  }

  private newTail(place: Place, found: Found): Tail {
    const tail = new Tail(place, found.path, found.origin);
    countText();
    this.tails.push(tail);
    return tail;
  }

  /** 1 when the file holds what its place tells of, 0 when it does not, or -errno. */
  private check(tail: Tail, isPacked: bool): i32 {
    const place = tail.place;
    if (isPacked != tail.isPacked) return 0;
    // Reading its head would move the position that it is being read at; it is at rest anyway.
    if (isPacked && tail === this.pinned) return 1;
    const isShort = place.isOver;
    let result = this.open(tail);
    if (result == 0) result = this.head.read(tail.file, isPacked);
    if (result < 0) return result;
    if (isShort && tail !== this.pinned) this.close(tail);
    // A file that could not be read until now has no head yet.
    const isNew = place.head == 0 && place.offset > 0;
    if (isShort && place.head == 0 && this.head.length > 0) return 0;
    if (!isNew && !place.fits(this.head.bytes, this.head.length)) return 0;
    if (this.head.length > place.head) place.lengthen(this.head.bytes, this.head.length);
    return 1;
  }

  /**
   * Whether the file still holds the same content after the `count` bytes at `data` were read from `offset` on: 1,
   * 0, or -errno. A file that was truncated, and has grown again beyond the old end, is noticed by this alone.
   */
  isSame(tail: Tail, data: usize, offset: u64, count: u32): i32 {
    const place = tail.place;
    const known = place.head;
    const end = u32(min<u64>(offset + count, HEAD_SIZE));
    // The bytes just read must be those of the head, too: they lengthen it.
    const isLonger = end > known && offset <= known;
    const hash = isLonger ? hashOf(data + (known - u32(offset)), end - known, place.hash) : place.hash;
    const length = isLonger ? end : known;
    const result = this.head.read(tail.file, false);
    if (result < 0) return result;
    if (this.head.length < length || hashOf(this.head.bytes, length) != hash) return 0;
    if (this.head.length > known) place.lengthen(this.head.bytes, this.head.length);
    return 1;
  }

  /** Decides what an unknown file is. */
  private classify(found: Found): void {
    if (this.isFirst) this.begin(found);
    else if (found.modified > places.floor && (found.size > 0 || found.isMatch)) this.judge(found);
  }

  /** A file that was there before anything was followed. */
  private begin(found: Found): void {
    const isOld = !(this.fromStart && found.isMatch);
    const file = this.openFound(found);
    if (file == ENOENT) return;
    const tail = this.newFile(found, file);
    if (!tail) return;
    if (isOld) tail.place.offset = found.size;
    tail.readTo = tail.place.offset;
    if (isOld && (found.isPacked || !found.isMatch)) this.finish(tail);
    if (file < 0) tail.retryAt = this.now + SECOND;
  }

  /** A file that has come since. */
  private judge(found: Found): void {
    const file = this.openFound(found);
    if (file < 0) return;
    // A short start of what is known is a copy of it, or a copy in the making.
    const isStart = this.head.length > 0 && this.head.length < HEAD_SIZE && this.isStartOfKnown();
    if ((isStart && !this.head.isTelling) || this.isStartOfChanged() || this.isUnfinished(found)) {
      host.fileClose(file);
      return;
    }
    const isCopy = isStart || places.knows(this.head.bytes, this.head.length);
    const tail = this.newFile(found, file);
    if (!tail) return;
    if (isCopy) {
      tail.place.mark(Mark.Copy);
      tail.place.offset = found.size;
      this.close(tail);
    } else if (found.origin != found.path) {
      noteRotation(found.path, 'was rotated');
    }
  }

  /** A tail and a place for a file whose head was read, unless `file` is negative; null when there is no room. */
  private newFile(found: Found, file: i32): Tail | null {
    const place = this.newPlace(found);
    if (!place) {
      if (file > 0) host.fileClose(file);
      return null;
    }
    if (found.isPacked) place.mark(Mark.Packed);
    if (file > 0) place.lengthen(this.head.bytes, this.head.length);
    const tail = this.newTail(place, found);
    tail.isSeen = true;
    tail.isChecked = file > 0;
    tail.size = found.size;
    tail.modified = found.modified;
    tail.usedAt = this.now;
    // Kept open: it may be rotated away before it is read.
    if (file > 0) this.adopt(tail, file);
    return tail;
  }

  /** Opens an unknown file and reads its head; -errno when that fails. */
  private openFound(found: Found): i32 {
    if (this.failed.has(found.path)) return ENOENT;
    const path = String.UTF8.encode(found.path);
    countText();
    const file = this.openPath(path, null);
    if (file < 0) return this.failFound(found, 'open', file);
    let result = host.fileStatOpen(file, changetype<usize>(this.stat));
    if (result == 0 && this.stat.inode != found.inode) result = ENOENT;
    if (result == 0) result = this.head.read(file, found.isPacked);
    if (result == 0) return file;
    host.fileClose(file);
    return this.failFound(found, 'read', result);
  }

  private failFound(found: Found, what: string, error: i32): i32 {
    if (error == ENOENT) return error;
    this.failed.add(found.path);
    complain(what, found.path, error);
    return error;
  }

  /** Whether the file is gzip data that is still being written: a later look tells what it is. */
  private isUnfinished(found: Found): bool {
    if (!this.head.isCut || this.head.length == HEAD_SIZE) return false;
    if (found.inode != this.cutInode || found.size != this.cutSize) {
      this.cutInode = found.inode;
      this.cutSize = found.size;
      this.cutSince = this.now;
    }
    return this.now - this.cutSince < CUT_PATIENCE;
  }

  /** Whether the head, which is not full, is how a known file begins. */
  private isStartOfKnown(): bool {
    for (let i = 0; i < this.tails.length; i++) {
      const tail = this.tails[i];
      if (tail.place.head > this.head.length && this.beginsWithHead(tail)) return true;
    }
    return false;
  }

  /** Whether the head is that of an open file whose new content is still to be begun with. */
  private isStartOfChanged(): bool {
    for (let i = 0; i < this.tails.length; i++) {
      const tail = this.tails[i];
      if (tail.isChanged && this.beginsWithHead(tail)) return true;
    }
    return false;
  }

  private beginsWithHead(tail: Tail): bool {
    const length = this.head.length;
    if (tail.file == 0 || tail.isPacked || length == 0) return false;
    const space = heap.alloc(HEAD_SIZE);
    const count = host.fileReadAt(tail.file, 0, space, i32(length));
    const isEqual = u32(count) == length && memory.compare(space, this.head.bytes, length) == 0;
    heap.free(space);
    return isEqual;
  }

  private newPlace(found: Found): Place | null {
    let index = places.add(found.device, found.inode);
    if (index < 0 && this.makeRoom()) index = places.add(found.device, found.inode);
    if (index >= 0) return places.at(index);
    if (this.isFirst && !found.isMatch) places.floor = max(places.floor, found.modified);
    else tellTooMany(this.survey.path);
    return null;
  }

  /** Forgets the oldest file that was read to its end; its time keeps it from being taken for a new one. */
  private makeRoom(): bool {
    let oldest: Tail | null = null;
    for (let i = 0; i < this.tails.length; i++) {
      const tail = this.tails[i];
      if (!tail.place.isOver || tail === this.pinned || tail.hasNews()) continue;
      if (oldest == null || tail.modified < oldest.modified) oldest = tail;
    }
    if (!oldest) return false;
    places.floor = max(places.floor, oldest.modified);
    this.forget(oldest);
    return true;
  }

  /** To be called last. */
  free(): void {
    for (let i = 0; i < this.tails.length; i++) this.close(this.tails[i]);
    this.head.free();
  }

  /** Something with a file failed: it is tried again in a second. */
  fail(tail: Tail, what: string, error: i32): void {
    tail.retryAt = host.monotonic() + SECOND;
    complain(what, tail.path, error);
  }

  /** Drops a tail and its place. */
  forget(tail: Tail): void {
    this.close(tail);
    tail.place.marks = 0;
    const index = this.tails.indexOf(tail);
    if (index >= 0) this.tails.splice(index, 1);
  }

  // --- what rotation did ---

  private settle(current: Tail | null): void {
    for (let i = this.tails.length - 1; i >= 0; i--) {
      const tail = this.tails[i];
      if (!tail.isSeen) this.miss(tail, current);
      else tail.isLive = tail.isLive || tail.path == tail.origin;
    }
    for (let i = 0; i < this.tails.length; i++) this.takePlace(this.tails[i]);
    for (let i = 0; i < this.tails.length; i++) {
      const tail = this.tails[i];
      if (!tail.isChanged) this.checkLeft(tail, current);
      else if (tail !== current && this.canLeaveContent(tail)) this.leaveContent(tail);
    }
    for (let i = 0; i < MAX_PLACES; i++) {
      const place = places.at(i);
      if (place.marks == 0 || this.tailOf(place) != null) continue;
      // Of an earlier instance or process, and not to be found.
      const tail = new Tail(place, '', '');
      this.tails.push(tail);
      this.miss(tail, current);
    }
  }

  /** A tail is not in the folder any more: it was renamed to anything, or removed. */
  private miss(tail: Tail, current: Tail | null): void {
    if (tail.missingSince == 0) tail.missingSince = this.now;
    const missing = this.now - tail.missingSince;
    if (tail === current) {
      tail.size = max(tail.size, this.sizeOf(tail));
    } else if (tail.file == 0 || tail.place.isOver) {
      this.missClosed(tail, missing);
      return;
    } else {
      tail.size = this.sizeOf(tail);
    }
    // In a folder, files come and go for good; a single path is waited for.
    if (!this.survey.isSingle) tail.isLeft = tail.isLeft || missing >= MISSING_PATIENCE;
    else if (missing >= SECOND && this.survey.at(tail.origin) == null) tellMissing(tail);
  }

  /**
   * A copy that has taken the path of its original, as an editor saves a file or a backup is restored: it is what is
   * written to from now on. It is read from where the original was left.
   */
  private takePlace(copy: Tail): void {
    if (!copy.place.has(Mark.Copy) || !copy.isSeen || copy.isChanged || copy.path != copy.origin) return;
    for (let i = 0; i < this.tails.length; i++) {
      const tail = this.tails[i];
      const isOver = tail.place.has(Mark.Done) || (!tail.isSeen && tail.file == 0);
      if (tail === copy || !isOver || tail.origin != copy.origin || tail.place.has(Mark.Copy)) continue;
      if (this.open(copy) < 0 || this.head.read(copy.file, copy.isPacked) < 0) return;
      if (!tail.place.fits(this.head.bytes, this.head.length)) continue;
      copy.place.unmark(Mark.Copy);
      copy.place.offset = min(tail.place.offset, u64(copy.size));
      copy.readTo = copy.place.offset;
      return;
    }
  }

  /** Whether another file, which is read from its start, begins with all that was seen of a place's content. */
  isContinued(place: Place): bool {
    if (place.has(Mark.Telling) || place.head == 0) return false;
    for (let i = 0; i < this.tails.length; i++) {
      const tail = this.tails[i];
      if (tail.place === place || !tail.isSeen || tail.place.has(Mark.Copy)) continue;
      if (this.open(tail) < 0 || this.head.read(tail.file, tail.isPacked) < 0) continue;
      if (place.fits(this.head.bytes, this.head.length)) return true;
    }
    return false;
  }

  private sizeOf(tail: Tail): i64 {
    const result = host.fileStatOpen(tail.file, changetype<usize>(this.stat));
    return result < 0 ? tail.size : this.stat.size;
  }

  /** A file is gone that is not held open. */
  private missClosed(tail: Tail, missing: i64): void {
    const place = tail.place;
    const isOver = place.isOver;
    if (!isOver && this.handToCopy(place)) {
      this.forget(tail);
    } else if (missing >= GONE_PATIENCE && this.survey.isWhole) {
      // Not at once: to be forgotten wrongly would mean to be read again.
      if (!isOver) tellLost(this.survey.path, place);
      this.forget(tail);
    }
  }

  private checkLeft(tail: Tail, current: Tail | null): void {
    if (tail.place.has(Mark.Copy) || tail.isPacked || tail.isLeft) return;
    const at = this.survey.at(tail.origin);
    if (at == null || at.size == 0) return;
    if (at.inode == tail.place.inode && at.device == tail.place.device) return;
    tail.isLeft = true;
    if (tail.isLive) noteRotation(tail.origin, 'was replaced');
    if (tail !== current && tail.place.offset == u64(tail.size) && tail.size == tail.readTo)
      this.finish(tail);
  }

  /** The file was read to its end. */
  finish(tail: Tail): void {
    tail.place.mark(Mark.Done);
    tail.readTo = max(tail.readTo, tail.size);
    this.close(tail);
  }

  /** The file's content is another one: what is left of the old one is in a copy, or gone. */
  leaveContent(tail: Tail): void {
    this.handToCopy(tail.place);
    this.restart(tail);
  }

  /** Lets a copy of a place's content be read from where the place stands; false when there is nothing to read. */
  handToCopy(place: Place): bool {
    const copy = this.copyOf(place);
    if (!copy) return false;
    const marks = place.marks & (Mark.Skipping | Mark.Telling);
    // Under a path that is followed it may be written to: the same content on another device, or restored.
    const rest: u32 = copy.path == copy.origin ? 0 : <u32>Mark.Rest;
    copy.place.marks = Mark.Used | rest | marks | (copy.place.marks & Mark.Packed);
    copy.place.offset = place.offset;
    copy.place.head = place.head;
    copy.place.hash = place.hash;
    copy.readTo = place.offset;
    if (survivor.first == place.device && survivor.second == place.inode) {
      // What was noted of a payload that was handed over in part holds for the copy.
      survivor.first = copy.place.device;
      survivor.second = copy.place.inode;
    }
    return true;
  }

  private copyOf(place: Place): Tail | null {
    if (!place.has(Mark.Telling)) return null;
    let best: Tail | null = null;
    for (let i = 0; i < this.tails.length; i++) {
      const tail = this.tails[i];
      if (!tail.place.has(Mark.Copy) || !tail.isSeen || tail.isChanged) continue;
      if (!tail.isPacked && u64(tail.size) <= place.offset) continue;
      const result = this.open(tail);
      if (result < 0 || this.head.read(tail.file, tail.isPacked) < 0) continue;
      const isCopy = place.fits(this.head.bytes, this.head.length);
      this.close(tail);
      if (isCopy && (best == null || (best.isPacked && !tail.isPacked))) best = tail;
    }
    return best;
  }

  /** Begins with a file's new content. */
  restart(tail: Tail): void {
    const place = tail.place;
    place.begin();
    tail.readTo = 0;
    tail.isChanged = false;
    tail.isChecked = false;
    noteRotation(tail.path, 'was truncated');
    // With its head, so that a copy of it is known as one.
    const result = this.check(tail, false);
    if (result < 0 && result != ENOENT) this.fail(tail, tail.file == 0 ? 'open' : 'read', result);
  }
}

function isBefore(a: Tail, b: Tail): bool {
  return isOlder(a.path, a.origin, a.modified, b.path, b.origin, b.modified);
}
