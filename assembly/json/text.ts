// SPDX-License-Identifier: Apache-2.0
// The text of a value as Falco's fields show it: a string's characters, anything else as compact JSON.
import { Block, Bytes, SLACK } from '../memory';
import { Kind, Node } from './tape';
import { hexValue } from './scan';

/** Bytes that `writeValue` may write for this node: its text, and 15 of no meaning behind it, or a NUL. */
export function valueCapacity(node: Node): u32 {
  // No escape is shorter than what it stands for.
  return node.end - node.start + SLACK;
}

/** Writes the value's text to `out`; gives its length. `text` is where the JSON text starts. */
export function writeValue(text: usize, node: Node, out: usize): u32 {
  const start = text + node.start;
  const length = node.end - node.start;
  switch (<i32>node.kind) {
    case Kind.String:
      if (node.escaped) return unescape(start, text + node.end, out);
      break;
    case Kind.Object:
    case Kind.Array:
      return compact(start, text + node.end, out);
  }
  Bytes.copy(out, start, length);
  return length;
}

/**
 * Unescapes the characters of a scanned string to `out`, and writes up to 15 bytes of no meaning behind them. A lone
 * surrogate becomes U+FFFD.
 */
export function unescape(from: usize, end: usize, out: usize): u32 {
  const start = out;
  while (true) {
    const plain = Bytes.find(from, end, 0x5c);
    Bytes.copy(out, from, u32(plain - from));
    out += plain - from;
    from = plain;
    if (from == end) break;
    const escape = <u32>load<u8>(from, 1);
    if (escape != 0x75) {
      store<u8>(out++, simpleEscape(escape));
      from += 2;
      continue;
    }
    let point = hex4(from + 2);
    from += 6;
    if (point >= 0xd800 && point <= 0xdfff) {
      const low = point < 0xdc00 && from + 6 <= end && load<u16>(from) == 0x755c ? hex4(from + 2) : 0;
      if (low >= 0xdc00 && low <= 0xdfff) {
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        from += 6;
      } else {
        point = 0xfffd;
      }
    }
    out = writeUtf8(point, out);
  }
  return u32(out - start);
}

// Where a key is unescaped, to compare it.
const plainKey = new Block();

/** Whether the key with escapes from `from` to `end` is, without them, the `length` bytes at `key`. */
export function isEscapedKey(from: usize, end: usize, key: usize, length: u32): bool {
  const written = u32(end - from);
  // An escape is of two to six bytes and stands for one.
  if (written <= length || written > 6 * u64(length)) return false;
  const plain = plainKey.reserve(written + SLACK);
  return unescape(from, end, plain) == length && memory.compare(plain, key, length) == 0;
}

function simpleEscape(escape: u32): u32 {
  switch (escape) {
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    default:
      return escape; // quote, backslash, slash
  }
}

function hex4(at: usize): u32 {
  let value = 0;
  for (let i = 0; i < 4; i++) value = (value << 4) | hexValue(load<u8>(at + i));
  return value;
}

/** Writes a character; the address behind it. */
export function writeUtf8(point: u32, out: usize): usize {
  if (point < 0x80) {
    store<u8>(out, point);
    return out + 1;
  }
  if (point < 0x800) {
    store<u8>(out, 0xc0 | (point >> 6));
    store<u8>(out, 0x80 | (point & 0x3f), 1);
    return out + 2;
  }
  if (point < 0x10000) {
    store<u8>(out, 0xe0 | (point >> 12));
    store<u8>(out, 0x80 | ((point >> 6) & 0x3f), 1);
    store<u8>(out, 0x80 | (point & 0x3f), 2);
    return out + 3;
  }
  store<u8>(out, 0xf0 | (point >> 18));
  store<u8>(out, 0x80 | ((point >> 12) & 0x3f), 1);
  store<u8>(out, 0x80 | ((point >> 6) & 0x3f), 2);
  store<u8>(out, 0x80 | (point & 0x3f), 3);
  return out + 4;
}

/** Copies JSON without the white space between its tokens. */
function compact(from: usize, end: usize, out: usize): u32 {
  const start = out;
  let inString = false;
  while (from < end) {
    const byte = load<u8>(from++);
    if (inString) {
      store<u8>(out++, byte);
      if (byte == 0x5c) {
        store<u8>(out++, load<u8>(from++));
      } else if (byte == 0x22) {
        inString = false;
      }
    } else if (byte > 0x20) {
      store<u8>(out++, byte);
      inString = byte == 0x22;
    }
  }
  return u32(out - start);
}
