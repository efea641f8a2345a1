// SPDX-License-Identifier: Apache-2.0
// The keyed hash of an event's text. SipHash goes through eight bytes at a time, and took longer than the scanner: a
// third of all that the webhook costs. So NH, which multiplies 32 bytes at a time, makes the text 64 times shorter
// first, and SipHash takes what is left.
//
// NH is the compression of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway 1999; RFC 4418). Whoever chooses two
// different texts of one length without knowing the key, NH makes the same words of them with a probability of 2^-64 at
// most. For each of the two sums that is 2^-32; and where the texts differ for the last time, the second sum uses a part
// of the key that the first one has not used up to there, so that the two do not depend on each other. When the words,
// or the lengths, are different, SipHash gets different input. So it is as hard to find two texts with one hash as it
// was with SipHash alone, but for a factor of two.
import { addToSipHash, beginSipHash, endSipHash } from './siphash';

/** Bytes that are multiplied at a time. */
const CHUNK: usize = 32;
/** Bytes of which NH makes two words. */
const BLOCK: usize = 1024;
const SIP_KEY: usize = 16;
/** Bytes of the key: SipHash's, and NH's, which is a chunk longer than a block: the second sum begins there later. */
export const TEXT_KEY_SIZE: i32 = i32(SIP_KEY + BLOCK + CHUNK);

/** The hash of a number and the `length` bytes at `text`, under the TEXT_KEY_SIZE bytes at `key`. */
export function textHash(key: usize, number: u32, text: usize, length: u32): u64 {
  beginSipHash(load<u64>(key), load<u64>(key, 8));
  addToSipHash((u64(number) << 32) | u64(length));
  const end = text + length;
  if (length < u32(CHUNK)) {
    addBytes(text, end);
  } else {
    for (let at = text; at < end; at += BLOCK) addBlock(key + SIP_KEY, at, min(at + BLOCK, end));
  }
  return endSipHash();
}

/** Bytes of a name that NameHash takes itself. */
const NAME_SIZE: u32 = 64;
const HALF: usize = 16;
const NUMBERS = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

/**
 * A quicker hash of a short text, for tables whose entries are no secret: NH over 32 bytes at a time, with
 * one sum. Whoever does not know the key finds two texts of one length with one hash with a probability of 2^-32.
 *
 * In place, with the key where it needs no checks of bounds: with a loop over the bytes it took twice as long, and each
 * event needs it. All static: there is one key.
 */
export class NameHash {
  private static key: usize = 0;
  private static factor: u64 = 1;
  private static key0: v128 = i64x2.splat(0);
  private static key1: v128 = i64x2.splat(0);
  private static key2: v128 = i64x2.splat(0);
  private static key3: v128 = i64x2.splat(0);

  /** From now on, the key is the TEXT_KEY_SIZE bytes at `key`, which must stay there. */
  static useKey(key: usize): void {
    NameHash.key = key;
    NameHash.factor = load<u64>(key) | 1;
    NameHash.key0 = v128.load(key + SIP_KEY);
    NameHash.key1 = v128.load(key + SIP_KEY, 16);
    NameHash.key2 = v128.load(key + SIP_KEY, 32);
    NameHash.key3 = v128.load(key + SIP_KEY, 48);
  }

  /** The hash of the `length` bytes at `text`. Up to 15 bytes behind the text may be read. */
  @inline
  static of(text: usize, length: u32): u64 {
    return length <= NAME_SIZE ? NameHash.ofShort(text, length) : textHash(NameHash.key, 0, text, length);
  }

  @inline
  private static ofShort(text: usize, length: u32): u64 {
    const end = text + length;
    let a = v128.load(text);
    let b: v128;
    if (length < u32(HALF)) {
      a = v128.and(a, i8x16.lt_u(NUMBERS, i8x16.splat(u8(length))));
      b = NameHash.key1;
    } else {
      // Halves may overlap: what counts is that they say which text it is.
      b = i32x4.add(v128.load(end - HALF), NameHash.key1);
    }
    let sums = product(i32x4.add(a, NameHash.key0), b);
    if (length > u32(CHUNK)) {
      const c = i32x4.add(v128.load(text, 16), NameHash.key2);
      const d = i32x4.add(v128.load(end - CHUNK), NameHash.key3);
      sums = i64x2.add(sums, product(c, d));
    }
    let sum = u64(i64x2.extract_lane(sums, 0) + i64x2.extract_lane(sums, 1)) ^ u64(length);
    // Spreads what NH leaves in the high bits over the low ones, which are a table's.
    sum *= NameHash.factor;
    return sum ^ (sum >> 32);
  }
}

/** Adds what NH makes of a block. The last chunk ends with the text, wherever that makes it begin. */
function addBlock(key: usize, at: usize, end: usize): void {
  let first = i64x2.splat(0);
  let second = i64x2.splat(0);
  let keyA = v128.load(key, 0);
  let keyB = v128.load(key, 16);
  const last = end - CHUNK;
  while (at < end) {
    const from = min(at, last);
    const a = v128.load(from, 0);
    const b = v128.load(from, 16);
    first = i64x2.add(first, product(i32x4.add(a, keyA), i32x4.add(b, keyB)));
    keyA = v128.load(key, 32);
    keyB = v128.load(key, 48);
    second = i64x2.add(second, product(i32x4.add(a, keyA), i32x4.add(b, keyB)));
    key += CHUNK;
    at += CHUNK;
  }
  addToSipHash(i64x2.extract_lane(first, 0) + i64x2.extract_lane(first, 1));
  addToSipHash(i64x2.extract_lane(second, 0) + i64x2.extract_lane(second, 1));
}

/** The products of the four words of each, added up in pairs. */
function product(a: v128, b: v128): v128 {
  return i64x2.add(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(a, b));
}

/** Adds less than a chunk as it is. */
function addBytes(at: usize, end: usize): void {
  let word: u64 = 0;
  let shift: u64 = 0;
  for (; at < end; at++) {
    word |= u64(load<u8>(at)) << shift;
    shift += 8;
    if (shift < 64) continue;
    addToSipHash(word);
    word = 0;
    shift = 0;
  }
  addToSipHash(word);
}
