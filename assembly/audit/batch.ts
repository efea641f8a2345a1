// SPDX-License-Identifier: Apache-2.0
// The batch: the events that one next_batch hands to Falco, in the shape that libscap expects, each with its
// tape. Nothing in it moves or changes until the next batch begins.
import { memoryBase } from '../host';
import { Body, scannedBodies } from '../json/scan';
import { Node, Tape } from '../json/tape';
import { Block, PADDING } from '../memory';
import { Before, SeenBefore } from '../state/seen_before';
import { HEAD_SIZE, Head } from './head';

/** Bytes in front of the payload in an event: header (26), two parameter lengths (8), plugin id (4). */
export const EVENT_HEADER: u32 = 38;
/** libscap's type of a plugin's event. */
const PLUGIN_EVENT: u16 = 322;

/** Events a batch holds at most. */
export const MAX_EVENTS: u32 = 256;
/** Bytes of events after which a batch is full. One event may go over. */
export const FULL_BYTES: u32 = 1024 * 1024;
/** Bytes that one poll goes through at most, whether they hold events or not: Falco's signals must not wait. */
const WORK_BYTES: i64 = 8 * 1024 * 1024;
/** Memory for what was seen before that a batch keeps for the next one. */
const KEEP_SEEN: u32 = 64 * 1024;
/** Memory that a batch keeps for the next one. */
const KEEP_BYTES: u32 = 2 * FULL_BYTES;

/** Where an event's parts lie, as offsets into the blocks of the batch; its cluster's number, and its bodies. */
@unmanaged
class Slot {
  event: u32;
  tape: u32;
  cluster: u32;
  bodies: Body;
  seen: u32;
}
/** Behind a Slot stand the places of its event's members: see head.ts. */
const SLOT_SIZE: u32 = offsetof<Slot>() + HEAD_SIZE;

export class Batch {
  count: u32 = 0;
  /** The time of the newest event that carries one: nanoseconds since the epoch; 0: there is none. */
  newest: u64 = 0;
  private events: Block = new Block();
  private used: u32 = 0;
  private workLeft: i64 = 0;
  private seenBefore: Block = new Block();
  private seenUsed: u32 = 0;
  private slots: usize = heap.alloc(MAX_EVENTS * SLOT_SIZE);
  /** Where the array of native event addresses stands. */
  readonly pointers: usize = heap.alloc(MAX_EVENTS * 8);
  /** The scanner appends an event's nodes here before `add`. */
  readonly tapes: Tape = new Tape();

  clear(): void {
    this.count = 0;
    this.newest = 0;
    this.used = 0;
    this.workLeft = WORK_BYTES;
    this.tapes.clear();
    this.events.shrink(KEEP_BYTES);
    this.tapes.shrink(KEEP_BYTES);
    this.seenUsed = 0;
    this.seenBefore.shrink(KEEP_SEEN);
  }

  /** Whether this poll is to end: the batch is full, or enough was gone through, or `end` was called. */
  isFull(): bool {
    return this.count == MAX_EVENTS || this.used >= FULL_BYTES || this.workLeft <= 0;
  }

  /** Counts bytes that were gone through. */
  spend(bytes: u32): void {
    this.workLeft -= bytes;
  }

  /** Ends this poll: what comes next must not be in one batch with what came before. */
  end(): void {
    this.workLeft = 0;
  }

  /**
   * Copies an event in, the one that was scanned and observed last. The nodes from `tape` (an offset into `tapes`) on belong to it, with offsets relative
   * to `payload`. `time` is in nanoseconds since the epoch; `cluster` as clusters.ts numbers them.
   */
  add(payload: usize, length: u32, time: u64, tape: u32, cluster: u32): void {
    // In front of the header stands the slot's number, so that an address leads back to its slot.
    const at = ((this.used + 15) & ~15) + 16;
    const size = EVENT_HEADER + length;
    this.used = at + size + PADDING;
    const event = this.events.reserve(this.used) + at;
    store<u32>(event - 4, this.count);
    writeHeader(event, time, length);
    memory.copy(event + EVENT_HEADER, payload, length);
    memory.fill(event + size, 0, PADDING);
    const slot = this.slot(this.count++);
    slot.event = at;
    slot.tape = tape;
    slot.cluster = cluster;
    slot.bodies = scannedBodies;
    slot.seen = this.keepSeen();
    memory.copy(changetype<usize>(slot) + offsetof<Slot>(), Head.table, HEAD_SIZE);
  }

  /** Notes the time that an event carries itself. */
  noteTime(time: u64): void {
    if (time > this.newest) this.newest = time;
  }

  /** Writes the array of native event addresses that next_batch gives to Falco. */
  finish(): void {
    const base = memoryBase() + u64(this.events.address);
    for (let i: u32 = 0; i < this.count; i++) {
      store<u64>(this.pointers + i * 8, base + u64(this.slot(i).event));
    }
  }

  /** The number of the event at this address, or -1: no event of this batch begins there. */
  indexOf(event: usize): i32 {
    const offset = event - this.events.address;
    if (event < this.events.address + 16 || offset >= this.used) return -1;
    const index = load<u32>(event - 4);
    return index < this.count && this.slot(index).event == u32(offset) ? i32(index) : -1;
  }

  /** Where the payload of event `index` starts. */
  payload(index: i32): usize {
    return this.events.address + this.slot(index).event + EVENT_HEADER;
  }

  /** The root node of event `index`. */
  root(index: i32): Node {
    return changetype<Node>(this.tapes.address + this.slot(index).tape);
  }

  /** Where the members at the top level of event `index` are: see Head.nodeAt. */
  head(index: i32): usize {
    return changetype<usize>(this.slot(index)) + offsetof<Slot>();
  }

  /** The number of the cluster of event `index`. */
  cluster(index: i32): u32 {
    return this.slot(index).cluster;
  }

  /** The bodies that event `index` may have. */
  bodies(index: i32): Body {
    return this.slot(index).bodies;
  }

  /** What was seen before of the user and the pod of event `index`. */
  seen(index: i32): SeenBefore {
    return changetype<SeenBefore>(this.seenBefore.address + this.slot(index).seen);
  }

  /** Copies what Seen says of the event; its offset. */
  private keepSeen(): u32 {
    const at = this.seenUsed;
    this.seenUsed = (at + Before.size + 7) & ~7;
    Before.write(this.seenBefore.reserve(this.seenUsed) + at);
    return at;
  }

  private slot(index: u32): Slot {
    return changetype<Slot>(this.slots + index * SLOT_SIZE);
  }
}

/** Writes an event's 38 bytes in libscap's packed layout. Plugin id 0: the framework puts ours there. */
function writeHeader(event: usize, time: u64, length: u32): void {
  store<u64>(event, time);
  store<u64>(event, u64.MAX_VALUE, 8); // thread id: none
  store<u32>(event, EVENT_HEADER + length, 16);
  store<u16>(event, PLUGIN_EVENT, 20);
  store<u32>(event, 2, 22); // parameters
  store<u32>(event, 4, 26);
  store<u32>(event, length, 30);
  store<u32>(event, 0, 34);
}
