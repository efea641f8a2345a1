// SPDX-License-Identifier: Apache-2.0
// A log group of CloudWatch Logs (`eks://`, `cloudwatch://`), read with FilterLogEvents by two lanes in turn. The fast lane
// reads from the newest event on. Events come late and out of order, so the late lane reads once more what the fast one
// read too early: whatever was younger than half of lateWindow then. What was read is known by its id, so that each
// event is delivered once; and a time that was read when it was old enough is settled, and its ids are forgotten.
//
// One page is read while the next one is on its way. What Falco has finished is kept: position and settled time in
// Progress, ids in a journal beside it (with stateDir), or the newest of them in Progress.
import * as host from '../host';
import { Batch } from '../audit/batch';
import { forgetClusters, nameCluster } from '../audit/clusters';
import { Fault } from '../audit/faults';
import { Payload } from '../audit/payload';
import { NO_TIME } from '../audit/time';
import { AwsCall, Outcome } from '../cloud/aws/call';
import { Credentials } from '../cloud/aws/credentials';
import { AwsService } from '../cloud/aws/service';
import { IdJournal, JOURNAL_ENTRIES } from '../cloud/logs/id_journal';
import {
  kept,
  keptLength,
  noteRecent,
  positionOf,
  recentCount,
  recentId,
  takeKept,
} from '../cloud/logs/kept';
import { KnownIds } from '../cloud/logs/known_ids';
import { Lane } from '../cloud/logs/lane';
import { LogGroup } from '../cloud/logs/log_group';
import { LogPage } from '../cloud/logs/page';
import { LogReport } from '../cloud/logs/report';
import { Progress } from '../cloud/progress';
import { progressFor } from '../cloud/progress_for';
import { Config } from '../config/config';
import {
  FILTER_PATTERN,
  LATE_WINDOW,
  MAX_EVENT_SIZE,
  POLLING_INTERVAL,
  SHIFT,
  STATE_CONFIG_MAP,
  STATE_DIR,
} from '../config/schema';
import { Counter, counters } from '../counters';
import { WHOLE_PAYLOAD, keptAddress, survivor } from '../survivor';
import { hashOfText, hexOf } from '../state/hash';
import { Backoff } from '../web/backoff';
import { Pace } from '../web/pace';
import { shownPath } from './input';
import { Poll, Source } from './source';

const TARGET = 'Logs_20140328.FilterLogEvents';
const JSON_VERSION = '1.1';
/** Bytes of an answer: AWS's have 1 MB of messages, escaped, and some hundred bytes beside each. */
const MAX_ANSWER: u32 = 16 * 1024 * 1024;
/** Events that are asked for at once: as many as AWS allows; fewer after a page that could not be read. */
const MAX_EVENTS: u32 = 10_000;
const FEW_EVENTS: u32 = 100;
/** Milliseconds between two requests: AWS allows an account about five a second in a region. */
const LEAST_GAP: u32 = 250;
const MOST_GAP: u32 = 8_000;
/** Milliseconds before a failed request is made again. */
const FIRST_WAIT: u32 = 500;
const MOST_WAIT: u32 = 30_000;
/** The same where only people can help. */
const REST: u32 = 60_000;
/** Milliseconds between two passes of the late lane, at least. */
const LATE_INTERVAL: i64 = 30_000;
/** Milliseconds by which our clock may be behind: what is of the time after that is read when its time has come. */
const CLOCK_MARGIN: i64 = 300_000;
/** Of so many requests, one is for the late lane when its pass takes longer than it should. */
const LATE_SHARE: u32 = 4;
const NANOSECONDS_PER_MILLISECOND: i64 = 1_000_000;

export class CloudWatch extends Source {
  /** Why it cannot be opened, or an empty string. */
  problem: string = '';
  private service: AwsService;
  private report: LogReport;
  private pattern: string;
  private interval: i64;
  private shift: i64;
  private half: i64;
  private owner: u64;
  private keeper: Progress;
  private journal: IdJournal | null = null;
  // The progress that it reads by; 0: it does not read.
  private epoch: u32 = 0;
  private isAfterTrap: bool = survivor.open != 0;

  private fast: Lane = new Lane();
  private late: Lane = new Lane();
  private known: KnownIds = new KnownIds(JOURNAL_ENTRIES);
  // See Kept. What is read, though it may not be handed over yet.
  private position: i64 = 0;
  private settled: i64 = 0;
  // What the fast lane has read when it was old enough, as far as it hangs together.
  private sureFrom: i64 = 0;
  private sureTo: i64 = 0;
  // When the next pass of the fast lane is due.
  private fastDue: i64 = 0;
  private requests: u32 = 0;
  private limit: u32 = MAX_EVENTS;

  // The lane whose page is read, and the one whose next page is on its way or has come; the calls change places.
  private reading: Lane | null = null;
  private asked: Lane | null = null;
  private hasCome: bool = false;
  private signedWith: Credentials | null = null;
  private call: AwsCall = new AwsCall(MAX_ANSWER);
  private other: AwsCall = new AwsCall(MAX_ANSWER);
  private page: LogPage = new LogPage();
  private payload: Payload = new Payload();
  private pace: Pace = new Pace(LEAST_GAP, MOST_GAP);
  private backoff: Backoff = new Backoff(FIRST_WAIT, MOST_WAIT);
  private restUntil: i64 = 0;
  private now: i64 = 0;

  // Numbers of known ids: those below were noted in the survivor region, or handed over.
  private noted: u64 = 0;
  // After a trap: the event that was handed over in part, and the one that was being read, with its mark (see
  // Payload.dropTrapped); 0: none.
  private partEvent: u64 = 0;
  private trappedEvent: u64 = 0;
  private trapped: u64 = 0;

  /** `params` is open_params, which names what is kept. */
  constructor(
    private group: LogGroup,
    params: string,
    config: Config,
  ) {
    super();
    forgetClusters();
    const service = new AwsService('logs', config);
    const keeper = progressFor(params, config);
    this.keeper = keeper;
    const pattern = config.text(FILTER_PATTERN);
    this.service = service;
    this.pattern = pattern;
    this.report = new LogReport(group, service, pattern);
    this.interval = i64(config.integer(POLLING_INTERVAL)) * 1000;
    this.shift = i64(config.integer(SHIFT)) * 1000;
    this.half = i64(config.integer(LATE_WINDOW)) * 500;
    this.owner = group.ownerIn(service.region);
    this.payload.faults.maxEventSize = config.integer(MAX_EVENT_SIZE);
    this.payload.faults.origin = 'an event of the log group "' + group.name + '"';
    if (group.cluster != '') this.payload.cluster = nameCluster(group.cluster);
    if (this.isAfterTrap) this.noteTrap();
    this.problem = service.problem != '' ? service.problem : keeper.problem;
    if (this.problem == '') this.openJournal(params, config);
    if (this.problem != '') this.close();
    else this.follow();
  }

  private noteTrap(): void {
    this.partEvent = survivor.first;
    this.trappedEvent = survivor.second;
    this.trapped = survivor.trapped;
    // A page, not an event: there was no memory for it.
    if (this.trapped == WHOLE_PAYLOAD && this.trappedEvent == 0) this.limit = FEW_EVENTS;
  }

  /** Opens the journal, if progress is kept in files. */
  private openJournal(params: string, config: Config): void {
    const folder = config.text(STATE_DIR);
    if (folder == '' || config.text(STATE_CONFIG_MAP) != '') return;
    const name = 'progress-' + hexOf(hashOfText(params)) + '.ids';
    const path = folder + (folder.endsWith('/') ? '' : '/') + name;
    const journal = new IdJournal(path, this.owner);
    this.journal = journal;
    if (journal.open()) return;
    this.problem = 'init_config: key "stateDir": cannot use ' + shownPath(path) + ': ' + journal.problem;
  }

  // --- progress ---

  /** Begins, ends or goes on, as the progress says; true when there is something to do. */
  private follow(): bool {
    const progress = this.keeper;
    progress.turn();
    if (progress.epoch != this.epoch) {
      this.stop();
      this.epoch = progress.epoch;
      if (this.epoch != 0) this.begin();
    }
    return this.epoch != 0;
  }

  /** Begins to read where what was kept ends. */
  private begin(): void {
    const now = host.realtime() / NANOSECONDS_PER_MILLISECOND;
    const progress = this.keeper;
    this.now = now;
    let why = 'after an internal error';
    // Another replica may have gone on since the trap.
    const isKept =
      this.isAfterTrap &&
      kept.owner == this.owner &&
      kept.position >= positionOf(progress.address, progress.length);
    this.isAfterTrap = false;
    if (!isKept && takeKept(progress.address, progress.length, this.owner, now)) {
      why = 'where it was';
    } else if (!isKept) {
      why = 'a first start: shift';
      kept.owner = this.owner;
      kept.position = now - this.shift;
      kept.settled = kept.position;
      kept.floor = 0;
      kept.count = 0;
    }
    this.position = kept.position;
    this.settled = kept.settled;
    this.sureFrom = this.position;
    this.sureTo = this.position;
    this.fastDue = now;
    this.restore();
    this.report.started(this.position, why);
    // So that a first start is known, even if it ends before something comes.
    this.save();
  }

  /** Makes known again what was handed over. */
  private restore(): void {
    const known = this.known;
    const journal = this.journal;
    known.floor = kept.floor;
    if (journal && !journal.load(known, kept.settled)) this.report.failed(journal.problem);
    // Of these, no times are kept. They are as new as can be, and what is not in the journal yet is written to it.
    for (let i: u32 = 0; i < recentCount(); i++) {
      const hash = recentId(i);
      if (!known.has(hash)) known.add(hash, this.position);
    }
    this.noted = known.next;
  }

  private stop(): void {
    this.call.close();
    this.other.close();
    this.fast.close();
    this.late.close();
    this.reading = null;
    this.asked = null;
    this.hasCome = false;
    this.payload.begin(0, 0);
    this.known.clear();
    this.noted = 0;
  }

  handOver(): void {
    if (this.epoch == 0) return;
    const known = this.known;
    for (; this.noted < known.next; this.noted++) noteRecent(known.hashOf(this.noted));
    kept.position = this.position;
    kept.settled = min(this.settled, this.position);
    kept.floor = known.floor;
    if (this.payload.isDone()) {
      if (this.partEvent == 0) survivor.first = 0;
    } else {
      survivor.first = this.page.hash;
      this.payload.save();
    }
  }

  ack(): void {
    if (this.epoch == 0) return;
    this.save();
    this.known.forgetBefore(kept.settled);
  }

  private save(): void {
    const journal = this.journal;
    if (journal) journal.write(this.known, this.noted);
    this.keeper.save(keptAddress(), keptLength(journal == null));
  }

  // --- reading ---

  poll(batch: Batch, patience: i32): Poll {
    host.wait(0);
    this.work(batch);
    if (batch.count == 0 && !batch.isFull() && patience > 0) {
      host.wait(patience);
      this.work(batch);
    }
    return Poll.Open;
  }

  private work(batch: Batch): void {
    if (!this.follow()) return;
    this.now = host.realtime() / NANOSECONDS_PER_MILLISECOND;
    this.receive();
    this.ask();
    while (!batch.isFull()) {
      const lane = this.reading;
      if (lane) this.readOn(lane, batch);
      else if (!this.turnPage()) return;
    }
  }

  /** Goes on with the page: the rest of an event, the next event, or its end. */
  private readOn(lane: Lane, batch: Batch): void {
    const page = this.page;
    const payload = this.payload;
    if (!payload.isDone()) {
      payload.fill(batch);
      if (payload.isDone()) this.finishEvent(lane);
    } else if (!page.next()) {
      this.finishPage(lane);
    } else if (this.known.has(page.hash)) {
      batch.spend(page.size);
      this.note(lane, false);
    } else {
      this.beginEvent(lane, batch);
    }
  }

  private beginEvent(lane: Lane, batch: Batch): void {
    const page = this.page;
    const payload = this.payload;
    const isTrapped = page.hash == this.trappedEvent;
    if (isTrapped && (this.trapped & WHOLE_PAYLOAD) != 0) {
      payload.faults.add(Fault.Trap, 0, 0);
      this.finishEvent(lane);
      // So that it is noted as done: another trap must not bring this one back.
      batch.end();
      return;
    }
    survivor.second = page.hash;
    survivor.suspect = WHOLE_PAYLOAD;
    page.open();
    survivor.suspect = 0;
    payload.begin(page.message, page.length);
    payload.time = page.time == 0 ? NO_TIME : page.time * NANOSECONDS_PER_MILLISECOND;
    if (page.hash == this.partEvent) {
      payload.restore();
      this.partEvent = 0;
    }
    if (isTrapped) payload.dropTrapped(this.trapped);
    // Nothing but white space, or no text at all, is no event either.
    if (page.length == 0) {
      payload.faults.add(Fault.NotAudit, 0, 0);
      this.finishEvent(lane);
    }
  }

  private finishEvent(lane: Lane): void {
    const page = this.page;
    const time = page.time == 0 ? this.position : min(page.time, this.now + CLOCK_MARGIN);
    if (!this.known.add(page.hash, time)) this.report.forgotten(this.known.limit);
    if (lane == this.late) counters.add(Counter.EventsLate, this.payload.good);
    this.note(lane, true);
  }

  private note(lane: Lane, isNew: bool): void {
    if (this.page.time == 0) return;
    // What is of the future must not hide what comes until then.
    lane.note(min(this.page.time, this.now), isNew);
    if (lane == this.fast) this.position = lane.isOrdered ? max(this.position, lane.newest) : lane.start;
  }

  /** The page is at its end. */
  private finishPage(lane: Lane): void {
    this.reading = null;
    if (lane == this.fast) this.noteSure();
    if (lane.isEnding) this.finishPass(lane);
  }

  private finishPass(lane: Lane): void {
    lane.close();
    if (lane == this.late) {
      this.settled = max(this.settled, min(lane.end, lane.began - this.half));
    } else {
      this.position = max(this.position, lane.newest);
      this.noteSure();
      // While there is more than fits into a page there is no time to lose.
      this.fastDue = lane.fruitful > 1 ? this.now : lane.began + this.interval;
    }
  }

  /** Notes what the fast lane has read when it was old enough, which the late lane need not read again. */
  private noteSure(): void {
    const lane = this.fast;
    if (lane.start > this.sureTo) {
      this.sureFrom = lane.start;
      this.sureTo = lane.start;
    }
    this.sureTo = max(this.sureTo, min(this.position, lane.began - this.half));
    if (this.sureFrom <= this.settled) this.settled = max(this.settled, this.sureTo);
    if (this.half == 0) this.settled = this.position;
  }

  // --- asking ---

  /** Asks for the next page, if it is time and none is on its way. */
  private ask(): void {
    if (this.asked != null || !this.isReady()) return;
    const lane = this.choose();
    if (!lane) return;
    const service = this.service;
    const credentials = service.chain.current;
    if (!credentials) return;
    if (!lane.isOpen) this.beginPass(lane);
    this.pace.begin();
    this.requests++;
    this.asked = lane;
    this.hasCome = false;
    const body = this.group.query(lane, this.pattern, this.limit);
    counters.add(Counter.CloudCalls, 1);
    this.signedWith = credentials;
    const url = service.url + '/';
    this.call.beginJson(
      url,
      service.authorities,
      TARGET,
      JSON_VERSION,
      body,
      service.name,
      service.region,
      credentials,
    );
  }

  private isReady(): bool {
    if (!this.service.chain.turn()) return false;
    return this.pace.isDue() && this.backoff.isDue() && host.monotonic() >= this.restUntil;
  }

  /** The lane whose turn it is, or null: nothing is to be asked now. */
  private choose(): Lane | null {
    const wantsFast = this.fast.isOpen ? !this.fast.isEnding : this.now >= this.fastDue;
    const wantsLate = this.late.isOpen ? !this.late.isEnding : this.isLateDue();
    const isOverdue = wantsLate && this.now >= this.late.began + this.half;
    if (wantsFast && !(isOverdue && this.requests % LATE_SHARE == 0)) return this.fast;
    return wantsLate ? this.late : null;
  }

  private isLateDue(): bool {
    const from = max(this.settled, this.known.floor);
    return from < this.position && this.now >= this.late.began + min(LATE_INTERVAL, this.half);
  }

  private beginPass(lane: Lane): void {
    if (lane == this.fast) lane.begin(this.position, this.now + CLOCK_MARGIN, this.now);
    else lane.begin(max(this.settled, this.known.floor), this.position, this.now);
  }

  /** Takes what has come of the next page. */
  private receive(): void {
    const lane = this.asked;
    if (!lane || this.hasCome) return;
    const outcome = this.call.turn();
    if (outcome == Outcome.Pending) return;
    if (outcome == Outcome.Done) {
      this.hasCome = true;
    } else {
      this.asked = null;
      this.fail(lane, outcome);
    }
  }

  /** Goes to the page that has come; false when there is none. */
  private turnPage(): bool {
    const lane = this.asked;
    if (!lane || !this.hasCome) return false;
    const call = this.call;
    this.call = this.other;
    this.other = call;
    this.asked = null;
    this.hasCome = false;
    survivor.second = 0;
    survivor.suspect = WHOLE_PAYLOAD;
    const isGood = this.page.read(call.exchange.address, call.exchange.length);
    survivor.suspect = 0;
    if (!isGood) {
      this.failWith('the answer is not what FilterLogEvents gives: ' + this.page.problem, 0);
      return false;
    }
    counters.add(Counter.BytesReceived, call.exchange.length);
    this.backoff.succeed();
    this.pace.faster();
    this.report.succeeded();
    if (!lane.turnPage(this.page.token)) this.giveUp(lane, 'AWS gives the same token again and again');
    this.reading = lane;
    this.ask();
    return true;
  }

  // --- failures ---

  private fail(lane: Lane, outcome: Outcome): void {
    const call = this.call;
    switch (outcome) {
      case Outcome.Throttled:
        counters.add(Counter.CloudCallsThrottled, 1);
        this.pace.slower();
        this.backoff.fail(call.retryAfter);
        this.report.throttled(call);
        break;
      case Outcome.Expired:
        counters.add(Counter.CloudCallsFailed, 1);
        this.service.chain.refuse(this.signedWith);
        this.backoff.fail();
        this.report.expired(call);
        break;
      case Outcome.Denied:
        counters.add(Counter.CloudCallsFailed, 1);
        this.rest();
        this.report.denied(call);
        break;
      case Outcome.Refused:
        counters.add(Counter.CloudCallsFailed, 1);
        this.refuse(lane, call);
        break;
      default:
        this.failWith(call.problem, call.retryAfter);
    }
  }

  /** What passes by itself: the same again, later. */
  private failWith(problem: string, wait: u32): void {
    counters.add(Counter.CloudCallsFailed, 1);
    this.backoff.fail(wait);
    this.report.failed(problem);
  }

  /** The request was wrong. */
  private refuse(lane: Lane, call: AwsCall): void {
    if (call.exchange.length > MAX_ANSWER && this.limit > 1) {
      this.limit /= 2;
      this.report.tooLarge(this.limit);
      this.backoff.fail();
    } else if (call.exchange.status == 0) {
      this.backoff.fail();
      this.report.failed(call.problem);
    } else if (lane.token != '' && call.code == 'InvalidParameterException') {
      this.giveUp(lane, call.problem);
    } else {
      this.rest();
      if (call.code == 'ResourceNotFoundException') this.report.missing(call);
      else this.report.refused(call);
    }
  }

  /** Ends a pass that cannot go on; the next one begins where this one has come to. */
  private giveUp(lane: Lane, problem: string): void {
    lane.close();
    this.backoff.fail();
    this.report.lostToken(problem);
  }

  private rest(): void {
    this.restUntil = host.monotonic() + i64(REST) * NANOSECONDS_PER_MILLISECOND;
  }

  /** Does not acknowledge: Falco may end in the middle of a batch. */
  close(): void {
    this.stop();
    this.service.chain.close();
    this.keeper.close();
    const journal = this.journal;
    if (journal) journal.free();
    this.call.exchange.free();
    this.other.exchange.free();
    this.page.free();
  }
}
