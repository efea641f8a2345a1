// SPDX-License-Identifier: Apache-2.0
// Asks for pages of a log group, one at a time, as often as AWS allows, and tells and waits when one cannot be had. An
// answer is kept while its page is read and the next one is on its way.
import * as host from '../../host';
import { Counter, counters } from '../../counters';
import { WHOLE_PAYLOAD, survivor } from '../../survivor';
import { Backoff } from '../../web/backoff';
import { Pace } from '../../web/pace';
import { AwsCall, Outcome } from '../aws/call';
import { Credentials } from '../aws/credentials';
import { AwsService } from '../aws/service';
import { Lane } from './lane';
import { LogGroup } from './log_group';
import { LogPage } from './page';
import { LogReport } from './report';

const TARGET = 'Logs_20140328.FilterLogEvents';
const JSON_VERSION = '1.1';
/** Bytes of an answer: AWS's have 1 MB of messages, escaped, and some hundred bytes beside each. */
const MAX_ANSWER: u32 = 16 * 1024 * 1024;
/** Events that are asked for at once: as many as AWS allows; fewer after a page for which there was no memory. */
const MAX_EVENTS: u32 = 10_000;
const FEW_EVENTS: u32 = 100;
/** What the number is divided by after an answer that was too large. */
const FEWER: u32 = 8;
/** Milliseconds between two requests: AWS allows an account about five a second in a region. */
const LEAST_GAP: u32 = 250;
const MOST_GAP: u32 = 8_000;
/** Milliseconds before a failed request is made again. */
const FIRST_WAIT: u32 = 500;
const MOST_WAIT: u32 = 30_000;
/** The same where only people can help. */
const REST: u32 = 60_000;
const NANOSECONDS_PER_MILLISECOND: i64 = 1_000_000;

export class LogRequests {
  /** The lane whose next page is on its way or has come, or null. */
  asked: Lane | null = null;
  /** Requests so far. */
  count: u32 = 0;
  private hasCome: bool = false;
  private limit: u32 = MAX_EVENTS;
  private signedWith: Credentials | null = null;
  // The one that is on its way, and the one whose answer is read.
  private call: AwsCall = new AwsCall(MAX_ANSWER);
  private read: AwsCall = new AwsCall(MAX_ANSWER);
  private pace: Pace = new Pace(LEAST_GAP, MOST_GAP);
  private failures: Backoff = new Backoff(FIRST_WAIT, MOST_WAIT);
  /** For passes that had to be given up. */
  private strays: Backoff = new Backoff(FIRST_WAIT, REST);
  // Of the steady clock.
  private restUntil: i64 = 0;

  constructor(
    private group: LogGroup,
    private service: AwsService,
    private pattern: string,
    private report: LogReport,
  ) {}

  /** There was no memory for a page: smaller ones are asked for. */
  askForFew(): void {
    this.limit = FEW_EVENTS;
  }

  /** Whether it is time to ask, none is on its way, and there are credentials. To be called often. */
  isReady(): bool {
    if (!this.service.chain.turn() || this.asked != null) return false;
    const isRested = host.monotonic() >= this.restUntil && this.failures.isDue() && this.strays.isDue();
    return isRested && this.pace.isDue();
  }

  /** Asks for the next page of a lane, when `isReady`. */
  ask(lane: Lane): void {
    const service = this.service;
    const credentials = service.chain.current!;
    const body = this.group.query(lane, this.pattern, this.limit);
    const url = service.url + '/';
    const authorities = service.authorities;
    this.asked = lane;
    this.hasCome = false;
    this.signedWith = credentials;
    this.count++;
    this.pace.begin();
    counters.add(Counter.CloudCalls, 1);
    this.call.beginJson(
      url,
      authorities,
      TARGET,
      JSON_VERSION,
      body,
      service.name,
      service.region,
      credentials,
    );
  }

  /** Takes what has come of the page that was asked for. */
  turn(): void {
    const lane = this.asked;
    if (!lane || this.hasCome) return;
    const outcome = this.call.turn();
    if (outcome == Outcome.Pending) return;
    this.hasCome = outcome == Outcome.Done;
    if (this.hasCome) return;
    this.asked = null;
    this.fail(lane, outcome);
  }

  /** Opens the page that has come; its lane, or null: none has, or it is none. The page before is gone then. */
  take(page: LogPage): Lane | null {
    const lane = this.asked;
    if (!lane || !this.hasCome) return null;
    const call = this.call;
    this.call = this.read;
    this.read = call;
    this.asked = null;
    const answer = call.exchange;
    survivor.second = 0;
    survivor.suspect = WHOLE_PAYLOAD;
    const isGood = page.read(answer.address, answer.length);
    survivor.suspect = 0;
    if (!isGood) {
      this.failFor('the answer is not what FilterLogEvents gives: ' + page.problem, 0);
      return null;
    }
    counters.add(Counter.BytesReceived, answer.length);
    this.failures.succeed();
    this.pace.faster();
    this.report.succeeded();
    if (lane.turnPage(page.token)) return lane;
    this.giveUp(lane, 'AWS gives the same token again and again');
    return null;
  }

  /** A pass has come to its end. */
  notePass(): void {
    this.strays.succeed();
  }

  private fail(lane: Lane, outcome: Outcome): void {
    const call = this.call;
    if (outcome == Outcome.Throttled) {
      counters.add(Counter.CloudCallsThrottled, 1);
      this.pace.slower();
      this.failures.fail(call.retryAfter);
      this.report.throttled(call);
      return;
    }
    if (outcome == Outcome.Failed) {
      this.failFor(call.problem, call.retryAfter);
      return;
    }
    counters.add(Counter.CloudCallsFailed, 1);
    if (outcome == Outcome.Expired) {
      this.service.chain.refuse(this.signedWith);
      this.failures.fail();
      this.report.expired(call);
    } else if (outcome == Outcome.Denied) {
      this.rest();
      this.report.denied(call);
    } else {
      this.refuse(lane, call);
    }
  }

  /** What passes by itself: the same again, later. */
  private failFor(problem: string, wait: u32): void {
    counters.add(Counter.CloudCallsFailed, 1);
    this.failures.fail(wait);
    this.report.failed(problem);
  }

  /** The request was wrong. */
  private refuse(lane: Lane, call: AwsCall): void {
    if (call.exchange.length > MAX_ANSWER && this.limit > 1) {
      this.limit = max(this.limit / FEWER, 1);
      this.report.tooLarge(this.limit);
    } else if (call.exchange.status == 0) {
      this.failures.fail();
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
    this.strays.fail();
    this.report.lostToken(problem);
  }

  private rest(): void {
    this.restUntil = host.monotonic() + i64(REST) * NANOSECONDS_PER_MILLISECOND;
  }

  /** Ends what goes on. */
  stop(): void {
    this.call.close();
    this.read.close();
    this.asked = null;
    this.hasCome = false;
  }

  /** To be called last. */
  free(): void {
    this.stop();
    this.service.chain.close();
    this.call.free();
    this.read.free();
  }
}
