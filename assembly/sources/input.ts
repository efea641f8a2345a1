// SPDX-License-Identifier: Apache-2.0
// A file as a stream of bytes: plain, or gzip (told by its first bytes, not by its name).
import * as host from '../host';
import { FileStat } from '../host';
import { countText } from '../log';
import { Reader } from './reader';

/** Bytes of compressed data that are read at once. */
const COMPRESSED: i32 = 64 * 1024;
const GZIP_MAGIC: u16 = 0x8b1f;
const EIO = -5;

/** English for an errno as the host's calls give it (negative). */
export function errnoText(error: i32): string {
  const space = heap.alloc(128);
  const length = host.errorText(-error, space, 128);
  const text = String.UTF8.decodeUnsafe(space, length);
  heap.free(space);
  return text;
}

/** Characters of a path that a message repeats. */
const MAX_SHOWN = 256;

/** A path for a message, in quotes; a long one's end. */
export function shownPath(path: string): string {
  return path.length <= MAX_SHOWN ? '"' + path + '"' : '"…' + path.substring(path.length - MAX_SHOWN) + '"';
}

/** A path as the host's calls take it: UTF-8, made once. */
export function encodePath(path: string): ArrayBuffer {
  countText();
  return String.UTF8.encode(path);
}

/** Describes what is at an encoded path; 0 or -errno. */
export function statPath(path: ArrayBuffer, stat: FileStat): i32 {
  return host.fileStat(changetype<usize>(path), path.byteLength, changetype<usize>(stat));
}

export class Input extends Reader {
  readonly stat: FileStat = new FileStat();
  /** Bytes of the file that were read: of the compressed ones, for gzip. */
  fileBytes: i64 = 0;
  private file: i32 = 0;
  private stream: i32 = 0;
  private compressed: usize = 0;
  private compressedAt: i32 = 0;
  private compressedEnd: i32 = 0;
  // Set when zlib may hold more output than there was room for.
  private hasMore: bool = false;
  /** True when gzip data broke off in the middle. */
  isCutOff: bool = false;

  /** Opens the file at an encoded path; `plain` leaves gzip as it is. 0 or -errno. */
  open(path: ArrayBuffer, plain: bool): i32 {
    const file = host.fileOpen(changetype<usize>(path), path.byteLength);
    if (file < 0) return file;
    const result = this.adopt(file, plain);
    if (result < 0) host.fileClose(file);
    return result;
  }

  /** Takes over an open file and goes to its start. 0, or -errno: the file is the caller's then, and open. */
  adopt(file: i32, plain: bool): i32 {
    this.file = file;
    this.fileBytes = 0;
    this.isCutOff = false;
    let result = host.fileStatOpen(file, changetype<usize>(this.stat));
    if (result == 0) result = host.fileSeek(file, 0);
    if (result == 0 && !plain) result = this.detectGzip();
    if (result < 0) this.release();
    return result;
  }

  /** Gives the open file back to who let it be adopted. */
  release(): void {
    this.file = 0;
    this.close();
  }

  isOpen(): bool {
    return this.file != 0;
  }

  private detectGzip(): i32 {
    const magic = heap.alloc(2);
    const count = host.fileRead(this.file, magic, 2);
    const isGzip = count == 2 && load<u16>(magic) == GZIP_MAGIC;
    heap.free(magic);
    const result = count < 0 ? count : host.fileSeek(this.file, 0);
    if (result < 0 || !isGzip) return result;
    const stream = host.inflateOpen();
    if (stream < 0) return stream;
    this.stream = stream;
    this.compressed = heap.alloc(COMPRESSED);
    this.compressedAt = 0;
    this.compressedEnd = 0;
    this.hasMore = false;
    return 0;
  }

  /** Reads up to `capacity` bytes; the count, 0 at the end, or -errno. */
  read(out: usize, capacity: i32): i32 {
    return this.stream == 0 ? this.readPlain(out, capacity) : this.readGzip(out, capacity);
  }

  private readPlain(out: usize, capacity: i32): i32 {
    const count = host.fileRead(this.file, out, capacity);
    if (count > 0) this.fileBytes += count;
    return count;
  }

  private readGzip(out: usize, capacity: i32): i32 {
    const consumed = memory.data(4, 4);
    while (true) {
      if (this.compressedAt == this.compressedEnd && !this.hasMore) {
        const count = this.readPlain(this.compressed, COMPRESSED);
        if (count < 0) return count;
        this.compressedAt = 0;
        this.compressedEnd = count;
        if (count == 0) {
          this.isCutOff = host.inflateAtEnd(this.stream) == 0;
          return 0;
        }
      }
      const count = host.inflate(
        this.stream,
        this.compressed + this.compressedAt,
        this.compressedEnd - this.compressedAt,
        out,
        capacity,
        consumed,
      );
      if (count < 0) return EIO;
      this.hasMore = count == capacity;
      this.compressedAt += i32(load<u32>(consumed));
      if (count > 0) return count;
    }
  }

  /** Goes to `offset` bytes of the uncompressed text; 0 or -errno. */
  skipTo(offset: i64): i32 {
    if (this.stream == 0) {
      this.fileBytes = offset;
      return host.fileSeek(this.file, offset);
    }
    const space = heap.alloc(COMPRESSED);
    let left = offset;
    let count = 0;
    while (left > 0) {
      count = this.readGzip(space, i32(min<i64>(left, COMPRESSED)));
      if (count <= 0) break;
      left -= count;
    }
    heap.free(space);
    return min(count, 0);
  }

  close(): void {
    if (this.stream != 0) {
      host.inflateClose(this.stream);
      heap.free(this.compressed);
      this.stream = 0;
    }
    if (this.file != 0) host.fileClose(this.file);
    this.file = 0;
  }
}
