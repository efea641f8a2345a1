// SPDX-License-Identifier: Apache-2.0
// Values that are put together from several ones.
import { Document } from '../json/document';
import { Node, endOf, firstOf } from '../json/tape';
import { valueCapacity, writeValue } from '../json/text';
import { Arena } from './arena';
import { addWritten } from './values';

/** Adds the elements of a list as one text, with `separator` between them. */
export function addJoined(list: Node, separator: u8): void {
  // An element has a comma or a bracket behind it: there is room for the separators.
  const capacity = valueCapacity(list);
  const out = Arena.alloc(capacity);
  let length: u32 = 0;
  const end = endOf(list);
  for (let at = firstOf(list); at < end; at += changetype<Node>(at).span) {
    if (at != firstOf(list)) store<u8>(out + length++, separator);
    length += writeValue(Document.text, changetype<Node>(at), out + length);
  }
  Arena.trim(capacity, length + 1);
  addWritten(out, length, 0, 0);
}

/** Adds two values as one text, with `separator` between them. */
export function addPair(first: Node, separator: u8, second: Node): void {
  const capacity = valueCapacity(first) + 1 + valueCapacity(second);
  const out = Arena.alloc(capacity);
  let length = writeValue(Document.text, first, out);
  store<u8>(out + length++, separator);
  length += writeValue(Document.text, second, out + length);
  Arena.trim(capacity, length + 1);
  addWritten(out, length, 0, 0);
}
