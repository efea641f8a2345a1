// SPDX-License-Identifier: Apache-2.0
// Readers for role bindings.
import { Document } from '../json/document';
import { Node } from '../json/tape';
import { Name } from '../json/name';
import { writeValue, valueCapacity } from '../json/text';
import { Arena } from './arena';
import { Field, Question, visit } from './field';
import { addBool, addNode, addWritten } from './values';

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

function isOfKind(subject: Node, kind: Name): bool {
  const node = Document.member(subject, KIND);
  return node != null && kind.is(Document.text, node);
}

function addSubjectName(subject: Node): void {
  if (!isOfKind(subject, wantedKind)) return;
  const name = Document.value(subject, NAME);
  if (name) addNode(name);
}

/** `namespace:name` of each service account; one without a namespace is left out. */
export function readQualifiedServiceAccounts(field: Field, question: Question): void {
  visit(field, question, addQualifiedServiceAccount);
}

function addQualifiedServiceAccount(subject: Node): void {
  if (!isOfKind(subject, SERVICE_ACCOUNT)) return;
  const name = Document.value(subject, NAME);
  const namespace = Document.value(subject, NAMESPACE);
  if (!name || !namespace) return;
  const capacity = valueCapacity(namespace) + 1 + valueCapacity(name);
  const out = Arena.alloc(capacity);
  let length = writeValue(Document.text, namespace, out);
  store<u8>(out + length++, 0x3a);
  length += writeValue(Document.text, name, out + length);
  Arena.trim(capacity, length + 1);
  addWritten(out, length, 0, 0);
}

/** Always true: rules written for the official plugin rely on it. */
export function readTrue(field: Field, question: Question): void {
  addBool(true);
}
