// SPDX-License-Identifier: Apache-2.0
// Readers for pods: containers, their images, ports and users, volumes.
import { Document } from '../json/document';
import { Kind, Node, endOf, firstOf } from '../json/tape';
import { Name } from '../json/name';
import { writeValue, unescape, valueCapacity } from '../json/text';
import { SLACK } from '../memory';
import { Arena } from './arena';
import { Field, Question, visit } from './field';
import { addJoined } from './joined';
import { Path } from './path';
import { addBool, addCopy, addNode, addWritten } from './values';

const NAME = new Name('name');
const SECURITY_CONTEXT = new Name('securityContext');
const PRIVILEGED = new Name('privileged');
const RUN_AS_USER = new Name('runAsUser');
const RUN_AS_GROUP = new Name('runAsGroup');
const HOST_PORT = new Name('hostPort');
const CONTAINER_PORT = new Name('containerPort');
const ZERO = memory.data<u8>([0x30, 0]);

/** The elements of each list at the path, joined by a space: a command as it is typed. */
export function readJoined(field: Field, question: Question): void {
  visit(field, question, addCommand);
}

function addCommand(node: Node): void {
  if (node.kind == Kind.Array) addJoined(node, 0x20);
}

/** The repository of each image at the path: without tag and digest; a registry's port stays. */
export function readRepository(field: Field, question: Question): void {
  visit(field, question, addRepository);
}

function addRepository(node: Node): void {
  const capacity = valueCapacity(node);
  const out = Arena.alloc(capacity);
  const length = repositoryLength(out, writeValue(Document.text, node, out));
  Arena.trim(capacity, length + 1);
  addWritten(out, length, 0, 0);
}

/** `[registry[:port]/]path[:tag][@digest]`: a colon behind the last slash begins the tag. */
function repositoryLength(image: usize, length: u32): u32 {
  let end: u32 = 0;
  while (end < length && load<u8>(image + end) != 0x40) end++;
  for (let at = end; at > 0; at--) {
    const byte = load<u8>(image + at - 1);
    if (byte == 0x2f) break;
    if (byte == 0x3a) return at - 1;
  }
  return end;
}

/** Whether any container at the path is privileged; nothing when there is no list of containers. */
export function readAnyPrivileged(field: Field, question: Question): void {
  const containers = field.path.find();
  if (!containers || containers.kind != Kind.Array) return;
  const end = endOf(containers);
  let any = false;
  for (let at = firstOf(containers); at < end && !any; at += changetype<Node>(at).span) {
    const context = Document.value(changetype<Node>(at), SECURITY_CONTEXT);
    const privileged = context ? Document.value(context, PRIVILEGED) : null;
    any = privileged != null && privileged.kind == Kind.True;
  }
  addBool(any);
}

// What the visitors below need to know of the pod around a container.
let podValue: Node | null = null;
let wantedName: Name = RUN_AS_USER;
let onHostNetwork = false;

/** Whom each container runs as: its securityContext, else the pod's, else 0. */
export function readEffectiveUser(field: Field, question: Question): void {
  readEffective(field, question, field.pod!.runAsUser, RUN_AS_USER);
}

export function readEffectiveGroup(field: Field, question: Question): void {
  readEffective(field, question, field.pod!.runAsGroup, RUN_AS_GROUP);
}

function readEffective(field: Field, question: Question, podPath: Path, name: Name): void {
  podValue = podPath.find();
  wantedName = name;
  visit(field, question, addEffective);
}

function addEffective(container: Node): void {
  // An object in the containers' place is no list of containers: it runs as nobody.
  if (container.kind != Kind.Object || container.keyEnd != 0) return;
  const context = Document.value(container, SECURITY_CONTEXT);
  const own = context ? Document.value(context, wantedName) : null;
  const value = own ? own : podValue;
  if (value) addNode(value);
  else addWritten(ZERO, 1, 0, 0);
}

/** Each port's hostPort, else its containerPort where the pod shares the host's network. */
export function readHostPorts(field: Field, question: Question): void {
  const hostNetwork = field.pod!.hostNetwork.find();
  onHostNetwork = hostNetwork != null && hostNetwork.kind == Kind.True;
  visit(field, question, addHostPort);
}

function addHostPort(port: Node): void {
  const hostPort = Document.value(port, HOST_PORT);
  const value = hostPort || !onHostNetwork ? hostPort : Document.value(port, CONTAINER_PORT);
  if (value) addNode(value);
}

/** The types of each volume: its keys other than `name`. */
export function readVolumeTypes(field: Field, question: Question): void {
  visit(field, question, addKeys);
}

function addKeys(volume: Node): void {
  if (volume.kind != Kind.Object) return;
  const end = endOf(volume);
  for (let at = firstOf(volume); at < end; at += changetype<Node>(at).span) {
    const member = changetype<Node>(at);
    const key = Document.text + member.keyStart;
    const length = member.keyEnd - member.keyStart;
    if (NAME.equals(key, length)) continue;
    if (!member.keyEscaped) {
      addCopy(key, length);
      continue;
    }
    const out = Arena.alloc(length + SLACK);
    addWritten(out, unescape(key, key + length, out), 0, 0);
  }
}

let pattern: usize = 0;
let patternLength: u32 = 0;
let matches = false;

/** Whether some host path equals the key, or begins with it when the key ends in `*`. */
export function readHostPathMatch(field: Field, question: Question): void {
  if (!field.pod!.volumes.find()) return;
  pattern = question.key;
  patternLength = question.keyLength;
  matches = false;
  visit(field, question, matchHostPath);
  addBool(matches);
}

function matchHostPath(node: Node): void {
  if (matches) return;
  const capacity = valueCapacity(node);
  const path = Arena.alloc(capacity);
  const length = writeValue(Document.text, node, path);
  Arena.trim(capacity, 0);
  const isPrefix = patternLength > 0 && load<u8>(pattern + patternLength - 1) == 0x2a;
  const compared = isPrefix ? patternLength - 1 : patternLength;
  if (isPrefix ? length < compared : length != compared) return;
  matches = memory.compare(path, pattern, compared) == 0;
}

/** The service account by its name today, else by its older one, as kube-apiserver takes it. */
export function readServiceAccount(field: Field, question: Question): void {
  const pod = field.pod!;
  const name = pod.serviceAccountName.find();
  const isNamed = name != null && name.start != name.end;
  const account = isNamed ? name : pod.serviceAccount.find();
  if (account) addNode(account);
}
