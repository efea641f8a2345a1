// SPDX-License-Identifier: Apache-2.0
// Copies an object as far as it is whole, closed properly and within limits. One pass and no tape: what is read
// may hold any number of values. White space between tokens is left out.
import { Block, Bytes, PADDING } from '../memory';
import { ANYTHING, ROOT, UNREAD, keys } from './keys';
import { Marks, foundAt, seenAt } from './marks';
import { Name } from './name';
import { MAX_DEPTH, MAX_NODES, atomEnd, atomKind, hexValue, sawEscape, skipSpace, stringEnd } from './scan';
import { skipContainer } from './skip';
import { Kind } from './tape';

/** What a trimmed object begins with, so that who reads it later knows too. */
export const MARKER_KEY = 'k8saudit.truncated';
const MARKER = new Name(MARKER_KEY);
const START = new Name('{"' + MARKER_KEY + '":true');

const REQUEST_OBJECT = new Name('requestObject');
const RESPONSE_OBJECT = new Name('responseObject');
const MANAGED_FIELDS = new Name('managedFields');
const PATCH_VALUE = keys.number(new Name('value'));
const LAST_APPLIED = new Name('kubectl.kubernetes.io/last-applied-configuration');

/** Bytes that the marker, and closing what is open, may add to what was read. */
const ADDED: u32 = <u32>MAX_DEPTH + 64;
/** Kubernetes has no longer names: such a member goes with the noise. */
const MAX_KEY: u32 = 512;
const NO_LIMIT: u32 = u32.MAX_VALUE;
/** Bytes that a string or array may have, unless the event is tiny: no name in our rules is longer. */
const MIN_LIMIT: u32 = 128;
/** Values that are kept, with the root and the marker. */
const MAX_VALUES: u32 = MAX_NODES - 2;
/** Depth of an event's own members. */
const TOP: i32 = 1;
const KEEP_BYTES: u32 = 1024 * 1024;

/** How much is left out: each step more than the one before, and the last one always fits. */
export const enum Step {
  /** Nothing but what is broken. */
  Nothing = 0,
  /** What no rule reads: managedFields, the configuration that was applied last. */
  Noise = 1,
  /** What no field reads of the response. */
  Response = 2,
  /** The ends of long strings, and most of what no field reads. */
  Long = 3,
  /** All that no field reads; and of very long arrays. */
  Unread = 4,
  /** More of strings and arrays. */
  Least = 5,
  /** The same; and a value may take a part only of the room that its container has left. */
  Shares = 6,
}

const enum Stop {
  No = 0,
  /** The text is broken, or ends. */
  Cut = 1,
  /** The step leaves out too little. */
  Full = 2,
}

/** How much is kept of the values inside a value. */
class Limits {
  /** Bytes of a string. */
  string: u32 = NO_LIMIT;
  /** Bytes of an array. Beyond them, those elements are kept that hold something new, and the last one. */
  array: u32 = NO_LIMIT;

  constructor(
    /** A string may have this part of the event's size, */
    private stringPart: u32,
    /** and an array that is in no other this one; 0: all of it. */
    private arrayPart: u32,
    /** Members of an object that no field reads. */
    public readonly members: u32,
  ) {}

  /** Fits them to an event's size. */
  of(size: u32): Limits {
    const least = min(size / 16, MIN_LIMIT);
    this.string = max(size / this.stringPart, least);
    if (this.arrayPart != 0) this.array = max(size / this.arrayPart, least);
    return this;
  }
}

const ALL = new Limits(1, 0, NO_LIMIT);
// An array may take so much that an attacker has to write very many elements to hide one behind them, and so
// little that the arrays which fields read fit beside each other.
const LONG = new Limits(64, 0, 256);
const READ = new Limits(64, 4, 0);
const LEAST = new Limits(2048, 16, 0);
const RESPONSE = new Limits(2048, 64, 0);
/** An array in an array may take this part of what the outer one may. */
const NESTED_PART: u32 = 16;

function limitsOf(step: Step, size: u32): Limits {
  switch (step) {
    case Step.Long:
      return LONG.of(size);
    case Step.Unread:
      return READ.of(size);
    case Step.Least:
    case Step.Shares:
      return LEAST.of(size);
    default:
      return ALL;
  }
}

export class Trim {
  /** What was kept; PADDING zero bytes stand behind it. */
  readonly out: Block = new Block();
  /** Bytes that were kept. */
  length: u32 = 0;
  /** Bytes gone through, over all steps. */
  work: u64 = 0;

  private at: usize = 0;
  private end: usize = 0;
  private address: usize = 0;
  private top: u32 = 0;
  // Where the container that is open must have ended.
  private limit: u32 = 0;
  private values: u32 = 0;
  private inArray: bool = false;
  // Bytes that an array which is opened now may take.
  private arrayLimit: u32 = 0;
  private step: Step = Step.Nothing;
  private stop: Stop = Stop.No;
  // Of the key that was read last.
  private keyHasEscapes: bool = false;
  private limits: Limits = ALL;
  private responseLimits: Limits = ALL;
  // The key at the end of a JSON Patch's path that was read last, or -1.
  private pointed: i32 = -1;

  /**
   * Keeps what it can of the object that begins at `from`, at most `size` bytes (1024 or more) and MAX_NODES
   * values, and leaves out as little as `first` or a later step allows. PADDING bytes may be read behind `end`.
   */
  run(from: usize, end: usize, size: u32, first: Step): void {
    this.work = 0;
    this.out.shrink(KEEP_BYTES);
    const most = u32(min<u64>(u64(size), u64(end - from) + ADDED));
    this.address = this.out.reserve(most + PADDING);
    for (let step: i32 = first; step <= Step.Shares; step++) {
      this.begin(from, end, most, <Step>step, size);
      this.root();
      this.work += u64(this.at - from);
      if (this.stop != Stop.Full) break;
    }
    this.length = this.top;
    memory.fill(this.address + this.top, 0, PADDING);
  }

  private begin(from: usize, end: usize, most: u32, step: Step, size: u32): void {
    this.at = from;
    this.end = end;
    this.top = 0;
    this.values = 0;
    this.stop = Stop.No;
    this.step = step;
    // A value takes two bytes of text at least: within this there are never too many.
    this.limit = step == Step.Shares ? min(most, 2 * MAX_NODES) : most;
    this.limits = limitsOf(step, size);
    this.responseLimits = step >= Step.Response ? RESPONSE.of(size) : ALL;
    this.arrayLimit = this.limits.array;
    this.pointed = -1;
  }

  private root(): void {
    memory.copy(this.address, START.address, START.length);
    this.top = START.length;
    this.limit--;
    this.inArray = false;
    foundAt(TOP).clear();
    this.members(TOP, ROOT);
    this.close(0x7d);
  }

  /** Copies the value at `at`, and goes behind it; false when nothing of it is kept. */
  private value(depth: i32, key: i32, place: i32): bool {
    const byte = load<u8>(this.at);
    if (this.step < Step.Shares && this.values >= MAX_VALUES) return this.noRoom();
    this.values++;
    if (byte == 0x22) return this.string(depth, key, place);
    if (byte == 0x7b || byte == 0x5b) return this.container(byte, depth, key, place);
    return this.atom(depth, key);
  }

  private noRoom(): bool {
    // A share that is used up costs what comes next in it, and nothing else.
    if (this.step < Step.Shares) this.stop = Stop.Full;
    return false;
  }

  /** The same, for a value that is not read yet. */
  private noRoomFor(): bool {
    this.noRoom();
    return this.stop == Stop.No && this.skip();
  }

  private cut(): bool {
    this.stop = Stop.Cut;
    return false;
  }

  /** Bytes that the value which comes next may take: of an array with its many elements, less than of an object. */
  private room(): u32 {
    const left = this.limit - this.top;
    if (this.step < Step.Shares) return left;
    return left / (this.inArray ? 4 : 2);
  }

  private string(depth: i32, key: i32, place: i32): bool {
    const start = this.at + 1;
    const close = stringEnd(start, this.end);
    if (close == 0) return this.cut();
    this.at = close + 1;
    if (place == keys.pointer && place != UNREAD) this.notePath(start, close, depth);
    if (close - start == 1 && load<u8>(start) == 0x2a) foundAt(depth).noteStar(key);
    const room = this.room();
    if (room < 3) return this.noRoom();
    const whole = u32(close - start);
    let length = whole > this.limits.string ? cutLength(start, close, this.limits.string) : whole;
    if (length > room - 2) {
      if (this.step < Step.Shares) return this.noRoom();
      length = cutLength(start, close, room - 2);
      if (length == 0) return false;
    }
    this.put(0x22);
    this.copy(start, length);
    this.put(0x22);
    return true;
  }

  /** What a JSON Patch brings to a path counts as if the keys in the path were its own. */
  private notePath(at: usize, end: usize, depth: i32): void {
    while (at < end) {
      const from = at + 1;
      at = Bytes.find(from, end, 0x2f);
      this.pointed = keys.find(from, u32(at - from));
      foundAt(depth).notePresent(this.pointed);
    }
  }

  private atom(depth: i32, key: i32): bool {
    const start = this.at;
    const byte = load<u8>(start);
    const behind = atomEnd(start, byte);
    if (behind == 0 || behind > this.end) return this.cut();
    // A number that ends with the text may have had more digits.
    if (behind == this.end && atomKind(byte) == Kind.Number) return this.cut();
    this.at = behind;
    if (atomKind(byte) == Kind.True) foundAt(depth).noteTrue(key);
    const length = u32(behind - start);
    if (length > this.limits.string) return false;
    if (length > this.limit - this.top) return this.noRoom();
    this.copy(start, length);
    return true;
  }

  private container(open: u8, depth: i32, key: i32, place: i32): bool {
    if (depth == MAX_DEPTH) return this.skip();
    const room = this.room();
    if (room < 2) return this.noRoomFor();
    const outer = this.limit;
    const inArray = this.inArray;
    this.inArray = open == 0x5b;
    this.put(open);
    this.limit = this.top + room - 2;
    foundAt(depth + 1).clear();
    if (open == 0x7b) this.members(depth + 1, place);
    else this.elements(depth + 1, key, place);
    this.inArray = inArray;
    if (this.pointed >= 0 && place != ANYTHING) this.noteValue(foundAt(depth + 1));
    foundAt(depth).addAll(foundAt(depth + 1));
    this.limit = outer;
    this.close(open + 2);
    return true;
  }

  /** Behind an operation of a JSON Patch. */
  private noteValue(operation: Marks): void {
    if (operation.isTrue(PATCH_VALUE)) operation.noteTrue(this.pointed);
    this.pointed = -1;
  }

  /** There is room: it was kept when the container was opened. */
  private close(bracket: u8): void {
    if (this.stop != Stop.Full) this.put(bracket);
  }

  private members(depth: i32, place: i32): void {
    const isMap = keys.isMap(place);
    const mapEnd = this.top + min(this.arrayLimit, NO_LIMIT - this.top);
    const seen = seenAt(depth);
    seen.clear();
    let others: u32 = 0;
    this.at = skipSpace(this.at + 1);
    if (this.isAt(0x7d)) {
      this.at++;
      return;
    }
    while (true) {
      const start = this.at;
      const length = this.key();
      if (length == NO_LIMIT) return;
      const isEscaped = this.keyHasEscapes;
      const key = isEscaped ? keys.findEscaped(start + 1, length) : keys.find(start + 1, length);
      // Of two members with one key, the first one counts.
      const isNew = seen.isNew(key, isEscaped);
      const inside = isNew ? keys.member(place, key) : UNREAD;
      const isRead = inside != UNREAD || (depth == TOP && (isNew || key < 0));
      const isSurplus = isMap ? this.top >= mapEnd : others >= this.limits.members;
      const before = this.top;
      let isKept = false;
      if (this.isNoise(start + 1, length, depth) || (!isRead && isSurplus)) {
        this.skip();
      } else {
        if (!isRead) others++;
        foundAt(depth).notePresent(key);
        isKept = this.member(start, length, depth, key, inside);
      }
      if (!this.goesOn(before, isKept, 0x7d)) return;
      this.at = skipSpace(this.at + 1);
    }
  }

  /** Reads `"key":`, and goes to the value; the key's length, or NO_LIMIT when the text is cut. */
  private key(): u32 {
    const start = this.at + 1;
    const close = this.isAt(0x22) ? stringEnd(start, this.end) : 0;
    this.keyHasEscapes = sawEscape != 0;
    if (close != 0) {
      this.at = skipSpace(close + 1);
      if (this.isAt(0x3a)) {
        this.at = skipSpace(this.at + 1);
        if (this.at < this.end) return u32(close - start);
      }
    }
    this.cut();
    return NO_LIMIT;
  }

  /** Copies the member whose key begins at `start`, with its quote; `at` is its value. False: nothing is kept. */
  private member(start: usize, length: u32, depth: i32, key: i32, place: i32): bool {
    // A comma, the key in quotes, a colon.
    if (length > this.limit - this.top || this.limit - this.top - length < 4) return this.noRoomFor();
    this.comma(0x7b);
    this.copy(start, length + 2);
    this.put(0x3a);
    const isResponse = RESPONSE_OBJECT.equals(start + 1, length);
    if (depth != TOP || !(isResponse || REQUEST_OBJECT.equals(start + 1, length)))
      return this.value(depth, key, place);
    const limits = this.limits;
    if (isResponse && this.responseLimits != ALL) this.limits = this.responseLimits;
    this.arrayLimit = this.limits.array;
    const isKept = this.body(depth, key, place);
    this.limits = limits;
    this.arrayLimit = limits.array;
    return isKept;
  }

  /** A body that is broken inside costs nothing behind it, as long as its brackets match. */
  private body(depth: i32, key: i32, place: i32): bool {
    const start = this.at;
    const isContainer = load<u8>(start) == 0x7b || load<u8>(start) == 0x5b;
    const isKept = this.value(depth, key, place);
    const behind = isContainer && this.stop == Stop.Cut ? skipContainer(start, this.end) : 0;
    if (behind != 0) {
      this.at = behind;
      this.stop = Stop.No;
    }
    return isKept;
  }

  private elements(depth: i32, key: i32, place: i32): void {
    const found = foundAt(depth);
    const seen = seenAt(depth);
    seen.clear();
    this.at = skipSpace(this.at + 1);
    if (this.isAt(0x5d)) {
      this.at++;
      return;
    }
    const outer = this.arrayLimit;
    if (outer != NO_LIMIT) this.arrayLimit = max(outer / NESTED_PART, MIN_LIMIT);
    const from = this.top;
    let goesOn = true;
    while (goesOn) {
      found.clear();
      const before = this.top;
      const isKept = this.element(depth, key, place);
      const isSurplus = before - from >= outer && seen.hasAll(found);
      if (isKept && !isSurplus) seen.addAll(found);
      goesOn = this.goesOn(before, isKept, 0x5d);
      // The last one stays in any case: what is put behind very many others, as the address that a request
      // really came from, is not lost.
      if (goesOn && isSurplus) this.top = before;
      if (goesOn) this.at = skipSpace(this.at + 1);
    }
    this.arrayLimit = outer;
    found.addAll(seen);
  }

  private element(depth: i32, key: i32, place: i32): bool {
    if (this.at >= this.end) return this.cut();
    if (this.limit == this.top) return this.noRoomFor();
    this.comma(0x5b);
    return this.value(depth, key, place);
  }

  /**
   * Looks at what stands behind a member or element that was read, and takes back what was written of it since
   * `before` unless it is whole and kept. True at the comma before the next one; false behind the end.
   */
  private goesOn(before: u32, isKept: bool, bracket: u8): bool {
    if (!isKept) this.top = before;
    if (this.stop != Stop.No) return false;
    this.at = skipSpace(this.at);
    if (this.isAt(0x2c)) return true;
    if (this.isAt(bracket)) {
      this.at++;
      return false;
    }
    // With something else behind it, nobody knows what it was.
    if (this.at < this.end) this.top = before;
    return this.cut();
  }

  /** Goes behind the value at `at`; always false, as what is left out. */
  private skip(): bool {
    const byte = load<u8>(this.at);
    let behind: usize = 0;
    if (byte == 0x22) {
      behind = stringEnd(this.at + 1, this.end);
      if (behind != 0) behind++;
    } else if (byte == 0x7b || byte == 0x5b) {
      behind = skipContainer(this.at, this.end);
    } else {
      behind = atomEnd(this.at, byte);
      if (behind > this.end) behind = 0;
    }
    if (behind == 0) return this.cut();
    this.at = behind;
    return false;
  }

  private isNoise(key: usize, length: u32, depth: i32): bool {
    if (depth == TOP && MARKER.equals(key, length)) return true;
    if (this.step == Step.Nothing) return false;
    return length > MAX_KEY || MANAGED_FIELDS.equals(key, length) || LAST_APPLIED.equals(key, length);
  }

  private isAt(byte: u8): bool {
    return this.at < this.end && load<u8>(this.at) == byte;
  }

  /** A comma, unless this is the first in the container whose bracket is `open`. */
  private comma(open: u8): void {
    if (load<u8>(this.address + this.top - 1) != open) this.put(0x2c);
  }

  private put(byte: u8): void {
    store<u8>(this.address + this.top++, byte);
  }

  private copy(from: usize, length: u32): void {
    memory.copy(this.address + this.top, from, length);
    this.top += length;
  }
}

/** Bytes of the string's text that fit in `most`, up to a character's or escape's end. */
function cutLength(start: usize, close: usize, most: u32): u32 {
  let at = start;
  while (at < close) {
    const behind = characterEnd(at, close);
    if (u32(behind - start) > most) break;
    at = behind;
  }
  return u32(at - start);
}

/** The end of the character or escape at `at`; a pair of surrogates is one. */
function characterEnd(at: usize, close: usize): usize {
  const byte = <u32>load<u8>(at);
  if (byte != 0x5c) return min(at + (byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4), close);
  if (load<u8>(at, 1) != 0x75) return at + 2;
  const isPair = isSurrogate(at, false) && at + 12 <= close && isSurrogate(at + 6, true);
  return at + (isPair ? 12 : 6);
}

/** Whether the escape at `at` is a surrogate: the first of a pair, or the second (`isLow`). */
function isSurrogate(at: usize, isLow: bool): bool {
  if (load<u16>(at) != 0x755c || (load<u8>(at, 2) | 0x20) != 0x64) return false;
  const digit = hexValue(load<u8>(at, 3));
  return isLow ? digit >= 0xc : digit >= 0x8 && digit < 0xc;
}
