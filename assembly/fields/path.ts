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

const EACH = new Step(Mode.Each, null);
const PICKED = new Step(Mode.Picked, null);
const FIRST = new Step(Mode.First, null);

const DOT: i32 = 0x2e;
const AT: i32 = 0x40;
const OPEN: i32 = 0x5b;
const CLOSE: i32 = 0x5d;
const OPEN_GROUP: i32 = 0x28;
const CLOSE_GROUP: i32 = 0x29;
const BAR: i32 = 0x7c;
const QUOTE: i32 = 0x27;
const STAR: i32 = 0x2a;
const EXCLAMATION: i32 = 0x21;
const LETTER_I: i32 = 0x69;

/** The index argument that a field was asked with, or none. */
export const NO_INDEX: u64 = u64.MAX_VALUE;

export type Visit = (node: Node) => void;

/** Where a path begins: an event, or what stands at one place or another, depending on the event. */
class Root {
  constructor(
    readonly name: string,
    readonly stem: Stem,
    /** Its place: see json/keys.ts. */
    readonly place: i32,
  ) {}
}

const top = new Root('', new Stem(null, null, eventRoot, Body.None), ROOT);
const roots: Root[] = [];

function eventRoot(): Node | null {
  return Document.root;
}

/**
 * A root, so that paths may begin with `name`, an `@` and a word: what `find` finds in the request's body, of which fields
 * read `place`.
 */
export function addRoot(name: string, find: () => Node | null, place: i32): void {
  roots.push(new Root(name, new Stem(null, null, find, Body.Request), place));
}

function rootOf(text: string): Root {
  if (text.charCodeAt(0) != AT) return top;
  let i = 0;
  // A root that is not there ends in a trap, before anything is built.
  while (!text.startsWith(roots[i].name) || isWord(text, roots[i].name.length)) i++;
  return roots[i];
}

export class Path {
  /** The members up to the first list, or to the end. */
  readonly stem: Stem;
  /** What comes behind them. */
  private steps: StaticArray<Step>;

  constructor(text: string) {
    parse(text, rootOf(text));
    this.stem = stem;
    this.steps = StaticArray.fromArray(steps);
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
  parse(path, rootOf(path));
}

/** Whether a key goes on at this place. */
function isWord(text: string, at: i32): bool {
  if (at >= text.length) return false;
  const char = text.charCodeAt(at);
  return char != DOT && char != OPEN && char != BAR && char != CLOSE_GROUP;
}

// There are hundreds of paths, and all are read when the plugin starts, so that nothing is made for a step that leads to
// a place which others lead to as well.
/** What was read last: the members that lead to its first list, and what comes behind. */
let stem: Stem = top.stem;
const steps: Step[] = [];
// The places that it leads to: more than one behind a group.
const MAX_PLACES: i32 = 8;
const places = new StaticArray<i32>(MAX_PLACES);
let placeCount = 0;

function parse(text: string, root: Root): void {
  stem = root.stem;
  steps.length = 0;
  places[0] = root.place;
  placeCount = 1;
  let at = root.name.length;
  while (at < text.length) {
    const char = text.charCodeAt(at);
    if (char == DOT) {
      at++;
    } else if (char == EXCLAMATION) {
      placeCount = 0;
      at++;
    } else if (char == STAR) {
      for (let i = 0; i < placeCount; i++) keys.addAny(places[i]);
      at++;
    } else if (char == OPEN) {
      const inside = text.charCodeAt(at + 1);
      steps.push(inside == CLOSE ? EACH : inside == LETTER_I ? PICKED : FIRST);
      at = text.indexOf(']', at) + 1;
    } else if (char == OPEN_GROUP) {
      at = readGroup(text, at + 1);
    } else {
      const isQuoted = char == QUOTE;
      if (isQuoted) at++;
      const end = isQuoted ? text.indexOf("'", at) : wordEnd(text, at);
      addMember(keys.name(text, at, end));
      at = end + i32(isQuoted);
    }
  }
}

function wordEnd(text: string, at: i32): i32 {
  while (isWord(text, at)) at++;
  return at;
}

function addMember(key: Name): void {
  for (let i = 0; i < placeCount; i++) places[i] = keys.add(places[i], key);
  if (steps.length == 0) stem = stem.member(key);
  else steps.push(new Step(Mode.Member, key));
}

/** Reads `a|b)`, of which the bracket in front is read; behind it, a path has a place for each of them. */
function readGroup(text: string, at: i32): i32 {
  const names: Name[] = [];
  while (true) {
    const end = wordEnd(text, at);
    names.push(keys.name(text, at, end));
    at = end + 1;
    if (text.charCodeAt(end) == CLOSE_GROUP) break;
  }
  // One place is followed by a group in all paths.
  const place = places[0];
  placeCount = placeCount == 0 ? 0 : min(names.length, MAX_PLACES);
  for (let i = 0; i < placeCount; i++) places[i] = keys.add(place, names[i]);
  steps.push(new Step(Mode.Members, null, names));
  return at;
}
