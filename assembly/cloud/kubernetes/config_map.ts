// SPDX-License-Identifier: Apache-2.0
// Progress in a ConfigMap of the cluster, under a key of the source's own: several sources may share one.
//
// Who begins to read loads what is kept and writes it back under its own name before it reads. That changes the
// ConfigMap's resourceVersion, and every change is of the version that was seen, so whatever a replica that led before
// still sends comes too late: it gets a conflict. After a conflict the ConfigMap is loaded again. When the key was
// written by somebody else, the source begins anew from that; when it was not, others have changed their keys.
import * as host from '../../host';
import { Counter, counters } from '../../counters';
import { quoted } from '../../fields/catalogue';
import { base64Length, fromBase64 } from '../../json/base64';
import { Name } from '../../json/name';
import { Kind, Node } from '../../json/tape';
import { valueCapacity, writeValue } from '../../json/text';
import { Reason, Severity, log, logLimited, mayLog } from '../../log';
import { Block } from '../../memory';
import { Backoff } from '../../web/backoff';
import { END_TIME, MAX_PROGRESS, Progress } from '../progress';
import { ApiServer } from './api_server';
import { Body } from './body';
import { ApiCall, Reply, Resource } from './client';
import { Find, KEPT_HEADER, inspect, seal, writerOf } from './kept';
import { Lease } from './lease';

const CONFIG_MAPS = new Resource('/api/v1', '', 'configmaps', 'ConfigMap');
const BINARY_DATA = new Name('binaryData');
/** Bytes of an answer: the server lets a ConfigMap have 1 MiB, which is more in base64, and its metadata. */
const MAX_ANSWER: u32 = 2 * 1024 * 1024;
/** Milliseconds of one request. */
const REQUEST_TIME: u32 = 10_000;
/** Milliseconds between two attempts after failures. */
const FIRST_RETRY: u32 = 500;
const LAST_RETRY: u32 = 30_000;
/** Between two saves, and before the first: nanoseconds. */
const INTERVAL: i64 = 5_000_000_000;
const FIRST_INTERVAL: i64 = 1_000_000_000;
const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;

/** Asks for the metadata alone: what was just sent need not come back. */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json';
const LABELS = '"labels":{"app.kubernetes.io/managed-by":"k8saudit-ts"}';
const ABOUT =
  'How far the sources of the Falco plugin k8saudit-ts have come, a key each. ' +
  'Without a key its source begins where its configuration says: events are lost, or come again.';

const MAX_KEPT: u32 = KEPT_HEADER + MAX_PROGRESS;

const enum Step {
  Idle = 0,
  Loading = 1,
  Writing = 2,
}

export class ConfigMapProgress extends Progress {
  private call: ApiCall;
  private body: Body = new Body();
  private step: Step = Step.Idle;
  private backoff: Backoff = new Backoff(FIRST_RETRY, LAST_RETRY);
  private key: string;
  private keyName: Name;
  private epochs: u32 = 0;
  /** The lease's term in which this is; without a lease 1 from the first turn on. */
  private term: u32 = 0;
  /** Tells what we wrote in this term from what others wrote. */
  private writer: u64 = 0;
  private isLoaded: bool = false;
  private isThere: bool = false;
  private version: string = '';
  private conflicts: u32 = 0; // since the last request that went well
  // What is to be kept, behind room for its header; it is new until it was sent.
  private newest: Block = new Block();
  private newestLength: u32 = 0;
  private isNew: bool = false;
  private newSince: i64 = 0; // since when something is not kept; 0: everything is
  private nextSave: i64 = 0;

  /** `key` tells the source from others: plain characters. With a lease, only who leads reads. */
  constructor(
    server: ApiServer,
    name: string,
    key: string,
    private lease: Lease | null,
  ) {
    super();
    this.call = new ApiCall(server, CONFIG_MAPS, name, MAX_ANSWER, REQUEST_TIME);
    this.key = key;
    this.keyName = new Name(key);
    this.newest.reserve(MAX_KEPT);
  }

  turn(): void {
    const lease = this.lease;
    if (lease) lease.turn();
    const term = lease ? lease.term : 1;
    if (term != this.term) this.change(term);
    if (term != 0) this.advance();
  }

  /** Leadership was gained or lost: nothing is known that may not have changed. */
  private change(term: u32): void {
    this.call.close();
    this.step = Step.Idle;
    this.backoff.succeed();
    this.term = term;
    this.beginAnew();
    const random = memory.data(8, 8);
    host.randomBytes(random, 8);
    this.writer = load<u64>(random);
  }

  private beginAnew(): void {
    this.epoch = 0;
    this.length = 0;
    this.isLoaded = false;
    this.newestLength = 0;
    this.setKept();
    this.conflicts = 0;
  }

  private advance(): void {
    if (this.step != Step.Idle) {
      const reply = this.call.turn();
      if (reply == Reply.Pending) return;
      const step = this.step;
      this.step = Step.Idle;
      if (step == Step.Loading) this.takeLoaded(reply);
      else this.takeWritten(reply);
    }
    if (!this.backoff.isDue()) return;
    if (!this.isLoaded) this.load();
    else if (this.epoch == 0 || (this.isNew && host.monotonic() >= this.nextSave)) this.write();
  }

  // --- loading ---

  private load(): void {
    this.step = Step.Loading;
    this.call.get();
  }

  private takeLoaded(reply: Reply): void {
    if (reply == Reply.Absent) {
      this.isThere = false;
      this.isLoaded = true;
    } else if (reply == Reply.Done && (this.version = this.call.version) != '') {
      this.isThere = true;
      this.read();
    } else {
      this.fail();
    }
  }

  /** Takes what is kept, unless it is our own. */
  private read(): void {
    const json = this.call.json;
    const value = json.member(json.member(json.root, BINARY_DATA), this.keyName);
    const size = value && value.kind == Kind.String ? this.decode(value) : 0;
    const find = size == 0 ? Find.Good : inspect(this.kept.address, size);
    if (find == Find.Foreign) {
      this.call.problem =
        this.place + ' was written by another version of the plugin; remove the key to begin anew';
      this.fail();
      return;
    }
    this.isLoaded = true;
    // When it was removed, what we know is the newest.
    const isOurs =
      this.epoch != 0 && (size == 0 || (find == Find.Good && writerOf(this.kept.address) == this.writer));
    if (isOurs) return;
    if (this.epoch != 0) this.tellOther();
    if (find == Find.Damaged) this.tellDamage();
    this.epoch = 0;
    this.adopt(find == Find.Good && size > 0 ? size - KEPT_HEADER : 0);
  }

  /** Decodes the value into `kept`; its bytes, or 1, which are too few, when they are too many. */
  private decode(value: Node): u32 {
    if (value.end - value.start > base64Length(MAX_KEPT)) return 1;
    const out = this.kept.reserve(max(valueCapacity(value), KEPT_HEADER));
    const size = fromBase64(out, out + writeValue(this.call.json.text, value, out), out);
    return size > MAX_KEPT ? 1 : max(size, 1);
  }

  /** So many bytes behind the header in `kept` are what was kept, and the newest that we know. */
  private adopt(length: u32): void {
    const from = this.kept.reserve(KEPT_HEADER);
    memory.copy(from, from + KEPT_HEADER, length);
    this.length = length;
    memory.copy(this.newest.address + KEPT_HEADER, from, length);
    this.newestLength = length;
    this.setKept();
  }

  private get place(): string {
    return 'key "' + this.key + '" of ' + this.call.shown;
  }

  private tellOther(): void {
    counters.add(Counter.CheckpointErrors, 1);
    if (!mayLog(Reason.Checkpoint)) return;
    const hint = this.lease ? '' : '; do several replicas read the same? Then they need a "leaseName"';
    const text = this.place + ' was written by another process; reading goes on from what that one kept';
    logLimited(Reason.Checkpoint, Severity.Warning, text + hint);
  }

  private tellDamage(): void {
    counters.add(Counter.CheckpointErrors, 1);
    if (!mayLog(Reason.Checkpoint)) return;
    logLimited(Reason.Checkpoint, Severity.Warning, this.place + ' is damaged; starting anew without it');
  }

  // --- saving ---

  save(blob: usize, length: u32): void {
    if (this.epoch == 0) return;
    if (length > MAX_PROGRESS) {
      this.call.problem = this.place + ' cannot hold ' + length.toString() + ' bytes of progress';
      this.complain();
      return;
    }
    const at = this.newest.address + KEPT_HEADER;
    if (length != this.newestLength || memory.compare(at, blob, length) != 0) {
      memory.copy(at, blob, length);
      this.newestLength = length;
      this.isNew = true;
      if (this.newSince == 0) this.newSince = host.monotonic();
    }
    this.noteAge();
  }

  private noteAge(): void {
    const age = this.newSince == 0 ? 0 : (host.monotonic() - this.newSince) / SECOND;
    counters.set(Counter.CheckpointAge, age);
  }

  private setKept(): void {
    this.isNew = false;
    this.newSince = 0;
    counters.set(Counter.CheckpointAge, 0);
  }

  /** Writes the newest under our name: also what was just loaded, before anything is read. */
  private write(): void {
    const body = this.body;
    body.clear();
    if (this.isThere) {
      body.add('{"metadata":{"resourceVersion":' + this.version + '}');
    } else {
      const about = '"annotations":{"k8saudit-ts/about":' + quoted(ABOUT) + '}';
      const metadata = '"metadata":{' + this.call.names + ',' + LABELS + ',' + about + '}';
      body.add('{"apiVersion":"v1","kind":"ConfigMap",' + metadata);
    }
    body.add(',"binaryData":{' + quoted(this.key) + ':"');
    seal(this.newest.address, this.newestLength, this.writer);
    body.addBase64(this.newest.address, KEPT_HEADER + this.newestLength);
    body.add('"}}');
    this.step = Step.Writing;
    this.isNew = false;
    if (this.isThere) this.call.patch(body.address, body.length, METADATA_ONLY);
    else this.call.create(body.address, body.length);
  }

  private takeWritten(reply: Reply): void {
    if (reply == Reply.Done && (this.version = this.call.version) != '') {
      this.isThere = true;
      this.conflicts = 0;
      this.backoff.succeed();
      // At first there may be much to read: it would all come again after a kill.
      this.nextSave = host.monotonic() + (this.epoch == 0 ? FIRST_INTERVAL : INTERVAL);
      counters.add(Counter.CheckpointWrites, 1);
      if (!this.isNew) this.setKept();
      else this.newSince = host.monotonic();
      this.beginEpoch();
      return;
    }
    // It was not kept, as far as is known.
    this.isNew = true;
    const isGone = reply == Reply.Absent && this.isThere;
    if (reply == Reply.Conflict || isGone) {
      this.isThere = this.isThere && !isGone;
      this.isLoaded = isGone;
      if (++this.conflicts > 1) this.backoff.fail();
      return;
    }
    this.fail();
    // Who may not write reads all the same: a restart then begins where the last save was.
    if (reply == Reply.Denied || reply == Reply.Refused) this.beginEpoch();
  }

  private beginEpoch(): void {
    if (this.epoch == 0) this.epoch = ++this.epochs;
  }

  private fail(): void {
    this.backoff.fail(this.call.retryAfter);
    this.complain();
  }

  private complain(): void {
    counters.add(Counter.CheckpointErrors, 1);
    if (!mayLog(Reason.Checkpoint)) return;
    const state =
      this.epoch == 0
        ? 'what was read before is not known, so nothing is read'
        : 'events go on, but come again if Falco ends now';
    logLimited(Reason.Checkpoint, Severity.Error, this.call.problem + '; ' + state + '; trying again');
  }

  // --- the end ---

  /** A last save, and the lease is given up; together they take 100 milliseconds at most. */
  close(): void {
    const until = host.monotonic() + END_TIME;
    const lease = this.lease;
    if (this.epoch != 0 && (!lease || lease.term != 0)) this.saveLast(until);
    this.call.free();
    this.body.free();
    this.newest.free();
    this.kept.free();
    this.setKept();
    if (lease) lease.release(until);
  }

  private saveLast(until: i64): void {
    while (this.epoch != 0) {
      this.nextSave = 0;
      this.backoff.succeed();
      this.advance();
      const left = until - host.monotonic();
      if (this.step == Step.Idle || left < MILLISECOND) break;
      host.wait(i32(left / MILLISECOND));
    }
    if (this.isNew || this.step != Step.Idle) {
      log(
        Severity.Warning,
        'the last progress could not be saved to ' +
          this.place +
          '; the events since the save before come again',
      );
    }
  }
}
