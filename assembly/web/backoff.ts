// SPDX-License-Identifier: Apache-2.0
// How long to wait before something that failed is tried again: twice as long each time, up to a bound, and by chance
// between half of that and all of it, so that many who failed together do not come together again.
import * as host from '../host';

const NANOSECONDS_PER_MILLISECOND: i64 = 1_000_000;

export class Backoff {
  private failures: u32 = 0;
  private next: i64 = 0;

  /** Milliseconds. */
  constructor(
    private first: u32,
    private most: u32,
  ) {}

  /** It has failed: what is due then is put off by at least `atLeast` milliseconds. Gives the milliseconds. */
  fail(atLeast: u32 = 0): u32 {
    const doubled = u64(this.first) << min<u64>(this.failures++, 20);
    const whole = u32(min<u64>(doubled, this.most));
    const chance = memory.data(4, 4);
    host.randomBytes(chance, 4);
    const half = whole / 2;
    const wait = max(half + (load<u32>(chance) % (half + 1)), atLeast);
    this.next = host.monotonic() + i64(wait) * NANOSECONDS_PER_MILLISECOND;
    return wait;
  }

  /** It went well: the next failure is the first again. */
  succeed(): void {
    this.failures = 0;
    this.next = 0;
  }

  isDue(): bool {
    return this.next == 0 || host.monotonic() >= this.next;
  }
}
