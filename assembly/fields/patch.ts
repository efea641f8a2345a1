// SPDX-License-Identifier: Apache-2.0
// JSON Patch (RFC 6902): what its operations bring, as the object that they bring it to. Nobody knows what else that
// object holds: an element of a list that the patch has not brought gets a place of its own for what is changed in it,
// and so does each element whose number an operation may have changed. Nothing is removed.
import { Document } from '../json/document';
import { Name } from '../json/name';
import { Kind, Node, endOf, firstOf } from '../json/tape';
import { isEscapedKey, valueCapacity, writeValue } from '../json/text';
import { Tree } from '../json/tree';
import { Bytes } from '../memory';
import { Arena } from './arena';

const OP = new Name('op');
const PATH = new Name('path');
const FROM = new Name('from');
const VALUE = new Name('value');
const ADD = new Name('add');
const REPLACE = new Name('replace');
const COPY = new Name('copy');
const MOVE = new Name('move');
const REMOVE = new Name('remove');

/** Steps of a path: those to what fields read have a dozen. */
const MAX_TOKENS: i32 = 32;

let root: u32 = 0;
// The path that was read last: its tokens, without escapes.
const tokens = new StaticArray<usize>(MAX_TOKENS);
const lengths = new StaticArray<u32>(MAX_TOKENS);
let depth = 0;

/** The object that these operations bring something to, or null when they are none. */
export function patched(operations: Node): Node | null {
  const list = Document.indexed(operations);
  if (!list) return null;
  Tree.begin();
  root = Tree.add(0, 0, 0, null);
  let any = false;
  const end = endOf(list);
  for (let at = firstOf(list); at < end; at += changetype<Node>(at).span) {
    if (apply(changetype<Node>(at))) any = true;
  }
  return any ? Tree.finish(root) : null;
}

/** Whether it is an operation that brings something. */
function apply(operation: Node): bool {
  if (operation.kind != Kind.Object) return false;
  const op = member(operation, OP);
  const path = member(operation, PATH);
  if (!op || !path) return false;
  const text = Document.text;
  if (ADD.is(text, op)) return bring(member(operation, VALUE), path, true);
  if (REPLACE.is(text, op)) return bring(member(operation, VALUE), path, false);
  if (COPY.is(text, op)) return take(member(operation, FROM), path, false);
  if (MOVE.is(text, op)) return take(member(operation, FROM), path, true);
  if (REMOVE.is(text, op) && readPath(path) && depth > 0) noteRemoved(found(depth - 1));
  return false;
}

/** The last member with this key: it is the one that kube-apiserver takes. */
function member(object: Node, name: Name): Node | null {
  let last: Node | null = null;
  const end = endOf(object);
  for (let at = firstOf(object); at < end; at += changetype<Node>(at).span) {
    const child = changetype<Node>(at);
    const key = Document.text + child.keyStart;
    const length = child.keyEnd - child.keyStart;
    const isIt = child.keyEscaped
      ? isEscapedKey(key, key + length, name.address, name.length)
      : name.equals(key, length);
    if (isIt) last = child;
  }
  return last;
}

/** Reads a JSON pointer (RFC 6901); false when it is none, or too long. */
function readPath(node: Node): bool {
  if (node.kind != Kind.String) return false;
  const path = Arena.alloc(valueCapacity(node));
  const end = path + writeValue(Document.text, node, path);
  depth = 0;
  for (let at = path; at < end;) {
    if (load<u8>(at) != 0x2f || depth == MAX_TOKENS) return false;
    const from = at + 1;
    at = Bytes.find(from, end, 0x2f);
    tokens[depth] = from;
    lengths[depth] = decode(from, at);
    depth++;
  }
  return true;
}

/** Writes ~1 and ~0 as / and ~, where they stand; the length then. */
function decode(from: usize, end: usize): u32 {
  let out = from;
  for (let at = from; at < end; at++) {
    let byte = load<u8>(at);
    if (byte == 0x7e && at + 1 < end) {
      at++;
      byte = load<u8>(at) == 0x31 ? 0x2f : 0x7e;
    }
    store<u8>(out++, byte);
  }
  return u32(out - from);
}

/** Puts a value to the path. */
function bring(value: Node | null, path: Node, isAdded: bool): bool {
  if (!value || !readPath(path)) return false;
  if (depth == 0) {
    const id = Tree.add(0, 0, 0, value);
    if (id != 0) root = id;
    return id != 0;
  }
  const parent = reach(depth - 1);
  if (parent == 0) return false;
  const old = place(parent, isAdded);
  if (Tree.add(parent, lastToken(), lastLength(), value) == 0) return false;
  if (old != 0) Tree.unlink(old);
  return true;
}

/** Puts what the patch has brought to one path to another one. */
function take(from: Node | null, path: Node, isMoved: bool): bool {
  if (!from || !readPath(from) || (isMoved && depth == 0)) return false;
  const source = found(depth);
  if (isMoved) noteRemoved(found(depth - 1));
  if (source == 0 || !readPath(path)) return false;
  const parent = depth == 0 ? 0 : reach(depth - 1);
  if (depth > 0 && (parent == 0 || (isMoved && Tree.isAround(source, parent)))) return false;
  const branch = isMoved ? source : Tree.copy(source);
  if (branch == 0) return false;
  Tree.unlink(branch);
  if (depth == 0) {
    root = branch;
    Tree.link(root, 0, 0, 0);
    return true;
  }
  const old = place(parent, true);
  Tree.link(branch, parent, lastToken(), lastLength());
  if (old != 0) Tree.unlink(old);
  return true;
}

/** Makes room for the last token in `parent`: the branch whose place is taken, or 0 where elements stand beside it. */
function place(parent: u32, isAdded: bool): u32 {
  if (!isAdded || !Tree.isListFor(parent, lastToken(), lastLength())) {
    return Tree.find(parent, lastToken(), lastLength());
  }
  if (load<u8>(lastToken()) != 0x2d) Tree.renumber(parent);
  return 0;
}

/** The elements of the list behind the one at the path have other numbers from now on. */
function noteRemoved(list: u32): void {
  if (list != 0 && Tree.isListFor(list, lastToken(), lastLength())) Tree.renumber(list);
}

function lastToken(): usize {
  return tokens[depth - 1];
}

function lastLength(): u32 {
  return lengths[depth - 1];
}

/** What the operations up to here have brought to the first `count` tokens of the path, or 0. */
function found(count: i32): u32 {
  let at = root;
  for (let i = 0; i < count && at != 0; i++) at = Tree.find(at, tokens[i], lengths[i]);
  return at;
}

/** The branch at the first `count` tokens of the path, which is made if it is not there; 0 when there are too many. */
function reach(count: i32): u32 {
  let at = root;
  for (let i = 0; i < count && at != 0; i++) {
    const next = Tree.find(at, tokens[i], lengths[i]);
    at = next != 0 ? next : Tree.add(at, tokens[i], lengths[i], null);
  }
  return at;
}
