// SPDX-License-Identifier: Apache-2.0
import { SLACK } from '../memory';

/** A chunk begins with one of these. */
@unmanaged
class Chunk {
  before: usize;
  size: u32;
}
const CHUNK: u32 = 64 * 1024;
const CHUNK_HEADER: u32 = 16;

/**
 * Memory for what was extracted from the current event. Pieces stay where they are until `reset`: what Falco may still
 * read must not move. All static, for the reason that Document gives.
 */
export class Arena {
  private static chunk: usize = 0;
  private static top: u32 = 0;
  private static size: u32 = 0;
  /** Bytes handed out since the last reset. */
  static used: u32 = 0;

  /** A piece of `size` bytes, 8-aligned, not cleared. Up to the next `alloc`, SLACK bytes behind it may be written. */
  @inline
  static alloc(size: u32): usize {
    const at = (Arena.top + 7) & ~7;
    Arena.used += size;
    if (at + size > Arena.size) return Arena.allocInNewChunk(size);
    Arena.top = at + size;
    return Arena.chunk + at;
  }

  /** Gives back the end of the piece that `alloc` gave last: only `used` of its `size` bytes are kept. */
  @inline
  static trim(size: u32, used: u32): void {
    Arena.top -= size - used;
    Arena.used -= size - used;
  }

  /** Forgets all pieces; keeps at most one chunk of the usual size. */
  static reset(): void {
    Arena.used = 0;
    Arena.top = CHUNK_HEADER;
    let chunk = Arena.chunk;
    Arena.chunk = 0;
    Arena.size = 0;
    while (chunk != 0) {
      const header = changetype<Chunk>(chunk);
      const before = header.before;
      if (Arena.chunk == 0 && header.size == CHUNK) {
        Arena.chunk = chunk;
        Arena.size = CHUNK - SLACK;
        header.before = 0;
      } else {
        heap.free(chunk);
      }
      chunk = before;
    }
  }

  private static allocInNewChunk(size: u32): usize {
    const chunkSize = max<u32>(CHUNK, CHUNK_HEADER + size + SLACK);
    const chunk = heap.alloc(chunkSize);
    const header = changetype<Chunk>(chunk);
    header.before = Arena.chunk;
    header.size = chunkSize;
    Arena.chunk = chunk;
    Arena.size = chunkSize - SLACK;
    Arena.top = CHUNK_HEADER + size;
    return chunk + CHUNK_HEADER;
  }
}
