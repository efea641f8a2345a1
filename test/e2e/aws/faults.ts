// SPDX-License-Identifier: Apache-2.0
// Which call gets which fault: by a script, by a quota, or by chance from a seed.
import type { Random } from '../../../scripts/lib/random.mjs';

/** What happens to a call. Those above the line never reach the service; the others do, and their answer suffers. */
export type FaultKind =
  | 'throttled' // ThrottlingException, RequestThrottled, SlowDown; `retryAfter` adds the header
  | 'internal' // 500
  | 'unavailable' // 503
  | 'bad-gateway' // 502 with HTML, as a load balancer says it
  | 'denied' // access denied, with AWS's sentence
  | 'expired-token'
  | 'not-found'
  | 'empty-page' // a page without events or keys, with a token that goes on where it was
  | 'huge' // an answer of `bytes` bytes
  | 'cut-before' // the connection is cut before the service sees the call
  // ---
  | 'cut-after' // the service has done it; the connection is cut before the answer
  | 'cut-within' // the connection is cut in the middle of the answer
  | 'truncated' // the answer is half of its JSON or XML, and says that this is its length
  | 'wrong-type' // 200 with a page in HTML, as a captive portal says it
  | 'slow' // the answer comes after `delay` ms
  | 'dribble'; // the answer comes in `pieces` parts, with `delay` ms between them

export interface Fault {
  kind: FaultKind;
  /** Seconds for the header Retry-After of a throttled call. */
  retryAfter?: number;
  /** Milliseconds. */
  delay?: number;
  /** Of a huge answer; 64 MiB by default. */
  bytes?: number;
  /** Of a dribbling answer; 10 by default. */
  pieces?: number;
}

/** Faults after which a call can be repeated as it was, and which end by themselves. */
export const PASSING_FAULTS: readonly Fault[] = [
  { kind: 'throttled' },
  { kind: 'throttled', retryAfter: 1 },
  { kind: 'internal' },
  { kind: 'unavailable' },
  { kind: 'bad-gateway' },
  { kind: 'cut-before' },
  { kind: 'cut-after' },
  { kind: 'cut-within' },
  { kind: 'truncated' },
  { kind: 'slow', delay: 200 },
  { kind: 'dribble', delay: 20 },
  { kind: 'empty-page' },
];

/** Faults by chance. */
export interface Chance {
  random: Random;
  /** So many of a hundred calls. */
  percent: number;
  faults: readonly Fault[];
  /** Only these operations; undefined: all. */
  operations?: readonly string[];
}

interface Scripted {
  operation: string;
  fault: Fault | undefined;
  left: number;
}

/** Decides about each call, and counts. */
export class FaultPlan {
  private readonly script: Scripted[] = [];
  private readonly recent = new Map<string, number[]>();
  private readonly quotas = new Map<string, number>();
  private chance: Chance | undefined;

  /**
   * The next `count` calls of an operation that no earlier word decides get a fault; `'*'` is any operation, an
   * undefined fault lets them through.
   */
  next(operation: string, fault: Fault | FaultKind | undefined, count = 1): void {
    const given = typeof fault === 'string' ? { kind: fault } : fault;
    this.script.push({ operation, fault: given, left: count });
  }

  /** Calls that the script does not decide get faults by chance; undefined: no more. */
  byChance(chance: Chance | undefined): void {
    this.chance = chance;
  }

  /** An operation that is called more often than `perSecond` times in a second is throttled, as by AWS's quotas. */
  quota(operation: string, perSecond: number): void {
    this.quotas.set(operation, perSecond);
  }

  /** Forgets script, chance and quotas. */
  clear(): void {
    this.script.length = 0;
    this.quotas.clear();
    this.chance = undefined;
  }

  /**
   * The fault of a call that is made now.
   *
   * @param now milliseconds
   */
  decide(operation: string, now: number): Fault | undefined {
    const at = this.script.findIndex((each) => each.operation === '*' || each.operation === operation);
    const scripted = this.script[at];
    if (scripted !== undefined) {
      if (--scripted.left === 0) this.script.splice(at, 1);
      return scripted.fault;
    }
    if (this.isOverQuota(operation, now)) return { kind: 'throttled' };
    return this.draw(operation);
  }

  private isOverQuota(operation: string, now: number): boolean {
    const quota = this.quotas.get(operation);
    if (quota === undefined) return false;
    const recent = (this.recent.get(operation) ?? []).filter((time) => now - time < 1000);
    const isOver = recent.length >= quota;
    if (!isOver) recent.push(now);
    this.recent.set(operation, recent);
    return isOver;
  }

  private draw(operation: string): Fault | undefined {
    if (this.chance === undefined) return undefined;
    const { random, percent, faults, operations } = this.chance;
    if (operations !== undefined && !operations.includes(operation)) return undefined;
    return random.below(100) < percent ? random.pick(faults) : undefined;
  }
}
