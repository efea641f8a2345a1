// SPDX-License-Identifier: Apache-2.0
// kube-apiserver's audit webhook (`http://`, `https://`, `unix://`). A request is judged by its head, before a byte of
// its body is read, and answered 200 when Falco has finished its events.
import * as host from '../host';
import { HttpMethod, HttpOptions, HttpPhase, HttpRequest, HttpText, UNKNOWN_LENGTH } from '../host';
import { Batch } from '../audit/batch';
import { forgetClusters } from '../audit/clusters';
import { Window } from '../audit/dedupe';
import { Payload } from '../audit/payload';
import { Config } from '../config/config';
import {
  DEDUPE_WINDOW,
  MAX_EVENT_SIZE,
  WEBHOOK_HEADER_TIMEOUT,
  WEBHOOK_IDLE_TIMEOUT,
  WEBHOOK_MAX_BATCH_SIZE,
  WEBHOOK_MAX_CONNECTIONS,
  WEBHOOK_MAX_HEADER_SIZE,
  WEBHOOK_MAX_WAITING,
  WEBHOOK_REQUEST_TIMEOUT,
} from '../config/schema';
import { Counter, counters } from '../counters';
import { hostProblem } from '../host_text';
import { Name } from '../json/name';
import { Reason, Severity, countText, log, logLimited, mayLog } from '../log';
import { WHOLE_PAYLOAD, survivor } from '../survivor';
import { Access } from './access';
import { Body } from './body';
import { Endpoint } from './endpoint';
import { containsIgnoringCase, equalsIgnoringCase, headerValue, trimmed } from './header';
import { HttpReport } from './http_report';
import { errnoText } from './input';
import {
  GET_ONLY,
  NOT_FOUND,
  NO_EVENT,
  NO_ROOM,
  POST_ONLY,
  Refusal,
  TOO_LARGE,
  TRAPPED,
  WRONG_ENCODING,
  WRONG_TYPE,
} from './refusal';
import { MAX_PATH, Place, Routes } from './routes';
import { Poll, Source } from './source';
import { Waiting } from './waiting';

/** Bytes of a header that are looked at; longer ones match nothing. */
const HEADER_SIZE: i32 = 1024;
const EADDRNOTAVAIL = -99;
const ENOBUFS = -105;
/** Requests that one batch finishes at most. */
const MAX_FINISHED: i32 = 256;
/** What the server keeps with a request: the place of its path, and whether its body is gzip. */
const GZIP_TAG: u32 = 1 << 31;
/** Room in the server beside a body of the greatest size, so that one can always come. */
const BESIDE_A_BODY: u32 = 1024 * 1024;
/** Of this many parts of the server's room one must be free, or we are not ready for requests. */
const READY_PARTS: u32 = 8;

const CONTENT_TYPE = new Name('Content-Type');
const CONTENT_ENCODING = new Name('Content-Encoding');
const JSON_TYPE = new Name('application/json');
const IDENTITY = new Name('identity');
const GZIP = new Name('gzip');
const X_GZIP = new Name('x-gzip');
const OK = new Name('ok\n');
const NOT_READY = new Name('not ready\n');

/** What a Content-Encoding says of a body. */
const enum Encoding {
  Plain = 0,
  Gzip = 1,
  Unknown = 2,
}

export class Webhook extends Source {
  /** Why listening failed, or an empty string. */
  problem: string = '';
  private server: i32 = 0;
  private maxBody: u32 = 0;
  private maxHeld: u32 = 0;
  private routes: Routes;
  private access: Access;
  private report: HttpReport = new HttpReport();
  private waiting: Waiting;
  private window: Window;
  /** The head that is being judged. */
  private head: HttpRequest = new HttpRequest();
  /** The request whose body is being read. */
  private request: HttpRequest = new HttpRequest();
  private body: Body = new Body();
  private payload: Payload = new Payload();
  // Requests whose last event is in the batch that is being filled.
  private finished: StaticArray<u32> = new StaticArray<u32>(MAX_FINISHED);
  private finishedCount: i32 = 0;
  private hasRequest: bool = false;
  // Whether a batch before this one has events of the request.
  private isContinued: bool = false;
  // After a trap: the request that was partly handed over, until the server has offered it again, and until it is
  // begun again; the one that was being read when the trap came, and its element (see Payload.dropTrapped). Ids
  // begin at 1.
  private partRequest: u32 = 0;
  private resumedRequest: u32 = 0;
  private trappedRequest: u32 = 0;
  private trapped: u64 = 0;
  private isPart: bool = false;

  constructor(endpoint: Endpoint, config: Config) {
    super();
    forgetClusters();
    this.routes = new Routes(endpoint.path, endpoint.cluster, config);
    this.access = new Access(endpoint, survivor.open != 0, config);
    this.waiting = new Waiting(config.integer(WEBHOOK_MAX_CONNECTIONS));
    this.window = new Window(config.integer(DEDUPE_WINDOW));
    this.payload.window = this.window;
    this.maxBody = config.integer(WEBHOOK_MAX_BATCH_SIZE);
    this.maxHeld = max(config.integer(WEBHOOK_MAX_WAITING), this.maxBody + BESIDE_A_BODY);
    this.payload.faults.maxEventSize = config.integer(MAX_EVENT_SIZE);
    this.payload.faults.origin = 'the body of a webhook request';
    if (survivor.open != 0) {
      this.partRequest = u32(survivor.first);
      this.trappedRequest = u32(survivor.second);
      this.trapped = survivor.trapped;
    }
    this.problem = this.routes.problem != '' ? this.routes.problem : this.access.problem;
    if (this.problem == '') this.listen(endpoint, config);
    if (this.problem != '') this.close();
  }

  private listen(endpoint: Endpoint, config: Config): void {
    const address = String.UTF8.encode(endpoint.address);
    const options = new HttpOptions();
    options.address = changetype<usize>(address);
    options.addressLength = address.byteLength;
    options.port = endpoint.port;
    options.mode = endpoint.mode;
    options.tls = this.access.tls;
    options.maxConnections = config.integer(WEBHOOK_MAX_CONNECTIONS);
    options.maxHead = config.integer(WEBHOOK_MAX_HEADER_SIZE);
    options.maxHeld = this.maxHeld;
    options.headTime = config.integer(WEBHOOK_HEADER_TIMEOUT) * 1000;
    options.requestTime = config.integer(WEBHOOK_REQUEST_TIMEOUT) * 1000;
    options.idleTime = config.integer(WEBHOOK_IDLE_TIMEOUT) * 1000;
    const server = host.httpListen(changetype<usize>(options));
    if (server < 0) {
      const reason = hostProblem();
      const hint = server == EADDRNOTAVAIL ? '; is it a name or address of this machine?' : '';
      const why = (reason != '' ? reason : errnoText(server)) + hint;
      this.problem = 'open_params: cannot listen on ' + endpoint.shown(endpoint.port) + ': ' + why;
      return;
    }
    this.server = server;
    this.access.started();
    if (survivor.open == 0) {
      const where = endpoint.url(host.httpPort(server));
      log(Severity.Info, 'listening for audit events on ' + where);
      if (this.maxHeld != config.integer(WEBHOOK_MAX_WAITING)) {
        const reason = ', so that one body of webhookMaxBatchSize has room';
        log(Severity.Warning, 'webhookMaxWaiting is taken as ' + this.maxHeld.toString() + reason);
      }
    }
  }

  poll(batch: Batch, patience: i32): Poll {
    // Takes in what has come meanwhile; where nothing is left from before, waits for it.
    host.wait(this.hasRequest || !this.waiting.isEmpty() ? 0 : patience);
    this.access.look(this.server);
    this.read(batch);
    return Poll.Open;
  }

  private read(batch: Batch): void {
    this.report.take(this.server);
    this.takeAll();
    while (!batch.isFull() && this.finishedCount < MAX_FINISHED) {
      if (!this.hasRequest && !this.beginNext(batch)) return;
      this.payload.fill(batch);
      if (this.payload.isDone()) this.finish(batch);
    }
  }

  /** Judges all heads, so that none waits behind the bodies before it, and queues the bodies. */
  private takeAll(): void {
    const head = this.head;
    while (!this.waiting.isFull() && host.httpTake(this.server, changetype<usize>(head)) == 1) {
      switch (<HttpPhase>head.phase) {
        case HttpPhase.Head:
          this.judge(head);
          break;
        case HttpPhase.Body:
          this.queue(head);
          break;
        case HttpPhase.TooLarge:
          this.refuse(head.id, TOO_LARGE);
          break;
        default:
          this.refuse(head.id, NO_ROOM);
      }
    }
    // What was not offered again right after a trap is gone.
    this.partRequest = 0;
  }

  private queue(request: HttpRequest): void {
    if (request.id == this.partRequest) {
      // Before any other request: that one would note its own state over this one's.
      this.waiting.pushFirst(request);
      this.resumedRequest = request.id;
    } else {
      this.waiting.push(request, (request.tag & GZIP_TAG) != 0);
    }
  }

  /** Lets the body of a POST of JSON to one of our paths come, if its client may send events; refuses all else. */
  private judge(head: HttpRequest): void {
    const path = memory.data(MAX_PATH);
    const length = host.httpText(head.id, HttpText.Path, path, MAX_PATH);
    const place = length < 0 || length > MAX_PATH ? i32(Place.None) : this.routes.find(path, length);
    if (place == Place.Health || place == Place.Ready) {
      this.answerHealth(head, place == Place.Ready);
      return;
    }
    const encoding = encodingOf(head.id);
    const refusal = this.refusalOf(head, place, encoding);
    if (refusal) {
      this.refuse(head.id, refusal);
      return;
    }
    const tag = u32(place) | (encoding == Encoding.Gzip ? GZIP_TAG : 0);
    if (host.httpRead(head.id, i32(this.maxBody), tag) == ENOBUFS) this.refuse(head.id, NO_ROOM);
  }

  private refusalOf(head: HttpRequest, place: i32, encoding: Encoding): Refusal | null {
    if (place < 0) return NOT_FOUND;
    if (head.method != HttpMethod.Post) return POST_ONLY;
    const refusal = this.access.check(head.id);
    if (refusal) return refusal;
    const space = memory.data(HEADER_SIZE);
    const type = headerValue(head.id, CONTENT_TYPE, space, HEADER_SIZE);
    if (!containsIgnoringCase(space, type, JSON_TYPE)) return WRONG_TYPE;
    if (encoding == Encoding.Unknown) return WRONG_ENCODING;
    const isTooLarge = head.bodyLength != UNKNOWN_LENGTH && head.bodyLength > this.maxBody;
    return isTooLarge ? TOO_LARGE : null;
  }

  /** Says whether we work, or are ready for requests; and nothing else, because anybody may ask. */
  private answerHealth(head: HttpRequest, isReady: bool): void {
    if (head.method != HttpMethod.Get && head.method != HttpMethod.Head) {
      this.refuse(head.id, GET_ONLY);
      return;
    }
    const isFull = isReady && this.report.take(this.server) > this.maxHeld - this.maxHeld / READY_PARTS;
    const text = isFull ? NOT_READY : OK;
    host.httpAnswer(head.id, isFull ? 503 : 200, text.address, text.length, 1);
  }

  /** Begins the next request whose body can be read; false when there is none, or there was enough work. */
  private beginNext(batch: Batch): bool {
    while (!batch.isFull() && this.waiting.shift(this.request)) {
      counters.mark();
      const refusal = this.takeBody();
      batch.spend(this.body.unpacked);
      if (!refusal) {
        this.hasRequest = true;
        this.isContinued = false;
        return true;
      }
      this.refuse(this.request.id, refusal);
    }
    return false;
  }

  private takeBody(): Refusal | null {
    const request = this.request;
    const id = request.id;
    if (id == this.trappedRequest && (this.trapped & WHOLE_PAYLOAD) != 0) {
      counters.drop(Counter.DroppedTrap);
      counters.commitMarked();
      return TRAPPED;
    }
    // When this traps, there is no memory for the body: the next instance refuses it.
    survivor.second = id;
    survivor.suspect = WHOLE_PAYLOAD;
    const isGzip = (request.tag & GZIP_TAG) != 0;
    const refusal = this.body.take(id, request.bodyLength, isGzip, this.maxBody);
    survivor.suspect = 0;
    if (refusal) return refusal;
    counters.add(Counter.BytesReceived, this.body.length);
    this.payload.cluster = this.routes.clusterOf(i32(request.tag & ~GZIP_TAG));
    this.payload.begin(this.body.address, this.body.length);
    this.isPart = id == this.resumedRequest;
    if (this.isPart) this.payload.restore();
    this.resumedRequest = 0;
    if (id == this.trappedRequest) this.payload.dropTrapped(this.trapped);
    return null;
  }

  /**
   * The body is read. It is acknowledged with the batch when an event of it was handed over; a body in which
   * nothing is an audit event is refused.
   */
  private finish(batch: Batch): void {
    this.hasRequest = false;
    const payload = this.payload;
    const id = this.request.id;
    if (payload.good > 0 || this.isPart) {
      if (batch.count == 0) {
        // Falco has finished all of it: its events, and the first copies of those that came again.
        this.acknowledge(id, true);
        counters.commitMarked();
      } else {
        this.finished[this.finishedCount++] = id;
      }
      // So that what a kill makes come again is one batch or one request, not both: the answer has to leave, with the
      // loop's next turn, before more is delivered.
      if (this.isContinued || this.isPart) batch.end();
      return;
    }
    counters.commitMarked();
    const faults = payload.faults;
    if (faults.count == 0) {
      this.refuse(id, NO_EVENT);
    } else {
      this.refuseWith(id, faults.tooLarge == faults.count ? 413 : 400, 'bad request: ' + faults.first);
    }
  }

  /** Answers 200: at once when Falco has finished the request's events already, else with the next ack. */
  private acknowledge(request: u32, now: bool): void {
    host.httpAnswer(request, 200, OK.address, OK.length, i32(now));
    counters.add(Counter.HttpAnswers2xx, 1);
  }

  /** Answers at once. No trap makes the request come again, so it is counted at once, too. */
  private refuse(request: u32, refusal: Refusal): void {
    const answer = refusal.answer;
    host.httpAnswer(request, refusal.status, answer.address, answer.length, 1);
    noteRefusal(refusal.status, refusal.reason, refusal.text);
  }

  private refuseWith(request: u32, status: i32, text: string): void {
    countText();
    const bytes = String.UTF8.encode(text + '\n');
    host.httpAnswer(request, status, changetype<usize>(bytes), bytes.byteLength, 1);
    noteRefusal(status, Reason.Request, text);
  }

  handOver(): void {
    if (this.hasRequest) {
      survivor.first = this.request.id;
      this.payload.save();
      this.isContinued = true;
    } else if (this.resumedRequest == 0) {
      survivor.first = 0;
    }
    for (let i = 0; i < this.finishedCount; i++) this.acknowledge(this.finished[i], false);
    this.finishedCount = 0;
  }

  ack(): void {
    host.httpRelease(this.server);
  }

  close(): void {
    if (this.server > 0) host.httpClose(this.server);
    this.server = 0;
    this.access.close();
    this.body.free();
    this.waiting.free();
    this.window.free();
    counters.set(Counter.HttpConnections, 0);
    counters.set(Counter.HttpHeldBytes, 0);
  }
}

function encodingOf(request: u32): Encoding {
  const space = memory.data(HEADER_SIZE);
  const name = CONTENT_ENCODING;
  const whole = host.httpHeader(request, name.address, name.length, space, HEADER_SIZE);
  if (whole < 0) return Encoding.Plain;
  const length = trimmed(space, whole, HEADER_SIZE);
  if (equalsIgnoringCase(space, length, IDENTITY)) return Encoding.Plain;
  const isGzip = equalsIgnoringCase(space, length, GZIP) || equalsIgnoringCase(space, length, X_GZIP);
  return isGzip ? Encoding.Gzip : Encoding.Unknown;
}

function noteRefusal(status: i32, reason: Reason, text: string): void {
  counters.addAtOnce(status < 500 ? Counter.HttpAnswers4xx : Counter.HttpAnswers5xx, 1);
  if (status == 401 || status == 403) counters.addAtOnce(Counter.HttpRefusedAccess, 1);
  else if (status == 413) counters.addAtOnce(Counter.HttpRefusedTooLarge, 1);
  else if (status == 429) counters.addAtOnce(Counter.HttpRefusedNoRoom, 1);
  if (!mayLog(reason)) return;
  const severity = reason == Reason.NoRoom ? Severity.Warning : Severity.Notice;
  logLimited(reason, severity, 'refused a webhook request with ' + status.toString() + ': ' + text);
}
