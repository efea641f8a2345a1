// SPDX-License-Identifier: Apache-2.0
// Raw memory outside the garbage collector. Addresses are linear memory offsets.

/** Zero bytes that stand behind every text that is scanned, so that a 64-byte load needs no tail case. */
export const PADDING: u32 = 64;

/** Bytes behind a text that Bytes may read or write, besides those that it is asked for. */
export const SLACK: u32 = 16;

/** Texts 16 bytes at a time. Most are short: to call memmove, or to go byte by byte, takes longer. */
export class Bytes {
  /** The address of the first `byte`, or `end`. Up to 15 bytes behind `end` may be read. */
  static find(at: usize, end: usize, byte: u8): usize {
    const wanted = i8x16.splat(byte);
    for (; at < end; at += 16) {
      const found = i8x16.bitmask(i8x16.eq(v128.load(at), wanted));
      if (found != 0) return min(at + usize(ctz(found)), end);
    }
    return end;
  }

  /** Whether two texts of `length` bytes are the same. Up to 15 bytes behind each may be read. */
  @inline
  static same(a: usize, b: usize, length: u32): bool {
    for (let at: u32 = 0; at < length; at += 16) {
      const differ = ~i8x16.bitmask(i8x16.eq(v128.load(a + at), v128.load(b + at))) & 0xffff;
      if (differ != 0) return at + u32(ctz(differ)) >= length;
    }
    return true;
  }

  /** Copies `length` bytes, and up to 15 bytes of no meaning behind them. */
  @inline
  static copy(to: usize, from: usize, length: u32): void {
    if (length > 64) {
      memory.copy(to, from, length);
      return;
    }
    for (let at: u32 = 0; at < length; at += 16) v128.store(to + at, v128.load(from + at));
  }
}

/** One growing piece of memory. Growing may move it: keep offsets, not addresses, across `reserve`. */
export class Block {
  address: usize = 0;
  capacity: u32 = 0;

  /** Makes room for `size` bytes in all and keeps the content; gives the address. Doubles when it grows. */
  reserve(size: u32): usize {
    if (size > this.capacity) this.grow(size);
    return this.address;
  }

  /** Gives memory above `capacity` back when one huge payload made the block grow. Content is lost. */
  shrink(capacity: u32): void {
    if (this.capacity <= capacity) return;
    heap.free(this.address);
    this.address = heap.alloc(capacity);
    this.capacity = capacity;
  }

  /** Gives all memory back. */
  free(): void {
    if (this.capacity != 0) heap.free(this.address);
    this.address = 0;
    this.capacity = 0;
  }

  private grow(size: u32): void {
    const doubled = this.capacity < 1 << 30 ? this.capacity * 2 : size;
    const capacity = max<u32>(max<u32>(size, doubled), 256);
    this.address = this.capacity == 0 ? heap.alloc(capacity) : heap.realloc(this.address, capacity);
    this.capacity = capacity;
  }
}
