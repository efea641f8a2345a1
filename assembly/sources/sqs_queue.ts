// SPDX-License-Identifier: Apache-2.0
// The messages of a queue that are ours: taken when none is left, kept from others as long as they are worked on, deleted
// when Falco has what they tell of.
import { AwsCall, Outcome } from '../cloud/aws/call';
import { Credentials } from '../cloud/aws/credentials';
import { MAX_BATCH, Sqs } from '../cloud/aws/sqs';
import { Counter, counters } from '../counters';
import { monotonic } from '../host';
import { Name } from '../json/name';
import { Node, endOf, firstOf } from '../json/tape';
import { Reason, Severity, countText, logLimited, mayLog } from '../log';
import { Request } from '../web/request';
import { Backoff } from '../web/backoff';
import { JsonAnswer } from '../web/json_answer';
import { NewObject } from './sqs_notification';

/** Bytes of an answer with messages, and of another one. */
const MAX_MESSAGES: u32 = 8 * 1024 * 1024;
const MAX_ANSWER: u32 = 256 * 1024;
/** Messages that wait to be deleted; the oldest of more comes again. */
const MAX_DELETABLE: i32 = 100;
/** Milliseconds to wait after failures. */
const FIRST_WAIT: u32 = 200;
const LONGEST_WAIT: u32 = 60_000;
const NANOSECONDS: i64 = 1_000_000_000;
/** How long messages that cannot be deleted hold up others. */
const PATIENCE: i64 = 5 * NANOSECONDS;

const MESSAGES = new Name('Messages');
const RECEIPT_HANDLE = new Name('ReceiptHandle');
const BODY = new Name('Body');
const SUCCESSFUL = new Name('Successful');
const FAILED = new Name('Failed');
const ID = new Name('Id');
const CODE = new Name('Code');
const SENDER_FAULT = new Name('SenderFault');

export class Message {
  objects: NewObject[] = [];
  /** The next object to be read. */
  next: i32 = 0;
  /** It is not to be deleted: the dead-letter queue is to have it. */
  isLeft: bool = false;
  /** Somebody else may have it by now. */
  isLost: bool = false;

  constructor(
    readonly receipt: string,
    readonly body: string,
  ) {}
}

/** One kind of request, one after the other. */
class Line {
  isAsking: bool = false;
  readonly call: AwsCall;
  private signedWith: Credentials | null = null;
  private backoff: Backoff = new Backoff(FIRST_WAIT, LONGEST_WAIT);

  constructor(
    private sqs: Sqs,
    private permission: string,
    maxAnswer: u32,
  ) {
    this.call = new AwsCall(maxAnswer);
  }

  /** Whether a request may be made now. */
  isReady(): bool {
    return !this.isAsking && this.backoff.isDue() && this.sqs.service.chain.turn();
  }

  ask(request: Request): void {
    this.signedWith = this.sqs.service.chain.current;
    this.call.begin(request, 'sqs', this.sqs.service.region, this.signedWith);
    counters.add(Counter.CloudCalls, 1);
    this.isAsking = true;
  }

  /** Whether the answer is there, read into `json`. */
  isAnswered(json: JsonAnswer): bool {
    if (!this.isAsking) return false;
    const outcome = this.call.turn();
    if (outcome == Outcome.Pending) return false;
    this.isAsking = false;
    const exchange = this.call.exchange;
    const isGood = outcome == Outcome.Done && json.read(exchange.address, exchange.length);
    if (isGood) {
      this.backoff.succeed();
      return true;
    }
    const isThrottled = outcome == Outcome.Throttled;
    counters.add(isThrottled ? Counter.CloudCallsThrottled : Counter.CloudCallsFailed, 1);
    if (outcome == Outcome.Expired) this.sqs.service.chain.refuse(this.signedWith);
    const why =
      outcome == Outcome.Done
        ? 'the answer is no JSON'
        : this.sqs.explain(this.call, outcome, this.permission);
    this.putOff();
    this.tell(why);
    return false;
  }

  /** Waits before the next request. */
  putOff(): void {
    this.backoff.fail(this.call.retryAfter);
  }

  private tell(why: string): void {
    counters.add(Counter.SourceErrors, 1);
    if (!mayLog(Reason.Call)) return;
    countText();
    const what = this.permission + ' of ' + this.sqs.queueUrl + ' failed: ' + why;
    logLimited(Reason.Call, Severity.Error, what + '; trying again');
  }
}

export class SqsQueue {
  /** Messages that were taken and are not done, in order. */
  waiting: Message[] = [];
  private deletable: string[] = [];
  private deleting: string[] = [];
  /** Since when messages could not be deleted; 0: they could. */
  private failingSince: i64 = 0;
  private extending: Message[] = [];
  private extendAt: i64 = 0;
  private receiveLine: Line;
  private deleteLine: Line;
  private extendLine: Line;
  private json: JsonAnswer = new JsonAnswer();

  /** `visibility`: seconds for which a message is ours. */
  constructor(
    private sqs: Sqs,
    private visibility: i32,
  ) {
    this.receiveLine = new Line(sqs, 'sqs:ReceiveMessage', MAX_MESSAGES);
    this.deleteLine = new Line(sqs, 'sqs:DeleteMessage', MAX_ANSWER);
    this.extendLine = new Line(sqs, 'sqs:ChangeMessageVisibility', MAX_ANSWER);
  }

  /** Goes on with what does not depend on messages being read: keeps and deletes them. */
  turn(): void {
    const line = this.deleteLine;
    if (line.isAnswered(this.json)) this.takeDeleted();
    else if (!line.isAsking && this.deleting.length > 0) this.putBack();
    if (!line.isAsking) this.startDelete();
    if (this.extendLine.isAnswered(this.json)) this.takeExtended();
    if (this.waiting.length > 0 && monotonic() >= this.extendAt) this.startExtend();
  }

  /** Takes messages; true when there are some now. To be called when none is left. */
  receive(): bool {
    const line = this.receiveLine;
    if (!line.isAsking) {
      if (line.isReady()) {
        line.ask(this.sqs.receiveRequest(this.visibility));
        this.putOffExtending();
      }
      return false;
    }
    return line.isAnswered(this.json) && this.takeMessages();
  }

  private takeMessages(): bool {
    const json = this.json;
    const messages = json.member(json.root, MESSAGES);
    if (JsonAnswer.count(messages) == 0) return false;
    const end = endOf(messages!);
    for (let at = firstOf(messages!); at < end; at += changetype<Node>(at).span) {
      const message = changetype<Node>(at);
      const receipt = json.string(json.member(message, RECEIPT_HANDLE));
      if (receipt == '' || this.waiting.length == MAX_BATCH) continue;
      this.waiting.push(new Message(receipt, json.string(json.member(message, BODY))));
    }
    return this.waiting.length > 0;
  }

  /** Half of the time for which messages are ours goes by before it begins anew. */
  private putOffExtending(): void {
    this.extendAt = monotonic() + (i64(this.visibility) * NANOSECONDS) / 2;
  }

  private startExtend(): void {
    if (!this.extendLine.isReady()) return;
    this.extending = this.waiting.slice(0);
    const receipts: string[] = [];
    for (let i = 0; i < this.extending.length; i++) receipts.push(this.extending[i].receipt);
    this.extendLine.ask(this.sqs.extendRequest(receipts, this.visibility));
    this.putOffExtending();
  }

  private takeExtended(): void {
    const json = this.json;
    const failed = json.member(json.root, FAILED);
    if (JsonAnswer.count(failed) == 0) return;
    const end = endOf(failed!);
    for (let at = firstOf(failed!); at < end; at += changetype<Node>(at).span) {
      const entry = changetype<Node>(at);
      const index = i32(I32.parseInt(json.string(json.member(entry, ID))));
      if (index < 0 || index >= this.extending.length) continue;
      this.extending[index].isLost = true;
      if (mayLog(Reason.Message)) {
        const what = 'a message of ' + this.sqs.queueUrl + ' could not be kept from others: ';
        const text = what + json.string(json.member(entry, CODE)) + '; what it tells of may be read twice';
        logLimited(Reason.Message, Severity.Warning, text);
      }
    }
  }

  /** The first message is done: Falco has what it tells of, or it is left. */
  finishFirst(): void {
    const message = this.waiting.shift();
    if (message.isLeft) return;
    this.deletable.push(message.receipt);
    if (this.deletable.length > MAX_DELETABLE) this.deletable.shift();
    if (!this.deleteLine.isAsking) this.startDelete();
  }

  /**
   * Whether messages that are done wait to be deleted. What is read meanwhile would come twice if this process were
   * killed. A service that does not delete at all holds nothing up for long.
   */
  get isBehind(): bool {
    if (this.deletable.length == 0) return false;
    return this.failingSince == 0 || monotonic() - this.failingSince < PATIENCE;
  }

  private startDelete(): void {
    if (this.deletable.length == 0 || !this.deleteLine.isReady()) return;
    this.deleting = this.deletable.splice(0, MAX_BATCH);
    this.deleteLine.ask(this.sqs.deleteRequest(this.deleting));
  }

  /** The request has failed: its messages come first in the next one. */
  private putBack(): void {
    this.deletable = this.deleting.concat(this.deletable);
    this.deleting = [];
    if (this.failingSince == 0) this.failingSince = monotonic();
  }

  private takeDeleted(): void {
    const json = this.json;
    this.failingSince = 0;
    counters.add(Counter.MessagesDeleted, JsonAnswer.count(json.member(json.root, SUCCESSFUL)));
    const failed = json.member(json.root, FAILED);
    const receipts = this.deleting;
    this.deleting = [];
    if (JsonAnswer.count(failed) == 0) return;
    const end = endOf(failed!);
    for (let at = firstOf(failed!); at < end; at += changetype<Node>(at).span) {
      const entry = changetype<Node>(at);
      const index = i32(I32.parseInt(json.string(json.member(entry, ID))));
      const fault = json.member(entry, SENDER_FAULT);
      const isOurs = json.string(fault) == 'true';
      if (index >= 0 && index < receipts.length && !isOurs) this.deletable.push(receipts[index]);
      if (mayLog(Reason.Message)) {
        const what = 'a message of ' + this.sqs.queueUrl + ' could not be deleted: ';
        const then = isOurs ? '; it comes again, and is passed over then' : '; trying again';
        logLimited(Reason.Message, Severity.Warning, what + json.string(json.member(entry, CODE)) + then);
      }
    }
    this.deleteLine.putOff();
  }

  close(): void {
    this.receiveLine.call.free();
    this.deleteLine.call.free();
    this.extendLine.call.free();
    this.json.free();
  }
}
