// SPDX-License-Identifier: Apache-2.0
// An event in one short line: `create pods/exec kube-system/web-0 by alice → 101`.
import { Document } from '../json/document';
import { Node } from '../json/tape';
import { writeValue, valueCapacity } from '../json/text';
import { Name } from '../json/name';
import { Path } from './path';

const VERB = new Path('verb');
const URI = new Path('requestURI');
const RESOURCE = new Path('objectRef.resource');
const SUBRESOURCE = new Path('objectRef.subresource');
const NAMESPACE = new Path('objectRef.namespace');
const NAME = new Path('objectRef.name');
const USER = new Path('user.username');
const CODE = new Path('responseStatus.code');

const SPACE = new Name(' ');
const SLASH = new Name('/');
const BY = new Name(' by ');
const ARROW = new Name(' → ');
const UNKNOWN = new Name('?');
const NOTHING = new Name('(not an audit event)');

/** Bytes of one part, at most: a summary is a line. */
const MAX_PART: u32 = 256;
const LINE_SIZE: u32 = 8 * (MAX_PART + 4);

const line = heap.alloc(LINE_SIZE);
let end: usize = 0;

/** Writes the line, NUL-terminated; its address, which stays the same. */
export function summarize(): usize {
  end = line;
  if (Document.root) {
    describe();
  } else {
    append(NOTHING);
  }
  store<u8>(end, 0);
  return line;
}

function describe(): void {
  appendOr(VERB, UNKNOWN);
  append(SPACE);
  if (RESOURCE.find()) {
    appendOr(RESOURCE, UNKNOWN);
    appendWith(SLASH, SUBRESOURCE);
    const hasNamespace = appendWith(SPACE, NAMESPACE);
    appendWith(hasNamespace ? SLASH : SPACE, NAME);
  } else {
    appendOr(URI, UNKNOWN);
  }
  append(BY);
  appendOr(USER, UNKNOWN);
  appendWith(ARROW, CODE);
}

function append(name: Name): void {
  memory.copy(end, name.address, name.length);
  end += name.length;
}

function appendOr(path: Path, otherwise: Name): void {
  const node = path.find();
  if (node) appendNode(node);
  else append(otherwise);
}

/** Separator and value; false, and nothing, when there is no value or an empty one. */
function appendWith(separator: Name, path: Path): bool {
  const node = path.find();
  if (!node || node.start == node.end) return false;
  append(separator);
  appendNode(node);
  return true;
}

/** The node's text, at most MAX_PART bytes, cut between characters, control characters as `?`. */
function appendNode(node: Node): void {
  const capacity = valueCapacity(node);
  const text = heap.alloc(capacity);
  let length = writeValue(Document.text, node, text);
  if (length > MAX_PART) {
    length = MAX_PART;
    while (length > 0 && (load<u8>(text + length) & 0xc0) == 0x80) length--;
  }
  for (let i: u32 = 0; i < length; i++) {
    const byte = load<u8>(text + i);
    store<u8>(end++, byte < 0x20 || byte == 0x7f ? 0x3f : byte);
  }
  heap.free(text);
}
