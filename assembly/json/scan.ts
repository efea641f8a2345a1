// SPDX-License-Identifier: Apache-2.0
// The scanner: one pass over a JSON text (RFC 8259) that writes its tape.
import { MAX_NESTING } from '../survivor';
import { skipContainer, skippedOutside } from './skip';
import { Specials, specialsOf16, specialsOf64 } from './specials';
import { ARRAY, ESCAPED, KEY_ESCAPED, Kind, LAZY, NODE_SIZE, Node, OBJECT, SPAN, STRING, Tape } from './tape';
import { atom, pair, writeNode } from './tape';

/** Why a text is not accepted. */
export const enum ScanError {
  None = 0,
  UnexpectedByte = 1,
  UnexpectedEnd = 2,
  InvalidEscape = 3,
  ControlCharacter = 4,
  /** Of payload.ts: arrays of events in arrays. */
  TooDeep = 5,
  TooManyValues = 6,
}

/** What of the text is indexed at once. */
export const enum Index {
  All = 0,
  /**
   * The bodies and the items at the top level (requestObject, responseObject, items) are skipped, and what
   * authenticators say of a user (user.extra).
   */
  Event = 1,
  /** Objects and arrays at the top level are skipped, if it is an object. */
  Members = 2,
}

/** The bodies of an event; flags. */
export const enum Body {
  None = 0,
  Request = 1,
  Response = 2,
  Both = 3,
}

/** Of the last text that was scanned with Index.Event: the bodies that it may have; those left out it has not. */
export let scannedBodies: Body = Body.None;

/**
 * Of the last text that was scanned with Index.Event: whether something that was skipped may have more values than a
 * tape takes. Each value has two bytes outside of strings for itself at least: the comma or bracket before it, and its
 * last byte, be it a quote.
 */
export let scannedMany: bool = false;

/** Nesting that is indexed; what is deeper counts as empty. Kubernetes' deepest schemas stay below 64. */
export const MAX_DEPTH: i32 = 256;
/** Values on one tape: 6 MiB of nodes. */
export const MAX_NODES: u32 = 256 * 1024;

/** The last refusal. */
export let scanError: ScanError = ScanError.None;
/** Where the last refusal happened: address of the byte. */
export let scanErrorAt: usize = 0;

/** English for a ScanError. */
export function scanErrorText(error: ScanError): string {
  switch (error) {
    case ScanError.UnexpectedByte:
      return 'unexpected character';
    case ScanError.UnexpectedEnd:
      return 'the text ends before the value does';
    case ScanError.InvalidEscape:
      return 'invalid escape in a string';
    case ScanError.ControlCharacter:
      return 'control character in a string';
    case ScanError.TooDeep:
      return 'arrays nested deeper than ' + MAX_NESTING.toString() + ' levels';
    default:
      return 'more than ' + MAX_NODES.toString() + ' values';
  }
}

/** Set when the string that stringEnd went over contains a backslash. */
export let sawEscape: u8 = 0;

/** No container is open. */
const NONE: u32 = 0xfffffffe;
/** With the tape offset of an open container, which is even: it is an object. */
const IN_OBJECT: u32 = 1;

/**
 * Scans the value at `from` (white space before it is allowed) and appends its nodes to `tape`, with offsets
 * relative to `text`. PADDING zero bytes, or more text, stand behind `end`.
 * @returns the address behind the value, or 0: see scanError, scanErrorAt. The tape is then as before.
 */
export function scan(text: usize, from: usize, end: usize, tape: Tape, index: Index): usize {
  const origin = pair(u32(text), u32(text)); // taken off a pair of addresses, it makes them offsets
  const maxTop = tape.top + MAX_NODES * NODE_SIZE;
  let nodes = tape.address;
  let top = tape.top;
  let limit: u32 = 0; // tape offset up to which nodes fit; 0 makes the first node look
  let open = NONE; // the innermost open container: tape offset and IN_OBJECT
  let depth = 0;
  let at = from;
  let ends: u64 = 0; // what Specials say from `at` on; 0: nothing
  Specials.forget();
  if (index == Index.Event) {
    scannedBodies = Body.None;
    scannedMany = false;
  }

  while (true) {
    // A member or element begins; of a member, `at` is behind the quote of its key.
    let key: u64 = 0; // keyStart and keyEnd
    let flags: u64 = 0;
    let byte: u32; // the value's first; `at` is behind it from then on
    if (open & IN_OBJECT) {
      if (ends == 0) ends = Specials.from(at, end);
      const length = Specials.first(ends);
      let close = at + length;
      const start = at;
      const found = load<u32>(close);
      if ((found & 0xffff) == 0x3a22 && close < end) {
        // `":` and the value.
        byte = (found >> 16) & 0xff;
        at = close + 3;
        ends >>= length + 3;
      } else {
        close = longStringEnd(close, end);
        if (close == 0) return 0;
        flags = sawEscape ? KEY_ESCAPED : 0;
        at = skipSpace(close + 1);
        if (load<u8>(at) != 0x3a) return refuse(ScanError.UnexpectedByte, at, end);
        byte = load<u8>(at, 1);
        at += 2;
        ends = 0;
      }
      key = pair(u32(start), u32(close)) - origin;
    } else {
      byte = load<u8>(at);
      at++;
    }
    if (byte <= 0x20) {
      at = skipSpace(at - 1);
      byte = load<u8>(at);
      at++;
      ends = 0;
    }

    if (top + NODE_SIZE > limit) {
      if (top >= maxTop) return refuse(ScanError.TooManyValues, at - 1, end);
      nodes = tape.reserve(top + NODE_SIZE);
      limit = min(tape.capacity, maxTop);
    }
    const node = nodes + top;
    top += NODE_SIZE;

    if (byte == 0x22) {
      if (ends == 0) ends = Specials.from(at, end);
      const length = Specials.first(ends);
      let close = at + length;
      const found = load<u32>(close);
      if ((found & 0xff) != 0x22 || close >= end) {
        close = longStringEnd(close, end);
        if (close == 0) return 0;
        flags |= sawEscape ? ESCAPED : 0;
      }
      writeNode(node, key, pair(u32(at), u32(close)) - origin, flags | STRING);
      if ((found & 0xffffff) == 0x222c22 && open != NONE) {
        // `","`: the next one is a string, or a member.
        at = close + (2 + (open & IN_OBJECT));
        ends >>= length + 3;
        continue;
      }
      at = close + 1;
    } else if (byte == 0x7b || byte == 0x5b) {
      const start = u32(at - 1 - text);
      flags |= byte == 0x7b ? OBJECT : ARRAY;
      const isLazy = index != Index.All && open & IN_OBJECT && isSkipped(index, depth, text, key, flags);
      if (isLazy || depth == MAX_DEPTH) {
        at = skipContainer(at - 1, end);
        if (at == 0) return refuse(ScanError.UnexpectedEnd, end, end);
        if (skippedOutside > 2 * MAX_NODES) scannedMany = scannedMany || isLazy;
        writeNode(node, key, pair(start, u32(at - text)), flags | (isLazy ? LAZY : 0));
      } else {
        depth++;
        // While a container is open, its span holds what was open before.
        writeNode(node, key, start, (flags & ~SPAN) | open);
        open = (top - NODE_SIZE) | u32(byte == 0x7b);
        byte = load<u8>(at);
        if (byte <= 0x20) {
          at = skipSpace(at);
          byte = load<u8>(at);
          ends = 0;
        }
        if (byte == 0x22) {
          at += open & IN_OBJECT;
          ends >>= 1;
          continue;
        }
        if (byte != closing(open)) {
          if (open & IN_OBJECT) return refuse(ScanError.UnexpectedByte, at, end);
          ends = 0;
          continue;
        }
        // An empty container: the loop below closes it.
      }
    } else {
      const start = at - 1;
      at = atomEnd(start, byte);
      if (at == 0) return refuse(ScanError.UnexpectedByte, scanErrorAt, end);
      writeNode(node, key, pair(u32(start - text), u32(at - text)), flags | atom(atomKind(byte)));
    }

    // A value has ended: close what closes here, then go to the next one.
    ends = 0;
    while (true) {
      if (open == NONE) {
        if (at > end) return refuse(ScanError.UnexpectedEnd, end, end);
        tape.top = top;
        return at;
      }
      byte = load<u8>(at);
      if (byte <= 0x20) {
        at = skipSpace(at);
        byte = load<u8>(at);
      }
      at++;
      if (byte == 0x2c) {
        if (!(open & IN_OBJECT)) break;
        if (load<u8>(at) != 0x22) {
          at = skipSpace(at);
          if (load<u8>(at) != 0x22) return refuse(ScanError.UnexpectedByte, at, end);
        }
        at++;
        break;
      }
      if (byte != closing(open)) return refuse(ScanError.UnexpectedByte, at - 1, end);
      const offset = open & ~IN_OBJECT;
      const closed = changetype<Node>(nodes + offset);
      open = closed.span;
      closed.span = top - offset;
      closed.end = u32(at - text);
      depth--;
    }
  }
}

/** The bracket that closes what is open. */
function closing(open: u32): u32 {
  return 0x5d + ((open & IN_OBJECT) << 5);
}

/** Whether the container that is the member `key` of an object at this depth is skipped; notes it, if it is a body. */
function isSkipped(index: Index, depth: i32, text: usize, key: u64, flags: u64): bool {
  const start = text + u32(key);
  const length = u32(key >> 32) - u32(key);
  if (depth == 1) {
    if (index == Index.Members) return true;
    if (!isBodyKey(start, length)) {
      // A key that is written with escapes may be any.
      if ((flags & KEY_ESCAPED) != 0) scannedBodies = Body.Both;
      return false;
    }
    scannedBodies |= bodyOf(start, length);
    return true;
  }
  return depth == 2 && index == Index.Event && isExtraKey(start, length);
}

/** The first byte at or behind `at` that is not JSON white space. */
export function skipSpace(at: usize): usize {
  while (true) {
    const byte = load<u8>(at);
    if (byte > 0x20) return at;
    if (byte != 0x20 && byte != 0x0a && byte != 0x0d && byte != 0x09) return at;
    at++;
  }
}

function refuse(error: ScanError, at: usize, end: usize): usize {
  scanError = at >= end ? ScanError.UnexpectedEnd : error;
  scanErrorAt = min(at, end);
  return 0;
}

/**
 * The address of the quote that ends the string whose first byte is at `at`, or 0. Sets sawEscape. Reads up to 63 bytes
 * behind `end`.
 */
export function stringEnd(at: usize, end: usize): usize {
  sawEscape = 0;
  const special = specialsOf16(at);
  const close = at + usize(ctz(special | 0x10000));
  return load<u8>(close) == 0x22 && close < end ? close : longStringEnd(close, end);
}

/** The same, 64 bytes a turn. */
function longStringEnd(at: usize, end: usize): usize {
  sawEscape = 0;
  for (; at < end; at += 64) {
    let special = specialsOf64(at);
    while (special != 0) {
      const bit = usize(ctz(special));
      const byte = load<u8>(at + bit);
      if (byte == 0x22) return at + bit < end ? at + bit : refuse(ScanError.UnexpectedEnd, end, end);
      if (byte != 0x5c) return refuse(ScanError.ControlCharacter, at + bit, end);
      sawEscape = 1;
      const length = escapeLength(at + bit);
      if (length == 0) return refuse(ScanError.InvalidEscape, at + bit, end);
      const behind = bit + length;
      if (behind >= 64) {
        at += behind - 64;
        break;
      }
      special &= (<u64>-1) << behind;
    }
  }
  return refuse(ScanError.UnexpectedEnd, end, end);
}

/** Bytes of the escape at `at`: 2, 6 for \uXXXX, 0 when it is none. */
function escapeLength(at: usize): usize {
  switch (load<u8>(at, 1)) {
    case 0x22: // "
    case 0x5c: // \
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return 2;
    case 0x75: // u
      for (let i = 2; i < 6; i++) {
        if (hexValue(load<u8>(at + i)) < 0) return 0;
      }
      return 6;
    default:
      return 0;
  }
}

/** The value of a hexadecimal digit, or -1. */
export function hexValue(byte: u32): i32 {
  if (byte - 0x30 < 10) return byte - 0x30;
  const letter = byte | 0x20;
  return letter - 0x61 < 6 ? letter - 0x61 + 10 : -1;
}

/**
 * The address behind the number or literal at `at`, which begins with `byte`; 0 and scanErrorAt otherwise. It may
 * be behind the text's end.
 */
export function atomEnd(at: usize, byte: u32): usize {
  if (byte == 0x2d || byte - 0x30 < 10) return numberEnd(at);
  if (byte == 0x74 && load<u32>(at) == 0x65757274) return at + 4;
  if (byte == 0x66 && load<u32>(at, 1) == 0x65736c61) return at + 5;
  if (byte == 0x6e && load<u32>(at) == 0x6c6c756e) return at + 4;
  scanErrorAt = at;
  return 0;
}

/** What atomEnd found, by its first byte. */
export function atomKind(byte: u32): Kind {
  switch (byte) {
    case 0x74:
      return Kind.True;
    case 0x66:
      return Kind.False;
    case 0x6e:
      return Kind.Null;
    default:
      return Kind.Number;
  }
}

function isDigit(byte: u32): bool {
  return byte - 0x30 < 10;
}

function numberEnd(at: usize): usize {
  if (load<u8>(at) == 0x2d) at++;
  if (load<u8>(at) == 0x30) {
    at++;
  } else {
    at = digitsEnd(at);
    if (at == 0) return 0;
  }
  if (load<u8>(at) == 0x2e) {
    at = digitsEnd(at + 1);
    if (at == 0) return 0;
  }
  if ((load<u8>(at) | 0x20) == 0x65) {
    const sign = load<u8>(at, 1);
    at = digitsEnd(sign == 0x2b || sign == 0x2d ? at + 2 : at + 1);
  }
  return at;
}

/** Behind one or more digits; 0 and scanErrorAt when there is none. */
function digitsEnd(at: usize): usize {
  if (!isDigit(load<u8>(at))) {
    scanErrorAt = at;
    return 0;
  }
  do at++;
  while (isDigit(load<u8>(at)));
  return at;
}

/** Whether these bytes are the key of what Index.Event skips at the top level. */
export function isBodyKey(key: usize, length: u32): bool {
  const isItems = length == 5 && load<u32>(key) == 0x6d657469 && load<u8>(key, 4) == 0x73;
  return isItems || bodyOf(key, length) != Body.None;
}

/** The body that is the member with this key of an event. */
export function bodyOf(key: usize, length: u32): Body {
  switch (length) {
    case 13: // requestObject
      if (load<u64>(key) == 0x4f74736575716572 && load<u64>(key, 5) == 0x7463656a624f7473)
        return Body.Request;
      break;
    case 14: // responseObject
      if (load<u64>(key) == 0x65736e6f70736572 && load<u64>(key, 6) == 0x7463656a624f6573)
        return Body.Response;
      break;
  }
  return Body.None;
}

function isExtraKey(key: usize, length: u32): bool {
  return length == 5 && load<u32>(key) == 0x72747865 && load<u8>(key, 4) == 0x61; // extra
}
