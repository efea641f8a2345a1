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
import { AwsService } from '../cloud/aws/service';
import { Coverage } from '../cloud/logs/coverage';
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
import { LogRequests } from '../cloud/logs/requests';
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
import { hashOfText, hexOf } from '../state/hash';
import { WHOLE_PAYLOAD, keptAddress, survivor } from '../survivor';
import { CloudSource } from './cloud_source';
import { shownPath } from './input';

/**
 * Milliseconds before the newest event from which a pass of the fast lane begins, at most: the streams of several API
 * servers do not come at the same time. Less when that takes more than a few pages.
 */
const OVERLAP: i64 = 10_000;
const LEAST_OVERLAP: i64 = 500;
const FEW_PAGES: u32 = 3;
/** Milliseconds between two passes of the late lane, at least. */
const LATE_INTERVAL: i64 = 30_000;
/** Of so many requests, one is for the late lane when its pass takes longer than it should. */
const LATE_SHARE: u32 = 4;
/** Milliseconds by which our clock may be behind: what is of the time after that is read when its time has come. */
const CLOCK_MARGIN: i64 = 300_000;
const NANOSECONDS_PER_MILLISECOND: i64 = 1_000_000;

export class CloudWatch extends CloudSource {
  /** Why it cannot be opened, or an empty string. */
  problem: string = '';
  private report: LogReport;
  private requests: LogRequests;
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
  private coverage: Coverage;
  // When the next pass of the fast lane is due.
  private fastDue: i64 = 0;
  private overlap: i64 = OVERLAP;

  // The lane whose page is read, or null; its event is the payload.
  private reading: Lane | null = null;
  private page: LogPage = new LogPage();
  private payload: Payload = new Payload();
  // By the wall clock, in milliseconds, as of this poll.
  private now: i64 = 0;

  // Known ids with numbers below were noted in the survivor region.
  private noted: u64 = 0;
  // After a trap: the event that was handed over in part, and the one that was being read, with its mark (see
  // Payload.dropTrapped); 0: none.
  private partEvent: u64 = 0;
  private trappedEvent: u64 = 0;
  private trapped: u64 = 0;

  /** `params` is open_params, which names what is kept. */
  constructor(group: LogGroup, params: string, config: Config) {
    super();
    forgetClusters();
    const service = new AwsService('logs', config);
    const pattern = config.text(FILTER_PATTERN);
    const report = new LogReport(group, service, pattern);
    const keeper = progressFor(params, config);
    const half = i64(config.integer(LATE_WINDOW)) * 500;
    this.report = report;
    this.requests = new LogRequests(group, service, pattern, report);
    this.keeper = keeper;
    this.half = half;
    this.coverage = new Coverage(half);
    this.interval = i64(config.integer(POLLING_INTERVAL)) * 1000;
    this.shift = i64(config.integer(SHIFT)) * 1000;
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
    if (this.trapped == WHOLE_PAYLOAD && this.trappedEvent == 0) this.requests.askForFew();
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
    this.coverage.begin(kept.position, kept.settled);
    this.fastDue = now;
    this.restore();
    this.report.started(kept.position, why);
    // So that a first start is known, even if it ends before something comes. After a trap, Falco may still have what
    // was handed over.
    if (!isKept) this.save();
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
      if (!known.has(hash)) known.add(hash, kept.position);
    }
    this.noted = known.next;
  }

  private stop(): void {
    this.requests.stop();
    this.fast.close();
    this.late.close();
    this.reading = null;
    this.payload.begin(0, 0);
    this.known.clear();
    this.noted = 0;
  }

  handOver(): void {
    if (this.epoch == 0) return;
    const known = this.known;
    for (; this.noted < known.next; this.noted++) noteRecent(known.hashOf(this.noted));
    kept.position = this.coverage.position;
    kept.settled = min(this.coverage.settled, kept.position);
    kept.floor = known.floor;
    if (this.payload.isDone()) {
      if (this.partEvent == 0) survivor.first = 0;
    } else {
      survivor.first = this.page.hash;
      this.payload.save();
      this.partEvent = 0;
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

  protected work(batch: Batch): void {
    if (!this.follow()) return;
    this.now = host.realtime() / NANOSECONDS_PER_MILLISECOND;
    this.requests.turn();
    this.ask();
    while (!batch.isFull()) {
      let lane = this.reading;
      if (!lane) {
        lane = this.requests.take(this.page);
        if (!lane) return;
        this.reading = lane;
        this.ask();
      }
      this.readOn(lane, batch);
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
    const time = page.time == 0 ? this.coverage.position : min(page.time, this.now + CLOCK_MARGIN);
    if (!this.known.add(page.hash, time)) this.report.forgotten(this.known.limit);
    if (lane == this.late) counters.add(Counter.EventsLate, this.payload.good);
    this.note(lane, true);
  }

  private note(lane: Lane, isNew: bool): void {
    if (this.page.time == 0) return;
    // What is of the future must not hide what comes until then.
    lane.note(min(this.page.time, this.now), isNew);
    if (lane == this.fast) this.coverage.noteEvent(lane);
  }

  /** The page is at its end. */
  private finishPage(lane: Lane): void {
    this.reading = null;
    if (lane == this.fast) this.coverage.notePage(lane);
    if (lane.isEnding) this.finishPass(lane);
  }

  private finishPass(lane: Lane): void {
    lane.close();
    this.requests.notePass();
    if (lane == this.late) {
      this.coverage.finishLate(lane);
      return;
    }
    this.coverage.finishFast(lane);
    const overlap = this.overlap;
    this.overlap = lane.pages > FEW_PAGES ? max(overlap / 2, LEAST_OVERLAP) : min(overlap * 2, OVERLAP);
    // While there is more than fits into a page there is no time to lose.
    this.fastDue = lane.fruitful > 1 ? this.now : lane.began + this.interval;
  }

  /** Asks for the next page, if it is time and none is on its way. */
  private ask(): void {
    if (!this.requests.isReady()) return;
    const lane = this.choose();
    if (!lane) return;
    if (!lane.isOpen) this.beginPass(lane);
    this.requests.ask(lane);
  }

  /** The lane whose turn it is, or null: nothing is to be asked now. */
  private choose(): Lane | null {
    const wantsFast = this.fast.isOpen ? !this.fast.isEnding : this.now >= this.fastDue;
    const wantsLate = this.late.isOpen ? !this.late.isEnding : this.isLateDue();
    const isOverdue = wantsLate && this.now >= this.late.began + this.half;
    if (wantsFast && !(isOverdue && this.requests.count % LATE_SHARE == 0)) return this.fast;
    return wantsLate ? this.late : null;
  }

  private isLateDue(): bool {
    if (this.lateStart >= this.coverage.position) return false;
    return this.now >= this.late.began + min(LATE_INTERVAL, this.half);
  }

  /** Where the late lane begins: not before a time of which not all ids are known. */
  private get lateStart(): i64 {
    return max(this.coverage.settled, this.known.floor);
  }

  private beginPass(lane: Lane): void {
    const position = this.coverage.position;
    if (lane == this.late) {
      lane.begin(this.lateStart, position, this.now);
      return;
    }
    const start = min(max(position - this.overlap, this.lateStart), position);
    lane.begin(start, max(position, this.now + CLOCK_MARGIN), this.now);
  }

  /** Does not acknowledge: Falco may end in the middle of a batch. */
  close(): void {
    this.stop();
    this.requests.free();
    this.keeper.close();
    const journal = this.journal;
    if (journal) journal.free();
    this.page.free();
  }
}
