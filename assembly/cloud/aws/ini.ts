// SPDX-License-Identifier: Apache-2.0
// The format of AWS's shared config and credentials files, read in place: sections, `key = value` (or `key: value`),
// lines that belong to the key above them because they begin with white space, and comments.

const NEWLINE: u8 = 0x0a;
const EQUALS: u8 = 0x3d;
const COLON: u8 = 0x3a;
const OPEN: u8 = 0x5b; // [
const CLOSE: u8 = 0x5d; // ]

export const enum IniKind {
  /** `name` is what stands in the brackets; empty where a bracket is missing. */
  Section = 0,
  Property = 1,
  /** A property below one without a value. */
  Nested = 2,
}

export class IniCursor {
  kind: IniKind = IniKind.Section;
  private nameStart: usize = 0;
  private nameEnd: usize = 0;
  private valueStart: usize = 0;
  private valueEnd: usize = 0;
  private end: usize;
  /** Whether lines that begin with white space are nested in the last property. */
  private canNest: bool = false;

  constructor(
    private at: usize,
    length: u32,
  ) {
    this.end = at + length;
  }

  /** Goes to the next section or property; false at the end. Lines that are neither are passed over. */
  next(): bool {
    while (this.at < this.end) {
      const start = this.at;
      const stop = this.lineEnd();
      this.at = stop + 1;
      const from = this.skipSpace(start, stop);
      if (from == stop || isComment(load<u8>(from))) continue;
      if (load<u8>(from) == OPEN) {
        this.section(from, stop);
        return true;
      }
      const isNested = from > start && this.canNest;
      if (!this.property(from, stop)) continue;
      this.kind = isNested ? IniKind.Nested : IniKind.Property;
      if (isNested) return true;
      this.canNest = this.valueStart == this.valueEnd;
      if (!this.canNest) this.takeContinuation();
      return true;
    }
    return false;
  }

  private lineEnd(): usize {
    let at = this.at;
    while (at < this.end && load<u8>(at) != NEWLINE) at++;
    return at;
  }

  private skipSpace(at: usize, end: usize): usize {
    while (at < end && load<u8>(at) <= 0x20) at++;
    return at;
  }

  private section(from: usize, stop: usize): void {
    let close = from + 1;
    while (close < stop && load<u8>(close) != CLOSE) close++;
    this.kind = IniKind.Section;
    this.nameStart = close == stop ? stop : this.skipSpace(from + 1, close);
    this.nameEnd = close == stop ? stop : trimmed(this.nameStart, close);
    this.canNest = false;
  }

  private property(from: usize, stop: usize): bool {
    let sign = from;
    while (sign < stop && load<u8>(sign) != EQUALS && load<u8>(sign) != COLON) sign++;
    if (sign == stop) return false;
    this.nameStart = from;
    this.nameEnd = trimmed(from, sign);
    this.valueStart = this.skipSpace(sign + 1, stop);
    this.valueEnd = trimmed(this.valueStart, this.commentAt(sign + 1, stop));
    this.valueStart = min(this.valueStart, this.valueEnd);
    return true;
  }

  /** Where a comment begins behind a value: at a # or ; with white space before it. */
  private commentAt(from: usize, stop: usize): usize {
    for (let at = from; at < stop; at++) {
      if (isComment(load<u8>(at)) && load<u8>(at - 1) <= 0x20) return at;
    }
    return stop;
  }

  /** A value goes on in the lines below it that begin with white space. */
  private takeContinuation(): void {
    while (this.at < this.end) {
      const stop = this.lineEnd();
      const from = this.skipSpace(this.at, stop);
      if (from == this.at && from < stop) return;
      this.at = stop + 1;
      if (from < stop && !isComment(load<u8>(from))) this.valueEnd = trimmed(from, stop);
    }
  }

  /** Whether the name is this one, which is in lower case; case does not count in names of properties. */
  isNamed(name: string): bool {
    const length = i32(this.nameEnd - this.nameStart);
    if (length != name.length) return false;
    for (let i = 0; i < length; i++) {
      const byte = load<u8>(this.nameStart + i);
      const lower = byte >= 0x41 && byte <= 0x5a && this.kind != IniKind.Section ? byte | 0x20 : byte;
      if (i32(lower) != name.charCodeAt(i)) return false;
    }
    return true;
  }

  get hasName(): bool {
    return this.nameEnd > this.nameStart;
  }

  /** Bytes of the value. */
  get valueLength(): u32 {
    return u32(this.valueEnd - this.valueStart);
  }

  /** The value without quotes around it. With a line break in it, it goes on in more than one line. */
  get value(): string {
    const start = this.valueStart;
    const length = this.valueLength;
    const quote = length >= 2 ? load<u8>(start) : 0;
    const isQuoted = (quote == 0x22 || quote == 0x27) && load<u8>(this.valueEnd - 1) == quote;
    return String.UTF8.decodeUnsafe(start + usize(isQuoted), length - (isQuoted ? 2 : 0));
  }

  /** Whether this is the section `[name]`, or with a kind `[kind name]`, the name in quotes or not. */
  isSection(kind: string, name: string): bool {
    if (this.kind != IniKind.Section) return false;
    let at = this.nameStart;
    let end = this.nameEnd;
    if (kind != '') {
      if (end - at < usize(kind.length) || !isText(at, kind)) return false;
      const behind = at + kind.length;
      at = this.skipSpace(behind, end);
      if (at == behind) return false;
    }
    const quote = end - at >= 2 ? load<u8>(at) : 0;
    if ((quote == 0x22 || quote == 0x27) && load<u8>(end - 1) == quote) {
      at++;
      end--;
    }
    return String.UTF8.byteLength(name) == i32(end - at) && isUtf8(at, name);
  }
}

function isComment(byte: u8): bool {
  return byte == 0x23 || byte == 0x3b;
}

/** Where white space at the end begins. */
function trimmed(start: usize, end: usize): usize {
  while (end > start && load<u8>(end - 1) <= 0x20) end--;
  return max(start, end);
}

/** Whether an ASCII text stands at `at`. */
function isText(at: usize, text: string): bool {
  for (let i = 0; i < text.length; i++) if (i32(load<u8>(at + i)) != text.charCodeAt(i)) return false;
  return true;
}

function isUtf8(at: usize, text: string): bool {
  const bytes = String.UTF8.encode(text);
  return memory.compare(at, changetype<usize>(bytes), bytes.byteLength) == 0;
}
