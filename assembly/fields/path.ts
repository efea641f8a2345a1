// SPDX-License-Identifier: Apache-2.0
// Where a field's value stands in an event, as the catalogue writes it:
//   user.username                     a member of a member
//   annotations.'cluster_name'        a key in single quotes may contain dots
//   spec.containers[].name            each element
//   spec.containers[i].name           each element, or the one that the field's index argument picks
//   spec.containers[0].image          the first element
//   spec.(containers|initContainers)[].name   each element of the one, then of the other
//   @object.spec                      a place that a root finds, see addRoot
//   metadata.labels.*                 for `reads` alone: members of any name
//   rules[].!resourceNames[]          an oversized event need not keep what stands behind the exclamation mark
import { Document } from '../json/document';
import { Kind, Node, endOf, firstOf } from '../json/tape';
import { Name } from '../json/name';
import { ROOT, keys } from '../json/keys';
import { Body } from '../json/scan';
import { Stem } from './stem';

const enum Mode {
  Member = 0,
  Each = 1,
  Picked = 2,
  First = 3,
  /** The members with any of several keys, one after the other. */
  Members = 4,
}

class Step {
  constructor(
    public mode: Mode,
    public key: Name | null,
    public others: Name[] | null = null,
  ) {}
}

/** The index argument that a field was asked with, or none. */
export const NO_INDEX: u64 = u64.MAX_VALUE;

export type Visit = (node: Node) => void;

/** Where a path begins: an event, or what stands at one place or another, depending on the event. */
class Root {
  constructor(
    readonly stem: Stem,
    /** Its places: see json/keys.ts. */
    readonly places: i32[],
  ) {}
}

const roots = new Map<string, Root>();
const top = new Root(new Stem(null, null, eventRoot, Body.None), [ROOT]);

function eventRoot(): Node | null {
  return Document.root;
}

/**
 * A root, so that paths may begin with `name`, an `@` and a word: what `find` finds in the request's body, at one of
 * `places`.
 */
export function addRoot(name: string, find: () => Node | null, places: i32[]): void {
  roots.set(name, new Root(new Stem(null, null, find, Body.Request), places));
}

export class Path {
  /** The members up to the first list, or to the end. */
  readonly stem: Stem;
  /** What comes behind them. */
  private steps: StaticArray<Step>;

  constructor(text: string) {
    const root = rootOf(text);
    const all = parse(text, root.places);
    let stem = root.stem;
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
      if (step.mode == Mode.Members) {
        this.walkMembers(node, i, index, visit);
        return;
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

  private walkMembers(object: Node, step: i32, index: u64, visit: Visit): void {
    const names = this.steps[step].others!;
    for (let i = 0; i < names.length; i++) {
      const found = Document.member(object, names[i]);
      if (found) this.walk(found, step + 1, index, visit);
    }
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
  parse(path, rootOf(path).places);
}

function rootOf(text: string): Root {
  if (!text.startsWith('@')) return top;
  return roots.get(text.substring(0, wordEnd(text, 0)));
}

function wordEnd(text: string, at: i32): i32 {
  while (at < text.length && text.charCodeAt(at) != 0x2e && text.charCodeAt(at) != 0x5b) at++;
  return at;
}

function parse(text: string, from: i32[]): Step[] {
  const steps: Step[] = [];
  let places = from;
  let at = text.startsWith('@') ? wordEnd(text, 0) : 0;
  while (at < text.length) {
    const char = text.charCodeAt(at);
    let names: string[] = [];
    if (char == 0x2e || char == 0x21) {
      if (char == 0x21) places = [];
      at++;
      continue;
    } else if (char == 0x5b) {
      const close = text.indexOf(']', at);
      const inside = text.substring(at + 1, close);
      steps.push(new Step(inside == '' ? Mode.Each : inside == 'i' ? Mode.Picked : Mode.First, null));
      at = close + 1;
      continue;
    } else if (char == 0x2a) {
      for (let i = 0; i < places.length; i++) keys.addAny(places[i]);
      break;
    } else if (char == 0x27 || char == 0x28) {
      const close = text.indexOf(char == 0x27 ? "'" : ')', at + 1);
      const inside = text.substring(at + 1, close);
      names = char == 0x27 ? [inside] : inside.split('|');
      at = close + 1;
    } else {
      const end = wordEnd(text, at);
      names = [text.substring(at, end)];
      at = end;
    }
    const members = names.map<Name>((name) => new Name(name));
    places = below(places, members);
    steps.push(
      members.length == 1 ? new Step(Mode.Member, members[0]) : new Step(Mode.Members, null, members),
    );
  }
  return steps;
}

/** The places of the members with these keys. */
function below(places: i32[], names: Name[]): i32[] {
  const found: i32[] = [];
  for (let i = 0; i < places.length; i++) {
    for (let j = 0; j < names.length; j++) found.push(keys.add(places[i], names[j]));
  }
  return found;
}
