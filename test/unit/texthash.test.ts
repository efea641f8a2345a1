// SPDX-License-Identifier: Apache-2.0
// The keyed hash by which the webhook knows an event again, against the same thing written plainly.
import { beforeAll, describe, expect, test } from 'vitest';
import { compileAssembly, type Part } from '../support/assembly';
import { Random } from '../support/random';

const MASK32 = 0xffff_ffffn;
const MASK64 = 0xffff_ffff_ffff_ffffn;
const CHUNK = 32;
const BLOCK = 1024;

let part: Part;
let keySize: number;
beforeAll(async () => {
  part = await compileAssembly(`
    import { addToSipHash, beginSipHash, endSipHash } from './audit/siphash';
    import { NameHash, TEXT_KEY_SIZE, textHash } from './audit/texthash';
    export { addToSipHash, beginSipHash, endSipHash, textHash };
    export function nameHash(key: usize, text: usize, length: u32): u64 {
      NameHash.useKey(key);
      return NameHash.of(text, length);
    }
    export function keySize(): i32 { return TEXT_KEY_SIZE; }
    export function space(size: i32): usize { return heap.alloc(size); }
  `);
  keySize = Number(part.call.keySize());
});

const bytesOf = (random: Random, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => random.below(256)));

/** Little-endian words of eight bytes; what is missing of the last one is 0. */
function words(bytes: Buffer): bigint[] {
  const whole = Buffer.concat([bytes, Buffer.alloc(7)]);
  return Array.from({ length: Math.ceil(bytes.length / 8) }, (_, i) => whole.readBigUInt64LE(i * 8));
}

// --- SipHash ---

const rotated = (word: bigint, by: bigint): bigint => ((word << by) | (word >> (64n - by))) & MASK64;

function plainSipHash(key: readonly bigint[], input: readonly bigint[]): bigint {
  const v = [
    key[0] ^ 0x736f6d6570736575n,
    key[1] ^ 0x646f72616e646f6dn,
    key[0] ^ 0x6c7967656e657261n,
    key[1] ^ 0x7465646279746573n,
  ];
  const mix = (a: number, b: number, by: bigint): void => {
    v[a] = (v[a] + v[b]) & MASK64;
    v[b] = rotated(v[b], by) ^ v[a];
  };
  const round = (): void => {
    mix(0, 1, 13n);
    v[0] = rotated(v[0], 32n);
    mix(2, 3, 16n);
    mix(0, 3, 21n);
    mix(2, 1, 17n);
    v[2] = rotated(v[2], 32n);
  };
  for (const word of input) {
    v[3] ^= word;
    round();
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  for (let i = 0; i < 3; i++) round();
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

function sipHash(key: readonly bigint[], input: readonly bigint[]): bigint {
  part.call.beginSipHash(key[0], key[1]);
  for (const word of input) part.call.addToSipHash(word);
  return BigInt.asUintN(64, BigInt(part.call.endSipHash()));
}

describe('SipHash-1-3', () => {
  // What CPython 3.11, whose strings are hashed by it, says with PYTHONHASHSEED=0 of bytes(range(length)).
  test.each([
    [1, 0x68a914128e01e473n],
    [7, 0x2f098ab0c751325an],
    [8, 0xead411e67ebe2eean],
    [9, 0x75927f9d95124362n],
    [15, 0xf30eb725bb91c9ean],
    [16, 0x8972188433a5c5b7n],
    [63, 0x385d3e39e5f37359n],
    [64, 0x75e05fd5bbc870c6n],
  ])('of %i bytes is what CPython says', (length, expected) => {
    const input = words(Buffer.from(Array.from({ length: length - (length % 8) }, (_, i) => i)));
    let last = BigInt(length) << 56n;
    for (let i = length - (length % 8); i < length; i++) last |= BigInt(i) << BigInt((i % 8) * 8);
    expect(sipHash([0n, 0n], [...input, last])).toBe(expected);
  });

  test('is what a plain one says, under any key', () => {
    const random = new Random(1);
    for (let i = 0; i < 100; i++) {
      const key = words(bytesOf(random, 16));
      const input = words(bytesOf(random, 8 * random.below(20)));
      expect(sipHash(key, input)).toBe(plainSipHash(key, input));
    }
  });
});

// --- of texts ---

/** The sum of the products of the words of a chunk and the key, each of four bytes. */
function plainProducts(chunk: Buffer, key: Buffer): bigint {
  let sum = 0n;
  for (let i = 0; i < 16; i += 4) {
    const [a, b] = [i, i + 16].map(
      (at) => (BigInt(chunk.readUInt32LE(at)) + BigInt(key.readUInt32LE(at))) & MASK32,
    );
    sum += a * b;
  }
  return sum;
}

function plainHash(key: Buffer, number: number, text: Buffer): bigint {
  const input = [(BigInt(number) << 32n) | BigInt(text.length)];
  if (text.length < CHUNK) {
    input.push(...words(Buffer.concat([text, Buffer.alloc(8 - (text.length % 8))])));
  } else {
    const chunks: Buffer[] = [];
    for (let at = 0; at < text.length; at += CHUNK) {
      const start = Math.min(at, text.length - CHUNK);
      chunks.push(text.subarray(start, start + CHUNK));
    }
    const perBlock = BLOCK / CHUNK;
    for (let from = 0; from < chunks.length; from += perBlock) {
      for (const shift of [0, CHUNK]) {
        const block = chunks.slice(from, from + perBlock);
        const sums = block.map((chunk, i) => plainProducts(chunk, key.subarray(16 + shift + i * CHUNK)));
        input.push(sums.reduce((a, b) => a + b, 0n) & MASK64);
      }
    }
  }
  return plainSipHash(words(key.subarray(0, 16)), input);
}

/** A key and a text in memory, the text at this offset from a multiple of 16. */
function put(key: Buffer, text: Buffer, offset: number): [number, number] {
  const at = Number(part.call.space(keySize + text.length + 64));
  const memory = Buffer.from(part.memory.buffer);
  // What stands around it must not matter.
  memory.fill(0xa5, at, at + keySize + text.length + 64);
  key.copy(memory, at);
  text.copy(memory, at + keySize + offset);
  return [at, at + keySize + offset];
}

/** The hash of a text that stands at this offset from a multiple of 16. */
function hash(key: Buffer, number: number, text: Buffer, offset = 0): bigint {
  const [keyAt, textAt] = put(key, text, offset);
  return BigInt.asUintN(64, BigInt(part.call.textHash(keyAt, number, textAt, text.length)));
}

describe('the hash of a text', () => {
  const lengths = [
    ...Array.from({ length: 100 }, (_, i) => i),
    ...[1, 2, 3].flatMap((blocks) =>
      [-33, -32, -31, -1, 0, 1, 31, 32, 33, 500].map((more) => blocks * BLOCK + more),
    ),
    100_003,
  ];

  test('is what a plain one says, at each length, under any key, at any place', () => {
    const random = new Random(2);
    for (const length of lengths) {
      const [key, text] = [bytesOf(random, keySize), bytesOf(random, length)];
      const number = random.below(1000);
      expect(hash(key, number, text, random.below(16)), `${length} bytes`).toBe(plainHash(key, number, text));
    }
  });

  test('is what a plain one says where all sums overflow, and where all is nothing', () => {
    for (const [key, text] of [
      [0xff, 0xff],
      [0xff, 0],
      [0, 0xff],
      [0, 0],
      [1, 0xff],
      [0x80, 0x80],
    ]) {
      const [keyBytes, bytes] = [Buffer.alloc(keySize, key), Buffer.alloc(2500, text)];
      expect(hash(keyBytes, 0, bytes)).toBe(plainHash(keyBytes, 0, bytes));
    }
  });

  test('depends on each byte of the text, on its length, on the number, and on each byte of the key', () => {
    const random = new Random(3);
    const [key, text] = [bytesOf(random, keySize), bytesOf(random, 3000)];
    const hashes = new Set([hash(key, 1, text), hash(key, 2, text)]);
    const changed = (bytes: Buffer, at: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy[at] ^= 1 << random.below(8);
      return copy;
    };
    for (let i = 0; i < text.length; i += 7) hashes.add(hash(key, 1, changed(text, i)));
    for (let i = 0; i < text.length; i += 7) hashes.add(hash(key, 1, text.subarray(0, i)));
    for (let i = 0; i < keySize; i++) hashes.add(hash(changed(key, i), 1, text));
    expect(hashes.size).toBe(2 + 2 * Math.ceil(3000 / 7) + keySize);
  });
});

// --- of names ---

const NAME_SIZE = 64;

function plainNameHash(key: Buffer, text: Buffer): bigint {
  const { length } = text;
  if (length > NAME_SIZE) return plainHash(key, 0, text);
  const first = Buffer.concat([text, Buffer.alloc(16)]).subarray(0, 16);
  const last = length < 16 ? Buffer.alloc(16) : text.subarray(length - 16);
  let sum = plainProducts(Buffer.concat([first, last]), key.subarray(16));
  if (length > 32) {
    const inner = Buffer.concat([text.subarray(16, 32), text.subarray(length - 32, length - 16)]);
    sum += plainProducts(inner, key.subarray(48));
  }
  const spread = ((sum ^ BigInt(length)) * (key.readBigUInt64LE() | 1n)) & MASK64;
  return spread ^ (spread >> 32n);
}

function nameHash(key: Buffer, text: Buffer, offset = 0): bigint {
  const [keyAt, textAt] = put(key, text, offset);
  return BigInt.asUintN(64, BigInt(part.call.nameHash(keyAt, textAt, text.length)));
}

describe('the hash of a name', () => {
  test('is what a plain one says, at each length, under any key, at any place', () => {
    const random = new Random(4);
    for (let length = 0; length < 300; length++) {
      for (const fill of [undefined, 0, 0xff]) {
        const [key, text] = [bytesOf(random, keySize), bytesOf(random, length)];
        if (fill !== undefined) (random.below(2) === 0 ? key : text).fill(fill);
        expect(nameHash(key, text, random.below(16)), `${length} bytes`).toBe(plainNameHash(key, text));
      }
    }
  });

  test('depends on each bit of the name, and on its length', () => {
    const random = new Random(5);
    const key = bytesOf(random, keySize);
    for (const length of [1, 7, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65]) {
      const text = bytesOf(random, length);
      const hashes = new Set([nameHash(key, text), nameHash(key, Buffer.concat([text, Buffer.alloc(1)]))]);
      for (let bit = 0; bit < length * 8; bit++) {
        const changed = Buffer.from(text);
        changed[bit >> 3] ^= 1 << (bit & 7);
        hashes.add(nameHash(key, changed));
      }
      expect(hashes.size, `${length} bytes`).toBe(2 + length * 8);
    }
  });

  test('spreads names that are alike over a table', () => {
    const random = new Random(6);
    const key = bytesOf(random, keySize);
    const places = new Set<bigint>();
    for (let i = 0; i < 1024; i++) {
      places.add(nameHash(key, Buffer.from(`system:node:worker-${i}.example`)) & 2047n);
    }
    // As by chance: 1024 of 2048 places are hit by 806 different ones.
    expect(places.size).toBeGreaterThan(740);
  });
});
