// SPDX-License-Identifier: Apache-2.0
// How often requests are made: never more often than a quota allows, and less often for a while when the service says that
// it was too often.
import * as host from '../host';

const NANOSECONDS_PER_MILLISECOND: i64 = 1_000_000;

export class Pace {
  private gap: u32;
  private next: i64 = 0;

  /** Milliseconds between the beginnings of two requests: at least, and at most when the service wants fewer. */
  constructor(
    private least: u32,
    private most: u32,
  ) {
    this.gap = least;
  }

  isDue(): bool {
    return this.next == 0 || host.monotonic() >= this.next;
  }

  /** A request begins. */
  begin(): void {
    this.next = host.monotonic() + i64(this.gap) * NANOSECONDS_PER_MILLISECOND;
  }

  /** There were too many: half as often. */
  slower(): void {
    this.gap = min(this.gap * 2, this.most);
  }

  /** One went well: an eighth less between two. */
  faster(): void {
    this.gap = max(this.gap - this.gap / 8, this.least);
  }
}
