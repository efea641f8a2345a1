// SPDX-License-Identifier: Apache-2.0
// The scanner: one pass over a JSON text (RFC 8259) that writes its tape.
import { MAX_NESTING } from '../survivor';
import { NODE_SIZE, Kind, Node, Tape } from './tape';
import { skipContainer } from './skip';

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
  /** The bodies and the items at the top level (requestObject, responseObject, items) are skipped. */
  Event = 1,
  /** Objects and arrays at the top level are skipped, if it is an object. */
  Members = 2,
}

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
const NO_PARENT: u32 = 0xffffffff;

/**
 * Scans the value at `from` (white space before it is allowed) and appends its nodes to `tape`, with offsets
 * relative to `text`. PADDING zero bytes, or more text, stand behind `end`.
 * @returns the address behind the value, or 0: see scanError, scanErrorAt. The tape is then as before.
 */
export function scan(text: usize, from: usize, end: usize, tape: Tape, index: Index): usize {
  const maxTop = tape.top + MAX_NODES * NODE_SIZE;
  let top = tape.top;
  let limit: u32 = 0; // tape offset up to which nodes fit; 0 makes the first node look
  let parent = NO_PARENT; // tape offset of the innermost open container
  let inObject = false;
  let depth = 0;
  let keyStart: u32 = 0;
  let keyEnd: u32 = 0;
  let keyEscaped: u8 = 0;
  let at = from;

  while (true) {
    // A value begins.
    let byte = <u32>load<u8>(at);
    if (byte <= 0x20) {
      at = skipSpace(at);
      byte = load<u8>(at);
    }
    if (top + NODE_SIZE > limit) {
      if (top >= maxTop) return refuse(ScanError.TooManyValues, at, end);
      tape.reserve(top + NODE_SIZE);
      limit = min(tape.capacity, maxTop);
    }
    const node = changetype<Node>(tape.address + top);
    node.keyStart = keyStart;
    node.keyEnd = keyEnd;
    node.keyEscaped = keyEscaped;
    node.escaped = 0;
    node.lazy = 0;
    node.span = NODE_SIZE;
    node.start = u32(at - text);

    if (byte == 0x22) {
      const close = stringEnd(at + 1, end);
      if (close == 0) return 0;
      node.kind = <u8>Kind.String;
      node.escaped = sawEscape;
      node.start = u32(at + 1 - text);
      node.end = u32(close - text);
      at = close + 1;
      top += NODE_SIZE;
    } else if (byte == 0x7b || byte == 0x5b) {
      node.kind = byte == 0x7b ? <u8>Kind.Object : <u8>Kind.Array;
      const isLazy =
        depth == 1 &&
        inObject &&
        (index == Index.Members || (index == Index.Event && isBodyKey(text + keyStart, keyEnd - keyStart)));
      if (isLazy || depth == MAX_DEPTH) {
        const behind = skipContainer(at, end);
        if (behind == 0) return refuse(ScanError.UnexpectedEnd, end, end);
        node.lazy = u8(isLazy);
        node.end = u32(behind - text);
        at = behind;
        top += NODE_SIZE;
      } else {
        depth++;
        // While a container is open, its span holds its parent.
        node.span = parent;
        parent = top;
        top += NODE_SIZE;
        inObject = byte == 0x7b;
        at = skipSpace(at + 1);
        byte = load<u8>(at);
        if (byte != (inObject ? 0x7d : 0x5d)) {
          if (!inObject) {
            keyStart = 0;
            keyEnd = 0;
            keyEscaped = 0;
            continue;
          }
          if (byte != 0x22) return refuse(ScanError.UnexpectedByte, at, end);
          const close = stringEnd(at + 1, end);
          if (close == 0) return 0;
          keyStart = u32(at + 1 - text);
          keyEnd = u32(close - text);
          keyEscaped = sawEscape;
          at = skipSpace(close + 1);
          if (load<u8>(at) != 0x3a) return refuse(ScanError.UnexpectedByte, at, end);
          at++;
          continue;
        }
        // An empty container: the loop below closes it.
      }
    } else {
      const behind = atomEnd(at, byte, node);
      if (behind == 0) return refuse(ScanError.UnexpectedByte, scanErrorAt, end);
      node.end = u32(behind - text);
      at = behind;
      top += NODE_SIZE;
    }

    // A value has ended: close what closes here, then go to the next one.
    while (true) {
      if (parent == NO_PARENT) {
        if (at > end) return refuse(ScanError.UnexpectedEnd, end, end);
        tape.top = top;
        return at;
      }
      byte = load<u8>(at);
      if (byte <= 0x20) {
        at = skipSpace(at);
        byte = load<u8>(at);
      }
      if (byte == 0x2c) {
        if (!inObject) {
          keyStart = 0;
          keyEnd = 0;
          keyEscaped = 0;
          at++;
          break;
        }
        at = skipSpace(at + 1);
        if (load<u8>(at) != 0x22) return refuse(ScanError.UnexpectedByte, at, end);
        const close = stringEnd(at + 1, end);
        if (close == 0) return 0;
        keyStart = u32(at + 1 - text);
        keyEnd = u32(close - text);
        keyEscaped = sawEscape;
        at = close + 1;
        if (load<u8>(at) != 0x3a) {
          at = skipSpace(at);
          if (load<u8>(at) != 0x3a) return refuse(ScanError.UnexpectedByte, at, end);
        }
        at++;
        break;
      }
      if (byte != (inObject ? 0x7d : 0x5d)) return refuse(ScanError.UnexpectedByte, at, end);
      at++;
      const closed = changetype<Node>(tape.address + parent);
      const outer = closed.span;
      closed.span = top - parent;
      closed.end = u32(at - text);
      parent = outer;
      depth--;
      inObject = parent != NO_PARENT && changetype<Node>(tape.address + parent).kind == Kind.Object;
    }
  }
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

/** The address of the quote that ends the string whose first byte is at `at`, or 0. Sets sawEscape. */
export function stringEnd(at: usize, end: usize): usize {
  sawEscape = 0;
  while (true) {
    const bytes = v128.load(at);
    const special = i8x16.bitmask(
      v128.or(
        v128.or(i8x16.eq(bytes, i8x16.splat(0x22)), i8x16.eq(bytes, i8x16.splat(0x5c))),
        i8x16.lt_u(bytes, i8x16.splat(0x20)),
      ),
    );
    if (special == 0) {
      at += 16;
      if (at >= end) return refuse(ScanError.UnexpectedEnd, end, end);
      continue;
    }
    at += usize(ctz(special));
    const byte = load<u8>(at);
    if (byte == 0x22) return at < end ? at : refuse(ScanError.UnexpectedEnd, end, end);
    if (byte != 0x5c) return refuse(ScanError.ControlCharacter, at, end);
    sawEscape = 1;
    const length = escapeLength(at);
    if (length == 0) return refuse(ScanError.InvalidEscape, at, end);
    at += length;
  }
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
 * The address behind the number or literal at `at`, its kind set on `node`; 0 and scanErrorAt otherwise. It may
 * be behind the text's end.
 */
export function atomEnd(at: usize, byte: u32, node: Node): usize {
  if (byte == 0x2d || byte - 0x30 < 10) {
    node.kind = <u8>Kind.Number;
    return numberEnd(at);
  }
  if (byte == 0x74 && load<u32>(at) == 0x65757274) {
    node.kind = <u8>Kind.True;
    return at + 4;
  }
  if (byte == 0x66 && load<u32>(at, 1) == 0x65736c61) {
    node.kind = <u8>Kind.False;
    return at + 5;
  }
  if (byte == 0x6e && load<u32>(at) == 0x6c6c756e) {
    node.kind = <u8>Kind.Null;
    return at + 4;
  }
  scanErrorAt = at;
  return 0;
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

/** Whether these bytes are the key of what Index.Event skips. */
export function isBodyKey(key: usize, length: u32): bool {
  switch (length) {
    case 5:
      return load<u32>(key) == 0x6d657469 && load<u8>(key, 4) == 0x73; // items
    case 13: // requestObject
      return load<u64>(key) == 0x4f74736575716572 && load<u64>(key, 5) == 0x7463656a624f7473;
    case 14: // responseObject
      return load<u64>(key) == 0x65736e6f70736572 && load<u64>(key, 6) == 0x7463656a624f6573;
    default:
      return false;
  }
}
