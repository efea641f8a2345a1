// SPDX-License-Identifier: Apache-2.0
// The body of the request that is being read: as it came, or unpacked.
import * as host from '../host';
import { Block, PADDING } from '../memory';
import { BROKEN_GZIP, Refusal, TOO_LARGE, UNREADABLE } from './refusal';

/** Memory that is kept for the next body. */
const KEEP_BODY: u32 = 2 * 1024 * 1024;
/** Bytes that are unpacked at once. */
const UNPACK_STEP: u32 = 256 * 1024;

export class Body {
  /** PADDING zero bytes stand behind it. */
  length: u32 = 0;
  /** The bytes that were unpacked, also in vain. */
  unpacked: u32 = 0;
  private bytes: Block = new Block();
  private packed: Block = new Block();

  get address(): usize {
    return this.bytes.address;
  }

  /** Takes the body of `length` bytes, unpacked at most `maxLength`. Null, or why it cannot be had. */
  take(request: i32, length: u32, isGzip: bool, maxLength: u32): Refusal | null {
    this.bytes.shrink(KEEP_BODY);
    this.unpacked = 0;
    const refusal = isGzip ? this.unpack(request, length, maxLength) : this.copy(request, length, this.bytes);
    if (refusal) return refusal;
    if (!isGzip) this.length = length;
    memory.fill(this.bytes.reserve(this.length + PADDING) + this.length, 0, PADDING);
    return null;
  }

  private copy(request: i32, length: u32, out: Block): Refusal | null {
    const address = out.reserve(length + PADDING);
    return host.httpBody(request, address, length) == length ? null : UNREADABLE;
  }

  private unpack(request: i32, length: u32, maxLength: u32): Refusal | null {
    let refusal = this.copy(request, length, this.packed);
    if (!refusal) {
      const stream = host.inflateOpen();
      if (stream < 0) return UNREADABLE;
      refusal = this.inflateAll(stream, length, maxLength);
      host.inflateClose(stream);
    }
    this.packed.shrink(KEEP_BODY);
    return refusal;
  }

  private inflateAll(stream: i32, packedLength: u32, maxLength: u32): Refusal | null {
    const consumed = memory.data(4, 4);
    let from: u32 = 0;
    while (true) {
      // One byte more than allowed shows that there is too much.
      const to = this.unpacked;
      const room = min<u32>(UNPACK_STEP, maxLength + 1 - to);
      const out = this.bytes.reserve(to + room + PADDING) + to;
      const input = this.packed.address + from;
      const count = host.inflate(stream, input, packedLength - from, out, room, consumed);
      if (count < 0) return BROKEN_GZIP;
      from += load<u32>(consumed);
      this.unpacked = to + count;
      if (this.unpacked > maxLength) return TOO_LARGE;
      // 0 says that all was consumed and given out.
      if (count == 0) break;
    }
    if (host.inflateAtEnd(stream) == 0) return BROKEN_GZIP;
    this.length = this.unpacked;
    return null;
  }

  free(): void {
    this.bytes.free();
    this.packed.free();
  }
}
