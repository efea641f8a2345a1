// SPDX-License-Identifier: Apache-2.0
// The current event: its JSON text with its tape. The bodies that the first scan skipped are indexed when somebody
// first looks inside, on tapes of their own, and forgotten when another event becomes the current one.
import { Name } from './name';
import { Kind, Node, Tape, member } from './tape';
import { Index, scan } from './scan';

/** What Index.Event skips: requestObject, responseObject, items. Of two with one key, only the first is looked into. */
const BODIES = 3;

/**
 * All static, for there is one current event: what WASM keeps in its globals is read without the check of bounds that
 * each member of an object costs, and these are read a hundred times an event.
 */
export class Document {
  /** Where the text starts. */
  static text: usize = 0;
  /** The root, or null when there is no event. */
  static root: Node | null = null;
  /** Counts the events: what was found or answered for an earlier one is none of this one's. */
  static generation: u64 = 0;
  /** Bodies that turned out not to be JSON, since the program began. */
  static invalidBodies: u32 = 0;

  private static tapes: StaticArray<Tape> = [new Tape(), new Tape(), new Tape()];
  private static owners: StaticArray<usize> = new StaticArray<usize>(BODIES);
  private static indexedCount: i32 = 0;

  static become(text: usize, root: Node | null): void {
    Document.generation++;
    Document.text = text;
    Document.root = root;
    Document.indexedCount = 0;
  }

  /** The member with this key; looks into `node` even if it was skipped. */
  @inline
  static member(node: Node, key: Name): Node | null {
    const object = Document.indexed(node);
    return object ? member(object, Document.text, key.address, key.length) : null;
  }

  /** The member with this key, or null when there is none, or its value is null. */
  static value(node: Node, key: Name): Node | null {
    const found = Document.member(node, key);
    return found && found.kind != Kind.Null ? found : null;
  }

  /** The same value as a node whose inside is on a tape, or null when its text is not JSON. */
  @inline
  static indexed(node: Node): Node | null {
    return node.lazy ? Document.index(node) : node;
  }

  private static index(node: Node): Node | null {
    const owner = changetype<usize>(node);
    for (let i = 0; i < Document.indexedCount; i++) {
      if (Document.owners[i] == owner) return rootOf(Document.tapes[i]);
    }
    // Nodes on a tape are referred to until the event changes: none is used again before.
    if (Document.indexedCount == BODIES) return null;
    const slot = Document.indexedCount++;
    Document.owners[slot] = owner;
    const tape = Document.tapes[slot];
    tape.clear();
    const text = Document.text;
    if (scan(text, text + node.start, text + node.end, tape, Index.All) == 0) Document.invalidBodies++;
    return rootOf(tape);
  }
}

function rootOf(tape: Tape): Node | null {
  return tape.top == 0 ? null : changetype<Node>(tape.address);
}
