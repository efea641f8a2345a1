// SPDX-License-Identifier: Apache-2.0
// A document that CloudWatch Logs sends for a subscription:
//
//   {"messageType": "DATA_MESSAGE", "owner": …, "logGroup": …, "logStream": …, "subscriptionFilters": […],
//    "logEvents": [{"id": …, "timestamp": …, "message": …}, …]}
//
// Its messages are handed out one after the other, also those of a document that breaks off.
import { Name } from '../../json/name';
import { Index, atomEnd, scan, skipSpace, stringEnd } from '../../json/scan';
import { skipContainer } from '../../json/skip';
import { Kind, Node, Tape, member } from '../../json/tape';
import { unescape } from '../../json/text';
import { Block, Bytes, PADDING, SLACK } from '../../memory';

/** Memory that is kept for the next message. */
const KEEP: u32 = 256 * 1024;

const MESSAGE_TYPE = new Name('messageType');
const CONTROL_MESSAGE = new Name('CONTROL_MESSAGE');
const LOG_GROUP = new Name('logGroup');
const LOG_STREAM = new Name('logStream');
const LOG_EVENTS = new Name('logEvents');
const MESSAGE = new Name('message');

const QUOTE: u8 = 0x22;
const COLON: u8 = 0x3a;
const COMMA: u8 = 0x2c;
const OPEN_BRACE: u8 = 0x7b;
const CLOSE_BRACE: u8 = 0x7d;
const OPEN_BRACKET: u8 = 0x5b;
const CLOSE_BRACKET: u8 = 0x5d;

export class Delivery {
  /** Where the characters of the log group's and stream's names stand; length 0: it names none. */
  group: usize = 0;
  groupLength: u32 = 0;
  stream: usize = 0;
  streamLength: u32 = 0;
  /** CloudWatch Logs asks only whether somebody is there. */
  isControl: bool = false;
  /** The document, or a message in it, is no JSON, or not of this shape: the rest of it cannot be read. */
  isDamaged: bool = false;
  /** The message that was found: its text, bytes, and where it stands in the document. */
  message: usize = 0;
  length: u32 = 0;
  at: u32 = 0;

  private start: usize = 0;
  private end: usize = 0;
  private next: usize = 0; // where the next log event, or what stands before it, begins; 0: there is none
  private item: Tape = new Tape();
  private text: Block = new Block();

  /** Whether the object that begins at `at` is such a document: its first members tell. */
  static isAt(at: usize, end: usize): bool {
    at = skipSpace(at);
    if (at >= end || load<u8>(at) != OPEN_BRACE) return false;
    while (true) {
      const key = skipSpace(at + 1);
      if (key >= end || load<u8>(key) != QUOTE) return false;
      const close = stringEnd(key + 1, end);
      if (close == 0) return false;
      const length = u32(close - key - 1);
      if (isName(MESSAGE_TYPE, key + 1, length) || isName(LOG_EVENTS, key + 1, length)) return true;
      const value = valueAt(close + 1, end);
      const behind = value == 0 ? usize(0) : valueEnd(value, end);
      if (behind == 0) return false;
      at = skipSpace(behind);
      if (at >= end || load<u8>(at) != COMMA) return false;
    }
  }

  /** Takes the document at `start`, PADDING bytes behind whose end may be read, and reads all of it but its events. */
  begin(start: usize, length: u32): void {
    this.start = start;
    this.end = start + length;
    this.next = 0;
    this.groupLength = 0;
    this.streamLength = 0;
    this.isControl = false;
    this.isDamaged = !this.readMembers();
    this.text.shrink(KEEP);
  }

  /** Goes through the members; false when the text is damaged, or breaks off. */
  private readMembers(): bool {
    const end = this.end;
    let at = this.start;
    while (true) {
      const key = skipSpace(at + 1);
      if (key >= end) return false;
      if (load<u8>(key) == CLOSE_BRACE && load<u8>(at) == OPEN_BRACE) return true;
      if (load<u8>(key) != QUOTE) return false;
      const close = stringEnd(key + 1, end);
      const value = close == 0 ? usize(0) : valueAt(close + 1, end);
      if (value == 0) return false;
      if (isName(LOG_EVENTS, key + 1, u32(close - key - 1)) && load<u8>(value) == OPEN_BRACKET) {
        this.next = value + 1;
      }
      const behind = valueEnd(value, end);
      if (behind == 0) return false;
      this.note(key + 1, u32(close - key - 1), value, behind);
      at = skipSpace(behind);
      if (at >= end) return false;
      if (load<u8>(at) == CLOSE_BRACE) return true;
      if (load<u8>(at) != COMMA) return false;
    }
  }

  private note(key: usize, length: u32, value: usize, behind: usize): void {
    if (load<u8>(value) != QUOTE) return;
    const textLength = u32(behind - value - 2);
    if (isName(MESSAGE_TYPE, key, length)) {
      this.isControl = isName(CONTROL_MESSAGE, value + 1, textLength);
    } else if (isName(LOG_GROUP, key, length)) {
      this.group = value + 1;
      this.groupLength = textLength;
    } else if (isName(LOG_STREAM, key, length)) {
      this.stream = value + 1;
      this.streamLength = textLength;
    }
  }

  /** Passes over all messages. */
  skip(): void {
    this.next = 0;
  }

  /** Finds the next message, `length` 0 for a log event without one; false when there is none, or it is damaged. */
  nextMessage(): bool {
    if (this.next == 0) return false;
    let at = skipSpace(this.next);
    while (at < this.end && load<u8>(at) == COMMA) at = skipSpace(at + 1);
    this.next = 0;
    if (at < this.end && load<u8>(at) == CLOSE_BRACKET) return false;
    this.item.clear();
    const behind = at < this.end ? scan(at, at, this.end, this.item, Index.All) : usize(0);
    if (behind == 0) {
      this.isDamaged = true;
      return false;
    }
    this.next = behind;
    this.at = u32(at - this.start);
    this.length = 0;
    const root = changetype<Node>(this.item.address);
    const message = root.kind == Kind.Object ? member(root, at, MESSAGE.address, MESSAGE.length) : null;
    if (message) this.take(at, message);
    return true;
  }

  private take(text: usize, message: Node): void {
    this.at += message.start;
    const size = message.end - message.start;
    if (message.kind == Kind.String) {
      const out = this.text.reserve(size + max(SLACK, PADDING));
      this.length = unescape(text + message.start, text + message.end, out);
      memory.fill(out + this.length, 0, PADDING);
      this.message = out;
    } else if (message.kind == Kind.Object) {
      // Not what CloudWatch Logs writes, but what is left when something unpacked the messages on the way.
      this.length = size;
      this.message = text + message.start;
    }
  }

  free(): void {
    this.item.free();
    this.text.free();
  }
}

function isName(name: Name, at: usize, length: u32): bool {
  return length == name.length && Bytes.same(at, name.address, length);
}

/** The first byte of the value behind a key whose quote was closed before `at`; 0: there is none. */
function valueAt(at: usize, end: usize): usize {
  const colon = skipSpace(at);
  if (colon >= end || load<u8>(colon) != COLON) return 0;
  const value = skipSpace(colon + 1);
  return value < end ? value : 0;
}

/** The address behind the value at `at`, or 0: it is damaged, or breaks off. */
function valueEnd(at: usize, end: usize): usize {
  const byte = load<u8>(at);
  if (byte == OPEN_BRACE || byte == OPEN_BRACKET) return skipContainer(at, end);
  if (byte == QUOTE) {
    const close = stringEnd(at + 1, end);
    return close == 0 ? 0 : close + 1;
  }
  const behind = atomEnd(at, byte);
  return behind <= end ? behind : 0;
}
