// SPDX-License-Identifier: Apache-2.0
// SipHash-1-3 (Aumasson, Bernstein): a keyed hash of words that nobody without the key can predict or tell from chance.

const FINAL_ROUNDS = 3;

let v0: u64 = 0;
let v1: u64 = 0;
let v2: u64 = 0;
let v3: u64 = 0;

/** Begins a hash under a key of 128 bits. */
export function beginSipHash(key0: u64, key1: u64): void {
  v0 = key0 ^ 0x736f6d6570736575;
  v1 = key1 ^ 0x646f72616e646f6d;
  v2 = key0 ^ 0x6c7967656e657261;
  v3 = key1 ^ 0x7465646279746573;
}

/** Takes in the next eight bytes. */
export function addToSipHash(word: u64): void {
  v3 ^= word;
  round();
  v0 ^= word;
}

/** The hash of all words; the last one says how many bytes there are in all, as the standard has it. */
export function endSipHash(): u64 {
  v2 ^= 0xff;
  for (let i = 0; i < FINAL_ROUNDS; i++) round();
  return v0 ^ v1 ^ v2 ^ v3;
}

function round(): void {
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
}
