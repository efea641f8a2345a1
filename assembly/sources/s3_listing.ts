// SPDX-License-Identifier: Apache-2.0
// Lists the keys under a prefix, page by page, again and again.
import { AwsCall, Outcome } from '../cloud/aws/call';
import { Credentials } from '../cloud/aws/credentials';
import { KeyPage } from '../cloud/aws/list_objects';
import { S3, objectName } from '../cloud/aws/s3';
import { Counter, counters } from '../counters';
import { Reason, Severity, countText, logLimited, mayLog } from '../log';
import { monotonic } from '../host';
import { Backoff } from '../web/backoff';

/** Bytes of a page. */
const MAX_PAGE: u32 = 8 * 1024 * 1024;
/** Milliseconds to wait after failures. */
const FIRST_WAIT: u32 = 500;
const LONGEST_WAIT: u32 = 60_000;
const NANOSECONDS: i64 = 1_000_000_000;

/** What there is to do. */
export const enum Listed {
  /** Nothing yet. */
  Waiting = 0,
  /** A listing begins anew, behind the key that is given then. */
  Begun = 1,
  /** A page is there. */
  Page = 2,
  /** The listing has come to its end. */
  Ended = 3,
}

export class S3Listing {
  readonly page: KeyPage = new KeyPage();
  private call: AwsCall = new AwsCall(MAX_PAGE);
  private backoff: Backoff = new Backoff(FIRST_WAIT, LONGEST_WAIT);
  private isOpen: bool = false; // a listing was begun and has not ended
  private isAsking: bool = false;
  private isLast: bool = false; // the page at hand is the last one
  private token: string = '';
  private signedWith: Credentials | null = null;
  private due: i64 = 0; // the next listing

  /** `interval` between the beginnings of two listings, in seconds. */
  constructor(
    private s3: S3,
    private bucket: string,
    private prefix: string,
    private interval: i64,
  ) {}

  /** Lets go of the listing; the next one begins at once. */
  restart(): void {
    this.call.close();
    this.page.clear();
    this.isOpen = false;
    this.isAsking = false;
    this.token = '';
    this.due = 0;
  }

  /** Goes on. To be called when the page at hand is done with; `after`: the key that a new listing begins behind. */
  turn(after: string): Listed {
    if (this.isAsking) return this.take();
    if (this.isOpen && this.isLast) {
      this.isOpen = false;
      this.page.clear();
      return Listed.Ended;
    }
    const now = monotonic();
    if ((!this.isOpen && now < this.due) || !this.ask(after)) return Listed.Waiting;
    if (this.isOpen) return Listed.Waiting;
    this.isOpen = true;
    this.due = now + this.interval * NANOSECONDS;
    return Listed.Begun;
  }

  private ask(after: string): bool {
    const chain = this.s3.service.chain;
    if (!this.backoff.isDue() || !chain.turn()) return false;
    this.signedWith = chain.current;
    this.page.clear();
    const request = this.s3.listRequest(this.bucket, this.prefix, after, this.isOpen ? this.token : '');
    this.call.begin(request, 's3', this.s3.service.region, chain.current);
    counters.add(Counter.CloudCalls, 1);
    this.isAsking = true;
    this.isLast = false;
    return true;
  }

  private take(): Listed {
    const outcome = this.call.turn();
    if (outcome == Outcome.Pending) return Listed.Waiting;
    this.isAsking = false;
    const problem = outcome == Outcome.Done ? this.read() : this.explain(outcome);
    if (problem != '') {
      counters.add(outcome == Outcome.Throttled ? Counter.CloudCallsThrottled : Counter.CloudCallsFailed, 1);
      this.backoff.fail(this.call.retryAfter);
      this.tell(problem);
      return Listed.Waiting;
    }
    // A page without keys, but with another behind it, must not make this go round and round.
    if (this.page.keys.length == 0 && !this.isLast) this.backoff.fail();
    else this.backoff.succeed();
    return Listed.Page;
  }

  private read(): string {
    const exchange = this.call.exchange;
    const problem = this.page.read(exchange.address, exchange.length);
    if (problem != '') return problem;
    this.token = this.page.token;
    this.isLast = this.token == '';
    return '';
  }

  private explain(outcome: Outcome): string {
    const call = this.call;
    if (outcome == Outcome.Expired) this.s3.service.chain.refuse(this.signedWith);
    // The token may be what is refused: the listing begins anew.
    if (outcome == Outcome.Refused) this.isOpen = false;
    return this.s3.explain(call, outcome, 's3:ListBucket', 'arn:aws:s3:::' + this.bucket);
  }

  private tell(problem: string): void {
    counters.add(Counter.SourceErrors, 1);
    if (!mayLog(Reason.Call)) return;
    countText();
    const what = 'cannot list ' + objectName(this.bucket, this.prefix) + ': ' + problem;
    logLimited(Reason.Call, Severity.Error, what + '; trying again');
  }

  free(): void {
    this.call.free();
  }
}
