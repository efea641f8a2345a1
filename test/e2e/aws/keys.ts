// SPDX-License-Identifier: Apache-2.0
// The keys that the stand-ins give out and by which the proxy checks signatures: one ring for all of them.
import { randomBytes } from 'node:crypto';

import type { Keys } from './sigv4.ts';

/** Keys as the endpoints of metadata and containers and STS write them. */
export type Session = Required<Keys>;

/** Who may call. */
export class KeyRing {
  private readonly byId = new Map<string, Keys>();

  /** Lets keys in. */
  add<T extends Keys>(keys: T): T {
    this.byId.set(keys.accessKeyId, keys);
    return keys;
  }

  /**
   * Makes a session and lets it in.
   *
   * @param seconds how long it is good; may be negative: it has ended already
   * @param arn whose it is
   */
  issue(seconds: number, arn: string): Session {
    return this.add({
      accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(300).toString('base64'),
      expires: Date.now() + seconds * 1000,
      arn,
    });
  }

  /** Ends keys now: AWS calls them expired. */
  expire(accessKeyId: string): void {
    const keys = this.byId.get(accessKeyId);
    if (keys !== undefined) this.byId.set(accessKeyId, { ...keys, expires: 0 });
  }

  find(accessKeyId: string): Keys | undefined {
    return this.byId.get(accessKeyId);
  }
}
