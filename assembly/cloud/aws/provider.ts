// SPDX-License-Identifier: Apache-2.0
// A place that credentials come from. Asking it is a state machine: begin, then take turns until it has ended.
import { Credentials } from './credentials';

export abstract class Provider {
  /** What it gave, or null: see `problem`. */
  credentials: Credentials | null = null;
  /** Why it gave nothing, for people; without secrets. */
  problem: string = '';
  /** Milliseconds to wait that the service asked for; 0: it did not say. */
  retryAfter: u32 = 0;

  /** `origin` tells the place, for the log: words without secrets. */
  constructor(readonly origin: string) {}

  /** Asks; what it gave before is gone. */
  begin(): void {
    this.credentials = null;
    this.problem = '';
    this.retryAfter = 0;
    this.start();
  }

  protected abstract start(): void;
  /** Goes on; true when it has ended. */
  abstract turn(): bool;
  /** Lets go of what is open. */
  abstract close(): void;

  /** Takes credentials if they can be used. */
  protected give(credentials: Credentials): bool {
    const fault = credentials.fault();
    if (fault != '') return this.fail(fault);
    this.credentials = credentials;
    return true;
  }

  protected fail(problem: string): bool {
    this.problem = problem;
    return true;
  }
}

/** Keys that stand somewhere. */
export class StaticKeys extends Provider {
  constructor(
    origin: string,
    private keyId: string,
    private secret: string,
    private token: string,
  ) {
    super(origin);
  }

  protected start(): void {
    const credentials = new Credentials(this.keyId, this.secret, this.origin);
    credentials.token = this.token;
    this.give(credentials);
  }

  turn(): bool {
    return true;
  }

  close(): void {}
}

/** A service's words without a secret that it was sent, should it repeat it. */
export function without(text: string, secret: string): string {
  return secret == '' ? text : text.replaceAll(secret, '…');
}
