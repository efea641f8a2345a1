// SPDX-License-Identifier: Apache-2.0
// Which of several replicas reads: who holds a Lease of the cluster (coordination.k8s.io/v1), by the rules of client-go's
// leader election. They never compare the clocks of two machines:
//
//   The leader renews the Lease each third of its duration. When the last renewal that went well was begun two thirds of
//   the duration ago, it leads no more.
//   Others look at the Lease. When it has not changed for its whole duration since they saw it first as it is, they
//   take it. They may see it only after the leader wrote it, so the leader has stopped by then.
//   Every change is of the Lease as it was seen (resourceVersion). Whoever comes second gets a conflict.
//
// Stricter than client-go in one thing: a Lease that is not there may have been deleted while somebody leads by it. So
// who makes it anew, and did not lead, waits for one duration before it leads.
import * as host from '../../host';
import { microTime } from '../../audit/time';
import { Counter, counters } from '../../counters';
import { quoted } from '../../fields/catalogue';
import { environment } from '../../host_text';
import { Name } from '../../json/name';
import { Node } from '../../json/tape';
import { Reason, Severity, countText, log, logLimited, mayLog } from '../../log';
import { hashOf, hexOf } from '../../state/hash';
import { Survivor, survivor } from '../../survivor';
import { Backoff } from '../../web/backoff';
import { ApiServer, isObjectName } from './api_server';
import { Body } from './body';
import { ApiCall, Reply, Resource } from './client';

const LEASES = new Resource('/apis/coordination.k8s.io/v1', 'coordination.k8s.io', 'leases', 'Lease');
const SPEC = new Name('spec');
const HOLDER = new Name('holderIdentity');
const DURATION = new Name('leaseDurationSeconds');
const TRANSITIONS = new Name('leaseTransitions');

/** Bytes of an answer: a Lease has less than 2 KiB, and whatever others wrote into its metadata. */
const MAX_ANSWER: u32 = 256 * 1024;
/** Seconds for which a silent holder is waited for at most: what leaseDuration may be. */
const MAX_DURATION: i64 = 300;
/** Characters of an identity. */
const MAX_IDENTITY = 253;
const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;

const enum Step {
  Idle = 0,
  Looking = 1,
  Making = 2,
  /** Taking or renewing it. */
  Holding = 3,
  Releasing = 4,
}

export class Lease {
  /** 0 while this replica does not lead; another number each time that it begins to. */
  term: u32 = 0;
  /** Who we are, in the Lease. */
  readonly identity: string = identity();
  private terms: u32 = 0;
  private call: ApiCall;
  private body: Body = new Body();
  private step: Step = Step.Idle;
  private backoff: Backoff;
  private conflicts: u32 = 0; // since it was clear who holds it
  // Times are nanoseconds of our steady clock.
  private duration: i64;
  private next: i64 = 0; // when the next request is due
  private sentAt: i64 = 0;
  /** When the last change that made it ours, or kept it so, was begun. */
  private heldSince: i64 = 0;
  /** Not to be led before: somebody may still lead by a Lease that was deleted. */
  private notBefore: i64 = 0;
  private isToBeMade: bool = false;
  private absentSince: i64 = 0; // 0: it is there
  // The Lease as it was seen last, and since when it has been so.
  private version: string = ''; // empty: what was seen is old
  private seenHash: u64 = 0;
  private seenAt: i64 = 0;
  private holder: string = '';
  private holderDuration: i64 = 0;
  private transitions: i64 = 0;
  private toldHolder: string = '';

  /** `duration` in seconds. */
  constructor(server: ApiServer, name: string, duration: u32) {
    this.duration = i64(duration) * SECOND;
    const quarter = duration * 250;
    this.call = new ApiCall(server, LEASES, name, MAX_ANSWER, quarter);
    this.backoff = new Backoff(quarter / 8, quarter / 2);
    counters.set(Counter.Leading, 0);
  }

  /** Goes on; `term` is true then. */
  turn(): void {
    if (this.term != 0 && !this.isFresh()) this.lose('it could not be renewed in time');
    if (this.step != Step.Idle) {
      const reply = this.call.turn();
      if (reply != Reply.Pending) this.take(reply);
    }
    if (this.step == Step.Idle && host.monotonic() >= this.next) this.begin();
    this.lead();
  }

  /** Whether it was renewed so lately that nobody else may have taken it. */
  private isFresh(): bool {
    return host.monotonic() - this.heldSince < (this.duration * 2) / 3;
  }

  private get isOurs(): bool {
    return this.holder == this.identity;
  }

  /** Whether the Lease, as it was seen, is ours, or nobody's, or its holder's time has run out. */
  private mayHold(): bool {
    return this.isOurs || this.holder == '' || host.monotonic() >= this.seenAt + this.holderDuration;
  }

  // --- asking ---

  private begin(): void {
    this.sentAt = host.monotonic();
    if (this.isToBeMade) {
      this.step = Step.Making;
      this.write('');
      this.call.create(this.body.address, this.body.length);
    } else if (this.version != '' && this.mayHold()) {
      this.step = Step.Holding;
      this.write(this.version);
      this.call.patch(this.body.address, this.body.length, '');
    } else {
      this.step = Step.Looking;
      this.call.get();
    }
  }

  /** The Lease as ours: the whole of it without a version, else what changes. */
  private write(version: string): void {
    const now = quoted(microTime(host.realtime()));
    const seconds = (this.duration / SECOND).toString();
    let spec = '"holderIdentity":' + quoted(this.identity) + ',"leaseDurationSeconds":' + seconds;
    spec += ',"renewTime":' + now;
    if (version == '' || !this.isOurs) {
      const changes = version == '' ? this.transitions : min<i64>(this.transitions + 1, i32.MAX_VALUE);
      spec += ',"acquireTime":' + now + ',"leaseTransitions":' + changes.toString();
    }
    this.writeSpec(version, spec);
  }

  private writeSpec(version: string, spec: string): void {
    const kind = '"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{' + this.call.names + '}';
    const condition = '"metadata":{"resourceVersion":' + version + '}';
    this.body.clear();
    this.body.add('{' + (version == '' ? kind : condition) + ',"spec":{' + spec + '}}');
  }

  // --- answers ---

  private take(reply: Reply): void {
    const step = this.step;
    this.step = Step.Idle;
    if (reply == Reply.Done && this.see()) this.succeed(step);
    else if (reply == Reply.Absent && step != Step.Making) this.miss();
    else if (reply == Reply.Conflict) this.lookAgain();
    else this.fail();
  }

  /** Notes the Lease of the answer; false when it is none. */
  private see(): bool {
    const json = this.call.json;
    const version = this.call.version;
    if (version == '') return false;
    const spec = json.member(json.root, SPEC);
    const hash = spec ? hashOf(json.text + spec.start, spec.end - spec.start) : 0;
    this.version = version;
    this.absentSince = 0;
    this.isToBeMade = false;
    if (this.seenAt != 0 && hash == this.seenHash) return true;
    this.seenHash = hash;
    this.seenAt = host.monotonic();
    this.noteHolder(spec);
    return true;
  }

  private noteHolder(spec: Node | null): void {
    const json = this.call.json;
    this.holder = json.string(json.member(spec, HOLDER));
    const seconds = json.integer(json.member(spec, DURATION));
    // What no leaseDuration can be is taken for our own.
    const isGood = seconds > 0 && seconds <= MAX_DURATION;
    this.holderDuration = isGood ? seconds * SECOND : this.duration;
    this.transitions = max<i64>(0, min<i64>(json.integer(json.member(spec, TRANSITIONS)), i32.MAX_VALUE));
  }

  private succeed(step: Step): void {
    if (this.isOurs && (step == Step.Holding || step == Step.Making)) {
      this.calmDown();
      if (step == Step.Making && this.term == 0) this.waitOnce();
      this.heldSince = this.sentAt;
      this.next = this.sentAt + this.duration / 3;
      return;
    }
    if (!this.isOurs && this.term != 0) this.lose('another replica has taken it');
    if (this.mayHold()) return;
    this.calmDown();
    this.tellHolder();
    this.next = min(host.monotonic() + this.pause(), this.seenAt + this.holderDuration);
  }

  private calmDown(): void {
    this.conflicts = 0;
    this.backoff.succeed();
  }

  private waitOnce(): void {
    this.notBefore = host.monotonic() + this.duration;
    const seconds = (this.duration / SECOND).toString();
    const why = ' s, in case that somebody still leads by one that was deleted';
    log(Severity.Notice, this.call.shown + ' is made anew; waiting for ' + seconds + why);
  }

  /** Between two looks at another's Lease: a fifth of the duration, by chance up to a quarter less. */
  private pause(): i64 {
    const chance = memory.data(1);
    host.randomBytes(chance, 1);
    const whole = this.duration / 5;
    return whole - ((whole / 4) * i64(load<u8>(chance))) / 256;
  }

  /**
   * The Lease is not there. Who leads makes it anew at once; others leave that for half a duration to whom they saw
   * leading.
   */
  private miss(): void {
    const now = host.monotonic();
    if (this.absentSince == 0) this.absentSince = now;
    this.version = '';
    const isLate = this.mayHold() || now >= this.absentSince + this.duration / 2;
    this.isToBeMade = this.term != 0 || isLate;
    this.next = this.isToBeMade ? now : now + this.pause();
  }

  /** Somebody was quicker: at once, to see who; later when that happens again and again. */
  private lookAgain(): void {
    this.version = '';
    this.isToBeMade = false;
    const wait = ++this.conflicts > 1 ? i64(this.backoff.fail()) : 0;
    this.next = host.monotonic() + wait * MILLISECOND;
  }

  private fail(): void {
    // A leader has time for several attempts, whatever it is told.
    const most = u32(this.duration / 8 / MILLISECOND);
    const wait = this.backoff.fail(min(this.call.retryAfter, most));
    this.next = host.monotonic() + i64(wait) * MILLISECOND;
    if (!mayLog(Reason.Kubernetes)) return;
    const state =
      this.term != 0 ? 'this replica still leads' : 'this replica does not lead, and does not read';
    logLimited(Reason.Kubernetes, Severity.Error, this.call.problem + '; ' + state + '; trying again');
  }

  // --- leading ---

  private lead(): void {
    const mayLead = this.isOurs && this.heldSince != 0 && host.monotonic() >= this.notBefore;
    if (this.term != 0 || !mayLead || !this.isFresh()) return;
    this.term = ++this.terms;
    this.toldHolder = '';
    counters.set(Counter.Leading, 1);
    log(Severity.Notice, this.call.shown + ': this replica, ' + quoted(this.identity) + ', leads now');
  }

  private lose(why: string): void {
    this.term = 0;
    counters.set(Counter.Leading, 0);
    log(Severity.Warning, this.call.shown + ': this replica leads no more, and does not read: ' + why);
  }

  private tellHolder(): void {
    if (this.holder == this.toldHolder || !mayLog(Reason.Leadership)) return;
    this.toldHolder = this.holder;
    const who = '"' + this.holder.substring(0, MAX_IDENTITY) + '" leads';
    logLimited(Reason.Leadership, Severity.Notice, this.call.shown + ': ' + who + '; this replica stands by');
  }

  // --- the end ---

  /** Gives the Lease up, if it is ours and that is done before `until`, so that another replica need not wait. */
  release(until: i64): void {
    const wasLeading = this.term != 0;
    if (wasLeading && this.settle(until) && this.version != '' && this.isOurs) {
      this.term = 0;
      this.writeSpec(this.version, '"holderIdentity":null');
      this.step = Step.Releasing;
      this.call.patch(this.body.address, this.body.length, '');
      const isDone = this.settle(until);
      const rest = isDone && this.holder == '' ? 'given up' : 'left to run out';
      log(Severity.Notice, this.call.shown + ' is ' + rest + ': this replica ends');
    }
    this.term = 0;
    counters.set(Counter.Leading, 0);
    this.call.free();
    this.body.free();
  }

  /** Waits for the answer that is due, but not longer than until then; false when it has not come. */
  private settle(until: i64): bool {
    while (this.step != Step.Idle) {
      const reply = this.call.turn();
      const left = until - host.monotonic();
      if (reply != Reply.Pending) this.take(reply);
      else if (left < MILLISECOND) return false;
      else host.wait(i32(left / MILLISECOND));
    }
    return true;
  }
}

/** The pod's name, and a number that no other process has. */
function identity(): string {
  while (survivor.replica == 0)
    host.randomBytes(changetype<usize>(survivor) + offsetof<Survivor>('replica'), 8);
  countText();
  const name = environment('HOSTNAME');
  return (isObjectName(name) ? name : 'k8saudit-ts') + '_' + hexOf(survivor.replica);
}
