// SPDX-License-Identifier: Apache-2.0
// JSON as bits, 64 bytes at a time: bit i stands for byte i of a block.
const EVEN_BITS: u64 = 0x5555555555555555;

/** All in place: each is a few steps of a loop that is paid for each byte of what comes. */
export class Bits {
  /** The bytes that equal `byte`. */
  @inline
  static equal(a: v128, b: v128, c: v128, d: v128, byte: u8): u64 {
    const wanted = i8x16.splat(byte);
    const low = u64(i8x16.bitmask(i8x16.eq(a, wanted))) | (u64(i8x16.bitmask(i8x16.eq(b, wanted))) << 16);
    const high = u64(i8x16.bitmask(i8x16.eq(c, wanted))) | (u64(i8x16.bitmask(i8x16.eq(d, wanted))) << 16);
    return low | (high << 32);
  }

  /** Whether one of the bytes equals `byte`. */
  @inline
  static isAny(a: v128, b: v128, c: v128, d: v128, byte: u8): bool {
    const wanted = i8x16.splat(byte);
    const low = v128.or(i8x16.eq(a, wanted), i8x16.eq(b, wanted));
    return v128.any_true(v128.or(low, v128.or(i8x16.eq(c, wanted), i8x16.eq(d, wanted))));
  }

  /** The bits up to each: ones from an odd one, as an opening quote, to before an even one. */
  @inline
  static parity(bits: u64): u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    return bits ^ (bits << 32);
  }
}

/** Which bytes backslashes escape. */
export class Escapes {
  /** 1 when the block that was asked for last ends in a backslash that escapes the first byte of the next one. */
  static carry: u64 = 0;

  /** The bytes that the backslashes of a block escape; `carry` is what the block before has left. */
  static of(backslashes: u64, carry: u64): u64 {
    // A run of backslashes escapes the byte behind it when its length is odd: adding the run's start to
    // the run carries into that byte, and the carry's parity tells the length's.
    const unescaped = backslashes & ~carry;
    const follows = (unescaped << 1) | carry;
    const oddStarts = unescaped & ~EVEN_BITS & ~follows;
    const sum = oddStarts + unescaped;
    Escapes.carry = u64(sum < oddStarts);
    return (EVEN_BITS ^ (sum << 1)) & follows;
  }
}
