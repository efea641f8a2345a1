// SPDX-License-Identifier: Apache-2.0
// A JSON value that is put together from parts of the current event's text, and then looks like any other value of it.
import { Arena } from '../fields/arena';
import { TEXT_KEY_SIZE, textHash } from '../audit/texthash';
import { randomBytes } from '../host';
import { Block, SLACK } from '../memory';
import { Document } from './document';
import { Name } from './name';
import { Kind, NODE_SIZE, Node, Tape, endOf, firstOf } from './tape';
import { unescape } from './text';

/** One value of the tree: a part of the event, or what was put together of such parts. */
@unmanaged
class Branch {
  /** Its key, without escapes, or the number of an element as a path has it. */
  key: usize;
  keyLength: u32;
  hash: u32;
  /** The part of the event that it is, or null. */
  value: Node | null;
  /** Numbers of branches; 0: none. */
  parent: u32;
  first: u32;
  last: u32;
  next: u32;
  previous: u32;
  /** The one that stands behind it in its slot of the hash table. */
  older: u32;
  /** Of a list: how often elements were put in or taken out, so that others have new numbers. */
  age: u32;
  form: u8;
}
const BRANCH_SIZE: u32 = offsetof<Branch>();

const enum Form {
  Unknown = 0,
  Object = 1,
  List = 2,
}

/**
 * Branches that a tree may have; what is put into it beyond them is left out. The values of an event are a quarter of
 * them; kube-apiserver takes 10,000 operations, whose paths have fewer tokens.
 */
const MAX_BRANCHES: u32 = 1024 * 1024;
/** Levels that are kept. No object that fields read has half of them. */
const MAX_LEVELS: i32 = 64;
/**
 * Bytes of the event's text that may be copied, for who copies what was copied doubles it each time; kube-apiserver lets
 * 3 MiB. A value counts as some bytes at least.
 */
const MAX_COPIED: u64 = 4 * 1024 * 1024;
const COPIED_VALUE: u32 = 8;
const KEEP_BYTES: u32 = 64 * 1024;
const MIN_SLOTS: u32 = 256;
/** Bytes of a key in JSON for one without escapes, at most; and of what stands around it. */
const ESCAPED_BYTE: u32 = 6;
const AROUND: u32 = 8;
const DIGITS: u32 = 10;

// Maps: the keys of their members may look like numbers.
const LABELS = new Name('labels');
const ANNOTATIONS = new Name('annotations');

/** All static, for the reason that Document gives. Branches are told by numbers, from 1. */
export class Tree {
  private static branches: Block = new Block();
  private static count: u32 = 0;
  private static slots: Block = new Block();
  private static slotCount: u32 = 0;
  private static copied: u64 = 0;
  private static hashKey: usize = 0;
  private static tape: Tape = new Tape();
  private static text: Block = new Block();
  private static textLength: u32 = 0;

  /** Begins a tree that is empty. */
  static begin(): void {
    if (Tree.hashKey == 0) {
      Tree.hashKey = heap.alloc(TEXT_KEY_SIZE);
      randomBytes(Tree.hashKey, TEXT_KEY_SIZE);
    }
    Tree.tape.clear();
    Tree.tape.shrink(KEEP_BYTES);
    Tree.text.shrink(KEEP_BYTES);
    Tree.textLength = 0;
    Tree.count = 0;
    Tree.copied = 0;
    Tree.resize(MIN_SLOTS);
  }

  @inline
  private static at(id: u32): Branch {
    return changetype<Branch>(Tree.branches.address + (id - 1) * BRANCH_SIZE);
  }

  /** Adds a branch behind the others in `parent`, or one by itself for 0; its number, or 0 when there are too many. */
  static add(parent: u32, key: usize, keyLength: u32, value: Node | null): u32 {
    if (Tree.count == MAX_BRANCHES) return 0;
    const id = ++Tree.count;
    Tree.branches.reserve(id * BRANCH_SIZE);
    const branch = Tree.at(id);
    memory.fill(changetype<usize>(branch), 0, BRANCH_SIZE);
    branch.value = value;
    Tree.link(id, parent, key, keyLength);
    if (Tree.count > Tree.slotCount) Tree.resize(Tree.slotCount * 2);
    return id;
  }

  /** Puts a branch that is by itself behind the others in `parent`. */
  static link(id: u32, parent: u32, key: usize, keyLength: u32): void {
    const branch = Tree.at(id);
    branch.key = key;
    branch.keyLength = keyLength;
    branch.parent = parent;
    if (parent == 0) return;
    branch.hash = Tree.hash(parent, key, keyLength);
    const list = Tree.at(parent);
    // Nothing can be in a text or number: what was there is gone.
    list.value = null;
    branch.previous = list.last;
    if (list.first == 0) list.first = id;
    else Tree.at(list.last).next = id;
    list.last = id;
    Tree.insert(id);
  }

  /** Takes a branch out of its parent, with all that is below it. */
  static unlink(id: u32): void {
    const branch = Tree.at(id);
    if (branch.parent == 0) return;
    const list = Tree.at(branch.parent);
    if (branch.previous == 0) list.first = branch.next;
    else Tree.at(branch.previous).next = branch.next;
    if (branch.next == 0) list.last = branch.previous;
    else Tree.at(branch.next).previous = branch.previous;
    Tree.remove(id);
    branch.parent = 0;
    branch.next = 0;
    branch.previous = 0;
  }

  /** The member or element of `parent` that was added last under this key, or 0. */
  static find(parent: u32, key: usize, keyLength: u32): u32 {
    Tree.unfold(parent);
    const hash = Tree.hash(parent, key, keyLength);
    let id = load<u32>(Tree.slot(hash));
    while (id != 0) {
      const branch = Tree.at(id);
      const isSame = branch.hash == hash && branch.parent == parent && branch.keyLength == keyLength;
      if (isSame && memory.compare(branch.key, key, keyLength) == 0) return id;
      id = branch.older;
    }
    return 0;
  }

  /** Whether `parent` may be a list, of which this key is an element. */
  static isListFor(parent: u32, key: usize, keyLength: u32): bool {
    Tree.unfold(parent);
    return isNumber(key, keyLength) && Tree.at(parent).form != Form.Object && !isMap(Tree.at(parent));
  }

  /** The elements of `parent` have got other numbers: none is found by the one that it had. */
  static renumber(parent: u32): void {
    Tree.at(parent).age++;
  }

  /** Whether `inner` is this branch, or in it. */
  static isAround(id: u32, inner: u32): bool {
    while (inner != 0 && inner != id) inner = Tree.at(inner).parent;
    return inner != 0;
  }

  private static hash(parent: u32, key: usize, keyLength: u32): u32 {
    const hash = u32(textHash(Tree.hashKey, parent, key, keyLength));
    return isNumber(key, keyLength) ? hash + Tree.at(parent).age * 0x9e3779b1 : hash;
  }

  private static slot(hash: u32): usize {
    return Tree.slots.address + (hash & (Tree.slotCount - 1)) * 4;
  }

  private static insert(id: u32): void {
    const branch = Tree.at(id);
    const slot = Tree.slot(branch.hash);
    branch.older = load<u32>(slot);
    store<u32>(slot, id);
  }

  private static remove(id: u32): void {
    const branch = Tree.at(id);
    const slot = Tree.slot(branch.hash);
    let at = load<u32>(slot);
    if (at == id) {
      store<u32>(slot, branch.older);
      return;
    }
    while (Tree.at(at).older != id) at = Tree.at(at).older;
    Tree.at(at).older = branch.older;
  }

  private static resize(count: u32): void {
    Tree.slotCount = count;
    memory.fill(Tree.slots.reserve(count * 4), 0, count * 4);
    for (let id: u32 = 1; id <= Tree.count; id++) {
      if (Tree.at(id).parent != 0) Tree.insert(id);
    }
  }

  /** Makes branches of the members or elements of a part of the event, to find and add others there. */
  private static unfold(id: u32): void {
    const value = Tree.at(id).value;
    if (!value || (value.kind != Kind.Array && value.kind != Kind.Object)) return;
    const isList = value.kind == Kind.Array;
    const branch = Tree.at(id);
    branch.value = null;
    branch.form = u8(isList ? Form.List : Form.Object);
    const end = endOf(value);
    let number: u32 = 0;
    for (let at = firstOf(value); at < end; at += changetype<Node>(at).span) {
      const child = changetype<Node>(at);
      if (isList) Tree.addElement(id, number++, child);
      else Tree.addMember(id, child);
    }
  }

  private static addMember(parent: u32, member: Node): void {
    const start = Document.text + member.keyStart;
    const end = Document.text + member.keyEnd;
    if (!member.keyEscaped) {
      Tree.add(parent, start, u32(end - start), member);
      return;
    }
    const key = Arena.alloc(u32(end - start) + SLACK);
    Tree.add(parent, key, unescape(start, end, key), member);
  }

  private static addElement(parent: u32, number: u32, element: Node): void {
    const digits = Arena.alloc(DIGITS + SLACK);
    let at = digits + DIGITS;
    do {
      store<u8>(--at, u8(0x30 + (number % 10)));
      number /= 10;
    } while (number > 0);
    Tree.add(parent, at, u32(digits + DIGITS - at), element);
  }

  /** A copy of a branch and of what is below it, by itself; 0 when too much was copied. */
  static copy(from: u32): u32 {
    return Tree.copyBelow(from, 0, 0, 0, 0);
  }

  private static copyBelow(from: u32, parent: u32, key: usize, keyLength: u32, level: i32): u32 {
    const value = Tree.at(from).value;
    const size = value ? max(value.end - value.start, (value.span / NODE_SIZE) * COPIED_VALUE) : COPIED_VALUE;
    Tree.copied += keyLength + size;
    if (Tree.copied > MAX_COPIED || level > MAX_LEVELS) return 0;
    const to = Tree.add(parent, key, keyLength, value);
    if (to == 0) return 0;
    Tree.at(to).form = Tree.at(from).form;
    for (let id = Tree.at(from).first; id != 0; id = Tree.at(id).next) {
      Tree.copyBelow(id, to, Tree.at(id).key, Tree.at(id).keyLength, level + 1);
    }
    return to;
  }

  /** The tree as a value of the current event, until another tree is begun. */
  static finish(root: u32): Node {
    Tree.textLength = 0;
    Tree.measured = 0;
    Tree.measuredText = 0;
    Tree.measure(root, 0);
    Tree.tape.reserve(Tree.measured);
    Tree.text.reserve(Tree.measuredText + SLACK);
    Tree.write(root, false, 0);
    Tree.branches.shrink(KEEP_BYTES);
    Tree.slots.shrink(KEEP_BYTES);
    return changetype<Node>(Tree.tape.address);
  }

  private static measured: u32 = 0;
  private static measuredText: u32 = 0;

  private static measure(id: u32, level: i32): void {
    const branch = Tree.at(id);
    const value = branch.value;
    Tree.measuredText += branch.keyLength * ESCAPED_BYTE + AROUND;
    Tree.measured += value ? value.span : NODE_SIZE;
    if (value) Tree.measuredText += value.end - value.start;
    if (level == MAX_LEVELS) return;
    for (let child = branch.first; child != 0; child = Tree.at(child).next) {
      Tree.measure(child, level + 1);
    }
  }

  /** Writes the nodes of a branch, and the text of those that are no part of the event. */
  private static write(id: u32, isElement: bool, level: i32): void {
    const branch = Tree.at(id);
    const value = branch.value;
    const offset = Tree.tape.top;
    const node = changetype<Node>(Tree.tape.address + offset);
    if (value) {
      memory.copy(changetype<usize>(node), changetype<usize>(value), value.span);
      Tree.tape.top += value.span;
      Tree.putValue(value);
    } else {
      memory.fill(changetype<usize>(node), 0, NODE_SIZE);
      Tree.tape.top += NODE_SIZE;
      const isList = Tree.isList(branch);
      node.kind = u8(isList ? Kind.Array : Kind.Object);
      node.start = Tree.textEnd();
      Tree.put(isList ? 0x5b : 0x7b);
      if (level < MAX_LEVELS) Tree.writeChildren(branch, isList, level);
      Tree.put(isList ? 0x5d : 0x7d);
      node.end = Tree.textEnd();
      node.span = Tree.tape.top - offset;
    }
    node.keyEscaped = 0;
    node.keyStart = isElement ? 0 : u32(branch.key - Document.text);
    node.keyEnd = isElement ? 0 : u32(branch.key + branch.keyLength - Document.text);
  }

  private static writeChildren(branch: Branch, isList: bool, level: i32): void {
    let isFirst = true;
    for (let id = branch.first; id != 0; id = Tree.at(id).next) {
      const child = Tree.at(id);
      if (!isFirst) Tree.put(0x2c);
      isFirst = false;
      if (!isList) Tree.putKey(child);
      Tree.write(id, isList, level + 1);
    }
  }

  /** Whether the branch is a list: it was one, or what was put into it has numbers for keys. */
  private static isList(branch: Branch): bool {
    if (branch.form != Form.Unknown) return branch.form == Form.List;
    if (isMap(branch)) return false;
    let any = false;
    for (let id = branch.first; id != 0; id = Tree.at(id).next) {
      const child = Tree.at(id);
      if (!isNumber(child.key, child.keyLength)) return false;
      any = true;
    }
    return any;
  }

  /** Where the text ends, from the start of the event's text: Node holds such offsets, also of what stands elsewhere. */
  private static textEnd(): u32 {
    return u32(Tree.text.address + Tree.textLength - Document.text);
  }

  private static put(byte: u8): void {
    store<u8>(Tree.text.address + Tree.textLength++, byte);
  }

  private static putBytes(from: usize, length: u32): void {
    memory.copy(Tree.text.address + Tree.textLength, from, length);
    Tree.textLength += length;
  }

  private static putValue(value: Node): void {
    const quote: u32 = u32(value.kind == Kind.String);
    Tree.putBytes(Document.text + value.start - quote, value.end - value.start + 2 * quote);
  }

  private static putKey(branch: Branch): void {
    Tree.put(0x22);
    for (let i: u32 = 0; i < branch.keyLength; i++) {
      const byte = load<u8>(branch.key + i);
      if (byte < 0x20) {
        // \u00XX
        Tree.putBytes(UNICODE, 4);
        Tree.put(hexDigit(byte >> 4));
        Tree.put(hexDigit(byte & 15));
        continue;
      }
      if (byte == 0x22 || byte == 0x5c) Tree.put(0x5c);
      Tree.put(byte);
    }
    Tree.put(0x22);
    Tree.put(0x3a);
  }
}

const UNICODE = memory.data<u8>([0x5c, 0x75, 0x30, 0x30]);

function hexDigit(value: u8): u8 {
  return value < 10 ? 0x30 + value : 0x57 + value;
}

/** Whether the key is one of an element: digits, or the `-` behind the last one. */
function isNumber(key: usize, length: u32): bool {
  if (length == 1 && load<u8>(key) == 0x2d) return true;
  for (let i: u32 = 0; i < length; i++) {
    if (<u32>load<u8>(key + i) - 0x30 > 9) return false;
  }
  return length > 0;
}

function isMap(branch: Branch): bool {
  return LABELS.equals(branch.key, branch.keyLength) || ANNOTATIONS.equals(branch.key, branch.keyLength);
}
