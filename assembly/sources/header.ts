// SPDX-License-Identifier: Apache-2.0
// Reads the headers of a request.
import * as host from '../host';
import { Name } from '../json/name';

/** Copies a header's value to `out`; its length without white space behind it, or -1 when it is absent or too long. */
export function headerValue(request: i32, name: Name, out: usize, capacity: i32): i32 {
  return trimmed(out, host.httpHeader(request, name.address, name.length, out, capacity), capacity);
}

/** What httpHeader gave, without white space behind the value; -1 when it is absent or too long. */
export function trimmed(out: usize, whole: i32, capacity: i32): i32 {
  if (whole > capacity) return -1;
  let length = whole;
  while (length > 0 && isSpace(load<u8>(out + length - 1))) length--;
  return length;
}

/** Whether the text contains a word, which is in lower case, in any case. */
export function containsIgnoringCase(text: usize, length: i32, word: Name): bool {
  for (let at = 0; at + i32(word.length) <= length; at++) {
    if (equalsIgnoringCase(text + at, word.length, word)) return true;
  }
  return false;
}

/** Whether the text is this word, which is in lower case, in any case. */
export function equalsIgnoringCase(text: usize, length: i32, word: Name): bool {
  if (length != i32(word.length)) return false;
  for (let i = 0; i < length; i++) {
    if (asciiLower(load<u8>(text + i)) != load<u8>(word.address + i)) return false;
  }
  return true;
}

export function asciiLower(byte: u8): u8 {
  return byte - 0x41 < 26 ? byte | 0x20 : byte;
}

function isSpace(byte: u8): bool {
  return byte == 0x20 || byte == 0x09;
}
