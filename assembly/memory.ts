// SPDX-License-Identifier: Apache-2.0
// Raw memory outside the garbage collector. Addresses are linear memory offsets.

/** Zero bytes that stand behind every text that is scanned, so that a 64-byte load needs no tail case. */
export const PADDING: u32 = 64;

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

/** A piece that stays where it is. A chunk of an arena begins with one of these. */
@unmanaged
class Chunk {
  before: usize;
  size: u32;
}
const CHUNK: u32 = 64 * 1024;
const CHUNK_HEADER: u32 = 16;

/** Hands out pieces that stay where they are until `reset`: what Falco may still read must not move. */
export class Arena {
  private chunk: usize = 0;
  private top: u32 = 0;
  private size: u32 = 0;
  /** Bytes handed out since the last reset. */
  used: u32 = 0;

  /** A piece of `size` bytes, 8-aligned, not cleared. */
  alloc(size: u32): usize {
    const at = (this.top + 7) & ~7;
    this.used += size;
    if (at + size <= this.size) {
      this.top = at + size;
      return this.chunk + at;
    }
    return this.allocInNewChunk(size);
  }

  /** Gives back the end of the piece that `alloc` gave last: only `used` of its `size` bytes are kept. */
  trim(size: u32, used: u32): void {
    this.top -= size - used;
    this.used -= size - used;
  }

  /** Forgets all pieces; keeps at most one chunk of the usual size. */
  reset(): void {
    this.used = 0;
    this.top = CHUNK_HEADER;
    let chunk = this.chunk;
    this.chunk = 0;
    this.size = 0;
    while (chunk != 0) {
      const header = changetype<Chunk>(chunk);
      const before = header.before;
      if (this.chunk == 0 && header.size == CHUNK) {
        this.chunk = chunk;
        this.size = CHUNK;
        header.before = 0;
      } else {
        heap.free(chunk);
      }
      chunk = before;
    }
  }

  private allocInNewChunk(size: u32): usize {
    const chunkSize = max<u32>(CHUNK, CHUNK_HEADER + size);
    const chunk = heap.alloc(chunkSize);
    const header = changetype<Chunk>(chunk);
    header.before = this.chunk;
    header.size = chunkSize;
    this.chunk = chunk;
    this.size = chunkSize;
    this.top = CHUNK_HEADER + size;
    return chunk + CHUNK_HEADER;
  }
}
