// SPDX-License-Identifier: Apache-2.0
// Readers for role bindings.
import { Document } from '../json/document';
import { Node } from '../json/tape';
import { Name } from '../json/name';
import { Field, Question, visit } from './field';
import { addPair } from './joined';
import { addBool, addNode } from './values';

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
  if (name && namespace) addPair(namespace, 0x3a, name);
}

/** Always true: rules written for the official plugin rely on it. */
export function readTrue(field: Field, question: Question): void {
  addBool(true);
}
