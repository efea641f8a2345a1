// SPDX-License-Identifier: Apache-2.0
// Where strings may end: a quote does, a backslash and a control character are to be looked at. The scanner has them
// noted ahead of itself as bits, 64 bytes a turn. To look for the end of each string in the text takes twice as long,
// however few instructions it needs: where the next string begins is known only when this one has ended, so the
// processor can do nothing meanwhile. Among bits it is found in half the steps, and one load of them often tells the ends
// of two or three strings.

/** Bytes that are looked at ahead. */
const AHEAD: u32 = 512;
/** The bits that `from` knows at least. */
const SIGHT: u64 = 56;
/** One bit for each byte that was looked at; all bits are set in the word behind them. */
const bits = memory.data(AHEAD / 8 + 24, 8);

/** All static: what WASM keeps in its globals is read without the check of bounds that a field costs. */
export class Specials {
  /** The first address that was not looked at. */
  private static seen: usize = 0;
  /** Where the bits of address 0 would be. */
  private static origin: usize = 0;

  /** To be called when a text begins: another one may have stood at the same address. */
  static forget(): void {
    Specials.seen = 0;
  }

  /**
   * Bit i is set where the byte at `at` + i is special, or where nothing is known of it. Reads up to 63 bytes behind
   * `end`. No address may be asked for that is before one that was asked for earlier.
   */
  @inline
  static from(at: usize, end: usize): u64 {
    if (at >= Specials.seen) Specials.lookAhead(at, end);
    return load<u64>(Specials.origin + (at >> 3)) >> (at & 7);
  }

  /** The distance to the first special byte; SIGHT, and nothing is known of the byte there, when no bit is set. */
  @inline
  static first(bits: u64): u32 {
    return u32(ctz(bits | (1 << SIGHT)));
  }

  private static lookAhead(at: usize, end: usize): void {
    const last = min(at + AHEAD, end);
    // Where a byte of bits begins.
    at &= ~7;
    Specials.origin = bits - (at >> 3);
    let word = bits;
    for (; at < last; at += 64) {
      store<u64>(word, specialsOf64(at));
      word += 8;
    }
    store<u64>(word, u64.MAX_VALUE);
    Specials.seen = at;
  }
}

/** Bit i is set where byte i of the 16 at `at` is special. */
export function specialsOf16(at: usize): u32 {
  const bytes = v128.load(at);
  // With this bit flipped, the quote is 0x20: right behind the control characters.
  const flipped = v128.xor(bytes, i8x16.splat(0x02));
  const isLow = i8x16.eq(i8x16.sub_sat_u(flipped, i8x16.splat(0x20)), i8x16.splat(0));
  return i8x16.bitmask(v128.or(isLow, i8x16.eq(bytes, i8x16.splat(0x5c))));
}

/** The same for 64 bytes. */
export function specialsOf64(at: usize): u64 {
  const low = u64(specialsOf16(at)) | (u64(specialsOf16(at + 16)) << 16);
  const high = u64(specialsOf16(at + 32)) | (u64(specialsOf16(at + 48)) << 16);
  return low | (high << 32);
}
