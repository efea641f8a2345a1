// SPDX-License-Identifier: Apache-2.0
// Which log events Falco has finished, over the end of the process: a file of fixed size beside the checkpoint, in which
// the newest entry overwrites the oldest.
//
//   page of 4096 bytes: magic (8) · version (4) · entries (4) · owner (8)
//   entries of 16 bytes: hash of the id (8) · time in milliseconds (44 bits) · lap (8 bits) · check (12 bits)
//
// The lap counts how often the file was gone through, from 1 to 255 over and over: where it changes, the newest entry ends.
// The check is of hash, time and lap. What a kill or a loss of power has left half written is no entry, and costs only
// itself; taken for one it would be an id that no event has.
import { monotonic } from '../../host';
import { errnoText } from '../../sources/input';
import { INTERVAL, StateFile } from '../../state/state_file';
import { KnownIds } from './known_ids';

const MAGIC: u64 = 0x5344493853414b; // "KAS8IDS"
const VERSION: u32 = 1;
const PAGE: u32 = 4096;
/** As many as ids are known at most: what is overwritten is forgotten. */
export const JOURNAL_ENTRIES: u32 = 1024 * 1024;
const ENTRY: u32 = 16;
const FILE_SIZE: u32 = PAGE + JOURNAL_ENTRIES * ENTRY;
/** Entries that are read or written at once. */
const STEP: u32 = 4096;
const LAPS: u64 = 255;
const LAP_SHIFT: u64 = 12;
const TIME_SHIFT: u64 = 20;
const CHECK_MASK: u64 = 0xfff;
const MAX_TIME: u64 = (1 << 44) - 1;

export class IdJournal {
  private file: StateFile;
  private space: usize = heap.alloc(STEP * ENTRY);
  // Where the next entry goes, and the lap that it is of.
  private cursor: u32 = 0;
  private lap: u64 = 1;
  private isEmpty: bool = false;
  // The number of the next of the known ids that is to be written.
  private next: u64 = 0;
  private isPending: bool = false; // something is not on the disk
  private nextAttempt: i64 = 0;
  private isFailing: bool = false;

  /** `owner`: what its ids are of. */
  constructor(
    path: string,
    private owner: u64,
  ) {
    this.file = new StateFile(path, 'journal', 'those of lateWindow come again');
  }

  /** Why it cannot be used, without the file's name; empty when it can. */
  get problem(): string {
    return this.file.problem;
  }

  /** Opens the file, or makes it; false when it cannot be used: see `problem`. */
  open(): bool {
    const file = this.file;
    if (!file.open(FILE_SIZE)) return false;
    const space = this.space;
    const count = file.read(0, space, PAGE);
    if (count != i32(PAGE)) return file.refuseRead(count);
    if (load<u64>(space) == 0) return this.begin();
    if (load<u64>(space) != MAGIC) return file.refuse('it is no journal of this plugin');
    if (load<u32>(space, 8) != VERSION || load<u32>(space, 12) != JOURNAL_ENTRIES) {
      return file.refuse('it was written by another version');
    }
    return load<u64>(space, 16) == this.owner || file.refuse('it belongs to another log group');
  }

  /** Writes the first page of a new file. */
  private begin(): bool {
    const space = this.space;
    store<u64>(space, MAGIC);
    store<u32>(space, VERSION, 8);
    store<u32>(space, JOURNAL_ENTRIES, 12);
    store<u64>(space, this.owner, 16);
    const result = this.file.write(0, space, PAGE);
    return result == 0 || this.file.refuse(errnoText(result));
  }

  /** Makes the ids of `from` (milliseconds since the epoch) and later known; false when the file cannot be read. */
  load(known: KnownIds, from: i64): bool {
    this.next = known.next;
    if (!this.findCursor()) return false;
    if (this.isEmpty) return true;
    // From the oldest to the newest.
    const isRead =
      this.take(this.cursor, JOURNAL_ENTRIES, known, from) && this.take(0, this.cursor, known, from);
    this.next = known.next;
    return isRead;
  }

  /** Finds where the newest entry ends. */
  private findCursor(): bool {
    let first: u64 = 0;
    let newest: u64 = 0;
    for (let at: u32 = 0; at < JOURNAL_ENTRIES; at += STEP) {
      if (!this.readStep(at, STEP)) return false;
      for (let i: u32 = 0; i < STEP; i++) {
        const lap = lapOf(this.space + i * ENTRY);
        if (at == 0 && i == 0) first = lap;
        if (newest == 0) newest = lap;
        if (first == 0 || lap == first) continue;
        this.cursor = at + i;
        this.lap = first;
        return true;
      }
    }
    // It is full up to its end, or empty, or its first entry is damaged: the next lap begins.
    this.cursor = 0;
    this.lap = (newest % LAPS) + 1;
    this.isEmpty = newest == 0;
    return true;
  }

  /** Makes what stands from one place up to another known. */
  private take(start: u32, end: u32, known: KnownIds, from: i64): bool {
    for (let at = start; at < end; at += STEP) {
      const count = min(STEP, end - at);
      if (!this.readStep(at, count)) return false;
      for (let i: u32 = 0; i < count; i++) {
        const entry = this.space + i * ENTRY;
        const time = i64(load<u64>(entry, 8) >> TIME_SHIFT);
        const hash = load<u64>(entry);
        if (time >= from && lapOf(entry) != 0 && !known.has(hash)) known.add(hash, time);
      }
    }
    return true;
  }

  private readStep(at: u32, count: u32): bool {
    // A file that was cut is as good as an empty one.
    const read = this.file.read(i32(PAGE + at * ENTRY), this.space, i32(count * ENTRY));
    return read >= 0 || this.file.refuseRead(read);
  }

  /** Writes the known ids whose number is below `upTo`. What fails is counted, told, and made good by a later call. */
  write(known: KnownIds, upTo: u64): void {
    const now = monotonic();
    const isDue = now >= this.nextAttempt;
    if (this.isFailing && !isDue) return;
    this.next = max(this.next, known.first);
    if (!this.file.isOpen && !this.reopen(known, now)) return;
    while (this.next < upTo) {
      if (!this.writeStep(known, u32(min<u64>(upTo - this.next, STEP)), now)) return;
    }
    this.isFailing = false;
    if (this.isPending && isDue) this.sync(now);
  }

  private writeStep(known: KnownIds, wanted: u32, now: i64): bool {
    const count = min(wanted, JOURNAL_ENTRIES - this.cursor);
    for (let i: u32 = 0; i < count; i++) {
      const entry = this.space + i * ENTRY;
      const number = this.next + i;
      const time = min<u64>(u64(known.timeOf(number)), MAX_TIME);
      const hash = known.hashOf(number);
      store<u64>(entry, hash);
      store<u64>(entry, sealed(hash, (time << TIME_SHIFT) | (this.lap << LAP_SHIFT)), 8);
    }
    const at = i32(PAGE + this.cursor * ENTRY);
    const result = this.file.write(at, this.space, i32(count * ENTRY));
    if (result < 0) return this.fail('write', errnoText(result), now);
    this.isPending = true;
    this.next += count;
    this.cursor += count;
    if (this.cursor == JOURNAL_ENTRIES) {
      this.cursor = 0;
      this.lap = (this.lap % LAPS) + 1;
    }
    return true;
  }

  /** Waits for the disk. A file that was removed meanwhile is made anew by the next call of `write`. */
  private sync(now: i64): void {
    this.nextAttempt = now + INTERVAL;
    if (!this.file.isInPlace()) {
      this.file.close();
      this.fail('keep', 'it was removed or replaced', now);
      return;
    }
    const result = this.file.sync();
    if (result < 0) this.fail('sync', errnoText(result), now);
    else this.isPending = false;
  }

  /** Makes the file anew, to hold all that is known. */
  private reopen(known: KnownIds, now: i64): bool {
    if (!this.open() || !this.findCursor()) return this.fail('open', this.problem, now);
    this.next = known.first;
    return true;
  }

  private fail(what: string, why: string, now: i64): bool {
    this.isFailing = true;
    this.nextAttempt = now + INTERVAL;
    this.file.tellFailure(what, why);
    return false;
  }

  /** Lets go of the file; what was written stays. */
  close(): void {
    this.file.close();
  }

  /** To be called last. */
  free(): void {
    this.close();
    heap.free(this.space);
  }
}

/** Time and lap of an entry with the check of all of it. */
function sealed(hash: u64, timeAndLap: u64): u64 {
  const mixed = (hash ^ (timeAndLap * 0x9e3779b97f4a7c15)) * 0xc2b2ae3d27d4eb4f;
  return timeAndLap | ((mixed >> 52) & CHECK_MASK);
}

/** The lap of an entry, or 0 when it is none. */
function lapOf(entry: usize): u64 {
  const rest = load<u64>(entry, 8);
  if (sealed(load<u64>(entry), rest & ~CHECK_MASK) != rest) return 0;
  return (rest >> LAP_SHIFT) & 0xff;
}
