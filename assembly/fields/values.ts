// SPDX-License-Identifier: Apache-2.0
// Collects the values of one field as Falco reads them: NUL-terminated strings, an array of their native
// addresses, and where each stands in the event.
import { EVENT_HEADER } from '../audit/batch';
import { memoryBase } from '../host';
import { Document } from '../json/document';
import { Kind, Node } from '../json/tape';
import { valueCapacity, writeValue } from '../json/text';
import { Block, Bytes } from '../memory';
import { Arena } from './arena';

/** Values that one field may have; the rest is left out. */
const MAX_VALUES: u32 = 64 * 1024;

/** One value while its field is being read. */
@unmanaged
class Value {
  /** Native address of the string. */
  pointer: u64;
  /** Bytes from the start of the event (with header) to the value's text, and its length; 0, 0: none. */
  start: u32;
  length: u32;
}
const VALUE_SIZE: u32 = offsetof<Value>();
/** What finishValues lays out for each value. */
const ONE_VALUE: u32 = 16;

const base = memoryBase();

const collected = new Block();
let count: u32 = 0;

export function beginValues(): void {
  count = 0;
}

export function hasValues(): bool {
  return count > 0;
}

/**
 * Lays the values out for Falco: `count` native addresses (u64), then `count` offsets (u32), then `count`
 * lengths (u32). Gives the address of that, with the count in the high 32 bits; 0 when there is none.
 */
export function finishValues(): u64 {
  if (count == 0) return 0;
  const out = Arena.alloc(count * ONE_VALUE);
  for (let i: u32 = 0; i < count; i++) {
    const value = changetype<Value>(collected.address + i * VALUE_SIZE);
    store<u64>(out + i * 8, value.pointer);
    store<u32>(out + count * 8 + i * 4, value.start);
    store<u32>(out + count * 12 + i * 4, value.length);
  }
  return (u64(count) << 32) | u64(out);
}

/**
 * The answer with the text of a node as its only value, laid out like those of finishValues; 0 for null, and for what is
 * no JSON.
 */
export function answerOf(node: Node): u64 {
  const kind = node.kind;
  if (kind == Kind.Null || (kind >= <u8>Kind.Object && !Document.isJson(node))) return 0;
  const start = node.start;
  const size = node.end - start;
  const out = Arena.alloc(ONE_VALUE + size + 1);
  const text = out + ONE_VALUE;
  let length = size;
  if (kind >= <u8>Kind.Object || node.escaped) {
    length = writeValue(Document.text, node, text);
    Arena.trim(size, length);
  } else {
    Bytes.copy(text, Document.text + start, size);
  }
  store<u8>(text + length, 0);
  store<u64>(out, base + u64(text));
  store<u64>(out, u64(EVENT_HEADER + start) | (u64(size) << 32), 8);
  return (1 << 32) | u64(out);
}

/** Adds the text of a node: a string's characters, anything else as compact JSON. */
export function addNode(node: Node): void {
  if (!Document.isJson(node)) return;
  const capacity = valueCapacity(node);
  const out = Arena.alloc(capacity);
  const length = writeValue(Document.text, node, out);
  Arena.trim(capacity, length + 1);
  addWritten(out, length, EVENT_HEADER + node.start, node.end - node.start);
}

/** Adds a part of a node's text that was written elsewhere: `length` bytes at `from`. No offsets. */
export function addCopy(from: usize, length: u32): void {
  const out = Arena.alloc(length + 1);
  memory.copy(out, from, length);
  addWritten(out, length, 0, 0);
}

/** Adds a string that stands in the arena already, with room for one byte behind it. */
export function addWritten(out: usize, length: u32, eventStart: u32, eventLength: u32): void {
  if (count == MAX_VALUES) return;
  store<u8>(out + length, 0);
  const value = changetype<Value>(collected.reserve((count + 1) * VALUE_SIZE) + count * VALUE_SIZE);
  value.pointer = base + u64(out);
  value.start = eventStart;
  value.length = eventLength;
  count++;
}

/** Adds `true` or `false`. */
export function addBool(value: bool): void {
  const text = value ? TRUE_TEXT : FALSE_TEXT;
  if (count == MAX_VALUES) return;
  addWritten(text, value ? 4 : 5, 0, 0);
}

const TRUE_TEXT = memory.data<u8>([0x74, 0x72, 0x75, 0x65, 0]);
const FALSE_TEXT = memory.data<u8>([0x66, 0x61, 0x6c, 0x73, 0x65, 0]);
