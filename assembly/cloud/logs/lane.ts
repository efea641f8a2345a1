// SPDX-License-Identifier: Apache-2.0
// Passes over spans of a log's time, one after the other, each page by page.
import { hashOfText } from '../../state/hash';

export class Lane {
  /** Whether a pass goes on. */
  isOpen: bool = false;
  /** Whether the page that is asked for or read is its last. */
  isEnding: bool = false;
  /** The span, both ends in it: milliseconds since the epoch. */
  start: i64 = 0;
  end: i64 = 0;
  /** When its first page was asked for, by the wall clock: milliseconds since the epoch. */
  began: i64 = 0;
  /** Of the next page; empty: the first one. */
  token: string = '';
  /** Up to where it has come: the newest time of an event. */
  newest: i64 = 0;
  /** Whether its events came in the order of their times so far. */
  isOrdered: bool = true;
  /** Pages that came, and those of them that brought something new. */
  pages: u32 = 0;
  fruitful: u32 = 0;
  /** Whether the page that is read has. */
  hasNews: bool = false;
  // Finds tokens that come again, in whatever cycle (Brent): the hash of one, which is compared with those behind it
  // until there were as many again as before it.
  private landmark: u64 = 0;
  private steps: u32 = 0;
  private stride: u32 = 1;

  begin(start: i64, end: i64, now: i64): void {
    this.isOpen = true;
    this.isEnding = false;
    this.start = start;
    this.end = end;
    this.began = now;
    this.token = '';
    this.newest = start;
    this.isOrdered = true;
    this.pages = 0;
    this.fruitful = 0;
    this.hasNews = false;
    this.landmark = 0;
    this.steps = 0;
    this.stride = 1;
  }

  /** A page has come, with the next one's token or none; false when that token was there before. */
  turnPage(token: string): bool {
    this.hasNews = false;
    this.pages++;
    this.isEnding = token == '';
    this.token = token;
    if (this.isEnding) return true;
    const hash = hashOfText(token);
    if (hash == this.landmark) return false;
    if (++this.steps == this.stride) {
      this.landmark = hash;
      this.steps = 0;
      this.stride *= 2;
    }
    return true;
  }

  /** An event was read, or known already. */
  note(time: i64, isNew: bool): void {
    if (time < this.newest) this.isOrdered = false;
    else this.newest = time;
    if (!isNew || this.hasNews) return;
    this.hasNews = true;
    this.fruitful++;
  }

  /** The pass is over, or given up. */
  close(): void {
    this.isOpen = false;
    this.isEnding = false;
    this.token = '';
  }
}
