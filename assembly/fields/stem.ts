// SPDX-License-Identifier: Apache-2.0
// Where in an event the fields look: the tree of all places that members alone lead to.
import { Head, topNumber } from '../audit/head';
import { Document } from '../json/document';
import { Name } from '../json/name';
import { Body, bodyOf } from '../json/scan';
import { Members, Node } from '../json/tape';

/**
 * A place that is reached through members alone. Many paths begin with the same one (`requestObject.spec`), so it is
 * looked for once for each event, when the first of them is asked for.
 */
export class Stem {
  /** The body that it stands in: without it nothing is found here. */
  readonly needs: Body;
  /** The body that the places below it stand in. */
  private inside: Body;
  /** Of a member at the top level that the event's table of places has: its number there; else -1. */
  private top: i32 = -1;
  private below: Stem[] = [];
  private generation: u64 = 0;
  private found: Node | null = null;

  constructor(
    private parent: Stem | null,
    private key: Name | null,
    /** Of a root: where it looks, and the body in which. */
    private find: (() => Node | null) | null = null,
    body: Body = Body.None,
  ) {
    this.needs = parent ? parent.inside : body;
    let inside = this.needs;
    if (parent && !parent.parent && inside == Body.None) {
      inside = bodyOf(key!.address, key!.length);
      this.top = topNumber(key!);
    }
    this.inside = inside;
  }

  /** The place of the member with this key, one of json/keys.ts. */
  member(key: Name): Stem {
    for (let i = 0; i < this.below.length; i++) {
      if (this.below[i].key == key) return this.below[i];
    }
    const stem = new Stem(this, key);
    this.below.push(stem);
    return stem;
  }

  /** What stands there in the document, or null. */
  @inline
  node(): Node | null {
    return this.generation == Document.generation ? this.found : this.look();
  }

  private look(): Node | null {
    const parent = this.parent;
    let found: Node | null;
    if (this.top >= 0) {
      const root = Document.root;
      found = root ? Head.nodeAt(root, Document.places, this.top) : null;
    } else if (parent) {
      const object = parent.generation == Document.generation ? parent.found : parent.look();
      const members = object ? Document.indexed(object) : null;
      const key = this.key!;
      found = members ? Members.find(members, Document.text, key.address, key.length) : null;
    } else {
      found = this.find!();
    }
    this.generation = Document.generation;
    this.found = found;
    return found;
  }
}
