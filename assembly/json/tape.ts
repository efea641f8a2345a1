// SPDX-License-Identifier: Apache-2.0
// The tape: what the scanner found in a JSON text, as a row of nodes, each value's members or elements
// behind it. A node holds offsets into the text, never copies of it.
import { Block, Bytes } from '../memory';
import { isEscapedKey } from './text';

/** Kind of a JSON value. */
export const enum Kind {
  String = 1,
  Number = 2,
  True = 3,
  False = 4,
  Null = 5,
  Object = 6,
  Array = 7,
}

/** One value, with its key if it is a member of an object. */
@unmanaged
export class Node {
  /** The key's text between its quotes: offsets from the start of the JSON text. Both 0 for an element. */
  keyStart: u32;
  keyEnd: u32;
  /** The value's text, a string's without its quotes: offsets from the start of the JSON text. */
  start: u32;
  end: u32;
  /** Bytes of tape from this node to the next one beside it. */
  span: u32;
  kind: u8;
  /** 1 when the key, or the string, contains a backslash. */
  keyEscaped: u8;
  escaped: u8;
  /** 1 for an object or array whose inside was skipped: see document.ts. */
  lazy: u8;
}

export const NODE_SIZE: u32 = offsetof<Node>();

// A node is written as three words of 8 bytes: each store has its own check of bounds. The last one holds the span, the
// kind and the flags.
export const SPAN: u64 = 0xffffffff;
export const STRING: u64 = ((<u64>Kind.String) << 32) | NODE_SIZE;
export const OBJECT: u64 = ((<u64>Kind.Object) << 32) | NODE_SIZE;
export const ARRAY: u64 = ((<u64>Kind.Array) << 32) | NODE_SIZE;
export const KEY_ESCAPED: u64 = 1 << 40;
export const ESCAPED: u64 = 1 << 48;
export const LAZY: u64 = 1 << 56;

/** The last word of a number or literal. */
export function atom(kind: Kind): u64 {
  return (u64(kind) << 32) | NODE_SIZE;
}

/** Two members of a node that stand beside each other. */
export function pair(first: u32, second: u32): u64 {
  return u64(first) | (u64(second) << 32);
}

/** `key` is keyStart and keyEnd, `value` is start and end. */
export function writeNode(node: usize, key: u64, value: u64, rest: u64): void {
  store<u64>(node, key, offsetof<Node>('keyStart'));
  store<u64>(node, value, offsetof<Node>('start'));
  store<u64>(node, rest, offsetof<Node>('span'));
}

/** A tape, or several one behind the other. */
export class Tape extends Block {
  /** Bytes in use. */
  top: u32 = 0;

  clear(): void {
    this.top = 0;
  }
}

/** The node behind the last member or element of `node`. */
export function endOf(node: Node): usize {
  return changetype<usize>(node) + node.span;
}

/** The first member or element of `node`; there is one only below `endOf`. */
export function firstOf(node: Node): usize {
  return changetype<usize>(node) + NODE_SIZE;
}

/** `member`, in place: without a call, which costs as much as a short search. */
export class Members {
  @inline
  static find(node: Node, text: usize, key: usize, keyLength: u32): Node | null {
    let found: usize = 0;
    let flags: u64 = 0;
    if (node.kind == Kind.Object) {
      const end = endOf(node);
      for (let at = firstOf(node); at < end;) {
        // Two loads for what are four members of Node: each load has its own check of bounds.
        const keyBounds = load<u64>(at, offsetof<Node>('keyStart'));
        const keyStart = u32(keyBounds);
        if (u32(keyBounds >> 32) - keyStart == keyLength && Bytes.same(text + keyStart, key, keyLength)) {
          found = at;
          break;
        }
        const spanAndFlags = load<u64>(at, offsetof<Node>('span'));
        flags |= spanAndFlags;
        at += u32(spanAndFlags);
      }
    }
    if (found != 0) return changetype<Node>(found);
    return (flags & KEY_ESCAPED) != 0 ? escapedMember(node, text, key, keyLength) : null;
  }
}

/**
 * The first member of an indexed object with this key, a Name's, or null; `text` is where the JSON text starts. The
 * first wins when a key is there twice, and one without escapes before one with them, as in the official
 * plugin. A patch stands in the event as its sender wrote it, so `spec` may well be written `\u0073pec`.
 */
export function member(node: Node, text: usize, key: usize, keyLength: u32): Node | null {
  return Members.find(node, text, key, keyLength);
}

function escapedMember(node: Node, text: usize, key: usize, keyLength: u32): Node | null {
  const end = endOf(node);
  for (let at = firstOf(node); at < end; at += changetype<Node>(at).span) {
    const child = changetype<Node>(at);
    if (!child.keyEscaped) continue;
    if (isEscapedKey(text + child.keyStart, text + child.keyEnd, key, keyLength)) return child;
  }
  return null;
}
