// SPDX-License-Identifier: Apache-2.0
// Where in an event the fields look: the tree of all places that members alone lead to.
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
  needs: Body = Body.None;
  private below: Stem[] = [];
  private generation: u64 = 0;
  private found: Node | null = null;

  constructor(
    private parent: Stem | null,
    private key: Name | null,
  ) {
    if (parent && parent.parent) {
      const key = parent.key!;
      this.needs = parent.parent!.parent ? parent.needs : bodyOf(key.address, key.length);
    }
  }

  /** The place of the member with this key. */
  member(key: Name): Stem {
    for (let i = 0; i < this.below.length; i++) {
      if (this.below[i].key!.equals(key.address, key.length)) return this.below[i];
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
    let found = Document.root;
    if (parent) {
      const object = parent.generation == Document.generation ? parent.found : parent.look();
      const members = object ? Document.indexed(object) : null;
      const key = this.key!;
      found = members ? Members.find(members, Document.text, key.address, key.length) : null;
    }
    this.generation = Document.generation;
    this.found = found;
    return found;
  }
}
