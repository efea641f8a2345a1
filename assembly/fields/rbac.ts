// SPDX-License-Identifier: Apache-2.0
// Readers for role bindings.
import { Document, Kind, Node } from '../json/document';
import { Name } from '../json/name';
import { writeValue, valueCapacity } from '../json/text';
import { Field, Question, visit } from './field';
import { addBool, addNode, addWritten, arena } from './values';

const KIND = new Name('kind');
const NAME = new Name('name');
const NAMESPACE = new Name('namespace');
const USER = new Name('User');
const GROUP = new Name('Group');
const SERVICE_ACCOUNT = new Name('ServiceAccount');

let wantedKind: Name = USER;

export function readUserNames(field: Field, question: Question): void {
  readSubjects(field, question, USER);
}

export function readGroupNames(field: Field, question: Question): void {
  readSubjects(field, question, GROUP);
}

export function readServiceAccountNames(field: Field, question: Question): void {
  readSubjects(field, question, SERVICE_ACCOUNT);
}

function readSubjects(field: Field, question: Question, kind: Name): void {
  wantedKind = kind;
  visit(field, question, addSubjectName);
}

function isOfKind(document: Document, subject: Node, kind: Name): bool {
  const node = document.member(subject, KIND.address, KIND.length);
  return node != null && kind.is(document.text, node);
}

function nonNull(document: Document, node: Node, name: Name): Node | null {
  const value = document.member(node, name.address, name.length);
  return value && value.kind != Kind.Null ? value : null;
}

function addSubjectName(document: Document, subject: Node): void {
  if (!isOfKind(document, subject, wantedKind)) return;
  const name = nonNull(document, subject, NAME);
  if (name) addNode(document, name);
}

/** `namespace:name` of each service account; one without a namespace is left out. */
export function readQualifiedServiceAccounts(field: Field, question: Question): void {
  visit(field, question, addQualifiedServiceAccount);
}

function addQualifiedServiceAccount(document: Document, subject: Node): void {
  if (!isOfKind(document, subject, SERVICE_ACCOUNT)) return;
  const name = nonNull(document, subject, NAME);
  const namespace = nonNull(document, subject, NAMESPACE);
  if (!name || !namespace) return;
  const capacity = valueCapacity(name) + valueCapacity(namespace) + 2;
  const out = arena.alloc(capacity);
  let length = writeValue(document.text, namespace, out);
  store<u8>(out + length++, 0x3a);
  length += writeValue(document.text, name, out + length);
  arena.trim(capacity, length + 1);
  addWritten(out, length, 0, 0);
}

/** Always true: rules written for the official plugin rely on it. */
export function readTrue(field: Field, question: Question): void {
  addBool(true);
}
