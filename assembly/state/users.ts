// SPDX-License-Identifier: Apache-2.0
// What is remembered of users: when each was first seen, and how often it was denied something lately.
import { Counter, counters } from '../counters';
import { NONE, Recent } from './recent';

/** Denials are counted in parts of the window. */
const PARTS: i64 = 30;
const PART: i64 = 10_000_000_000;

@unmanaged
class User {
  /** When the first event of the user happened: nanoseconds since the epoch. */
  first: i64;
  /** The part of time in which the newest denial was. */
  part: i64;
  /** Denials in the window up to that part. */
  denied: u32;
}
/** Behind a User: for each part of the window the denials in it. */
const PART_COUNT: u32 = 4;
export const USER_SIZE: u32 = offsetof<User>() + u32(PARTS) * PART_COUNT;

export class Users {
  readonly table: Recent;
  /** The one that was noted last. */
  private last: u32 = NONE;

  constructor(limit: u32) {
    this.table = new Recent(limit, USER_SIZE);
  }

  /** Notes an event of a user at `time`, nanoseconds since the epoch; gives the time since the first one. */
  note(hash: u64, time: i64): i64 {
    const known = this.table.find(hash);
    this.last = known;
    if (known != NONE) return max(time - this.user(known).first, 0);
    if (this.table.isFull) counters.add(Counter.UsersForgotten, 1);
    this.last = this.table.add(hash);
    const user = this.user(this.last);
    memory.fill(changetype<usize>(user), 0, USER_SIZE);
    user.first = time;
    return 0;
  }

  /** Remembers a user whose first event was at this time. */
  restore(hash: u64, first: i64): void {
    if (this.table.find(hash) == NONE) this.note(hash, first);
  }

  /** The denials in the window up to `time` of the user that was noted last; with this one, if it is one. */
  denials(time: i64, isDenial: bool): u32 {
    const user = this.user(this.last);
    if (user.denied == 0 && !isDenial) return 0;
    const part = time / PART;
    this.goTo(user, part);
    // What comes late counts in its own part; what comes later than the window is long does not.
    if (isDenial && part > user.part - PARTS) {
      this.setCount(user, part, this.count(user, part) + 1);
      user.denied++;
    }
    return user.denied;
  }

  /** Makes `part` the newest of the window, if it is newer. */
  private goTo(user: User, part: i64): void {
    if (part <= user.part) return;
    const gone = min(part - user.part, PARTS);
    for (let i: i64 = 1; i <= gone; i++) {
      user.denied -= this.count(user, user.part + i);
      this.setCount(user, user.part + i, 0);
    }
    user.part = part;
  }

  private count(user: User, part: i64): u32 {
    return load<u32>(this.place(user, part));
  }

  private setCount(user: User, part: i64, count: u32): void {
    store<u32>(this.place(user, part), count);
  }

  /** The window is a ring. */
  private place(user: User, part: i64): usize {
    return changetype<usize>(user) + offsetof<User>() + usize(part % PARTS) * PART_COUNT;
  }

  private user(entry: u32): User {
    return changetype<User>(this.table.value(entry));
  }
}
