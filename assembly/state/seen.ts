// SPDX-License-Identifier: Apache-2.0
// Remembers what events show of users and pods, and says of each event what the ones before it showed. This happens as
// events come in, so it depends neither on the rules that are loaded nor on what comes behind in the same batch.
import { Head, Top } from '../audit/head';
import { NameHash, TEXT_KEY_SIZE } from '../audit/texthash';
import { Counter, counters } from '../counters';
import { Arena } from '../fields/arena';
import { Path } from '../fields/path';
import '../fields/workload';
import { randomBytes } from '../host';
import { Document } from '../json/document';
import { Name } from '../json/name';
import { Body, scannedBodies } from '../json/scan';
import { Kind, Members, Node, firstOf } from '../json/tape';
import { Block, Bytes, SLACK } from '../memory';
import { Draft } from './draft';
import { nameLength, nameStart, readPod } from './pod_text';
import { PodView, Pods } from './pods';
import { Before, NO_AGE, NO_COUNT, PodKnown } from './seen_before';
import { Denials, User, Users } from './users';

const USERNAME = new Name('username');
const CODE = new Name('code');
const RESOURCE = new Name('resource');
const SUBRESOURCE = new Name('subresource');
const NAMESPACE = new Name('namespace');
const NAME = new Name('name');
const PODS = new Name('pods');
const EXEC = new Name('exec');
const ATTACH = new Name('attach');
const PORT_FORWARD = new Name('portforward');
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

/** `{"username":"`, and three bytes that are not compared. */
const USERNAME_FIRST = i8x16(123, 34, 117, 115, 101, 114, 110, 97, 109, 101, 34, 58, 34, 0, 0, 0);
/** `{"resource":"pod`, of which the last three say which resource it is; behind them stands `s"`. */
const PODS_FIRST = i8x16(123, 34, 114, 101, 115, 111, 117, 114, 99, 101, 34, 58, 34, 112, 111, 100);
/** `"code":2`. */
const CODE_2: u64 = 0x323a2265646f6322;
const LAST_OF_PODS: u16 = 0x2273;

const SLASH: u8 = 0x2f;
const QUESTION_MARK: u8 = 0x3f;
const AMPERSAND: u8 = 0x26;

/** No number of a cluster. */
const NO_NUMBER: u32 = u32.MAX_VALUE;

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
  // By the number of the cluster.
  private static clusters: Remembered[] = [];
  // Those of the cluster that was turned to last, and its number: to look into the array takes as long as to look for a
  // user.
  private static users: Users | null = null;
  private static pods: Pods | null = null;
  private static current: u32 = NO_NUMBER;
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
    Before.age = NO_AGE;
    Before.denied = NO_COUNT;
    Before.pod = PodKnown.NotAsked;
    Before.recordLength = 0;
    if (Seen.key == 0) Seen.key = heap.alloc(TEXT_KEY_SIZE);
    randomBytes(Seen.key, TEXT_KEY_SIZE);
    NameHash.useKey(Seen.key);
  }

  /** Forgets everything, and gives the memory back. */
  static forget(): void {
    for (let i = 0; i < Seen.clusters.length; i++) {
      Seen.clusters[i].users.table.free();
      Seen.clusters[i].pods.free();
    }
    Seen.clusters = [];
    Seen.users = null;
    Seen.pods = null;
    Seen.current = NO_NUMBER;
    counters.set(Counter.UsersKnown, 0);
    counters.set(Counter.PodsKnown, 0);
  }

  /**
   * Says in Before what was seen before the event whose Head was read, then remembers what it shows. Of an event that
   * was cut or made smaller, not everything is there.
   */
  @inline
  static observe(cluster: u32, time: i64, isCut: bool): void {
    Before.pod = PodKnown.NotAsked;
    Before.recordLength = 0;
    if (cluster != Seen.current) Seen.turnTo(cluster);
    if (Seen.userLimit != 0) Seen.observeUser(time);
    if (Seen.podLimit != 0 && Seen.isAboutPod()) Seen.observePod(isCut);
  }

  @inline
  private static observeUser(time: i64): void {
    const users = Seen.users!;
    const name = Seen.username();
    const isNamed = name != null;
    // Those whose authentication failed have no name; their denials are counted together.
    // In one load: each has its own check of bounds.
    const bounds = isNamed ? load<u64>(changetype<usize>(name), offsetof<Node>('start')) : 0;
    const start = u32(bounds);
    const length = u32(bounds >> 32) - start;
    const hash = NameHash.of(Head.text + start, length);
    const known = users.findCurrent(hash);
    const user = known ? known : Seen.addUser(hash, time);
    Before.age = isNamed ? max(time - user.first, 0) : NO_AGE;
    Before.denied = Denials.count(user, time, Seen.isDenial());
  }

  private static addUser(hash: u64, time: i64): User {
    const user = Seen.users!.add(hash, time);
    Seen.users!.becomeCurrent();
    return user;
  }

  private static turnTo(cluster: u32): void {
    const remembered = Seen.of(cluster);
    Seen.users = remembered.users;
    Seen.pods = remembered.pods;
    Seen.current = cluster;
    remembered.users.becomeCurrent();
  }

  // The next two look first at how kube-apiserver writes it: to look at names of members takes twice as long, and
  // each event has to pay for it.

  /** The name of the user, if it is a string. */
  @inline
  private static username(): Node | null {
    const user = Head.get(Top.User);
    if (!user) return null;
    const same = i8x16.bitmask(i8x16.eq(v128.load(Head.text + user.start), USERNAME_FIRST));
    return (same & 0x1fff) == 0x1fff ? changetype<Node>(firstOf(user)) : Seen.searchUsername(user);
  }

  private static searchUsername(user: Node): Node | null {
    const name = Head.member(user, USERNAME);
    return name && name.kind == Kind.String ? name : null;
  }

  /** Whether the event is about a pod, or pods. */
  @inline
  private static isAboutPod(): bool {
    const object = Head.get(Top.ObjectRef);
    if (!object) return false;
    const at = Head.text + object.start;
    const same = i8x16.bitmask(i8x16.eq(v128.load(at), PODS_FIRST));
    if ((same & 0x1fff) == 0x1fff) return same == 0xffff && load<u16>(at, 16) == LAST_OF_PODS;
    return Seen.isIt(Head.member(object, RESOURCE), PODS);
  }

  /** A request has up to three events, of which the last one counts. */
  private static isDenial(): bool {
    const status = Head.get(Top.ResponseStatus);
    if (!status || Seen.endsWith2xx(status)) return false;
    const code = Head.member(status, CODE);
    if (!code || code.end - code.start != 3) return false;
    const at = Head.text + code.start;
    if (load<u16>(at) != 0x3034 || (load<u8>(at, 2) != 0x31 && load<u8>(at, 2) != 0x33)) return false;
    return Seen.isIt(Head.get(Top.Stage), COMPLETE);
  }

  private static observePod(isCut: bool): void {
    const object = Head.get(Top.ObjectRef)!;
    const found = Members.find(object, Head.text, SUBRESOURCE.address, SUBRESOURCE.length);
    if (!found || found.start == found.end) {
      if (scannedBodies == Body.None || !Seen.mayShowPod()) return;
      // A patch, and an event that was cut, may show a part of a pod.
      Seen.remember(isCut, isCut || Seen.isIt(Head.get(Top.Verb), PATCH));
      return;
    }
    const isExtension = EPHEMERAL_CONTAINERS.is(Head.text, found);
    if (isExtension || Seen.isSession(found)) Seen.recall();
    if (isExtension && scannedBodies != Body.None && Seen.mayShowPod()) Seen.remember(isCut, true);
  }

  private static isSession(subresource: Node): bool {
    const text = Head.text;
    return EXEC.is(text, subresource) || ATTACH.is(text, subresource) || PORT_FORWARD.is(text, subresource);
  }

  /** Says what is known of the pod that the request names. */
  private static recall(): void {
    const name = Head.member(Head.get(Top.ObjectRef), NAME);
    if (!name) return;
    const kept = Seen.pods!.find(Seen.hashOf(Head.text + name.start, name.end - name.start));
    Before.pod = kept ? PodKnown.Known : PodKnown.Unknown;
    if (!kept) return;
    memory.copy(Before.record, kept.record, kept.length);
    Before.recordLength = kept.length;
  }

  /** Whether the event is the end of a request that has made or changed something. */
  private static mayShowPod(): bool {
    const verb = Head.get(Top.Verb);
    if (!Seen.isIt(verb, CREATE) && !Seen.isIt(verb, PATCH) && !Seen.isIt(verb, UPDATE)) return false;
    if (!Seen.isIt(Head.get(Top.Stage), COMPLETE)) return false;
    return Seen.hasSucceeded(Head.get(Top.ResponseStatus)) && !Seen.isDryRun();
  }

  private static hasSucceeded(status: Node | null): bool {
    if (!status || Seen.endsWith2xx(status)) return true;
    const code = Head.member(status, CODE);
    return !code || load<u8>(Head.text + code.start) == 0x32;
  }

  /** Whether it ends with `"code":2xx}`, as nearly each one does: the code is the last member that kube-apiserver writes. */
  @inline
  private static endsWith2xx(status: Node): bool {
    return load<u64>(Head.text + status.end - 11) == CODE_2;
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
  private static remember(isCut: bool, isPart: bool): void {
    const isRead =
      (!isCut && (scannedBodies & Body.Response) != 0 && Seen.read(Top.ResponseObject)) ||
      (!isPart && Seen.read(Top.RequestObject));
    if (!isRead) Seen.search(isPart);
  }

  /** Remembers the whole pod in this body; false when it is not there, or not to be read in the quick way. */
  private static read(body: Top): bool {
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
    Seen.keep(Seen.hashOf(name, length));
    return true;
  }

  /** The same with whatever the body holds: escapes, parts of pods, patches. */
  private static search(isPart: bool): void {
    Document.become(Head.text, Head.root, Head.table);
    Arena.reset();
    const view = made.isThere() ? made : requested;
    let name = Head.member(Head.get(Top.ObjectRef), NAME);
    if (!name) name = view == made ? MADE_NAME.find() : REQUESTED_NAME.find();
    if (name && view.isThere()) {
      const hash = Seen.hashOf(Head.text + name.start, name.end - name.start);
      const kept = isPart ? Seen.pods!.find(hash) : null;
      // Of a pod that is not known, a part would pass for the whole.
      if (!isPart || kept) {
        Draft.begin(kept);
        view.addToDraft();
        Seen.keep(hash);
      }
    }
    Document.become(0, null, 0);
    Arena.reset();
  }

  private static keep(hash: u64): void {
    Seen.pods!.keep(hash, Draft.record, Draft.length);
  }

  /** The hash of the pod with this name in the request's namespace. */
  private static hashOf(name: usize, length: u32): u64 {
    const namespace = Head.member(Head.get(Top.ObjectRef), NAMESPACE);
    const before = namespace ? namespace.end - namespace.start : 0;
    const text = Seen.text.reserve(before + 1 + length + SLACK);
    if (namespace) memory.copy(text, Head.text + namespace.start, before);
    store<u8>(text + before, SLASH);
    memory.copy(text + before + 1, name, length);
    return NameHash.of(text, before + 1 + length);
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
}
