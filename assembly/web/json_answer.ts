// SPDX-License-Identifier: Apache-2.0
// What a service answered, as JSON.
import { Name } from '../json/name';
import { Index, scan, skipSpace } from '../json/scan';
import { Kind, Node, Tape, endOf, firstOf, member } from '../json/tape';
import { valueCapacity, writeValue } from '../json/text';
import { countText } from '../log';
import { Block } from '../memory';

/** Memory that is kept for the next answer: bytes. */
const KEEP_TAPE: u32 = 256 * 1024;
/** Characters of a whole number. */
const MAX_DIGITS: u32 = 18;
const scratch = new Block();

export class JsonAnswer {
  /** Where the text begins. */
  text: usize = 0;
  private tape: Tape = new Tape();

  /** Takes a text with PADDING zero bytes behind it; false when it is not JSON. Nodes of the last one are gone. */
  read(text: usize, length: u32): bool {
    this.tape.shrink(KEEP_TAPE);
    this.tape.clear();
    this.text = text;
    const end = text + length;
    const behind = scan(text, text, end, this.tape, Index.All);
    if (behind != 0 && skipSpace(behind) >= end) return true;
    this.tape.clear();
    return false;
  }

  /** The whole value, or null when the text was no JSON. */
  get root(): Node | null {
    return this.tape.top > 0 ? changetype<Node>(this.tape.address) : null;
  }

  /** The member of an object with this key, or null; null of null. */
  member(object: Node | null, key: Name): Node | null {
    return object && object.kind == Kind.Object ? member(object, this.text, key.address, key.length) : null;
  }

  /** The text of a value: of a string its characters, of null and null an empty string. */
  string(node: Node | null): string {
    if (!node || node.kind == Kind.Null) return '';
    countText();
    const out = scratch.reserve(valueCapacity(node));
    return String.UTF8.decodeUnsafe(out, writeValue(this.text, node, out));
  }

  /** A whole number, written as such and with at most 18 characters, or 0. */
  integer(node: Node | null): i64 {
    if (!node || node.kind != Kind.Number || node.end - node.start > MAX_DIGITS) return 0;
    for (let at = this.text + node.start + 1; at < this.text + node.end; at++) {
      if (<u32>load<u8>(at) - 0x30 > 9) return 0;
    }
    return I64.parseInt(this.string(node));
  }

  /** The number of an array's elements; 0 of anything else. */
  static count(array: Node | null): i32 {
    if (!array || array.kind != Kind.Array) return 0;
    let count = 0;
    const end = endOf(array);
    for (let at = firstOf(array); at < end; at += changetype<Node>(at).span) count++;
    return count;
  }

  free(): void {
    this.tape.free();
  }
}
