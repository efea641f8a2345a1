// SPDX-License-Identifier: Apache-2.0
// SipHash-1-3 (Aumasson, Bernstein): a keyed hash that is fast, and that nobody without the key can predict.

const FINAL_ROUNDS = 3;

/** The hash of a word and the `length` bytes at `text` behind it, under a key of 128 bits. */
export function sipHash(key0: u64, key1: u64, word: u64, text: usize, length: u32): u64 {
  let v0 = key0 ^ 0x736f6d6570736575;
  let v1 = key1 ^ 0x646f72616e646f6d;
  let v2 = key0 ^ 0x6c7967656e657261;
  let v3 = key1 ^ 0x7465646279746573;
  const end = text + length;
  let at = text;
  let isWhole = false;
  let roundsLeft = FINAL_ROUNDS;
  while (true) {
    v3 ^= word;
    v0 += v1;
    v1 = rotl<u64>(v1, 13) ^ v0;
    v0 = rotl<u64>(v0, 32);
    v2 += v3;
    v3 = rotl<u64>(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotl<u64>(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotl<u64>(v1, 17) ^ v2;
    v2 = rotl<u64>(v2, 32);
    v0 ^= word;
    if (at + 8 <= end) {
      word = load<u64>(at);
      at += 8;
    } else if (!isWhole) {
      word = lastWord(at, end, length + 8);
      isWhole = true;
    } else {
      // A final round is one that takes in nothing.
      if (roundsLeft == FINAL_ROUNDS) v2 ^= 0xff;
      if (roundsLeft-- == 0) return v0 ^ v1 ^ v2 ^ v3;
      word = 0;
    }
  }
}

/** The bytes that are left, and above them the length of all modulo 256. */
function lastWord(at: usize, end: usize, length: u32): u64 {
  let word = u64(length) << 56;
  for (let shift: u64 = 0; at < end; at++, shift += 8) word |= u64(load<u8>(at)) << shift;
  return word;
}
