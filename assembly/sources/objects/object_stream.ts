// SPDX-License-Identifier: Apache-2.0
// An object of S3 as a stream of bytes. What the network or the service spoils for a moment is gone on with from the byte
// where it was, as long as the object is the same.
import { AwsCall, Outcome } from '../../cloud/aws/call';
import { Credentials } from '../../cloud/aws/credentials';
import { S3, objectName } from '../../cloud/aws/s3';
import { Counter, counters } from '../../counters';
import { Reason, Severity, countText, logLimited, mayLog } from '../../log';
import { hashOfText } from '../../state/hash';
import { Backoff } from '../../web/backoff';
import { Read, Reader } from '../reader';

/** Bytes of an answer that is an error. */
const MAX_ERROR: u32 = 64 * 1024;
/** Milliseconds to wait after failures. */
const FIRST_WAIT: u32 = 200;
const LONGEST_WAIT: u32 = 30_000;
/** Answers in a row that the service has a problem, without a byte between: the problem is of this object. */
const MAX_ERRORS: i32 = 40;
/** Bytes that are passed over at once. */
const STEP: i32 = 16 * 1024;

/** Why an object cannot be read, now or at all. */
export const enum Trouble {
  None = 0,
  /** It is not there. */
  Gone = 1,
  Denied = 2,
  /** It is in an archive, and would have to be restored. */
  Archived = 3,
  /** Its content is another one than before. */
  Changed = 4,
  /** The same would happen with every object of the bucket. */
  Bucket = 5,
  Refused = 6,
}

export class ObjectStream extends Reader {
  bucket: string = '';
  key: string = '';
  /** Whether the object's head is there. */
  isOpen: bool = false;
  /** Of the content; 0: S3 told none. */
  contentHash: u64 = 0;
  /** Why `read` gave Read.Failed. */
  trouble: Trouble = Trouble.None;
  problem: string = '';

  private etag: string = '';
  private position: u64 = 0; // bytes that were read
  private size: u64 = 0; // of the object; 0: not known
  private toSkip: u64 = 0; // bytes that come again, because the server does not know ranges
  private errors: i32 = 0;
  private isAsking: bool = false;
  private signedWith: Credentials | null = null;
  private call: AwsCall = new AwsCall(MAX_ERROR);
  private backoff: Backoff = new Backoff(FIRST_WAIT, LONGEST_WAIT);

  constructor(private s3: S3) {
    super();
    this.call.exchange.isStreamed = true;
  }

  /** An object is to be read. */
  begin(bucket: string, key: string): void {
    this.call.close();
    this.bucket = bucket;
    this.key = key;
    this.contentHash = 0;
    this.etag = '';
    this.size = 0;
    this.errors = 0;
    this.backoff.succeed();
    this.restart();
  }

  /** Reads the object from its start again, whatever its content is now. */
  restart(): void {
    this.call.close();
    this.isAsking = false;
    this.isOpen = false;
    this.etag = '';
    this.size = 0;
    this.position = 0;
    this.toSkip = 0;
    this.trouble = Trouble.None;
    this.problem = '';
  }

  /** After Read.Failed: asks again, after a while. */
  retry(): void {
    this.trouble = Trouble.None;
    this.isAsking = false;
    this.backoff.fail();
  }

  /** Bytes of the object that came so far. */
  get received(): u64 {
    return this.position;
  }

  /** Goes on up to where the head is there: then Read.End; else Read.Nothing or Read.Failed. */
  open(): Read {
    if (this.trouble != Trouble.None) return Read.Failed;
    if (this.isOpen) return Read.End;
    if (!this.isAsking && !this.ask()) return Read.Nothing;
    const outcome = this.call.turn();
    if (outcome == Outcome.Pending) return Read.Nothing;
    this.isAsking = false;
    if (outcome != Outcome.Done) return this.judge(outcome);
    return this.takeHead();
  }

  private ask(): bool {
    const chain = this.s3.service.chain;
    if (!this.backoff.isDue() || !chain.turn()) return false;
    this.signedWith = chain.current;
    const request = this.s3.getRequest(this.bucket, this.key, this.position, this.etag);
    this.call.begin(request, 's3', this.s3.service.region, this.signedWith);
    counters.add(Counter.CloudCalls, 1);
    this.isAsking = true;
    return true;
  }

  private takeHead(): Read {
    const exchange = this.call.exchange;
    const isPart = exchange.status == 206;
    const length = exchange.header('content-length');
    const etag = exchange.header('etag');
    if (this.position == 0) {
      this.size = length ? u64(I64.parseInt(length)) : 0;
      this.etag = etag ? etag : '';
      this.contentHash = etag ? hashOfText(etag) : 0;
    } else if (etag && this.etag != '' && etag != this.etag) {
      // A server that does not know If-Match.
      return this.fail(Trouble.Changed, 'its content has changed while it was read');
    }
    this.toSkip = isPart ? 0 : this.position;
    this.isOpen = true;
    return Read.End;
  }

  read(out: usize, capacity: i32): i32 {
    while (true) {
      const opened = this.open();
      if (opened != Read.End) return opened;
      const room = this.toSkip > 0 ? i32(min<u64>(min(capacity, STEP), this.toSkip)) : capacity;
      const count = this.call.exchange.read(out, room);
      if (count == Read.Failed) {
        this.isOpen = false;
        // Cut behind its last byte.
        if (this.size > 0 && this.position >= this.size) return Read.End;
        return this.judge(Outcome.Failed);
      }
      if (count == Read.End && this.toSkip > 0) {
        return this.fail(Trouble.Changed, 'it has become shorter while it was read');
      }
      if (count <= 0) return count;
      this.errors = 0;
      this.backoff.succeed();
      if (this.toSkip == 0) {
        this.position += count;
        return count;
      }
      this.toSkip -= count;
    }
  }

  /** What is to be done about a request that failed. */
  private judge(outcome: Outcome): Read {
    const call = this.call;
    const status = call.exchange.status;
    const isThrottled = outcome == Outcome.Throttled;
    counters.add(isThrottled ? Counter.CloudCallsThrottled : Counter.CloudCallsFailed, 1);
    if (outcome == Outcome.Expired) this.s3.service.chain.refuse(this.signedWith);
    const isPassing = isThrottled || outcome == Outcome.Failed || outcome == Outcome.Expired || status == 0;
    if (isPassing && (status == 0 || isThrottled || ++this.errors < MAX_ERRORS)) {
      this.backoff.fail(call.retryAfter);
      this.tell(call.problem != '' ? call.problem : call.exchange.problem);
      return Read.Nothing;
    }
    const why = this.s3.explain(
      call,
      outcome,
      's3:GetObject',
      'arn:aws:s3:::' + this.bucket + '/' + this.key,
    );
    return this.fail(troubleOf(call, outcome, status), why);
  }

  private fail(trouble: Trouble, problem: string): Read {
    this.call.close();
    this.isAsking = false;
    this.isOpen = false;
    this.trouble = trouble;
    this.problem = problem;
    return Read.Failed;
  }

  private tell(why: string): void {
    if (!mayLog(Reason.Call)) return;
    countText();
    const at = this.position == 0 ? '' : ' behind byte ' + this.position.toString();
    const what = 'cannot read ' + objectName(this.bucket, this.key) + at + ' now: ';
    logLimited(Reason.Call, Severity.Warning, what + why + '; trying again');
  }

  close(): void {
    this.call.close();
    this.isAsking = false;
    this.isOpen = false;
  }

  free(): void {
    this.call.free();
  }
}

function troubleOf(call: AwsCall, outcome: Outcome, status: i32): Trouble {
  if (call.code == 'InvalidObjectState') return Trouble.Archived;
  if (S3.isOfBucket(call)) return Trouble.Bucket;
  if (outcome == Outcome.Denied || outcome == Outcome.Expired) return Trouble.Denied;
  // 405: the newest version of it is a marker that it was deleted.
  if (status == 404 || status == 405) return Trouble.Gone;
  if (status == 412 || status == 416) return Trouble.Changed;
  return Trouble.Refused;
}
