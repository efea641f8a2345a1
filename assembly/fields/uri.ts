// SPDX-License-Identifier: Apache-2.0
// Readers for the request URI's query (application/x-www-form-urlencoded).
import { Document } from '../json/document';
import { hexValue } from '../json/scan';
import { valueCapacity, writeValue } from '../json/text';
import { Bytes } from '../memory';
import { Arena } from './arena';
import { Field, Question } from './field';
import { addWritten } from './values';

const MALFORMED: u32 = u32.MAX_VALUE;

/**
 * The first value of the query parameter named by the key. A parameter with a malformed escape or a
 * semicolon is passed over; the others are had.
 */
export function readUriParameter(field: Field, question: Question): void {
  const node = field.path.find();
  if (!node) return;
  const capacity = valueCapacity(node);
  const uri = Arena.alloc(capacity);
  const end = uri + endOfQuery(uri, writeValue(Document.text, node, uri));
  let at = Bytes.find(uri, end, 0x3f) + 1;
  while (at < end) {
    const next = Bytes.find(at, end, 0x26);
    const equals = Bytes.find(at, next, 0x3d);
    if (Bytes.find(at, next, 0x3b) == next && isKey(at, equals, question)) {
      // The value is decoded where it stands: it only gets shorter, and the byte behind it is free.
      const from = min(equals + 1, next);
      const length = decode(from, next, from);
      if (length != MALFORMED) {
        addWritten(from, length, 0, 0);
        return;
      }
    }
    at = next + 1;
  }
}

/** The length without the fragment. */
function endOfQuery(uri: usize, length: u32): u32 {
  return u32(Bytes.find(uri, uri + length, 0x23) - uri);
}

function isKey(from: usize, end: usize, question: Question): bool {
  const capacity = u32(end - from) + 1;
  const out = Arena.alloc(capacity);
  const length = decode(from, end, out);
  Arena.trim(capacity, 0);
  return length == question.keyLength && memory.compare(out, question.key, length) == 0;
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
