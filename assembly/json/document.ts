// SPDX-License-Identifier: Apache-2.0
// A JSON text with its tape. The bodies that the first scan skipped are indexed when somebody first looks
// inside, on tapes of their own, and forgotten when the document becomes another one.
import { Kind, Node, Tape, endOf, firstOf, member } from './tape';
import { Index, scan } from './scan';

// An event has two bodies; `items` is looked into by payload.ts, with the scanner.
const BODIES = 2;

export class Document {
  /** Where the text starts. */
  text: usize = 0;
  /** The root, or null when there is no document. */
  root: Node | null = null;
  /** Bodies that turned out not to be JSON, since the program began. */
  invalidBodies: u32 = 0;

  private tapes: StaticArray<Tape> = [new Tape(), new Tape()];
  private owners: StaticArray<usize> = new StaticArray<usize>(BODIES);
  private next: i32 = 0;

  become(text: usize, root: Node | null): void {
    this.text = text;
    this.root = root;
    for (let i = 0; i < BODIES; i++) this.owners[i] = 0;
    this.next = 0;
  }

  /** The member with this key (its bytes and their count); looks into `node` even if it was skipped. */
  member(node: Node, key: usize, keyLength: u32): Node | null {
    const indexed = this.indexed(node);
    return indexed ? member(indexed, this.text, key, keyLength) : null;
  }

  /** The same value as a node whose inside is on a tape, or null when its text is not JSON. */
  indexed(node: Node): Node | null {
    return node.lazy ? this.index(node) : node;
  }

  private index(node: Node): Node | null {
    const owner = changetype<usize>(node);
    for (let i = 0; i < BODIES; i++) {
      if (this.owners[i] == owner) return this.rootOf(this.tapes[i]);
    }
    const slot = this.next;
    this.next = (slot + 1) % BODIES;
    this.owners[slot] = owner;
    const tape = this.tapes[slot];
    tape.clear();
    if (scan(this.text, this.text + node.start, this.text + node.end, tape, Index.All) == 0) {
      this.invalidBodies++;
    }
    return this.rootOf(tape);
  }

  private rootOf(tape: Tape): Node | null {
    return tape.top == 0 ? null : changetype<Node>(tape.address);
  }
}

export { Kind, Node, endOf, firstOf };
