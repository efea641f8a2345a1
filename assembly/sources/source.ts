// SPDX-License-Identifier: Apache-2.0
// What every source is: a small state machine over the host's capabilities. It never throws for what the
// outside did, and it owns its retries. plugin.ts calls it in this order, for ever:
//
//   ack()       Falco has finished every event handed over before: acknowledge them to where they came from
//   poll()      put what has arrived into the batch until it is full; wait for it at most `patience` milliseconds
//   handOver()  the batch, which may be empty, goes to Falco now: note in the survivor region how to go on after a
//               trap. Also called once when the source was opened.
//
// After a trap a new instance opens the same source again; `survivor.open` is then 1, and the source goes on
// from what handOver noted, without the element that was being read when the trap came. What a source reads
// between two handOvers is of one file: it ends the batch where it goes from one to the next.
import { Batch } from '../audit/batch';

export const enum Poll {
  /** There is, or may come, more. */
  Open = 0,
  /** The source has ended and the batch holds its last events. */
  End = 1,
}

export abstract class Source {
  abstract poll(batch: Batch, patience: i32): Poll;
  abstract handOver(): void;
  abstract ack(): void;
  abstract close(): void;

  /** How far a finite source is, in 1/100 %, or 0. */
  progress(): u32 {
    return 0;
  }

  /** The progress in words, or an empty string. */
  progressText(): string {
    return '';
  }
}
