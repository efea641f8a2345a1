// SPDX-License-Identifier: Apache-2.0
// What a reader brings, unpacked if it is gzip (told by its first bytes): one member or several behind each other. Two of
// these behind each other take gzip in gzip, which is what Firehose writes when it compresses what CloudWatch sends.
import * as host from '../../host';
import { Block } from '../../memory';
import { Read, Reader } from '../reader';

/** Bytes of compressed data that are read at once. */
const PACKED: i32 = 64 * 1024;
const GZIP_MAGIC: u16 = 0x8b1f;

export class Gunzip extends Reader {
  private packed: Block = new Block();
  private at: i32 = 0;
  private filled: i32 = 0;
  private stream: i32 = 0;
  private isKnown: bool = false; // whether it is gzip
  private hasEnded: bool = false; // the reader has no more
  private hasMore: bool = false; // zlib may hold more output than there was room for

  constructor(private reader: Reader) {
    super();
  }

  /** The reader begins anew. */
  begin(): void {
    this.close();
    this.at = 0;
    this.filled = 0;
    this.isKnown = false;
    this.hasEnded = false;
    this.hasMore = false;
  }

  read(out: usize, capacity: i32): i32 {
    if (!this.isKnown) {
      const result = this.look();
      if (result < 0 || !this.isKnown) return result;
    }
    return this.stream != 0 ? this.unpack(out, capacity) : this.pass(out, capacity);
  }

  /** Takes the first bytes, and looks whether they begin a gzip member. */
  private look(): i32 {
    while (this.filled < 2 && !this.hasEnded) {
      const count = this.fill();
      if (count == Read.Nothing || count < Read.End) return count;
    }
    this.isKnown = true;
    if (this.filled < 2 || load<u16>(this.packed.address) != GZIP_MAGIC) return 0;
    this.stream = host.inflateOpen();
    return this.stream < 0 ? Read.Failed : 0;
  }

  /** Reads behind what is there; the count, or a Read. */
  private fill(): i32 {
    const out = this.packed.reserve(PACKED) + this.filled;
    const count = this.reader.read(out, PACKED - this.filled);
    if (count > 0) this.filled += count;
    if (count == Read.End) this.hasEnded = true;
    return count;
  }

  private pass(out: usize, capacity: i32): i32 {
    const left = this.filled - this.at;
    if (left == 0) return this.hasEnded ? Read.End : this.reader.read(out, capacity);
    const count = min(left, capacity);
    memory.copy(out, this.packed.address + this.at, count);
    this.at += count;
    return count;
  }

  private unpack(out: usize, capacity: i32): i32 {
    const consumed = memory.data(4, 4);
    while (true) {
      if (this.at == this.filled && !this.hasMore) {
        this.at = 0;
        this.filled = 0;
        const count = this.hasEnded ? Read.End : this.fill();
        if (count == Read.End) return host.inflateAtEnd(this.stream) == 1 ? Read.End : Read.Damaged;
        if (count <= 0) return count;
      }
      const input = this.packed.address + this.at;
      const count = host.inflate(this.stream, input, this.filled - this.at, out, capacity, consumed);
      if (count < 0) return Read.Damaged;
      this.hasMore = count == capacity;
      this.at += i32(load<u32>(consumed));
      if (count > 0) return count;
    }
  }

  /** Lets go of zlib's state. */
  close(): void {
    if (this.stream > 0) host.inflateClose(this.stream);
    this.stream = 0;
  }

  free(): void {
    this.close();
    this.packed.free();
  }
}
