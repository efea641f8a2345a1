// SPDX-License-Identifier: Apache-2.0
// AWS's token service: AssumeRole with a signature that is checked, AssumeRoleWithWebIdentity with a token that is, and
// sessions that end as soon as a test wants. moto's gives a session to whoever asks.
import { randomUUID } from 'node:crypto';

import { StandIn, type Asked, type Reply } from '../../support/stand-in.ts';
import type { ServerIdentity } from '../../support/server.ts';
import { secondsTime } from './imds.ts';
import type { KeyRing, Session } from './keys.ts';
import { callOf, errorAnswer, errorOf, refusalError, type Call, type ServiceError } from './protocol.ts';
import { isRefusal, verify, type WireRequest } from './sigv4.ts';

/** Who may take a role. */
export interface Role {
  /** Web identity tokens; undefined: none may. */
  webIdentityTokens?: string[];
  /** ARNs of those who may assume it by their signature. */
  trusted?: string[];
  externalId?: string;
}

export interface StsOptions {
  keys: KeyRing;
  /** By ARN, `arn:aws:iam::123456789012:role/NAME`. */
  roles: Record<string, Role>;
  region?: string;
  /** How long sessions are good, in seconds, whatever was asked for; undefined: as was asked. */
  lifetime?: number;
  identity?: ServerIdentity;
}

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';
const [MIN_DURATION, MAX_DURATION, DEFAULT_DURATION] = [900, 43_200, 3600];

/** The token service. A session that it gives is in the ring, so that the proxy knows it. */
export class Sts extends StandIn {
  /** The sessions that were given, in order. */
  readonly sessions: Session[] = [];
  private readonly expiredTokens = new Set<string>();
  private readonly errors: ServiceError[] = [];

  constructor(private readonly options: StsOptions) {
    super(options.identity);
  }

  /** Web identity tokens of before are taken no more, because they have expired. */
  expireToken(token: string): void {
    this.expiredTokens.add(token);
  }

  /** The next calls get an error, such as `{ status: 400, code: 'IDPCommunicationError', message: '…' }`. */
  failWith(error: ServiceError, count = 1): void {
    for (let left = count; left > 0; left--) this.errors.push(error);
  }

  protected override answer(asked: Asked): Reply {
    const wire = wireOf(asked);
    const call = callOf(wire, { account: '123456789012', region: this.region });
    const result = this.errors.shift() ?? this.assume(call, wire, asked.time);
    if ('code' in result) {
      const { status, headers, body } = errorAnswer(call, result, randomUUID());
      return { status, headers, body: body.toString() };
    }
    this.sessions.push(result);
    return { status: 200, headers: { 'content-type': 'text/xml' }, body: answerText(call, result) };
  }

  private get region(): string {
    return this.options.region ?? 'eu-west-1';
  }

  private assume(call: Call, wire: WireRequest, now: number): Session | ServiceError {
    const { operation, parameters } = call;
    const isWeb = operation === 'AssumeRoleWithWebIdentity';
    if (parameters['Version'] !== '2011-06-15' || (!isWeb && operation !== 'AssumeRole')) {
      return { status: 400, code: 'InvalidAction', message: `Could not find operation ${operation}` };
    }
    const invalid = invalidParameter(parameters);
    if (invalid !== undefined) return { status: 400, code: 'ValidationError', message: invalid };
    const role = this.options.roles[String(parameters['RoleArn'])];
    const error = isWeb ? this.webError(parameters, role) : this.signatureError(call, wire, role, now);
    if (error !== undefined) return error;
    const name = String(parameters['RoleArn']).replace(/.*\//, '');
    const arn = `arn:aws:sts::123456789012:assumed-role/${name}/${parameters['RoleSessionName']}`;
    const seconds = this.options.lifetime ?? Number(parameters['DurationSeconds'] ?? DEFAULT_DURATION);
    return this.options.keys.issue(seconds, arn);
  }

  private webError(parameters: Call['parameters'], role: Role | undefined): ServiceError | undefined {
    const token = String(parameters['WebIdentityToken'] ?? '');
    if (this.expiredTokens.has(token)) {
      return {
        status: 400,
        code: 'ExpiredTokenException',
        message: 'Token expired: current date/time must be before the expiration date/time',
      };
    }
    if (token.split('.').length !== 3) {
      const message =
        'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)';
      return { status: 400, code: 'InvalidIdentityToken', message };
    }
    if (role?.webIdentityTokens?.includes(token)) return undefined;
    const message = 'Not authorized to perform sts:AssumeRoleWithWebIdentity';
    return { status: 403, code: 'AccessDenied', message };
  }

  private signatureError(
    call: Call,
    wire: WireRequest,
    role: Role | undefined,
    now: number,
  ): ServiceError | undefined {
    const find = (id: string) => this.options.keys.find(id);
    const keys = verify(wire, { find, now, region: this.region, service: 'sts' });
    if (isRefusal(keys)) return refusalError(call, keys);
    const isTrusted =
      role?.trusted?.includes(keys.arn ?? '') && role.externalId === call.parameters['ExternalId'];
    return isTrusted ? undefined : errorOf(call, 'denied', { arn: keys.arn });
  }
}

function invalidParameter(parameters: Call['parameters']): string | undefined {
  const { RoleArn, RoleSessionName, DurationSeconds, ExternalId } = parameters;
  const fails = (what: string) => `1 validation error detected: ${what}`;
  if (!/^arn:aws[a-z-]*:iam::\d{12}:role\/.+/.test(String(RoleArn ?? ''))) return `${RoleArn} is invalid`;
  if (!/^[\w+=,.@-]{2,64}$/.test(String(RoleSessionName ?? ''))) return fails("Value at 'roleSessionName'");
  if (ExternalId !== undefined && !/^[\w+=,.@:/-]{2,1224}$/.test(String(ExternalId))) {
    return fails("Value at 'externalId'");
  }
  const seconds = Number(DurationSeconds ?? DEFAULT_DURATION);
  return seconds >= MIN_DURATION && seconds <= MAX_DURATION ? undefined : fails("Value at 'durationSeconds'");
}

function wireOf({ method, path, query, headers, body }: Asked): WireRequest {
  const target = query.size === 0 ? path : `${path}?${query}`;
  return { method, target, headers: Object.entries(headers), body: Buffer.from(body) };
}

function answerText(
  { operation }: Call,
  { accessKeyId, secretAccessKey, sessionToken, expires, arn }: Session,
) {
  return (
    `<${operation}Response xmlns="${NAMESPACE}">\n  <${operation}Result>\n` +
    `    <AssumedRoleUser>\n      <AssumedRoleId>AROAEXAMPLE:falco</AssumedRoleId>\n      <Arn>${arn}</Arn>\n` +
    '    </AssumedRoleUser>\n    <Credentials>\n' +
    `      <AccessKeyId>${accessKeyId}</AccessKeyId>\n      <SecretAccessKey>${secretAccessKey}</SecretAccessKey>\n` +
    `      <SessionToken>${sessionToken}</SessionToken>\n      <Expiration>${secondsTime(expires)}</Expiration>\n` +
    `    </Credentials>\n  </${operation}Result>\n` +
    `  <ResponseMetadata>\n    <RequestId>${randomUUID()}</RequestId>\n  </ResponseMetadata>\n</${operation}Response>\n`
  );
}
