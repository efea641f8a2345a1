// SPDX-License-Identifier: Apache-2.0
// A page of events, as FilterLogEvents answers it.
import { PADDING, Block, SLACK } from '../../memory';
import { Name } from '../../json/name';
import { Kind, Node, endOf, firstOf } from '../../json/tape';
import { unescape } from '../../json/text';
import { addToSipHash, beginSipHash, endSipHash } from '../../audit/siphash';
import { JsonAnswer } from '../../web/json_answer';

const EVENTS = new Name('events');
const NEXT_TOKEN = new Name('nextToken');
const MESSAGE = new Name('message');
const TIMESTAMP = new Name('timestamp');
const EVENT_ID = new Name('eventId');

/** Characters of a page's token that are taken; AWS's have some hundred. */
const MAX_TOKEN: u32 = 8192;
/** Memory that is kept for the next message: bytes. */
const KEEP_MESSAGE: u32 = 256 * 1024;
/** Digits of a time in milliseconds that are taken. */
const MAX_DIGITS: u32 = 15;

/** The events one after the other. */
export class LogPage {
  /** Why the answer cannot be taken, or an empty string. */
  problem: string = '';
  /** Of the next page; empty: this is the last. */
  token: string = '';
  /** Of the event: what tells it from others, never 0. */
  hash: u64 = 0;
  /** When it happened: milliseconds since the epoch; 0: it does not say. */
  time: i64 = 0;
  /** Its message, after `open`, with PADDING zero bytes behind it. */
  message: usize = 0;
  length: u32 = 0;
  /** Bytes of the event in the answer. */
  size: u32 = 0;
  private json: JsonAnswer = new JsonAnswer();
  private space: Block = new Block();
  private at: usize = 0;
  private end: usize = 0;
  private text: Node | null = null;

  /** Takes an answer with PADDING zero bytes behind it, which must stay while the page is read; false: see `problem`. */
  read(address: usize, length: u32): bool {
    const json = this.json;
    this.problem = '';
    this.at = 0;
    this.end = 0;
    if (!json.read(address, length)) return this.refuse('it is not JSON');
    const events = json.member(json.root, EVENTS);
    if (!events || events.kind != Kind.Array) return this.refuse('it has no "events"');
    const token = json.member(json.root, NEXT_TOKEN);
    if (token && token.end - token.start > MAX_TOKEN) return this.refuse('its "nextToken" is too long');
    if (token && token.kind != Kind.String && token.kind != Kind.Null) {
      return this.refuse('its "nextToken" is no string');
    }
    this.token = json.string(token);
    this.at = firstOf(events);
    this.end = endOf(events);
    return true;
  }

  private refuse(problem: string): bool {
    this.problem = problem;
    return false;
  }

  /** Goes to the next event; false when there is none. */
  next(): bool {
    if (this.at >= this.end) return false;
    const json = this.json;
    const event = changetype<Node>(this.at);
    this.at += event.span;
    this.size = event.end - event.start;
    this.text = json.member(event, MESSAGE);
    this.time = this.wholeNumber(json.member(event, TIMESTAMP));
    const id = json.member(event, EVENT_ID);
    // What has no id is known by all that is said of it.
    const named = id && id.kind == Kind.String && id.end > id.start ? id : event;
    this.hash = identityOf(json.text + named.start, named.end - named.start);
    return true;
  }

  /** A number of milliseconds that makes sense, or 0. */
  private wholeNumber(node: Node | null): i64 {
    if (!node || node.kind != Kind.Number || node.end - node.start > MAX_DIGITS) return 0;
    let value: i64 = 0;
    for (let i = node.start; i < node.end; i++) {
      const digit = load<u8>(this.json.text + i) - 0x30;
      if (digit > 9) return 0;
      value = value * 10 + digit;
    }
    return value;
  }

  /** Makes the event's message ready to be read: `message` and `length`; empty when there is none. */
  open(): void {
    const text = this.text;
    this.length = 0;
    this.space.shrink(KEEP_MESSAGE);
    const size = text && text.kind == Kind.String ? text.end - text.start : 0;
    this.message = this.space.reserve(size + SLACK + PADDING);
    if (text && size > 0) {
      this.length = unescape(this.json.text + text.start, this.json.text + text.end, this.message);
    }
    memory.fill(this.message + this.length, 0, PADDING);
  }

  free(): void {
    this.json.free();
    this.space.free();
    this.at = 0;
    this.end = 0;
  }
}

/** A hash of some bytes, the same in each process, and not 0. Ids are AWS's: nobody else chooses them. */
function identityOf(bytes: usize, length: u32): u64 {
  beginSipHash(0x6b38736175646974, 0x6c6f672065766e74);
  let at: u32 = 0;
  for (; at + 8 <= length; at += 8) addToSipHash(load<u64>(bytes + at));
  let last: u64 = u64(length) << 56;
  for (let i: u32 = 0; at + i < length; i++) last |= u64(load<u8>(bytes + at + i)) << u64(8 * i);
  addToSipHash(last);
  return max<u64>(endSipHash(), 1);
}
