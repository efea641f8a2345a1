// SPDX-License-Identifier: Apache-2.0
// The current event: its JSON text with its tape. What the first scan skipped is indexed when somebody first looks
// inside, on a tape of its own, and forgotten when another event becomes the current one. Of a body, and of its
// metadata, only the first level is indexed then: who wants a pod's containers need not pay for its managedFields and
// status.
import { Name } from './name';
import { Kind, Node, Tape, member } from './tape';
import { Index, isBodyKey, scan } from './scan';

const METADATA = new Name('metadata');
/** Memory that a tape keeps for the next event: bytes. */
const KEEP_TAPE: u32 = 256 * 1024;

/**
 * All static, for there is one current event: what WASM keeps in its globals is read without the check of bounds that
 * each member of an object costs, and these are read a hundred times an event.
 */
export class Document {
  /** Where the text starts. */
  static text: usize = 0;
  /** The root, or null when there is no event. */
  static root: Node | null = null;
  /** Where in it the members at the top level are: see Head.nodeAt in audit/head.ts. */
  static places: usize = 0;
  /** Counts the events: what was found or answered for an earlier one is none of this one's. */
  static generation: u64 = 0;
  /** Bodies, or parts of them, that turned out not to be JSON, since the program began. */
  static invalidBodies: u32 = 0;

  // The skipped nodes of this event that were looked into, and their tapes. There are as many as fields have different
  // places in bodies, at most; an event cannot make it more.
  private static owners: usize[] = [];
  private static tapes: Tape[] = [];
  private static indexedCount: i32 = 0;
  private static whole: Tape = new Tape();

  static become(text: usize, root: Node | null, places: usize): void {
    Document.generation++;
    Document.places = places;
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

  /** Whether the whole text of this value is JSON: what was skipped is gone through. */
  static isJson(node: Node): bool {
    if (!node.lazy) return true;
    const tape = Document.whole;
    tape.clear();
    tape.shrink(KEEP_TAPE);
    const text = Document.text;
    const isJson = scan(text, text + node.start, text + node.end, tape, Index.All) != 0;
    if (!isJson) Document.invalidBodies++;
    return isJson;
  }

  private static index(node: Node): Node | null {
    const owner = changetype<usize>(node);
    const count = Document.indexedCount;
    for (let i = 0; i < count; i++) {
      if (unchecked(Document.owners[i]) == owner) return rootOf(unchecked(Document.tapes[i]));
    }
    if (Document.tapes.length == count) {
      Document.owners.push(0);
      Document.tapes.push(new Tape());
    }
    Document.indexedCount = count + 1;
    Document.owners[count] = owner;
    const tape = Document.tapes[count];
    tape.clear();
    tape.shrink(KEEP_TAPE);
    const text = Document.text;
    if (scan(text, text + node.start, text + node.end, tape, depthOf(node)) == 0) Document.invalidBodies++;
    return rootOf(tape);
  }
}

/** How much of a skipped node is indexed at once. */
function depthOf(node: Node): Index {
  const key = Document.text + node.keyStart;
  const length = node.keyEnd - node.keyStart;
  return isBodyKey(key, length) || METADATA.equals(key, length) ? Index.Members : Index.All;
}

function rootOf(tape: Tape): Node | null {
  return tape.top == 0 ? null : changetype<Node>(tape.address);
}
