// SPDX-License-Identifier: Apache-2.0
// Skips a whole object or array without indexing it: 64 bytes a turn, looking only at quotes, backslashes
// and brackets. It does not check the grammar inside; indexing does, when somebody asks for it.
import { Bits, Escapes } from './blocks';

/** Of the last container that was skipped: bytes outside of strings, and up to 63 of what stands behind it. */
export let skippedOutside: u32 = 0;

/**
 * The address behind the bracket that closes the one at `from`, or 0 when none does before `end`.
 * Reads up to 63 bytes behind `end`. `{` and `[` count alike.
 */
export function skipContainer(from: usize, end: usize): usize {
  return skipTo(from, end, 0);
}

/** The same, from anywhere outside a string in a container: `depth` brackets are open before `from`. */
export function skipTo(from: usize, end: usize, depth: i32): usize {
  // All ones while a string is open where a block begins.
  let inString: u64 = 0;
  let carry: u64 = 0; // of Escapes
  let inside: u64 = 0;
  for (let at = from; at < end; at += 64) {
    const a = v128.load(at, 0);
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    const d = v128.load(at, 48);

    let quotes = Bits.equal(a, b, c, d, 0x22);
    if (Bits.isAny(a, b, c, d, 0x5c) || carry != 0) {
      quotes &= ~Escapes.of(Bits.equal(a, b, c, d, 0x5c), carry);
      carry = Escapes.carry;
    }
    const strings = Bits.parity(quotes) ^ inString;
    inString = u64(i64(strings) >> 63);
    inside += popcnt(strings);

    // `[` and `{`, `]` and `}` differ in bit 5 only.
    const bit5 = i8x16.splat(0x20);
    const a5 = v128.or(a, bit5);
    const b5 = v128.or(b, bit5);
    const c5 = v128.or(c, bit5);
    const d5 = v128.or(d, bit5);
    const opens = Bits.equal(a5, b5, c5, d5, 0x7b) & ~strings;
    let closes = Bits.equal(a5, b5, c5, d5, 0x7d) & ~strings;

    const closing = i32(popcnt(closes));
    if (depth - closing > 0) {
      depth += i32(popcnt(opens)) - closing;
      continue;
    }
    for (let closed = 1; closes != 0; closed++) {
      const below = (closes & (0 - closes)) - 1;
      if (depth + i32(popcnt(opens & below)) == closed) {
        const behind = at + usize(ctz(closes)) + 1;
        skippedOutside = u32(at + 64 - from) - u32(inside);
        return behind <= end ? behind : 0;
      }
      closes &= closes - 1;
    }
    depth += i32(popcnt(opens)) - closing;
  }
  return 0;
}

/** The first line break at or behind `at`, or `end`. Reads up to 63 bytes behind `end`. */
export function lineEnd(at: usize, end: usize): usize {
  const wanted = i8x16.splat(0x0a);
  for (; at < end; at += 64) {
    const a = i8x16.eq(v128.load(at, 0), wanted);
    const b = i8x16.eq(v128.load(at, 16), wanted);
    const c = i8x16.eq(v128.load(at, 32), wanted);
    const d = i8x16.eq(v128.load(at, 48), wanted);
    if (!v128.any_true(v128.or(v128.or(a, b), v128.or(c, d)))) continue;
    const low = u64(i8x16.bitmask(a)) | (u64(i8x16.bitmask(b)) << 16);
    const high = u64(i8x16.bitmask(c)) | (u64(i8x16.bitmask(d)) << 16);
    return min(at + usize(ctz(low | (high << 32))), end);
  }
  return end;
}
