// SPDX-License-Identifier: Apache-2.0
// Readers for what the name of a user tells.
import { Document } from '../json/document';
import { Name } from '../json/name';
import { Kind, Node, endOf, firstOf } from '../json/tape';
import { valueCapacity, writeValue } from '../json/text';
import { Bytes } from '../memory';
import { Arena } from './arena';
import { Field, Question } from './field';
import { Path } from './path';
import { addCopy, addWritten } from './values';

const USER_NAME = new Path('user.username');
const GROUPS = new Path('user.groups');

const ANONYMOUS = new Name('system:anonymous');
const UNAUTHENTICATED = new Name('system:unauthenticated');
const SERVICE_ACCOUNT = new Name('system:serviceaccount:');
const NODE = new Name('system:node:');
/** A machine that joins the cluster: kubeadm's tokens. */
const BOOTSTRAP = new Name('system:bootstrap:');
/** The administrator of k3s and OpenShift: a person with a certificate, in spite of the name. */
const ADMIN = new Name('system:admin');
const SYSTEM = new Name('system:');
const EKS = new Name('eks:');
const AKS = new Name('aksService');
const GKE = new Name('@container-engine-robot.iam.gserviceaccount.com');

const TYPE_HUMAN = new Name('human');
const TYPE_SERVICE_ACCOUNT = new Name('serviceaccount');
const TYPE_NODE = new Name('node');
const TYPE_ANONYMOUS = new Name('anonymous');
const TYPE_CONTROL_PLANE = new Name('control-plane');

// The name of the user that is looked at.
let name: usize = 0;
let length: u32 = 0;

/** What kind of user made the request. */
export function readUserType(field: Field, question: Question): void {
  const isNamed = take(USER_NAME);
  const type = isNamed || isUnauthenticated() ? typeOf() : null;
  if (type) addCopy(type.address, type.length);
}

function typeOf(): Name {
  if (ANONYMOUS.equals(name, length) || isUnauthenticated()) return TYPE_ANONYMOUS;
  if (colonOfAccount() != 0) return TYPE_SERVICE_ACCOUNT;
  if (begins(NODE) || begins(BOOTSTRAP)) return TYPE_NODE;
  if (SERVICE_ACCOUNT.beginsAt(name, length) || ADMIN.equals(name, length)) return TYPE_HUMAN;
  const isControlPlane = begins(SYSTEM) || begins(EKS) || AKS.equals(name, length) || ends(GKE);
  return isControlPlane ? TYPE_CONTROL_PLANE : TYPE_HUMAN;
}

/** The namespace in `system:serviceaccount:namespace:name`. */
export function readAccountNamespace(field: Field, question: Question): void {
  const colon = take(field.path) ? colonOfAccount() : 0;
  const start = name + SERVICE_ACCOUNT.length;
  if (colon != 0) addWritten(start, u32(colon - start), 0, 0);
}

/** The name in it. */
export function readAccountName(field: Field, question: Question): void {
  const colon = take(field.path) ? colonOfAccount() : 0;
  if (colon != 0) addWritten(colon + 1, u32(name + length - colon - 1), 0, 0);
}

/** Takes the name at the path; false when there is none. */
function take(path: Path): bool {
  const node = path.find();
  length = 0;
  if (!node || node.kind != Kind.String) return false;
  name = Arena.alloc(valueCapacity(node));
  length = writeValue(Document.text, node, name);
  return length > 0;
}

function begins(start: Name): bool {
  return length > start.length && start.beginsAt(name, length);
}

function ends(end: Name): bool {
  return length > end.length && end.equals(name + length - end.length, end.length);
}

/** Where the colon between a service account's namespace and name stands; 0 for the name of anybody else. */
function colonOfAccount(): usize {
  if (!begins(SERVICE_ACCOUNT)) return 0;
  const start = name + SERVICE_ACCOUNT.length;
  const end = name + length;
  const colon = Bytes.find(start, end, 0x3a);
  const isAccount = colon > start && colon + 1 < end && Bytes.find(colon + 1, end, 0x3a) == end;
  return isAccount ? colon : 0;
}

function isUnauthenticated(): bool {
  const groups = GROUPS.find();
  if (!groups || groups.kind != Kind.Array) return false;
  const end = endOf(groups);
  for (let at = firstOf(groups); at < end; at += changetype<Node>(at).span) {
    if (UNAUTHENTICATED.is(Document.text, changetype<Node>(at))) return true;
  }
  return false;
}
