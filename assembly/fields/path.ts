// SPDX-License-Identifier: Apache-2.0
// Where a field's value stands in an event, as the catalogue writes it:
//   user.username                     a member of a member
//   annotations.'cluster_name'        a key in single quotes may contain dots
//   spec.containers[].name            each element
//   spec.containers[i].name           each element, or the one that the field's index argument picks
//   spec.containers[0].image          the first element
import { Document } from '../json/document';
import { Kind, Node, endOf, firstOf } from '../json/tape';
import { Name } from '../json/name';
import { ROOT, keys } from '../json/keys';
import { Stem } from './stem';

const enum Mode {
  Member = 0,
  Each = 1,
  Picked = 2,
  First = 3,
}

class Step {
  constructor(
    public mode: Mode,
    public key: Name | null,
  ) {}
}

/** The index argument that a field was asked with, or none. */
export const NO_INDEX: u64 = u64.MAX_VALUE;

export type Visit = (node: Node) => void;

const top = new Stem(null, null);

export class Path {
  /** The members up to the first list, or to the end. */
  readonly stem: Stem;
  /** What comes behind them. */
  private steps: StaticArray<Step>;

  constructor(text: string) {
    const all = parse(text);
    let stem = top;
    let members = 0;
    while (members < all.length && all[members].mode == Mode.Member) stem = stem.member(all[members++].key!);
    this.stem = stem;
    this.steps = StaticArray.fromArray(all.slice(members));
  }

  /** Whether members alone lead to its end. */
  get isPlain(): bool {
    return this.steps.length == 0;
  }

  /** The value of a plain path, or null when there is none, or the value is null. */
  @inline
  find(): Node | null {
    const node = this.stem.node();
    return node && node.kind != Kind.Null ? node : null;
  }

  /**
   * Calls `visit` for every value that is there and not null. `index` picks one element where the path says
   * [i]. An object where a list should be counts as its only element, as in the official plugin; any
   * other value there, or a body that is not JSON, has no values.
   */
  visit(index: u64, visit: Visit): void {
    const node = this.stem.node();
    if (node) this.walk(node, 0, index, visit);
  }

  private walk(from: Node, first: i32, index: u64, visit: Visit): void {
    let node = from;
    for (let i = first; i < this.steps.length; i++) {
      const step = this.steps[i];
      if (step.mode == Mode.Member) {
        const key = step.key!;
        const found = Document.member(node, key);
        if (!found) return;
        node = found;
        continue;
      }
      const list = Document.indexed(node);
      if (!list) return;
      if (list.kind == Kind.Array) {
        this.walkElements(list, i, index, visit);
        return;
      }
      if (list.kind != Kind.Object) return;
    }
    if (node.kind != Kind.Null) visit(node);
  }

  private walkElements(list: Node, step: i32, index: u64, visit: Visit): void {
    const mode = this.steps[step].mode;
    const wanted = mode == Mode.First ? 0 : mode == Mode.Picked ? index : NO_INDEX;
    const end = endOf(list);
    let number: u64 = 0;
    for (let at = firstOf(list); at < end; number++) {
      const element = changetype<Node>(at);
      if (wanted == NO_INDEX || number == wanted) this.walk(element, step + 1, index, visit);
      at += element.span;
    }
  }
}

/** Says that a reader looks at this path, too: an oversized event keeps what stands there. */
export function reads(path: string): void {
  parse(path);
}

function parse(text: string): Step[] {
  const steps: Step[] = [];
  let place = ROOT;
  let at = 0;
  while (at < text.length) {
    const char = text.charCodeAt(at);
    if (char == 0x2e) {
      at++;
    } else if (char == 0x5b) {
      const close = text.indexOf(']', at);
      const inside = text.substring(at + 1, close);
      steps.push(new Step(inside == '' ? Mode.Each : inside == 'i' ? Mode.Picked : Mode.First, null));
      at = close + 1;
    } else if (char == 0x27) {
      const close = text.indexOf("'", at + 1);
      const key = new Name(text.substring(at + 1, close));
      place = keys.add(place, key);
      steps.push(new Step(Mode.Member, key));
      at = close + 1;
    } else {
      let end = at;
      while (end < text.length && text.charCodeAt(end) != 0x2e && text.charCodeAt(end) != 0x5b) end++;
      const key = new Name(text.substring(at, end));
      place = keys.add(place, key);
      steps.push(new Step(Mode.Member, key));
      at = end;
    }
  }
  return steps;
}
