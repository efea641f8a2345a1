// SPDX-License-Identifier: Apache-2.0
// The endpoints that give credentials to containers: ECS's, and the agent of EKS Pod Identity, which wants a token.
import { StandIn, jsonReply, type Asked, type Reply } from '../../support/stand-in.ts';
import { secondsTime } from './imds.ts';
import type { KeyRing, Session } from './keys.ts';

export interface ContainerOptions {
  keys: KeyRing;
  /** What Authorization has to be; undefined: anything, as with ECS. */
  token?: string;
  /** How long credentials are good when they are made, in seconds. */
  lifetime?: number;
}

/**
 * Credentials of a container, at any path of ECS (`/v2/credentials/ID`) and at Pod Identity's `/v1/credentials`.
 * Credentials are those of the last time until `renew`.
 */
export class ContainerCredentials extends StandIn {
  private token: string | undefined;
  private session: Session;

  constructor(private readonly options: ContainerOptions) {
    super();
    this.token = options.token;
    this.session = this.renew();
  }

  /** The credentials that it gives out now. */
  get current(): Session {
    return this.session;
  }

  /** Makes new credentials; `seconds` is how long they are good. */
  renew(seconds = this.options.lifetime ?? 6 * 3600): Session {
    const arn = 'arn:aws:sts::123456789012:assumed-role/falco/eks-prod-falco-0';
    return (this.session = this.options.keys.issue(seconds, arn));
  }

  /** From now on only this token is taken, as when kubelet has rotated the projected one. */
  rotateToken(token: string): void {
    this.token = token;
  }

  protected override answer({ method, path, headers }: Asked): Reply {
    if (method !== 'GET') return jsonReply(405, { message: 'only GET' });
    if (!/^\/v\d\/credentials(\/|$)/.test(path)) return jsonReply(404, { message: `there is no ${path}` });
    if (this.token !== undefined && headers['authorization'] !== this.token) {
      return {
        status: 401,
        headers: { 'content-type': 'text/plain' },
        body: 'Unauthorized: the token is not valid',
      };
    }
    const { accessKeyId, secretAccessKey, sessionToken, expires } = this.session;
    return jsonReply(200, {
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken,
      AccountId: '123456789012',
      Expiration: secondsTime(expires),
    });
  }
}
