// SPDX-License-Identifier: Apache-2.0
// A request to a service, with its whole answer.
import * as host from '../host';
import { WebFailure, WebPhase, WebStatus } from '../host';
import { hostProblem } from '../host_text';
import { countText } from '../log';
import { Block, PADDING } from '../memory';
import { Request } from './request';

/** Memory that is kept for the next answer: bytes. */
const KEEP_ANSWER: u32 = 1024 * 1024;
/** Bytes of a header that are looked at, and of the host's words for a problem. */
const MAX_TEXT: i32 = 512;
/** Bytes that are asked for at once. */
const STEP: u32 = 64 * 1024;

/** One request after the other. Begin, then take turns until it has ended; look at the answer before the next. */
export class Exchange {
  /** Whether a request was begun and has not ended. */
  isOpen: bool = false;
  /** Of HTTP; 0: there is no complete answer, see `problem`. */
  status: i32 = 0;
  failure: WebFailure = WebFailure.None;
  /** Why there is no answer, in words, or an empty string. */
  problem: string = '';
  /** Bytes of the answer's body; PADDING zero bytes stand behind it. */
  length: u32 = 0;
  private bytes: Block = new Block();
  private handle: i32 = 0;
  private facts: WebStatus = new WebStatus();

  /** Answers with more than `maxAnswer` bytes are not taken. */
  constructor(private maxAnswer: u32) {}

  get address(): usize {
    return this.bytes.address;
  }

  /** The answer's body. */
  get text(): string {
    countText();
    return String.UTF8.decodeUnsafe(this.bytes.address, this.length);
  }

  begin(request: Request): void {
    this.close();
    this.bytes.shrink(KEEP_ANSWER);
    this.length = 0;
    this.status = 0;
    this.failure = WebFailure.None;
    this.problem = '';
    this.handle = request.send();
    this.isOpen = this.handle > 0;
    if (!this.isOpen) this.fail(WebFailure.Other, hostProblem());
  }

  /** Takes what has come; true when it has ended. */
  turn(): bool {
    if (!this.isOpen) return true;
    const facts = this.facts;
    host.webStatus(this.handle, changetype<usize>(facts));
    while (facts.available > 0) {
      if (!this.take()) return true;
      host.webStatus(this.handle, changetype<usize>(facts));
    }
    if (facts.phase == WebPhase.Failed) {
      countText();
      const space = memory.data(MAX_TEXT);
      this.fail(
        <WebFailure>facts.failure,
        String.UTF8.decodeUnsafe(space, host.webProblem(this.handle, space, MAX_TEXT)),
      );
    } else if (facts.phase == WebPhase.Complete) {
      memory.fill(this.bytes.reserve(this.length + PADDING) + this.length, 0, PADDING);
      this.status = facts.status;
      this.isOpen = false;
    }
    return !this.isOpen;
  }

  /** Takes a part of the body; false when that makes it too long. */
  private take(): bool {
    const room = min(STEP, this.maxAnswer + 1 - this.length);
    const out = this.bytes.reserve(this.length + room + PADDING) + this.length;
    this.length += host.webRead(this.handle, out, room);
    if (this.length <= this.maxAnswer) return true;
    this.fail(WebFailure.Other, 'the answer has more than ' + this.maxAnswer.toString() + ' bytes');
    return false;
  }

  private fail(failure: WebFailure, problem: string): void {
    this.close();
    this.failure = failure;
    this.problem = problem;
  }

  /** The value of a header of the answer, or null; the first MAX_TEXT bytes. Before the next request. */
  header(name: string): string | null {
    if (this.handle <= 0) return null;
    countText();
    const key = String.UTF8.encode(name);
    const space = memory.data(MAX_TEXT);
    const length = host.webHeader(this.handle, changetype<usize>(key), key.byteLength, space, MAX_TEXT);
    return length < 0 ? null : String.UTF8.decodeUnsafe(space, min(length, MAX_TEXT));
  }

  /** Milliseconds to wait before the next request, as the answer says; 0: it does not say. */
  get retryAfter(): u32 {
    const after = this.header('retry-after');
    return after ? secondsOf(after) : 0;
  }

  /** Lets go of the request, also of one that goes on. */
  close(): void {
    if (this.handle > 0) host.webClose(this.handle);
    this.handle = 0;
    this.isOpen = false;
  }

  free(): void {
    this.close();
    this.bytes.free();
  }
}

/** A Retry-After in seconds, as milliseconds, at most five minutes; 0 for a date. */
function secondsOf(text: string): u32 {
  let seconds: u32 = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return 0;
    seconds = min<u32>(seconds * 10 + digit, 300);
  }
  return seconds * 1000;
}
