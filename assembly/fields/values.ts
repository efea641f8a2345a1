// SPDX-License-Identifier: Apache-2.0
// Collects the values of one field as Falco reads them: NUL-terminated strings, an array of their native
// addresses, and where each stands in the event.
import { EVENT_HEADER } from '../audit/batch';
import { memoryBase } from '../host';
import { Document, Node } from '../json/document';
import { valueCapacity, writeValue } from '../json/text';
import { Arena, Block } from '../memory';

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

/** Memory for what was extracted from the current event. */
export const arena = new Arena();
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
  const out = arena.alloc(count * 16);
  for (let i: u32 = 0; i < count; i++) {
    const value = changetype<Value>(collected.address + i * VALUE_SIZE);
    store<u64>(out + i * 8, value.pointer);
    store<u32>(out + count * 8 + i * 4, value.start);
    store<u32>(out + count * 12 + i * 4, value.length);
  }
  return (u64(count) << 32) | u64(out);
}

/** Adds the text of a node: a string's characters, anything else as compact JSON. */
export function addNode(document: Document, node: Node): void {
  const capacity = valueCapacity(node) + 1;
  const out = arena.alloc(capacity);
  const length = writeValue(document.text, node, out);
  arena.trim(capacity, length + 1);
  addWritten(out, length, EVENT_HEADER + node.start, node.end - node.start);
}

/** Adds a part of a node's text that was written elsewhere: `length` bytes at `from`. No offsets. */
export function addCopy(from: usize, length: u32): void {
  const out = arena.alloc(length + 1);
  memory.copy(out, from, length);
  addWritten(out, length, 0, 0);
}

/** Adds a string that stands in the arena already, with room for one byte behind it. */
export function addWritten(out: usize, length: u32, eventStart: u32, eventLength: u32): void {
  if (count == MAX_VALUES) return;
  store<u8>(out + length, 0);
  const value = changetype<Value>(collected.reserve((count + 1) * VALUE_SIZE) + count * VALUE_SIZE);
  value.pointer = memoryBase() + u64(out);
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
