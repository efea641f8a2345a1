// SPDX-License-Identifier: Apache-2.0
// Readers for the request URI's query (application/x-www-form-urlencoded).
import { Document } from '../json/document';
import { hexValue } from '../json/scan';
import { valueCapacity, writeValue } from '../json/text';
import { Name } from '../json/name';
import { Node } from '../json/tape';
import { Bytes } from '../memory';
import { Arena } from './arena';
import { Field, Question } from './field';
import { addWritten } from './values';

const MALFORMED: u32 = u32.MAX_VALUE;
const FALSE = new Name('false');
const ZERO = new Name('0');

// The parameter that `next` has found: its key, and its value's text, both not decoded.
let key: usize = 0;
let keyEnd: usize = 0;
let value: usize = 0;
let valueEnd: usize = 0;
// Where the next one begins, and where the query ends.
let at: usize = 0;
let end: usize = 0;

/**
 * The first value of the query parameter named by the key. A parameter with a malformed escape or a
 * semicolon is passed over; the others are had.
 */
export function readUriParameter(field: Field, question: Question): void {
  addParameter(field.path.find(), question.key, question.keyLength);
}

/** Adds the first value of the parameter with this name in the URI's query. */
export function addParameter(uri: Node | null, name: usize, nameLength: u32): void {
  if (!uri || open(uri) == 0) return;
  while (next()) {
    if (!isNamed(name, nameLength)) continue;
    // The value is decoded where it stands: it only gets shorter, and the byte behind it is free.
    const length = decode(value, valueEnd, value);
    if (length == MALFORMED) continue;
    addWritten(value, length, 0, 0);
    return;
  }
}

/** Whether kube-apiserver takes the parameter with this name for true: anything but `false` and `0`, once it is there. */
export function isOn(uri: Node, name: usize, nameLength: u32): bool {
  open(uri);
  while (next()) {
    if (!isNamed(name, nameLength)) continue;
    const length = decode(value, valueEnd, value);
    if (length == MALFORMED) continue;
    return !isText(value, length, FALSE) && !isText(value, length, ZERO);
  }
  return false;
}

function isText(at: usize, length: u32, text: Name): bool {
  if (length != text.length) return false;
  for (let i: u32 = 0; i < length; i++) {
    const byte = load<u8>(at + i);
    // Capital letters count as small ones.
    if ((byte - 0x41 < 26 ? byte | 0x20 : byte) != load<u8>(text.address + i)) return false;
  }
  return true;
}

/** Adds all values of the parameter with this name, joined by spaces, as one text. */
export function addParameters(uri: Node | null, name: usize, nameLength: u32): void {
  const out = uri ? open(uri) : 0;
  if (out == 0) return;
  // What is written stays behind what is read: each value loses its name and `=`, and gets a space.
  let length: u32 = 0;
  let count = 0;
  while (next()) {
    if (!isNamed(name, nameLength)) continue;
    const to = out + length + u32(count > 0);
    const decoded = decode(value, valueEnd, to);
    if (decoded == MALFORMED) continue;
    if (count++ > 0) store<u8>(to - 1, 0x20);
    length = u32(to - out) + decoded;
  }
  if (count > 0) addWritten(out, length, 0, 0);
}

/** Adds each number in the values of the parameter with this name, which have commas between them. */
export function addNumbers(uri: Node | null, name: usize, nameLength: u32): void {
  if (!uri || open(uri) == 0) return;
  while (next()) {
    if (!isNamed(name, nameLength)) continue;
    const length = decode(value, valueEnd, value);
    if (length == MALFORMED) continue;
    const behind = value + length;
    for (let from = value; from <= behind;) {
      const comma = Bytes.find(from, behind, 0x2c);
      if (isNumber(from, comma)) addWritten(from, u32(comma - from), 0, 0);
      from = comma + 1;
    }
  }
}

function isNumber(from: usize, end: usize): bool {
  if (from == end) return false;
  for (; from < end; from++) {
    if (<u32>load<u8>(from) - 0x30 > 9) return false;
  }
  return true;
}

/** Adds the path of the URI: what stands before its query. */
export function readUriPath(field: Field, question: Question): void {
  const node = field.path.find();
  const uri = node ? open(node) : 0;
  // `at` is one behind the question mark, or behind the end.
  if (uri != 0) addWritten(uri, u32(at - 1 - uri), 0, 0);
}

/** Writes the URI to the arena and goes to its query; where it stands. */
function open(node: Node): usize {
  const capacity = valueCapacity(node);
  const uri = Arena.alloc(capacity);
  end = uri + endOfQuery(uri, writeValue(Document.text, node, uri));
  at = Bytes.find(uri, end, 0x3f) + 1;
  return uri;
}

/** Goes to the next parameter without a semicolon; false when there is none. */
function next(): bool {
  while (at < end) {
    key = at;
    valueEnd = Bytes.find(at, end, 0x26);
    keyEnd = Bytes.find(at, valueEnd, 0x3d);
    value = min(keyEnd + 1, valueEnd);
    at = valueEnd + 1;
    if (Bytes.find(key, valueEnd, 0x3b) == valueEnd) return true;
  }
  return false;
}

/** The length without the fragment. */
function endOfQuery(uri: usize, length: u32): u32 {
  return u32(Bytes.find(uri, uri + length, 0x23) - uri);
}

function isNamed(name: usize, nameLength: u32): bool {
  const capacity = u32(keyEnd - key) + 1;
  const out = Arena.alloc(capacity);
  const length = decode(key, keyEnd, out);
  Arena.trim(capacity, 0);
  return length == nameLength && memory.compare(out, name, length) == 0;
}

/** Decodes %XX and +; the length written, or MALFORMED. `out` may be `from`. */
function decode(from: usize, end: usize, out: usize): u32 {
  const start = out;
  while (from < end) {
    const byte = load<u8>(from);
    if (byte == 0x25) {
      if (from + 2 >= end) return MALFORMED;
      const high = hexValue(load<u8>(from, 1));
      const low = hexValue(load<u8>(from, 2));
      if ((high | low) < 0) return MALFORMED;
      store<u8>(out++, (high << 4) | low);
      from += 3;
    } else {
      store<u8>(out++, byte == 0x2b ? 0x20 : byte);
      from++;
    }
  }
  return u32(out - start);
}
