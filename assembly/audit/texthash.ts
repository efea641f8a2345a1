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

/** Bytes of a name that nameHash takes itself. */
const NAME_SIZE: u32 = 256;

/**
 * A quicker hash of a short text, for tables whose entries are no secret: NH over 8 bytes at a time, with
 * one sum. Whoever does not know the key finds two texts of one length with one hash with a probability of 2^-32. Up to 7
 * bytes behind the text may be read.
 */
export function nameHash(key: usize, text: usize, length: u32): u64 {
  if (length > NAME_SIZE) return textHash(key, 0, text, length);
  const nh = key + SIP_KEY;
  let sum: u64 = 0;
  for (let at: u32 = 0; at < length; at += 8) {
    const left = length - at;
    let word = load<u64>(text + at);
    if (left < 8) word &= ~(~(<u64>0) << (left * 8));
    const secret = load<u64>(nh + at);
    sum += u64(u32(word) + u32(secret)) * u64(u32(word >> 32) + u32(secret >> 32));
  }
  sum ^= u64(length);
  // Spreads what NH leaves in the high bits over the low ones, which are a table's.
  sum *= load<u64>(key) | 1;
  return sum ^ (sum >> 32);
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
