// SPDX-License-Identifier: Apache-2.0
// The instance metadata service of EC2, version 2: a token by PUT, then role, credentials and place by GET.
import { randomBytes } from 'node:crypto';

import { StandIn, jsonReply, type Asked, type Reply } from '../../support/stand-in.ts';
import type { KeyRing, Session } from './keys.ts';

export interface ImdsOptions {
  keys: KeyRing;
  /** The role's name; undefined: the instance has none, and the list of roles is 404. */
  role?: string;
  region?: string;
  /** How long credentials are good when they are made, in seconds. */
  lifetime?: number;
  /** Also answers without a token, as version 1 does. */
  allowsVersion1?: boolean;
}

const TTL = 'x-aws-ec2-metadata-token-ttl-seconds';
const TOKEN = 'x-aws-ec2-metadata-token';
const MAX_TTL = 21_600;
const ROLES = '/latest/meta-data/iam/security-credentials/';

const text = (status: number, body: string): Reply => ({
  status,
  headers: { 'content-type': 'text/plain' },
  body,
});

/**
 * EC2's metadata. Credentials are those of the last time until `renew` makes new ones, as EC2 does some minutes before
 * the old ones end. A hop limit of 1, which a pod does not get over, is `fail('hang', 1, 'PUT')`; metadata switched off
 * is `fail({ status: 403, body: '' }, …)`.
 */
export class Imds extends StandIn {
  private readonly tokens = new Map<string, number>();
  private session: Session;

  constructor(private readonly options: ImdsOptions) {
    super();
    this.session = this.renew();
  }

  /** The credentials that it gives out now. */
  get current(): Session {
    return this.session;
  }

  /** Makes new credentials; `seconds` is how long they are good. */
  renew(seconds = this.options.lifetime ?? 6 * 3600): Session {
    const arn = `arn:aws:sts::123456789012:assumed-role/${this.options.role}/i-0123456789abcdef0`;
    return (this.session = this.options.keys.issue(seconds, arn));
  }

  /** All tokens are void, as after a restart of the service: the next requests with them get 401. */
  forgetTokens(): void {
    this.tokens.clear();
  }

  protected override answer(asked: Asked): Reply {
    if (asked.path === '/latest/api/token') return this.makeToken(asked);
    if (asked.method !== 'GET') return text(405, '');
    const token = asked.headers[TOKEN];
    const isGood =
      token === undefined ? this.options.allowsVersion1 : (this.tokens.get(token) ?? 0) > asked.time;
    return isGood ? this.get(asked.path) : text(401, '');
  }

  private makeToken({ method, headers, time }: Asked): Reply {
    if (method !== 'PUT') return text(405, '');
    // Requests that came through a proxy get no token.
    if (headers['x-forwarded-for'] !== undefined) return text(403, '');
    const seconds = Number(headers[TTL] ?? 'none');
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_TTL) return text(400, '');
    const token = randomBytes(42).toString('base64');
    this.tokens.set(token, time + seconds * 1000);
    return { status: 200, headers: { 'content-type': 'text/plain', [TTL]: String(seconds) }, body: token };
  }

  private get(path: string): Reply {
    const { role, region = 'eu-west-1' } = this.options;
    if (path === '/latest/meta-data/placement/region') return text(200, region);
    if (path === '/latest/meta-data/placement/availability-zone') return text(200, `${region}a`);
    if (path === '/latest/dynamic/instance-identity/document') return jsonReply(200, { region });
    if (role === undefined) return text(404, '');
    if (path === ROLES || `${path}/` === ROLES) return text(200, role);
    return path === ROLES + role ? this.credentials() : text(404, '');
  }

  private credentials(): Reply {
    const { accessKeyId, secretAccessKey, sessionToken, expires } = this.session;
    const credentials = {
      Code: 'Success',
      LastUpdated: secondsTime(Date.now()),
      Type: 'AWS-HMAC',
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken,
      Expiration: secondsTime(expires),
    };
    return text(200, JSON.stringify(credentials, null, 2));
  }
}

/** RFC 3339 in whole seconds, as AWS writes when credentials end. */
export function secondsTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+/, '');
}
