// SPDX-License-Identifier: Apache-2.0
// Where strings end and containers close, for a walk through a text whose brackets are known to match. Each 64 bytes are
// looked at once, whatever the walk asks of them: half of what stringEnd and skipContainer cost, which begin anew each
// time.
import { Bytes } from '../memory';
import { Bits, Escapes } from './blocks';

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;

/** All static, for the reason that Document gives; what is asked for must not be before what was asked for earlier. */
export class Outline {
  private static end: usize = 0;
  /** The block that was looked at last. */
  private static block: usize = 0;
  private static quotes: u64 = 0;
  private static opens: u64 = 0;
  private static closes: u64 = 0;
  /** All ones while a string is open where the next block begins. */
  private static inString: u64 = 0;
  /** Of Escapes. */
  private static carry: u64 = 0;
  /** Whether there is a backslash in this block: bit 0, in the one before: bit 1, and so on. */
  private static escapes: u32 = 0;

  /** Begins with the text from `at`, outside of a string, to `end`. Reads up to 63 bytes behind `end`. */
  static begin(at: usize, end: usize): void {
    Outline.end = end;
    Outline.block = at - 64;
    Outline.inString = 0;
    Outline.escapes = 0;
    Outline.carry = 0;
    Outline.turn();
  }

  /** Bit i is set where a string begins or ends at `at` + i; as far as is known, so there may be more behind them. */
  @inline
  static quotesFrom(at: usize): u64 {
    const distance = at - Outline.block;
    return distance < 64 ? Outline.quotes >> u64(distance) : 0;
  }

  /** The quote that ends the string whose first byte is at `at`, or 0. */
  static stringEnd(at: usize): usize {
    Outline.turnTo(at);
    let bits = Outline.quotesFrom(at);
    while (bits == 0) {
      if (Outline.block + 64 >= Outline.end) return 0;
      Outline.turn();
      at = Outline.block;
      bits = Outline.quotes;
    }
    const close = at + usize(ctz(bits));
    return close < Outline.end ? close : 0;
  }

  /** Whether there is a backslash in the string of at most 128 bytes that ends at `close`, where stringEnd was asked last. */
  @inline
  static isEscaped(start: usize, close: usize): bool {
    // Most texts have none.
    return (Outline.escapes & 7) != 0 && Bytes.find(start, close, BACKSLASH) != close;
  }

  /** The address behind what is open at `at`, if it holds no other container and ends in the same block; or 0. */
  @inline
  static behindFlat(at: usize): usize {
    const distance = u64(at - Outline.block);
    if (distance >= 64) return 0;
    const closes = Outline.closes >> distance;
    const upTo = closes ^ (closes - 1);
    const isFlat = closes != 0 && popcnt((Outline.opens >> distance) & upTo) == 1;
    return isFlat ? at + usize(ctz(closes)) + 1 : 0;
  }

  /** The address behind the brackets that close what is open at `at`, `depth` of them, or 0. */
  static behind(at: usize, depth: i32): usize {
    Outline.turnTo(at);
    const from = (<u64>-1) << u64(at - Outline.block);
    let opens = Outline.opens & from;
    let closes = Outline.closes & from;
    while (true) {
      const closing = i32(popcnt(closes));
      if (depth <= closing) {
        for (let closed = 1; closes != 0; closed++) {
          const below = (closes & (0 - closes)) - 1;
          if (depth + i32(popcnt(opens & below)) == closed) {
            const behind = Outline.block + usize(ctz(closes)) + 1;
            return behind <= Outline.end ? behind : 0;
          }
          closes &= closes - 1;
        }
      }
      depth += i32(popcnt(opens)) - closing;
      if (Outline.block + 64 >= Outline.end) return 0;
      Outline.turn();
      opens = Outline.opens;
      closes = Outline.closes;
    }
  }

  private static turnTo(at: usize): void {
    while (i32(at - Outline.block) >= 64) Outline.turn();
  }

  /** Looks at the next block. */
  private static turn(): void {
    const at = Outline.block + 64;
    const a = v128.load(at, 0);
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    const d = v128.load(at, 48);
    let quotes = Bits.equal(a, b, c, d, QUOTE);
    const hasEscape = Bits.isAny(a, b, c, d, BACKSLASH);
    Outline.escapes = (Outline.escapes << 1) | u32(hasEscape);
    if (hasEscape || Outline.carry != 0) {
      quotes &= ~Escapes.of(Bits.equal(a, b, c, d, BACKSLASH), Outline.carry);
      Outline.carry = Escapes.carry;
    }
    const strings = Bits.parity(quotes) ^ Outline.inString;
    Outline.inString = u64(i64(strings) >> 63);
    // `[` and `{`, `]` and `}` differ in bit 5 only.
    const bit5 = i8x16.splat(0x20);
    const a5 = v128.or(a, bit5);
    const b5 = v128.or(b, bit5);
    const c5 = v128.or(c, bit5);
    const d5 = v128.or(d, bit5);
    Outline.opens = Bits.equal(a5, b5, c5, d5, 0x7b) & ~strings;
    Outline.closes = Bits.equal(a5, b5, c5, d5, 0x7d) & ~strings;
    Outline.quotes = quotes;
    Outline.block = at;
  }
}
