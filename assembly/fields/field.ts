// SPDX-License-Identifier: Apache-2.0
// A row of the catalogue, and the ways in which a field's values are read.
import { Body } from '../json/scan';
import { Node } from '../json/tape';
import { SeenBefore } from '../state/seen_before';
import { Path } from './path';
import { PodPlace } from './pod_place';
import { addNode } from './values';

/** What may stand in the brackets behind a field's name. */
export const enum Argument {
  None = 0,
  /** A number, may be left out. */
  Index = 1,
  /** A text, must be there. */
  Key = 2,
}

/** Falco's type of a field's values; what a reader adds them with. */
export const enum Type {
  /** addNode, addCopy, addWritten */
  Text = 0,
  /** addNumber; so are the next two, in nanoseconds. */
  Number = 1,
  Duration = 2,
  /** Since the Unix epoch. */
  Time = 3,
  /** addFlag; never a list. */
  Flag = 4,
  /** addAddress */
  Address = 5,
}

/** What a reader is asked: the event, where it came from, and the argument in the brackets. */
export class Question {
  /** NO_INDEX when there is none. */
  index: u64 = 0;
  /** UTF-8 bytes; 0, 0 when there is none. */
  key: usize = 0;
  keyLength: u32 = 0;
  /** The number of the event's cluster: see audit/clusters.ts. */
  cluster: u32 = 0;
  /** What was seen before of the event's user and pod, or null. */
  seen: SeenBefore | null = null;
}

/** Adds the values of `field` for the event of `question`; adds nothing when it has none. */
export type Reader = (field: Field, question: Question) => void;

export class Field {
  type: Type = Type.Text;
  /** Whether Falco shows the field with every alert. */
  inOutput: bool = false;
  /** Whether the field has no value where nothing stands at its path. */
  needsPath: bool = true;
  /** Of a field of a pod. */
  pod: PodPlace | null = null;

  constructor(
    public readonly name: string,
    public readonly isList: bool,
    public readonly argument: Argument,
    public readonly path: Path,
    public readonly read: Reader,
    public readonly description: string,
  ) {}

  /** The bodies without which it has no value. */
  get needs(): Body {
    return this.needsPath ? this.path.stem.needs : Body.None;
  }

  /** Whether its only value is the text of what stands at its path, to which members alone lead. */
  get isText(): bool {
    return !this.isList && this.path.isPlain && this.read == readNodes;
  }
}

/** The same field, shown with every alert. */
export function shown(field: Field): Field {
  field.inOutput = true;
  return field;
}

/** The same field, with values that are no text. */
export function typed(type: Type, field: Field): Field {
  field.type = type;
  return field;
}

/** The same field, which may have a value also where nothing stands at its path. */
export function anywhere(field: Field): Field {
  field.needsPath = false;
  return field;
}

/** One value at a path: a string's characters, anything else as compact JSON. */
export function text(name: string, path: string, description: string): Field {
  return new Field(name, false, Argument.None, new Path(path), readNodes, description);
}

/** All values at a path. `[i]` in the path makes the field take an index. */
export function list(name: string, path: string, description: string): Field {
  return listOf(name, path, readNodes, description);
}

/** All values at a path, each read by `read`. */
export function listOf(name: string, path: string, read: Reader, description: string): Field {
  const argument = path.includes('[i]') ? Argument.Index : Argument.None;
  return new Field(name, true, argument, new Path(path), read, description);
}

/** One value that needs code of its own; `path` says where that code looks. */
export function single(name: string, path: string, read: Reader, description: string): Field {
  return new Field(name, false, Argument.None, new Path(path), read, description);
}

/** One value that depends on a text in the brackets. */
export function keyed(name: string, path: string, read: Reader, description: string): Field {
  return new Field(name, false, Argument.Key, new Path(path), read, description);
}

export function readNodes(field: Field, question: Question): void {
  visit(field, question, addNode);
}

/** Calls `visitor` for every value at the field's path. */
export function visit(field: Field, question: Question, visitor: (node: Node) => void): void {
  field.path.visit(question.index, visitor);
}
