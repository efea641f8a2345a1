// SPDX-License-Identifier: Apache-2.0
// Where to go on behind a broken element. The common damage is a cut line among whole ones (JSON Lines): it must cost
// only its own line. A JSON text can hold no line break inside a string, so the next line is always a sound place.
import { lineEnd, skipContainer, skipTo } from '../json/skip';

/**
 * How much may be looked at in vain in a payload: so many times its length, plus so many bytes. What is damaged
 * more than that is given up, because finding its good elements would cost the square of its length.
 */
const VAIN_FACTOR: u64 = 4;
const VAIN_BYTES: u64 = 64 * 1024;

/** The quote that ends the string whose first byte is at `at`, or `end`. */
function closingQuote(at: usize, end: usize): usize {
  for (; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == 0x22) return at;
    if (byte == 0x5c) at++;
  }
  return end;
}

export class Resync {
  /** Set once an element was broken beyond its line: from then on a line that looks whole is read alone. */
  isCareful: bool = false;
  /** Set when too much was looked at in vain. */
  isHopeless: bool = false;
  private start: usize = 0;
  private end: usize = 0;
  private vain: u64 = 0;
  // The line that was looked at last.
  private lineFrom: usize = 0;
  private line: usize = 0;
  private isNextNew: bool = false; // see isNewElement; of `line`, once isNextKnown
  private isNextKnown: bool = false;

  begin(start: usize, end: usize): void {
    this.start = start;
    this.end = end;
    this.vain = 0;
    this.lineFrom = 0;
    this.line = 0;
    this.isCareful = false;
    this.isHopeless = false;
  }

  /** The end of the line that `at` stands in. Remembered: a line may hold very many elements. */
  lineOf(at: usize): usize {
    if (at < this.lineFrom || at > this.line) {
      this.lineFrom = at;
      this.line = lineEnd(at, this.end);
      this.isNextKnown = false;
    }
    return this.line;
  }

  /** Where an element that begins at `at` has to end: its line's end, when the next line begins a new element. */
  limitOf(at: usize): usize {
    if (!this.isCareful) return this.end;
    const line = this.lineOf(at);
    return this.isNewElement() ? line : this.end;
  }

  /** Whether the line behind `line` that is not empty begins with an object or array, or there is none. */
  private isNewElement(): bool {
    if (!this.isNextKnown) {
      this.isNextNew = this.beginsElement(this.line);
      this.isNextKnown = true;
    }
    return this.isNextNew;
  }

  private beginsElement(at: usize): bool {
    while (at < this.end && (load<u8>(at) == 0x0a || load<u8>(at) == 0x0d)) at++;
    if (at >= this.end) return true;
    const byte = load<u8>(at);
    return byte == 0x7b || byte == 0x5b;
  }

  /** Where to go on behind the element at `element`, whose scan failed at `error`: always further on. */
  behind(element: usize, error: usize, inArray: bool): usize {
    const line = this.lineOf(element);
    const byte = load<u8>(element);
    if (byte != 0x7b && byte != 0x5b)
      return inArray ? this.behindAtom(element, error, line) : this.behindLine(line);
    const onLine = skipContainer(element, line);
    if (onLine != 0) return onLine;
    if (error > line) {
      this.isCareful = true;
      this.spend(error - element);
      if (!this.isNewElement()) return this.behindLines(element, line);
    }
    return this.behindLine(line);
  }

  /** A bad string or number in an array: up to the next comma or bracket of its line, behind the string. */
  private behindAtom(element: usize, error: usize, line: usize): usize {
    const from = load<u8>(element) == 0x22 ? closingQuote(element + 1, line) : error;
    for (let at = from; at < line; at++) {
      const byte = load<u8>(at);
      if (byte == 0x2c || byte == 0x5d) return at;
    }
    return this.behindLine(line);
  }

  /** A container over several lines: behind its bracket, if its brackets match. */
  private behindLines(element: usize, line: usize): usize {
    const behind = skipContainer(element, this.end);
    if (behind != 0) return behind;
    this.spend(this.end - element);
    return this.behindLine(line);
  }

  /** Where the object that a list's items stand in ends, from `at` behind the items; 0 when it does not. */
  behindItems(at: usize): usize {
    const line = this.lineOf(at);
    const onLine = skipTo(at, line, 1);
    if (onLine != 0 || this.isNewElement()) return onLine;
    const behind = skipTo(at, this.end, 1);
    if (behind == 0) this.spend(this.end - at);
    return behind;
  }

  /** The start of the line behind the line break at `line`. */
  behindLine(line: usize): usize {
    return min(line + 1, this.end);
  }

  private spend(bytes: usize): void {
    this.vain += u64(bytes);
    this.isHopeless = this.vain > VAIN_FACTOR * u64(this.end - this.start) + VAIN_BYTES;
  }
}
