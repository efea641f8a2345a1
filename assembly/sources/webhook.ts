// SPDX-License-Identifier: Apache-2.0
// kube-apiserver's audit webhook (`http://`). A request is answered 200 when Falco has finished its events.
import * as host from '../host';
import { HttpMethod, HttpRequest } from '../host';
import { Batch } from '../audit/batch';
import { Payload } from '../audit/payload';
import { Config } from '../config/config';
import { Counter, counters } from '../counters';
import { Name } from '../json/name';
import { Reason, Severity, countText, log, logLimited, mayLog } from '../log';
import { Block, PADDING } from '../memory';
import { WHOLE_PAYLOAD, survivor } from '../survivor';
import { errnoText } from './input';
import { Poll, Source } from './source';

/** Memory that is kept for the next body. */
const KEEP_BODY: u32 = 2 * 1024 * 1024;
/** Bytes of a path or header that are looked at; longer ones match nothing. */
const TEXT_SIZE: i32 = 1024;
const EADDRNOTAVAIL = -99;
/** Requests that one batch finishes at most. */
const MAX_FINISHED: i32 = 256;

const CONTENT_TYPE = new Name('Content-Type');
const CONTENT_ENCODING = new Name('Content-Encoding');
const JSON_TYPE = new Name('application/json');
const IDENTITY = new Name('identity');
const OK = new Name('ok\n');

export class Webhook extends Source {
  /** Why listening failed, or an empty string. */
  problem: string = '';
  private server: i32 = 0;
  private maxBody: i32 = 0;
  private path: Name;
  private request: HttpRequest = new HttpRequest();
  private body: Block = new Block();
  private payload: Payload = new Payload();
  // Requests whose last event is in the batch that is being filled.
  private finished: StaticArray<u32> = new StaticArray<u32>(MAX_FINISHED);
  private finishedCount: i32 = 0;
  private hasRequest: bool = false;
  // After a trap: the request that was partly handed over, the one that was being read when the trap came and
  // its element (see Payload.dropTrapped). Ids begin at 1.
  private partRequest: u32 = 0;
  private trappedRequest: u32 = 0;
  private trapped: u64 = 0;
  private isPart: bool = false;

  constructor(address: string, port: i32, path: string, config: Config) {
    super();
    this.path = new Name(path);
    this.payload.faults.maxEventSize = config.maxEventSize;
    this.payload.faults.origin = 'the body of a webhook request';
    if (survivor.open != 0) {
      this.partRequest = u32(survivor.first);
      this.trappedRequest = u32(survivor.second);
      this.trapped = survivor.trapped;
    }
    this.maxBody = i32(config.webhookMaxBatchSize);
    this.listen(address, port, path);
  }

  private listen(address: string, port: i32, path: string): void {
    const bytes = String.UTF8.encode(address);
    const server = host.httpListen(changetype<usize>(bytes), bytes.byteLength, port, this.maxBody);
    const shown = address.includes(':') ? '[' + address + ']' : address;
    if (server < 0) {
      const where = shown + ':' + port.toString();
      const hint = server == EADDRNOTAVAIL ? '; is it a name or address of this machine?' : '';
      this.problem = 'open_params: cannot listen on ' + where + ': ' + errnoText(server) + hint;
      return;
    }
    this.server = server;
    const where = shown + ':' + host.httpPort(server).toString() + path;
    if (survivor.open == 0) log(Severity.Info, 'listening for audit events on http://' + where);
  }

  poll(batch: Batch, patience: i32): Poll {
    // Sends the answers that ack released, and takes in what has come meanwhile.
    host.wait(0);
    this.read(batch);
    if (batch.count == 0 && !batch.isFull() && patience > 0) {
      host.wait(patience);
      this.read(batch);
    }
    return Poll.Open;
  }

  /** Counts what the server refused without us: bodies above the limit, bad headers, too much waiting. */
  private noteRefusals(): void {
    const count = host.httpRefused(this.server);
    if (count == 0) return;
    counters.add(Counter.HttpAnswers4xx, count);
    if (!mayLog(Reason.Refused)) return;
    const limit = this.maxBody.toString() + ' bytes (webhookMaxBatchSize)';
    const text =
      'refused webhook requests: a body above ' + limit + ', headers that are no HTTP, or too many waiting';
    logLimited(Reason.Refused, Severity.Warning, text);
  }

  private read(batch: Batch): void {
    this.noteRefusals();
    while (!batch.isFull() && this.finishedCount < MAX_FINISHED) {
      if (!this.hasRequest && !this.take()) return;
      this.payload.fill(batch);
      if (this.payload.isDone()) this.finish(batch);
    }
  }

  /** Takes the next request that is worth reading; false when there is none. */
  private take(): bool {
    while (host.httpTake(this.server, changetype<usize>(this.request)) == 1) {
      counters.mark();
      if (this.isAcceptable() && this.takeBody()) {
        this.hasRequest = true;
        return true;
      }
    }
    return false;
  }

  /** Refuses at once what is not a POST of JSON to our path. */
  private isAcceptable(): bool {
    const request = this.request;
    const space = memory.data(TEXT_SIZE);
    const pathLength = host.httpPath(request.id, space, TEXT_SIZE);
    if (pathLength > TEXT_SIZE || !this.path.equals(space, pathLength)) {
      this.refuse(404, 'no such path; audit events go to the path in open_params\n');
      return false;
    }
    if (request.method != HttpMethod.Post) {
      this.refuse(405, 'method not allowed; audit events come by POST\n');
      return false;
    }
    const type = header(request.id, CONTENT_TYPE, space);
    if (type < i32(JSON_TYPE.length) || !containsIgnoringCase(space, type, JSON_TYPE)) {
      this.refuse(415, 'wrong Content-Type; it must be application/json\n');
      return false;
    }
    const encoding = header(request.id, CONTENT_ENCODING, space);
    if (encoding >= 0 && !IDENTITY.equals(space, encoding)) {
      this.refuse(415, 'a Content-Encoding is not supported\n');
      return false;
    }
    return true;
  }

  private takeBody(): bool {
    const length = this.request.bodyLength;
    const id = this.request.id;
    if (id == this.trappedRequest && (this.trapped & WHOLE_PAYLOAD) != 0) {
      counters.drop(Counter.DroppedTrap);
      this.refuse(413, 'the body is too large to be read\n');
      return false;
    }
    // When this traps, there is no memory for the body: the next instance refuses it.
    survivor.second = id;
    survivor.suspect = WHOLE_PAYLOAD;
    this.body.shrink(KEEP_BODY);
    const address = this.body.reserve(length + PADDING);
    survivor.suspect = 0;
    if (host.httpBody(id, address, length) != length) {
      this.refuse(503, 'the body could not be read; send it again\n');
      return false;
    }
    memory.fill(address + length, 0, PADDING);
    counters.add(Counter.BytesReceived, length);
    this.isPart = id == this.partRequest;
    this.payload.begin(address, length);
    if (this.isPart) {
      this.payload.restore();
      this.partRequest = 0;
    }
    if (id == this.trappedRequest) this.payload.dropTrapped(this.trapped);
    return true;
  }

  /**
   * The body is read. It is acknowledged with the batch when an event of it was handed over; a body in which
   * nothing is an audit event is refused.
   */
  private finish(batch: Batch): void {
    this.hasRequest = false;
    const payload = this.payload;
    if (payload.good > 0 || this.isPart) {
      if (batch.count > 0) this.finished[this.finishedCount++] = this.request.id;
      else this.acknowledge(this.request.id, true);
      return;
    }
    if (payload.faults.count == 0) {
      this.refuse(400, 'bad request: the body holds no audit event\n');
    } else {
      const faults = payload.faults;
      this.refuse(faults.tooLarge == faults.count ? 413 : 400, 'bad request: ' + faults.first + '\n');
    }
  }

  /** Answers 200: at once when Falco has finished the request's events already, else with the next ack. */
  private acknowledge(request: u32, now: bool): void {
    host.httpAnswer(request, 200, OK.address, OK.length, i32(now));
    counters.add(Counter.HttpAnswers2xx, 1);
  }

  /** Answers at once; what was counted of the request is committed, because no trap makes it come again. */
  private refuse(status: i32, text: string): void {
    countText();
    const bytes = String.UTF8.encode(text);
    host.httpAnswer(this.request.id, status, changetype<usize>(bytes), bytes.byteLength, 1);
    counters.add(status < 500 ? Counter.HttpAnswers4xx : Counter.HttpAnswers5xx, 1);
    counters.commitMarked();
    const reason = reasonOf(status);
    if (!mayLog(reason)) return;
    const message = 'refused a webhook request with ' + status.toString() + ': ' + text.trimEnd();
    logLimited(reason, Severity.Notice, message);
  }

  handOver(): void {
    if (this.hasRequest) {
      survivor.first = this.request.id;
      this.payload.save();
    } else if (this.partRequest == 0) {
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
    this.body.free();
  }
}

/** One limit for each status: a misspelt path must not hide a wrong content type. */
function reasonOf(status: i32): Reason {
  switch (status) {
    case 404:
      return Reason.NotFound;
    case 405:
      return Reason.BadMethod;
    case 415:
      return Reason.BadType;
    default:
      return Reason.Request;
  }
}

/** Copies a header's value to `space`; its length, or -1 when it is absent or too long. */
function header(request: i32, name: Name, space: usize): i32 {
  const length = host.httpHeader(request, name.address, name.length, space, TEXT_SIZE);
  return length <= TEXT_SIZE ? length : -1;
}

function containsIgnoringCase(text: usize, length: i32, word: Name): bool {
  for (let at = 0; at + i32(word.length) <= length; at++) {
    let same = true;
    for (let i: u32 = 0; i < word.length && same; i++) {
      same = asciiLower(load<u8>(text + at + i)) == load<u8>(word.address + i);
    }
    if (same) return true;
  }
  return false;
}

function asciiLower(byte: u8): u8 {
  return byte - 0x41 < 26 ? byte | 0x20 : byte;
}
