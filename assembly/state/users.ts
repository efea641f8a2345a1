// SPDX-License-Identifier: Apache-2.0
// What is remembered of users: when each was first seen, and how often it was denied something lately.
import { Counter, counters } from '../counters';
import { Current, Recent } from './recent';

/** Denials are counted in parts of the window. */
const PARTS: i64 = 30;
const PART: i64 = 10_000_000_000;

@unmanaged
export class User {
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

  constructor(limit: u32) {
    this.table = new Recent(limit, USER_SIZE);
  }

  /** Makes these the users that findCurrent looks for. */
  becomeCurrent(): void {
    this.table.becomeCurrent();
  }

  /** The same as find, in place, for those that are current. */
  @inline
  findCurrent(hash: u64): User | null {
    return changetype<User | null>(Current.find(this.table, hash));
  }

  /** The user with this hash, until the next one is added; null when it is not known. */
  find(hash: u64): User | null {
    return changetype<User | null>(this.table.find(hash));
  }

  /** Remembers a user that is not known, whose first event was at `time`, nanoseconds since the epoch. */
  add(hash: u64, time: i64): User {
    counters.add(this.table.isFull ? Counter.UsersForgotten : Counter.UsersKnown, 1);
    const user = changetype<User>(this.table.add(hash));
    memory.fill(changetype<usize>(user), 0, USER_SIZE);
    user.first = time;
    return user;
  }
}

/** The denials of a user, in parts of a window of time. */
export class Denials {
  /** Those in the window up to `time`; with this one, if it is one. */
  static count(user: User, time: i64, isDenial: bool): u32 {
    if (user.denied == 0 && !isDenial) return 0;
    const part = time / PART;
    Denials.goTo(user, part);
    // What comes late counts in its own part; what comes later than the window is long does not.
    if (isDenial && part > user.part - PARTS) {
      const place = Denials.place(user, part);
      store<u32>(place, load<u32>(place) + 1);
      user.denied++;
    }
    return user.denied;
  }

  /** Makes `part` the newest of the window, if it is newer. */
  private static goTo(user: User, part: i64): void {
    if (part <= user.part) return;
    const gone = min(part - user.part, PARTS);
    for (let i: i64 = 1; i <= gone; i++) {
      const place = Denials.place(user, user.part + i);
      user.denied -= load<u32>(place);
      store<u32>(place, 0);
    }
    user.part = part;
  }

  /** Where the denials of a part are counted: the window is a ring. */
  private static place(user: User, part: i64): usize {
    return changetype<usize>(user) + offsetof<User>() + usize(part % PARTS) * PART_COUNT;
  }
}
