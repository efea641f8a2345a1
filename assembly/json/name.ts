// SPDX-License-Identifier: Apache-2.0
import { Bytes, SLACK } from '../memory';
import { Kind, Node } from './tape';

/** A key or word that we look for, as UTF-8 in memory of its own for ever, with SLACK bytes behind it. */
export class Name {
  readonly address: usize;
  readonly length: u32;

  constructor(text: string) {
    const length = String.UTF8.byteLength(text);
    const address = heap.alloc(length + SLACK);
    String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, address);
    this.address = address;
    this.length = length;
  }

  /** Whether `node` is a string of exactly these characters. */
  is(text: usize, node: Node): bool {
    if (node.kind != Kind.String || node.end - node.start != this.length) return false;
    return Bytes.same(text + node.start, this.address, this.length);
  }

  /** Whether these bytes begin with the name. Up to 15 bytes behind them may be read. */
  beginsAt(address: usize, length: u32): bool {
    return length >= this.length && Bytes.same(address, this.address, this.length);
  }

  /** Whether these bytes are the name. */
  equals(address: usize, length: u32): bool {
    return length == this.length && memory.compare(address, this.address, length) == 0;
  }
}
