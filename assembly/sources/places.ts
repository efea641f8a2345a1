// SPDX-License-Identifier: Apache-2.0
// How far each followed file was handed over. This table is the only state of following that matters: it stands in
// the survivor region for a new instance after a trap, and goes into the checkpoint for a new process. It holds
// numbers, no names: files are found again by listing.
import { HASH_BASIS, hashOf } from '../state/hash';
import { PLACES_SIZE, placesAddress } from '../survivor';

/** Bytes at the start of a file that tell whether it is still the same content. */
export const HEAD_SIZE: u32 = 1024;
/** Files that are known at once. */
export const MAX_PLACES: i32 = 256;

export const enum Mark {
  Used = 1,
  /** `offset` is inside a line that is dropped up to its end. */
  Skipping = 2,
  /** Read to its end, and another file has taken its path; or of no interest. */
  Done = 4,
  /** A copy of another place's content: not to be read, until that one is truncated. */
  Copy = 8,
  /** gzip: `offset` and `head` are about the unpacked text. */
  Packed = 16,
  /** Not written to any more: what stands behind its last line break is a line. */
  Rest = 32,
  /** The head is full or holds a line break: another content would have another one. */
  Telling = 64,
}

@unmanaged
export class Place {
  device: u64;
  inode: u64;
  /** Where the payload begins that comes next: bytes. */
  offset: u64;
  /** Hash of the first `head` bytes. */
  hash: u64;
  head: u32;
  marks: u32;

  has(mark: Mark): bool {
    return (this.marks & (<u32>mark)) != 0;
  }

  /** Whether nothing of the file is to be read, as things stand. */
  get isOver(): bool {
    return this.has(Mark.Done) || this.has(Mark.Copy);
  }

  mark(mark: Mark): void {
    this.marks |= <u32>mark;
  }

  unmark(mark: Mark): void {
    this.marks &= ~(<u32>mark);
  }

  /** Makes it the place of a content of which nothing was read. */
  begin(): void {
    this.offset = 0;
    this.head = 0;
    this.hash = HASH_BASIS;
    this.marks = Mark.Used;
  }

  /** Whether these bytes begin as the content did. */
  fits(bytes: usize, length: u32): bool {
    return length >= this.head && hashOf(bytes, this.head) == this.hash;
  }

  /** Takes a longer head. */
  lengthen(bytes: usize, length: u32): void {
    this.head = length;
    this.hash = hashOf(bytes, length);
    if (length == HEAD_SIZE || holdsLineBreak(bytes, length)) this.mark(Mark.Telling);
  }
}

export function holdsLineBreak(bytes: usize, length: u32): bool {
  for (let i: u32 = 0; i < length; i++) if (load<u8>(bytes + i) == 0x0a) return true;
  return false;
}

@unmanaged
class Table {
  /** Files that are not known and were not modified after this time (nanoseconds) are of no interest. */
  floor: i64;
  unused: u64;
}
const TABLE: u32 = offsetof<Table>();
const PLACE: u32 = offsetof<Place>();
/** The blob of the checkpoint: what it belongs to, the table, the places in use. */
export const MAX_BLOB: u32 = 8 + u32(PLACES_SIZE);

class Places {
  at(index: i32): Place {
    return changetype<Place>(placesAddress() + TABLE + u32(index) * PLACE);
  }

  get floor(): i64 {
    return changetype<Table>(placesAddress()).floor;
  }

  set floor(time: i64) {
    changetype<Table>(placesAddress()).floor = time;
  }

  /** The number of a file's place, or -1. */
  find(device: u64, inode: u64): i32 {
    for (let i = 0; i < MAX_PLACES; i++) {
      const place = this.at(i);
      if (place.marks != 0 && place.inode == inode && place.device == device) return i;
    }
    return -1;
  }

  /** Whether a content that begins with these bytes is known. */
  knows(bytes: usize, length: u32): bool {
    for (let i = 0; i < MAX_PLACES; i++) {
      const place = this.at(i);
      if (place.has(Mark.Telling) && place.fits(bytes, length)) return true;
    }
    return false;
  }

  /** A new place; -1 when there is no room. */
  add(device: u64, inode: u64): i32 {
    for (let i = 0; i < MAX_PLACES; i++) {
      const place = this.at(i);
      if (place.marks != 0) continue;
      place.device = device;
      place.inode = inode;
      place.begin();
      return i;
    }
    return -1;
  }

  /** Writes the blob to `out` (MAX_BLOB bytes); its length. */
  pack(owner: u64, out: usize): u32 {
    store<u64>(out, owner);
    memory.copy(out + 8, placesAddress(), TABLE);
    let length = 8 + TABLE;
    for (let i = 0; i < MAX_PLACES; i++) {
      const place = this.at(i);
      if (place.marks == 0) continue;
      memory.copy(out + length, changetype<usize>(place), PLACE);
      length += PLACE;
    }
    return length;
  }

  /** Takes the table from a blob. */
  unpack(blob: usize, length: u32): void {
    memory.copy(placesAddress(), blob + 8, min<u32>(length - 8, PLACES_SIZE));
  }
}

export const places = new Places();
