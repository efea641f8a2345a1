// SPDX-License-Identifier: Apache-2.0
// The reader for any value, by JSON pointer (RFC 6901).
import { Document } from '../json/document';
import { Kind, Node, endOf, firstOf } from '../json/tape';
import { Field, Question } from './field';
import { memberNamed } from './members';
import { addNode } from './values';

/** Tokens that are followed: deeper than any event that is indexed. */
const MAX_TOKENS = 256;

let token: usize = 0;
let tokenLength: u32 = 0;
const decoded = heap.alloc(256);
const DECODED_SIZE: u32 = 256;

/** The value at the pointer in the brackets, below what stands at the path; that itself for an empty one. */
export function readPointer(field: Field, question: Question): void {
  const from = field.path.find();
  if (!from) return;
  const end = question.key + question.keyLength;
  let at = question.key;
  let node: Node = from;
  for (let i = 0; at < end; i++) {
    if (i == MAX_TOKENS || load<u8>(at) != 0x2f) return;
    at = nextToken(at + 1, end);
    if (at == 0) return;
    const found = child(node);
    if (!found) return;
    node = found;
  }
  if (node.kind != Kind.Null) addNode(node);
}

/** Takes the token at `at`, with ~1 and ~0 as / and ~; the address behind it, or 0 when it is malformed. */
function nextToken(at: usize, end: usize): usize {
  token = at;
  let escaped = false;
  while (at < end && load<u8>(at) != 0x2f) {
    if (load<u8>(at) == 0x7e) escaped = true;
    at++;
  }
  tokenLength = u32(at - token);
  return !escaped || decodeToken() ? at : 0;
}

function decodeToken(): bool {
  if (tokenLength > DECODED_SIZE) return false;
  let length: u32 = 0;
  for (let i: u32 = 0; i < tokenLength; i++) {
    let byte = load<u8>(token + i);
    if (byte == 0x7e) {
      if (++i == tokenLength) return false;
      const which = load<u8>(token + i);
      if (which != 0x30 && which != 0x31) return false;
      byte = which == 0x30 ? 0x7e : 0x2f;
    }
    store<u8>(decoded + length++, byte);
  }
  token = decoded;
  tokenLength = length;
  return true;
}

/** The member, or element, of `node` that the token names. */
function child(node: Node): Node | null {
  const container = Document.indexed(node);
  if (!container) return null;
  if (container.kind == Kind.Object) return memberNamed(container, token, tokenLength);
  if (container.kind != Kind.Array) return null;
  let left = index();
  if (left < 0) return null;
  const end = endOf(container);
  let at = firstOf(container);
  while (at < end && left > 0) {
    at += changetype<Node>(at).span;
    left--;
  }
  return at < end ? changetype<Node>(at) : null;
}

/** The token as the number of an element: digits without a leading zero; -1 for anything else. */
function index(): i32 {
  if (tokenLength == 0 || tokenLength > 9) return -1;
  if (tokenLength > 1 && load<u8>(token) == 0x30) return -1;
  let number = 0;
  for (let i: u32 = 0; i < tokenLength; i++) {
    const digit = <u32>load<u8>(token + i) - 0x30;
    if (digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}
