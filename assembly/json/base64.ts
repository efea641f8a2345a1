// SPDX-License-Identifier: Apache-2.0
// base64 (RFC 4648), as JSON carries bytes.

const DIGITS: string = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PAD: u8 = 0x3d;

/** Decodes base64 up to its end; the bytes written. White space is passed over. `out` may be `from`. */
export function fromBase64(from: usize, end: usize, out: usize): u32 {
  const start = out;
  let bits: u32 = 0;
  let count = 0;
  for (; from < end; from++) {
    const byte = <u32>load<u8>(from);
    if (byte <= 0x20) continue;
    const digit = digitOf(byte);
    if (digit < 0) break;
    bits = (bits << 6) | digit;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    store<u8>(out++, u8(bits >> count));
  }
  return u32(out - start);
}

function digitOf(byte: u32): i32 {
  if (byte - 0x41 < 26) return byte - 0x41;
  if (byte - 0x61 < 26) return byte - 0x61 + 26;
  if (byte - 0x30 < 10) return byte - 0x30 + 52;
  return byte == 0x2b ? 62 : byte == 0x2f ? 63 : -1;
}

/** Bytes of the base64 of `length` bytes. */
export function base64Length(length: u32): u32 {
  return ((length + 2) / 3) * 4;
}

/** Writes the base64 of `length` bytes to `out`; the bytes written. */
export function toBase64(from: usize, length: u32, out: usize): u32 {
  const end = from + length;
  for (; from < end; from += 3) {
    const left = u32(end - from);
    const second = left > 1 ? <u32>load<u8>(from, 1) : 0;
    const third = left > 2 ? <u32>load<u8>(from, 2) : 0;
    const bits = ((<u32>load<u8>(from)) << 16) | (second << 8) | third;
    store<u8>(out, digitAt(bits >> 18));
    store<u8>(out, digitAt(bits >> 12), 1);
    store<u8>(out, left > 1 ? digitAt(bits >> 6) : PAD, 2);
    store<u8>(out, left > 2 ? digitAt(bits) : PAD, 3);
    out += 4;
  }
  return base64Length(length);
}

function digitAt(bits: u32): u8 {
  return u8(DIGITS.charCodeAt(bits & 63));
}
