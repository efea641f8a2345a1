// SPDX-License-Identifier: Apache-2.0
// A blob of at most `capacity` bytes that lasts over the end of the process.
//
// The file has three slots. A blob is written to a slot that holds neither the newest state nor the newest one
// that is known to be on the disk: a kill in the middle of a write leaves the one before, and so does a loss of
// power. Each write is at once safe from a kill of the process (the kernel has it); the disk is waited for at
// most once a second. Of the slots that are whole, the one with the highest sequence counts.
//
//   slot: magic (8) · version (4) · length (4) · sequence (8) · hash of these and of the blob (8) · blob
import { monotonic } from '../host';
import { Counter, counters } from '../counters';
import { Reason, Severity, logLimited, mayLog } from '../log';
import { errnoText, shownPath } from '../sources/input';
import { hashOf } from './hash';
import { INTERVAL, StateFile } from './state_file';

const MAGIC: u64 = 0x5450434b3853414b; // "KAS8KCPT"
const VERSION: u32 = 1;
const SLOTS: i32 = 3;
const PAGE: u32 = 4096;

@unmanaged
class Header {
  magic: u64;
  version: u32;
  length: u32;
  sequence: u64;
  hash: u64;
}
const HEADER: u32 = offsetof<Header>();
/** The part of the header that its hash covers. */
const HASHED: u32 = HEADER - 8;

export class Checkpoint {
  readonly file: StateFile;
  private slotSize: u32;
  private space: usize;
  private newest: i32 = -1; // the slot of the newest state, or -1
  private synced: i32 = -1; // the slot of the newest state that is known to be on the disk, or -1
  private sequence: u64 = 0;
  private savedHash: u64 = 0; // of the newest blob
  private pendingSince: i64 = 0; // since when something is not on the disk; 0: everything is
  private nextAttempt: i64 = 0;
  private isFailing: bool = false; // between a failure and the next success
  private isLost: bool = false; // the kernel may have dropped the newest state: its way to the disk failed

  constructor(
    path: string,
    private capacity: u32,
    /** Whether it says how far Falco has come: events come again without it. */
    private isProgress: bool = true,
  ) {
    const loss = isProgress ? 'come again' : 'what they showed of users and pods is forgotten';
    this.file = new StateFile(path, 'checkpoint', loss);
    this.slotSize = (HEADER + capacity + PAGE - 1) & ~(PAGE - 1);
    this.space = heap.alloc(this.slotSize);
  }

  private header(): Header {
    return changetype<Header>(this.space);
  }

  get path(): string {
    return this.file.path;
  }

  /** Why it cannot be used, without the file's name; empty when it can. */
  get problem(): string {
    return this.file.problem;
  }

  /** Opens the file, or makes it; false when it cannot be used: see `problem`. */
  open(): bool {
    return this.file.open(i32(this.slotSize) * SLOTS);
  }

  /**
   * Copies the newest blob to `out`; its length, 0 when there is none, or a negative number: see `problem`. What
   * is damaged is told, and counts as none.
   */
  load(out: usize): i32 {
    if (!this.findNewest()) return -1;
    if (this.newest < 0) return 0;
    const count = this.readSlot(this.newest);
    if (count < 0 || !this.isWhole(u32(count))) {
      this.file.refuseRead(count);
      return -1;
    }
    const length = this.header().length;
    memory.copy(out, this.space + HEADER, length);
    this.savedHash = hashOf(out, length);
    return i32(length);
  }

  /** Looks for the slot with the newest state; false when this is no checkpoint, or cannot be read. */
  private findNewest(): bool {
    let damaged = 0;
    let foreign = 0;
    this.newest = -1;
    for (let slot = 0; slot < SLOTS; slot++) {
      const count = this.readSlot(slot);
      if (count < 0) return this.file.refuseRead(count);
      const header = this.header();
      if (header.magic == 0) continue;
      if (header.magic != MAGIC) foreign++;
      else if (header.version != VERSION) return this.file.refuse('it was written by another version');
      else if (!this.isWhole(u32(count))) damaged++;
      else if (this.newest < 0 || header.sequence > this.sequence) {
        this.newest = slot;
        this.sequence = header.sequence;
      }
    }
    // What was there when the process came is as good as on the disk: nothing better is to be had.
    this.synced = this.newest;
    if (this.newest < 0 && foreign > 0) return this.file.refuse('it is no checkpoint of this plugin');
    if (this.newest < 0 && damaged > 0) this.tellDamage(damaged);
    return true;
  }

  /** Reads a slot into `space`, with zeros for what is not there; the bytes that are, or -errno. */
  private readSlot(slot: i32): i32 {
    return this.file.read(slot * i32(this.slotSize), this.space, i32(this.slotSize));
  }

  private isWhole(count: u32): bool {
    const header = this.header();
    if (count < HEADER || header.length > this.capacity || header.length > count - HEADER) return false;
    return header.hash == this.hash();
  }

  private hash(): u64 {
    return hashOf(this.space + HEADER, this.header().length, hashOf(this.space, HASHED));
  }

  private tellDamage(slots: i32): void {
    counters.add(Counter.CheckpointErrors, 1);
    if (!mayLog(Reason.Checkpoint)) return;
    const what = 'the checkpoint ' + shownPath(this.path) + ' is damaged (' + slots.toString();
    const text =
      what + ' of ' + SLOTS.toString() + ' copies, the others are empty); starting anew without it';
    logLimited(Reason.Checkpoint, Severity.Warning, text);
  }

  /**
   * Keeps this blob, if it is another one than before. Failures are counted, told, and made good by a later call:
   * call it often.
   */
  save(blob: usize, length: u32): void {
    const now = monotonic();
    const hash = hashOf(blob, length);
    const isNew = this.newest < 0 || this.isLost || hash != this.savedHash;
    if (isNew && this.pendingSince == 0) this.pendingSince = now;
    const isDue = now >= this.nextAttempt;
    // After a failure, the next attempt waits; otherwise a new state is written at once.
    const isWritten = !isNew || ((isDue || !this.isFailing) && this.write(blob, length, hash, now));
    if (isWritten && isDue && this.pendingSince != 0) this.sync(now);
    const age = this.pendingSince == 0 ? 0 : (now - this.pendingSince) / 1_000_000_000;
    if (this.isProgress) counters.set(Counter.CheckpointAge, age);
  }

  private write(blob: usize, length: u32, hash: u64, now: i64): bool {
    if (!this.file.isOpen && !(this.open() && this.findNewest())) return this.fail('open', this.problem, now);
    let slot = 0;
    while (slot == this.newest || slot == this.synced) slot++;
    const header = this.header();
    header.magic = MAGIC;
    header.version = VERSION;
    header.length = length;
    header.sequence = this.sequence + 1;
    memory.copy(this.space + HEADER, blob, length);
    header.hash = this.hash();
    const at = slot * i32(this.slotSize);
    const result = this.file.write(at, this.space, i32(HEADER + length));
    if (result < 0) return this.fail('write', errnoText(result), now);
    this.newest = slot;
    this.sequence++;
    this.savedHash = hash;
    this.isFailing = false;
    this.isLost = false;
    counters.add(Counter.CheckpointWrites, 1);
    return true;
  }

  /** Waits for the disk. A file that was removed meanwhile is made anew by the next `save`. */
  private sync(now: i64): bool {
    this.nextAttempt = now + INTERVAL;
    if (!this.file.isInPlace()) {
      this.file.close();
      this.newest = -1;
      this.synced = -1;
      return this.fail('keep', 'it was removed or replaced', now);
    }
    const result = this.file.sync();
    if (result < 0) {
      this.isLost = true;
      return this.fail('sync', errnoText(result), now);
    }
    this.synced = this.newest;
    this.pendingSince = 0;
    this.isFailing = false;
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
