// SPDX-License-Identifier: Apache-2.0
// How far a log was read, though it may not be handed over yet: see docs/architecture.md. Times are milliseconds since the
// epoch.
import { Lane } from './lane';

export class Coverage {
  /** All up to here was read by the fast lane; of this very time, perhaps not all. */
  position: i64 = 0;
  /** What is before was read when it was old enough, so that nothing more is expected. */
  settled: i64 = 0;
  // What the fast lane has read when it was old enough, as far as it hangs together.
  private sureFrom: i64 = 0;
  private sureTo: i64 = 0;

  /** `age` from which on nothing more is expected: milliseconds; 0: late events are not looked for. */
  constructor(private age: i64) {}

  begin(position: i64, settled: i64): void {
    this.position = position;
    this.settled = settled;
    this.sureFrom = position;
    this.sureTo = position;
  }

  /** The fast lane has read an event. */
  noteEvent(fast: Lane): void {
    this.position = fast.isOrdered ? max(this.position, fast.newest) : min(this.position, fast.start);
  }

  /** The fast lane has read a page: what was old enough then need not be read again. */
  notePage(fast: Lane): void {
    if (fast.start > this.sureTo) {
      this.sureFrom = fast.start;
      this.sureTo = fast.start;
    }
    this.sureTo = max(this.sureTo, min(this.position, fast.began - this.age));
    this.join();
    if (this.age == 0) this.settled = this.position;
  }

  /** The fast lane has come to the end of a pass. */
  finishFast(fast: Lane): void {
    this.position = max(this.position, fast.newest);
    this.notePage(fast);
  }

  /** The late lane has: it has seen all that was there when it began. */
  finishLate(late: Lane): void {
    this.settled = max(this.settled, min(late.end, late.began - this.age));
    this.join();
  }

  /** What both lanes are sure of hangs together when there is nothing between. */
  private join(): void {
    if (this.sureFrom <= this.settled) this.settled = max(this.settled, this.sureTo);
  }
}
