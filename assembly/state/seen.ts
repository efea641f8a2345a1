// SPDX-License-Identifier: Apache-2.0
// Remembers what events show of users and pods, and says of each event what the ones before it showed. This happens as
// events come in, so it depends neither on the rules that are loaded nor on what comes behind in the same batch.
import { Head, Top } from '../audit/head';
import { TEXT_KEY_SIZE, nameHash } from '../audit/texthash';
import { Counter, counters } from '../counters';
import { Arena } from '../fields/arena';
import { Path } from '../fields/path';
import '../fields/workload';
import { randomBytes } from '../host';
import { Document } from '../json/document';
import { Name } from '../json/name';
import { Body, scannedBodies } from '../json/scan';
import { Kind, Node } from '../json/tape';
import { Block, Bytes, SLACK } from '../memory';
import { Draft, MAX_RECORD } from './draft';
import { nameLength, nameStart, readPod } from './pod_text';
import { PodView, Pods } from './pods';
import { NO_AGE, NO_COUNT, PodKnown, SeenBefore } from './seen_before';
import { Users } from './users';

const USERNAME = new Name('username');
const CODE = new Name('code');
const RESOURCE = new Name('resource');
const SUBRESOURCE = new Name('subresource');
const NAMESPACE = new Name('namespace');
const NAME = new Name('name');
const PODS = new Name('pods');
const SESSIONS = [new Name('exec'), new Name('attach'), new Name('portforward')];
const EPHEMERAL_CONTAINERS = new Name('ephemeralcontainers');
const COMPLETE = new Name('ResponseComplete');
const CREATE = new Name('create');
const UPDATE = new Name('update');
const PATCH = new Name('patch');
const DRY_RUN = new Name('dryRun=');

const REQUESTED_NAME = new Path('@object.metadata.name');
// Nothing that is only in a response is kept of an oversized event for this.
const MADE_NAME = new Path('responseObject.!metadata.name');
const requested = new PodView('@pod');
const made = new PodView('responseObject.!spec');

const SLASH: u8 = 0x2f;
const QUESTION_MARK: u8 = 0x3f;
const AMPERSAND: u8 = 0x26;

/** The users and pods of one cluster. */
class Remembered {
  readonly users: Users;
  readonly pods: Pods;

  constructor(userLimit: u32, podLimit: u32) {
    this.users = new Users(userLimit);
    this.pods = new Pods(podLimit);
  }
}

/** All static: it is asked for each event, see Document. */
export class Seen {
  /** Of the event that was observed last. */
  static readonly before: SeenBefore = changetype<SeenBefore>(
    heap.alloc(offsetof<SeenBefore>() + MAX_RECORD),
  );

  // By the number of the cluster.
  private static clusters: Remembered[] = [];
  static userLimit: u32 = 0;
  static podLimit: u32 = 0;
  /** Of the hashes. */
  static key: usize = 0;
  private static text: Block = new Block();

  /** From now on, so many users and pods of each cluster are remembered, 0: none; to begin with, none are known. */
  static begin(userLimit: u32, podLimit: u32): void {
    Seen.forget();
    Seen.userLimit = userLimit;
    Seen.podLimit = podLimit;
    if (Seen.key == 0) Seen.key = heap.alloc(TEXT_KEY_SIZE);
    randomBytes(Seen.key, TEXT_KEY_SIZE);
  }

  /** Forgets everything, and gives the memory back. */
  static forget(): void {
    for (let i = 0; i < Seen.clusters.length; i++) {
      Seen.clusters[i].users.table.free();
      Seen.clusters[i].pods.free();
    }
    Seen.clusters = [];
    Seen.tellSizes();
  }

  /**
   * Says in `before` what was seen before the event whose Head was read, then remembers what it shows. Of an event that
   * was cut or made smaller, not everything is there.
   */
  static observe(cluster: u32, time: i64, isCut: bool): void {
    const before = Seen.before;
    before.age = NO_AGE;
    before.denied = NO_COUNT;
    before.pod = PodKnown.NotAsked;
    before.size = offsetof<SeenBefore>();
    if (Seen.userLimit != 0) Seen.observeUser(cluster, time);
    if (Seen.podLimit == 0) return;
    const resource = Head.member(Head.get(Top.ObjectRef), RESOURCE);
    if (resource && PODS.is(Head.text, resource)) Seen.observePod(cluster, isCut);
  }

  private static observeUser(cluster: u32, time: i64): void {
    const users = Seen.of(cluster).users;
    const name = Head.member(Head.get(Top.User), USERNAME);
    const isNamed = name != null && name.kind == Kind.String;
    const known = users.table.count;
    // Those whose authentication failed have no name; their denials are counted together.
    const hash = isNamed
      ? nameHash(Seen.key, Head.text + name!.start, name!.end - name!.start)
      : nameHash(Seen.key, 0, 0);
    const age = users.note(hash, time);
    if (isNamed) Seen.before.age = age;
    Seen.before.denied = users.denials(time, Seen.isDenial());
    if (users.table.count != known) Seen.tellSizes();
  }

  /** A request has up to three events, of which the last one counts. */
  private static isDenial(): bool {
    const status = Head.get(Top.ResponseStatus);
    // `:2xx}` ends nearly every one: no denial. The code is the last member that kube-apiserver writes.
    if (!status || load<u16>(Head.text + status.end - 5) == 0x323a) return false;
    const code = Head.member(status, CODE);
    if (!code || code.end - code.start != 3) return false;
    const at = Head.text + code.start;
    if (load<u16>(at) != 0x3034 || (load<u8>(at, 2) != 0x31 && load<u8>(at, 2) != 0x33)) return false;
    return Seen.isIt(Head.get(Top.Stage), COMPLETE);
  }

  private static observePod(cluster: u32, isCut: bool): void {
    const subresource = Head.member(Head.get(Top.ObjectRef), SUBRESOURCE);
    const isWhole = !subresource || subresource.start == subresource.end;
    const isExtension = !isWhole && EPHEMERAL_CONTAINERS.is(Head.text, subresource!);
    if (isExtension || (!isWhole && Seen.isSession(subresource!))) Seen.recall(cluster);
    if ((!isWhole && !isExtension) || !Seen.mayShowPod()) return;
    // A patch, and an event that was cut, may show a part of a pod.
    const isPart = isCut || isExtension || Seen.isIt(Head.get(Top.Verb), PATCH);
    Seen.remember(cluster, isCut, isPart);
  }

  private static isSession(subresource: Node): bool {
    for (let i = 0; i < SESSIONS.length; i++) {
      if (SESSIONS[i].is(Head.text, subresource)) return true;
    }
    return false;
  }

  /** Says what is known of the pod that the request names. */
  private static recall(cluster: u32): void {
    const before = Seen.before;
    const name = Head.member(Head.get(Top.ObjectRef), NAME);
    if (!name) return;
    const kept = Seen.of(cluster).pods.find(Seen.hashOf(Head.text + name.start, name.end - name.start));
    before.pod = kept ? PodKnown.Known : PodKnown.Unknown;
    if (!kept) return;
    memory.copy(before.record, kept.record, kept.length);
    before.size += kept.length;
  }

  /** Whether the event is the end of a request that has made or changed something. */
  private static mayShowPod(): bool {
    if (scannedBodies == Body.None) return false;
    const verb = Head.get(Top.Verb);
    if (!Seen.isIt(verb, CREATE) && !Seen.isIt(verb, PATCH) && !Seen.isIt(verb, UPDATE)) return false;
    if (!Seen.isIt(Head.get(Top.Stage), COMPLETE)) return false;
    const code = Head.member(Head.get(Top.ResponseStatus), CODE);
    if (code && load<u8>(Head.text + code.start) != 0x32) return false;
    return !Seen.isDryRun();
  }

  private static isDryRun(): bool {
    const uri = Head.get(Top.RequestUri);
    if (!uri) return false;
    const end = Head.text + uri.end;
    let at = Bytes.find(Head.text + uri.start, end, QUESTION_MARK);
    while (at < end) {
      if (DRY_RUN.beginsAt(at + 1, u32(end - at - 1))) return true;
      at = Bytes.find(at + 1, end, AMPERSAND);
    }
    return false;
  }

  /** Remembers the pod that the event shows: as it was made, or else as it was asked for. */
  private static remember(cluster: u32, isCut: bool, isPart: bool): void {
    const isRead =
      (!isCut && (scannedBodies & Body.Response) != 0 && Seen.read(cluster, Top.ResponseObject)) ||
      (!isPart && Seen.read(cluster, Top.RequestObject));
    if (!isRead) Seen.search(cluster, isPart);
  }

  /** Remembers the whole pod in this body; false when it is not there, or not to be read in the quick way. */
  private static read(cluster: u32, body: Top): bool {
    const object = Head.get(body);
    if (!object || object.kind != Kind.Object) return false;
    Draft.begin(null);
    if (!readPod(Head.text + object.start, Head.text + object.end)) return false;
    let name = nameStart;
    let length = nameLength;
    if (name == 0) {
      // Asked for by the name in the path alone.
      const asked = Head.member(Head.get(Top.ObjectRef), NAME);
      if (!asked) return false;
      name = Head.text + asked.start;
      length = asked.end - asked.start;
    }
    Seen.keep(cluster, Seen.hashOf(name, length));
    return true;
  }

  /** The same with whatever the body holds: escapes, parts of pods, patches. */
  private static search(cluster: u32, isPart: bool): void {
    Document.become(Head.text, Head.root, Head.table);
    Arena.reset();
    const view = made.isThere() ? made : requested;
    let name = Head.member(Head.get(Top.ObjectRef), NAME);
    if (!name) name = view == made ? MADE_NAME.find() : REQUESTED_NAME.find();
    if (name && view.isThere()) {
      const hash = Seen.hashOf(Head.text + name.start, name.end - name.start);
      const kept = isPart ? Seen.of(cluster).pods.find(hash) : null;
      // Of a pod that is not known, a part would pass for the whole.
      if (!isPart || kept) {
        Draft.begin(kept);
        view.addToDraft();
        Seen.keep(cluster, hash);
      }
    }
    Document.become(0, null, 0);
    Arena.reset();
  }

  private static keep(cluster: u32, hash: u64): void {
    const pods = Seen.of(cluster).pods;
    const known = pods.table.count;
    pods.keep(hash, Draft.record, Draft.length);
    if (pods.table.count != known) Seen.tellSizes();
  }

  /** The hash of the pod with this name in the request's namespace. */
  private static hashOf(name: usize, length: u32): u64 {
    const namespace = Head.member(Head.get(Top.ObjectRef), NAMESPACE);
    const before = namespace ? namespace.end - namespace.start : 0;
    const text = Seen.text.reserve(before + 1 + length + SLACK);
    if (namespace) memory.copy(text, Head.text + namespace.start, before);
    store<u8>(text + before, SLASH);
    memory.copy(text + before + 1, name, length);
    return nameHash(Seen.key, text, before + 1 + length);
  }

  private static isIt(node: Node | null, name: Name): bool {
    return node != null && name.is(Head.text, node);
  }

  /** What is remembered of a cluster. */
  static of(cluster: u32): Remembered {
    while (u32(Seen.clusters.length) <= cluster) {
      Seen.clusters.push(new Remembered(Seen.userLimit, Seen.podLimit));
    }
    return Seen.clusters[cluster];
  }

  static tellSizes(): void {
    let users: u32 = 0;
    let pods: u32 = 0;
    for (let i = 0; i < Seen.clusters.length; i++) {
      users += Seen.clusters[i].users.table.count;
      pods += Seen.clusters[i].pods.table.count;
    }
    counters.set(Counter.UsersKnown, users);
    counters.set(Counter.PodsKnown, pods);
  }
}
