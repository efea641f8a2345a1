// SPDX-License-Identifier: Apache-2.0
import { MAX_RECORD } from './draft';

/** What is known of the pod that a session is opened in. */
export const enum PodKnown {
  /** The event opens no session in a pod, or pods are not remembered. */
  NotAsked = 0,
  Unknown = 1,
  Known = 2,
}

/** What earlier events showed of an event's user and pod; behind it stands the pod's record, if it is known (pods.ts). */
@unmanaged
export class SeenBefore {
  /** Nanoseconds since the first event of this user, or NO_AGE. */
  age: i64;
  /** Answers 401 and 403 to this user lately, or NO_COUNT. */
  denied: u32;
  pod: PodKnown;
  /** Bytes of this, with the record. */
  size: u32;

  get record(): usize {
    return changetype<usize>(this) + offsetof<SeenBefore>();
  }

  get recordLength(): u32 {
    return this.size - offsetof<SeenBefore>();
  }
}

export const NO_AGE: i64 = -1;
export const NO_COUNT: u32 = u32.MAX_VALUE;

/** The same of the event that was observed last. All static, for the reason that Document gives. */
export class Before {
  static age: i64 = NO_AGE;
  static denied: u32 = NO_COUNT;
  static pod: PodKnown = PodKnown.NotAsked;
  static recordLength: u32 = 0;
  static readonly record: usize = heap.alloc(MAX_RECORD);

  /** Bytes of what `write` writes. */
  static get size(): u32 {
    return offsetof<SeenBefore>() + Before.recordLength;
  }

  @inline
  static write(to: usize): void {
    const seen = changetype<SeenBefore>(to);
    seen.age = Before.age;
    seen.denied = Before.denied;
    seen.pod = Before.pod;
    seen.size = Before.size;
    if (Before.recordLength != 0) memory.copy(seen.record, Before.record, Before.recordLength);
  }
}
