// SPDX-License-Identifier: Apache-2.0
// What can be kept of an event that is cut or too large; json/trim.ts says how it is made smaller.
import { Name } from '../json/name';
import { Index, MAX_NODES, ScanError, scan, scanError, scannedMany } from '../json/scan';
import { NODE_SIZE, Node, Tape } from '../json/tape';
import { Step, Trim } from '../json/trim';
import { Head, Shape } from './head';

/** What EKS puts in the place of what it cuts off. */
const EKS_MARK = new Name('[Truncated...]');

/** What became of an event that was cut or too large. */
export const enum Rest {
  /** Nothing of it can be told to be an audit event. */
  Nothing = 0,
  /** An event, but without an auditID: no field would have a value. */
  WithoutId = 1,
  Event = 2,
}

export class Salvage {
  private trim: Trim = new Trim();
  /** Where the nodes of the last event begin in the tapes. */
  tape: u32 = 0;

  /** Where the text of the last event stands. */
  get text(): usize {
    return this.trim.out.address;
  }

  /** Its bytes. */
  get length(): u32 {
    return this.trim.length;
  }

  /** Bytes gone through for it. */
  get work(): u32 {
    return u32(min<u64>(this.trim.work, u32.MAX_VALUE));
  }

  /** Keeps what is whole before the cut of the event at `at`; its text ends at `end` at the latest. */
  ofCut(at: usize, end: usize, size: u32, tapes: Tape, inList: bool): Rest {
    return this.keep(at, endOfText(at, end), size, Step.Nothing, tapes, inList);
  }

  /** Makes the event from `at` to `end` smaller, to `size` bytes and MAX_NODES values. */
  ofOversized(at: usize, end: usize, size: u32, tapes: Tape, inList: bool): Rest {
    return this.keep(at, end, size, Step.Noise, tapes, inList);
  }

  /** The nodes of the event are appended to `tapes`, if it is one; Head is then its. */
  private keep(at: usize, end: usize, size: u32, first: Step, tapes: Tape, inList: bool): Rest {
    if (load<u8>(at) != 0x7b) return Rest.Nothing;
    this.trim.run(at, end, size, first);
    const tape = tapes.top;
    this.tape = tape;
    const text = this.text;
    if (scan(text, text, text + this.length, tapes, Index.Event) == 0) return Rest.Nothing;
    const root = changetype<Node>(tapes.address + tape);
    // The marker is one member; with no other, nothing says that this was an event.
    Head.read(text, root);
    const isEvent = root.span > 2 * NODE_SIZE && Head.shape(inList) == Shape.Event;
    if (isEvent && Head.hasAuditId()) return Rest.Event;
    tapes.top = tape;
    return isEvent ? Rest.WithoutId : Rest.Nothing;
  }
}

/** Where the text of an event that is cut ends: before white space, and before what EKS put there. */
function endOfText(at: usize, end: usize): usize {
  while (end > at && load<u8>(end - 1) <= 0x20) end--;
  const mark = end - EKS_MARK.length;
  return end - at > EKS_MARK.length && EKS_MARK.equals(mark, EKS_MARK.length) ? mark : end;
}

/**
 * Whether what was skipped of the event that was scanned last, whose tape begins at `tape`, has more values than a tape
 * takes.
 */
export function hasTooManyValues(text: usize, tapes: Tape, tape: u32): bool {
  if (!scannedMany) return false;
  const top = tapes.top;
  for (let at = tape + NODE_SIZE; at < top;) {
    const node = changetype<Node>(tapes.address + at);
    at += NODE_SIZE;
    // To index it for this would take four times as long as all the rest, so first it is tried to do without.
    if (!node.lazy || mostValues(text + node.start, text + node.end) <= MAX_NODES) continue;
    const isIndexed = scan(text, text + node.start, text + node.end, tapes, Index.All) != 0;
    tapes.top = top;
    if (!isIndexed && scanError == ScanError.TooManyValues) return true;
  }
  return false;
}

/** A bound on the values in a JSON text: each but the first stands behind a comma or an opening bracket. */
function mostValues(at: usize, end: usize): u32 {
  let count: u32 = 1;
  for (; at < end; at += 16) {
    const bytes = v128.load(at);
    const commas = i8x16.eq(bytes, i8x16.splat(0x2c));
    // `[` and `{` differ in bit 5 only.
    const opens = i8x16.eq(v128.or(bytes, i8x16.splat(0x20)), i8x16.splat(0x7b));
    count += popcnt(i8x16.bitmask(v128.or(commas, opens)));
  }
  return count;
}
