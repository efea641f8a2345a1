// SPDX-License-Identifier: Apache-2.0
// What plugin_get_metrics shows. A counter's number is its place in the survivor region; its name and meaning
// stand in METRICS below, in the same order.
import { COUNTERS, survivorAddress } from './survivor';

export const enum Counter {
  EventsReceived = 0,
  EventsDelivered = 1,
  BytesReceived = 2,
  Batches = 3,
  DroppedInvalid = 4,
  DroppedNotAudit = 5,
  DroppedTooLarge = 6,
  DroppedTrap = 7,
  WithoutTime = 8,
  FieldErrors = 9,
  SourceErrors = 10,
  Rotations = 11,
  HttpAnswers2xx = 12,
  HttpAnswers4xx = 13,
  HttpAnswers5xx = 14,
  /** Counted by native/plugin.c. */
  Traps = 15,
}

/** A metric's name, and what it counts. */
export class Metric {
  constructor(
    public name: string,
    public description: string,
  ) {}
}

export const METRICS: Metric[] = [
  new Metric('events_received', 'elements found in what the source brought, good or not'),
  new Metric('events_delivered', 'events handed to Falco'),
  new Metric('bytes_received', 'bytes read from the source, after decompression'),
  new Metric('batches', 'batches handed to Falco'),
  new Metric('events_dropped_invalid_json', 'elements dropped because they are not JSON'),
  new Metric('events_dropped_not_audit', 'elements dropped because they are not audit events'),
  new Metric('events_dropped_too_large', 'events or lines dropped because they are above the size limit'),
  new Metric('events_dropped_trap', 'elements dropped because reading them ended in a trap'),
  new Metric('events_without_time', 'events delivered with the time of arrival because they carry none'),
  new Metric(
    'field_errors',
    'fields left without a value because the body is not JSON or the values are too large in all',
  ),
  new Metric('source_errors', 'failed attempts to open or read the source'),
  new Metric('file_rotations', 'rotations or truncations of the followed file'),
  new Metric('http_answers_2xx', 'webhook requests acknowledged'),
  new Metric('http_answers_4xx', 'webhook requests refused'),
  new Metric('http_answers_5xx', 'webhook requests that could not be taken now'),
  new Metric('traps', 'internal errors that were caught and recovered from'),
];

class Counters {
  // Counted since the last commit. What a trap interrupts is read, and counted, again.
  private pending: StaticArray<u64> = new StaticArray<u64>(COUNTERS);

  add(counter: Counter, amount: u64): void {
    this.pending[<i32>counter] += amount;
  }

  /** Counts an element that came and is not delivered, for this reason. */
  drop(reason: Counter): void {
    this.add(Counter.EventsReceived, 1);
    this.add(reason, 1);
  }

  // What was pending at the last mark.
  private marked: StaticArray<u64> = new StaticArray<u64>(COUNTERS);

  /** Begins a part that may be committed alone. */
  mark(): void {
    memory.copy(changetype<usize>(this.marked), changetype<usize>(this.pending), COUNTERS * 8);
  }

  /** Commits what was counted since the mark: it does not come again after a trap. */
  commitMarked(): void {
    for (let i = 0; i < METRICS.length; i++) {
      this.addAtOnce(<Counter>i, this.pending[i] - this.marked[i]);
      this.pending[i] = this.marked[i];
    }
  }

  /** Counts what no trap makes come again. */
  addAtOnce(counter: Counter, amount: u64): void {
    const at = survivorAddress() + <usize>counter * 8;
    store<u64>(at, load<u64>(at) + amount);
  }

  /** Makes what was counted visible, and lasting across a trap. */
  commit(): void {
    for (let i = 0; i < METRICS.length; i++) {
      this.addAtOnce(<Counter>i, this.pending[i]);
      this.pending[i] = 0;
      this.marked[i] = 0;
    }
  }
}

export const counters = new Counters();
