// SPDX-License-Identifier: Apache-2.0
// Collects the values of one field as Falco reads them: an array of numbers, of native addresses of NUL-terminated
// strings, or of addresses and lengths; and where each value stands in the event.
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
  /** A number, or the native address of a string or of bytes. */
  word: u64;
  /** Bytes from the start of the event (with header) to the value's text, and its length; 0, 0: none. */
  start: u32;
  length: u32;
  /** Of bytes: how many; 0 for anything else. */
  size: u32;
}
const VALUE_SIZE: u32 = offsetof<Value>();
/** What lies in front of an answer's values for each of them: its start and its length. */
const OFFSETS: u32 = 8;
const WORD: u32 = 8;
/** A length, and a native address. */
const BUFFER: u32 = 16;

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
 * Lays the values out for Falco: a word (u64) for each, or for bytes a length (u64) and a native address. In front of
 * them stand the starts (u32 each) and the lengths (u32 each). Gives the address of the first value, with the count in
 * the high 32 bits; 0 when there is none.
 */
export function finishValues(): u64 {
  if (count == 0) return 0;
  const isBytes = changetype<Value>(collected.address).size != 0;
  const starts = Arena.alloc(count * (OFFSETS + (isBytes ? BUFFER : WORD)));
  const out = starts + count * OFFSETS;
  for (let i: u32 = 0; i < count; i++) {
    const value = changetype<Value>(collected.address + i * VALUE_SIZE);
    store<u32>(starts + i * 4, value.start);
    store<u32>(starts + count * 4 + i * 4, value.length);
    if (isBytes) {
      store<u64>(out + i * BUFFER, value.size);
      store<u64>(out + i * BUFFER, value.word, 8);
    } else {
      store<u64>(out + i * WORD, value.word);
    }
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
  const offsets = Arena.alloc(OFFSETS + WORD + size + 1);
  const text = offsets + (OFFSETS + WORD);
  let length = size;
  if (kind >= <u8>Kind.Object || node.escaped) {
    length = writeValue(Document.text, node, text);
    Arena.trim(size, length);
  } else {
    Bytes.copy(text, Document.text + start, size);
  }
  store<u8>(text + length, 0);
  store<u64>(offsets, isOfEvent(node) ? u64(EVENT_HEADER + start) | (u64(size) << 32) : 0);
  store<u64>(offsets, base + u64(text), OFFSETS);
  return (1 << 32) | u64(offsets + OFFSETS);
}

/** Adds the text of a node: a string's characters, anything else as compact JSON. */
export function addNode(node: Node): void {
  if (!Document.isJson(node)) return;
  const capacity = valueCapacity(node);
  const out = Arena.alloc(capacity);
  const length = writeValue(Document.text, node, out);
  Arena.trim(capacity, length + 1);
  if (isOfEvent(node)) addWritten(out, length, EVENT_HEADER + node.start, node.end - node.start);
  else addWritten(out, length, 0, 0);
}

/** Whether the text of the node stands in the event, and was not put together from parts of it. */
function isOfEvent(node: Node): bool {
  return node.end <= Document.root!.end;
}

/** Adds a part of a node's text that was written elsewhere: `length` bytes at `from`. No offsets. */
export function addCopy(from: usize, length: u32): void {
  const out = Arena.alloc(length + 1);
  memory.copy(out, from, length);
  addWritten(out, length, 0, 0);
}

/** Adds a string that stands in the arena already, with room for one byte behind it. */
export function addWritten(out: usize, length: u32, eventStart: u32, eventLength: u32): void {
  store<u8>(out + length, 0);
  add(base + u64(out), 0, eventStart, eventLength);
}

/** Adds a number, read from this node if there is one. */
export function addNumber(value: u64, node: Node | null): void {
  add(value, 0, node ? EVENT_HEADER + node.start : 0, node ? node.end - node.start : 0);
}

/** Adds a truth value to a field of type Flag. */
export function addFlag(value: bool): void {
  add(u64(value), 0, 0, 0);
}

/** Adds the bytes of an IP address, 4 or 16, that stand in the arena and were read from this node. */
export function addAddress(bytes: usize, size: u32, node: Node): void {
  add(base + u64(bytes), size, EVENT_HEADER + node.start, node.end - node.start);
}

function add(word: u64, size: u32, start: u32, length: u32): void {
  if (count == MAX_VALUES) return;
  const value = changetype<Value>(collected.reserve((count + 1) * VALUE_SIZE) + count * VALUE_SIZE);
  value.word = word;
  value.size = size;
  value.start = start;
  value.length = length;
  count++;
}

/** Adds the text `true` or `false`. */
export function addBool(value: bool): void {
  const text = value ? TRUE_TEXT : FALSE_TEXT;
  addWritten(text, value ? 4 : 5, 0, 0);
}

const TRUE_TEXT = memory.data<u8>([0x74, 0x72, 0x75, 0x65, 0]);
const FALSE_TEXT = memory.data<u8>([0x66, 0x61, 0x6c, 0x73, 0x65, 0]);
