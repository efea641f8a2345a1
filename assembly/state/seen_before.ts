// SPDX-License-Identifier: Apache-2.0

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
