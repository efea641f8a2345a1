// SPDX-License-Identifier: Apache-2.0
// What is remembered of one pod.
//
//   record: flags (1), then for each text: which fact it is (1) · its length (2) · its bytes
import { Document } from '../json/document';
import { Kind, Node } from '../json/tape';
import { valueCapacity, writeValue } from '../json/text';
import { Block } from '../memory';

export const enum PodFlag {
  Privileged = 1,
  HostNetwork = 2,
  HostPid = 4,
}

export const enum PodFact {
  HostPath = 1,
  Image = 2,
  ServiceAccount = 3,
}

/** A record that is kept, in place if it is short, as nearly each one is: to allocate costs as much as to find a pod. */
@unmanaged
export class Kept {
  length: u32;
  /** Where a longer one stands, or 0. */
  outside: usize;

  get record(): usize {
    return this.outside != 0 ? this.outside : changetype<usize>(this) + offsetof<Kept>();
  }
}
/** Bytes of a record that has room in place. */
export const SHORT_RECORD: u32 = 112;
export const KEPT_SIZE: u32 = offsetof<Kept>() + SHORT_RECORD;

/** Bytes of a record; texts that would make it longer are left out. */
export const MAX_RECORD: u32 = 2048;
const FLAGS: u32 = 1;
const TEXT_HEAD: u32 = 3;

/** The record that is being made of the current event. */
export class Draft {
  static record: usize = heap.alloc(MAX_RECORD);
  static length: u32 = FLAGS;
  private static text: Block = new Block();

  /** Begins with what is known, or with nothing. */
  static begin(known: Kept | null): void {
    store<u8>(Draft.record, 0);
    Draft.length = FLAGS;
    if (!known) return;
    memory.copy(Draft.record, known.record, known.length);
    Draft.length = known.length;
  }

  static flag(flag: PodFlag): void {
    store<u8>(Draft.record, load<u8>(Draft.record) | (<u8>flag));
  }

  /** Adds a text, unless it is there already, or there is no room for it. */
  static add(fact: PodFact, text: usize, length: u32): void {
    const end = Draft.record + Draft.length;
    if (Draft.length + TEXT_HEAD + length > MAX_RECORD || Draft.has(fact, text, length)) return;
    store<u8>(end, <u8>fact);
    store<u16>(end, length, 1);
    memory.copy(end + TEXT_HEAD, text, length);
    Draft.length += TEXT_HEAD + length;
  }

  /** The same with a value of the current event. */
  static flagIf(flag: PodFlag, node: Node | null): void {
    if (node && node.kind == Kind.True) Draft.flag(flag);
  }

  static addNode(fact: PodFact, node: Node): void {
    if (node.kind != Kind.String) return;
    const text = Draft.text.reserve(valueCapacity(node));
    Draft.add(fact, text, writeValue(Document.text, node, text));
  }

  private static has(fact: PodFact, text: usize, length: u32): bool {
    const end = Draft.record + Draft.length;
    for (let at = Draft.record + FLAGS; at < end; at = behindText(at)) {
      if (load<u8>(at) != <u8>fact || load<u16>(at, 1) != length) continue;
      if (memory.compare(at + TEXT_HEAD, text, length) == 0) return true;
    }
    return false;
  }
}

function behindText(at: usize): usize {
  return at + TEXT_HEAD + load<u16>(at, 1);
}

/** Whether a record has this flag. */
export function hasFlag(record: usize, flag: PodFlag): bool {
  return (load<u8>(record) & (<u8>flag)) != 0;
}

/** Calls `visit` with each text of this kind in a record of `length` bytes. */
export function visitTexts(
  record: usize,
  length: u32,
  fact: PodFact,
  visit: (at: usize, length: u32) => void,
): void {
  const end = record + length;
  for (let at = record + FLAGS; at < end; at = behindText(at)) {
    if (load<u8>(at) == <u8>fact) visit(at + TEXT_HEAD, load<u16>(at, 1));
  }
}

/** Whether these bytes are a record. */
export function isRecord(at: usize, length: u32): bool {
  const end = at + length;
  if (length < FLAGS || length > MAX_RECORD) return false;
  at += FLAGS;
  while (at + TEXT_HEAD <= end) at = behindText(at);
  return at == end;
}
