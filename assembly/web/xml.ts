// SPDX-License-Identifier: Apache-2.0
// What S3 and STS answer is XML of a plain kind: elements with text, no attributes that matter, no mixed content. The
// cursor goes from one start of an element to the next. It knows comments, CDATA, processing instructions and the
// five entities; a DOCTYPE, which could define others, is refused.
import { countText } from '../log';

const LESS: u8 = 0x3c; // <
const GREATER: u8 = 0x3e; // >
const SLASH: u8 = 0x2f;
const QUESTION: u8 = 0x3f;
const BANG: u8 = 0x21;

/** Nesting that is followed. */
const MAX_DEPTH: i32 = 64;

export class XmlCursor {
  /** The name of the element, without a prefix. */
  name: string = '';
  /** How many elements it stands in: 0 for the root. */
  depth: i32 = -1;
  /** Whether the text was left because it is no XML of this kind. */
  isBroken: bool = false;
  private end: usize;
  private open: i32 = 0;

  constructor(
    private at: usize,
    length: u32,
  ) {
    this.end = at + length;
  }

  /** Goes to the next start of an element; false at the end, or where the text is broken. */
  next(): bool {
    while (true) {
      while (this.at < this.end && load<u8>(this.at) != LESS) this.at++;
      if (this.at + 1 >= this.end) return this.stop(this.at < this.end || this.open != 0);
      const byte = load<u8>(this.at, 1);
      if (byte == SLASH) {
        if (this.open == 0) return this.stop(true);
        this.open--;
        if (!this.skip(GREATER)) return this.stop(true);
      } else if (byte == QUESTION) {
        if (!this.skip(GREATER)) return this.stop(true);
      } else if (byte == BANG) {
        if (!this.skipSpecial()) return this.stop(true);
      } else {
        return this.start() || this.stop(true);
      }
    }
  }

  private stop(isBroken: bool): bool {
    this.isBroken = isBroken;
    this.at = this.end;
    return false;
  }

  /** Goes behind the next `byte`. */
  private skip(byte: u8): bool {
    while (this.at < this.end) if (load<u8>(this.at++) == byte) return true;
    return false;
  }

  /** A comment or a CDATA section outside a text. */
  private skipSpecial(): bool {
    if (this.beginsWith('<!--')) return this.skipTo('-->');
    if (this.beginsWith('<![CDATA[')) return this.skipTo(']]>');
    return false;
  }

  private beginsWith(text: string): bool {
    if (this.at + text.length > this.end) return false;
    for (let i = 0; i < text.length; i++) {
      if (load<u8>(this.at + i) != u8(text.charCodeAt(i))) return false;
    }
    return true;
  }

  private skipTo(text: string): bool {
    for (; this.at < this.end; this.at++) {
      if (!this.beginsWith(text)) continue;
      this.at += text.length;
      return true;
    }
    return false;
  }

  private start(): bool {
    let from = ++this.at;
    while (this.at < this.end && isNameByte(load<u8>(this.at))) {
      if (load<u8>(this.at++) == 0x3a) from = this.at;
    }
    if (this.at == from) return false;
    countText();
    this.name = String.UTF8.decodeUnsafe(from, this.at - from);
    let quote: u8 = 0;
    let before: u8 = 0;
    while (this.at < this.end) {
      const byte = load<u8>(this.at++);
      if (quote != 0) {
        if (byte == quote) quote = 0;
      } else if (byte == 0x22 || byte == 0x27) {
        quote = byte;
      } else if (byte == GREATER) {
        this.depth = this.open;
        if (before != SLASH && ++this.open > MAX_DEPTH) return false;
        return true;
      }
      before = byte;
    }
    return false;
  }

  /** The text of the element that the cursor stands at, up to its first child or end. */
  text(): string {
    countText();
    let out = '';
    let at = this.at;
    let from = at;
    while (at < this.end && load<u8>(at) != LESS) {
      if (load<u8>(at) == 0x26) {
        out += String.UTF8.decodeUnsafe(from, at - from);
        const entity = entityAt(at, this.end);
        out += entity.text;
        at = entity.behind;
        from = at;
      } else {
        at++;
      }
    }
    return out + String.UTF8.decodeUnsafe(from, at - from);
  }
}

class Entity {
  constructor(
    public text: string,
    public behind: usize,
  ) {}
}

/** The entity that begins with the ampersand at `at`; what is none stands for itself. */
function entityAt(at: usize, end: usize): Entity {
  let behind = at + 1;
  while (behind < end && behind - at < 12 && load<u8>(behind) != 0x3b) behind++;
  const name = String.UTF8.decodeUnsafe(at + 1, behind - at - 1);
  if (behind == end || load<u8>(behind) != 0x3b) return new Entity('&', at + 1);
  behind++;
  if (name == 'lt') return new Entity('<', behind);
  if (name == 'gt') return new Entity('>', behind);
  if (name == 'amp') return new Entity('&', behind);
  if (name == 'quot') return new Entity('"', behind);
  if (name == 'apos') return new Entity("'", behind);
  if (name.startsWith('#')) {
    const isHex = name.startsWith('#x') || name.startsWith('#X');
    const point = isHex ? I32.parseInt(name.substring(2), 16) : I32.parseInt(name.substring(1), 10);
    if (point > 0 && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff)) {
      return new Entity(String.fromCodePoint(point), behind);
    }
  }
  return new Entity('&', at + 1);
}

function isNameByte(byte: u8): bool {
  const lower = byte | 0x20;
  return (
    (lower >= 0x61 && lower <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte >= 0x80 ||
    byte == 0x3a ||
    byte == 0x5f ||
    byte == 0x2d ||
    byte == 0x2e
  );
}
