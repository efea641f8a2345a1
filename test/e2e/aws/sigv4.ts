// SPDX-License-Identifier: Apache-2.0
// AWS's Signature Version 4 as a service checks it: written from the published algorithm, independently of what signs in
// the plugin. The credentials stand in the Authorization header; pre-signed URLs are not for programs like ours.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** A request as it is on the wire. */
export interface WireRequest {
  method: string;
  /** Path and query, encoded as they were sent. */
  target: string;
  /** Name and value, in the order in which they came; names in any case, repeated ones apart. */
  headers: readonly (readonly [string, string])[];
  body: Uint8Array;
}

/** Who may sign. */
export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
  /** Has to come with each request, if there is one. */
  sessionToken?: string;
  /** When they end, in milliseconds since 1970; undefined: never. */
  expires?: number;
  /** ARN of the user or session that they belong to. */
  arn?: string;
}

/** Why a request is refused, and what a developer needs to find the mistake. */
export interface Refusal {
  reason:
    | 'missing' // no Authorization header
    | 'malformed' // not as the algorithm has it, or a header that has to be signed is not
    | 'unknown-key'
    | 'wrong-token'
    | 'expired-token'
    | 'skewed' // signed at another time than now
    | 'wrong-scope' // for another region or service
    | 'wrong-body' // x-amz-content-sha256 is another body's
    | 'mismatch';
  detail: string;
}

/** How the path goes into the signature. */
export interface PathRules {
  /** `.`, `..` and empty segments are resolved. S3 leaves them. */
  normalize: boolean;
  /** What is on the wire is encoded once more. S3 does not. */
  encodeAgain: boolean;
}

export const S3_PATHS: PathRules = { normalize: false, encodeAgain: false };
export const OTHER_PATHS: PathRules = { normalize: true, encodeAgain: true };

/** How far a request's time may be from the server's, in milliseconds. S3 allows three times as much. */
const MAX_SKEW = 5 * 60_000;
const ALGORITHM = 'AWS4-HMAC-SHA256';

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

function hmac(key: string | Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** Every byte but the unreserved characters as %XX; `keep` are further characters that stay. */
function encode(content: Uint8Array | string, keep = ''): string {
  let encoded = '';
  for (const byte of Buffer.from(content)) {
    const character = String.fromCharCode(byte);
    const stays = /[A-Za-z0-9._~-]/.test(character) || keep.includes(character);
    encoded += stays ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** The bytes of a percent-encoded text; a % without two digits stays. */
function decode(text: string): Buffer {
  const bytes = Buffer.from(text);
  const parts: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    const digits = bytes.toString('latin1', i + 1, i + 3);
    if (bytes[i] === 0x25 && /^[0-9a-f]{2}$/i.test(digits)) {
      parts.push(parseInt(digits, 16));
      i += 2;
    } else {
      parts.push(bytes[i] ?? 0);
    }
  }
  return Buffer.from(parts);
}

function canonicalPath(path: string, { normalize, encodeAgain }: PathRules): string {
  let resolved = path;
  if (normalize) {
    const segments: string[] = [];
    for (const segment of path.split('/')) {
      if (segment === '..') segments.pop();
      else if (segment !== '' && segment !== '.') segments.push(segment);
    }
    const isFolder = segments.length > 0 && /(\/|\/\.|\/\.\.)$/.test(path);
    resolved = `/${segments.join('/')}${isFolder ? '/' : ''}`;
  }
  return encode(encodeAgain ? resolved : decode(resolved), '/');
}

function canonicalQuery(query: string): string {
  const pairs = query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const end = pair.indexOf('=');
      const [name, value] = end < 0 ? [pair, ''] : [pair.slice(0, end), pair.slice(end + 1)];
      return [encode(decode(name)), encode(decode(value))] as const;
    });
  const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  pairs.sort(([a, x], [b, y]) => order(a, b) || order(x, y));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

/** The values of a header, joined by commas, with single spaces; undefined: it is not there. */
export function headerOf(request: WireRequest, name: string): string | undefined {
  const values = request.headers
    .filter(([each]) => each.toLowerCase() === name)
    .map(([, value]) => value.trim().replace(/\s+/g, ' '));
  return values.length === 0 ? undefined : values.join(',');
}

/**
 * The text of a request that is hashed and signed.
 *
 * @param signedHeaders names in lower case, sorted
 * @param payloadHash SHA-256 of the body in lower-case hexadecimal digits, or one of S3's words for none
 */
export function canonicalRequest(
  request: WireRequest,
  signedHeaders: readonly string[],
  payloadHash: string,
  rules: PathRules,
): string {
  const at = request.target.indexOf('?');
  const path = at < 0 ? request.target : request.target.slice(0, at);
  const query = at < 0 ? '' : request.target.slice(at + 1);
  return [
    request.method,
    canonicalPath(path, rules),
    canonicalQuery(query),
    ...signedHeaders.map((name) => `${name}:${headerOf(request, name) ?? ''}`),
    '',
    signedHeaders.join(';'),
    payloadHash,
  ].join('\n');
}

/**
 * The signature of a canonical request, in hexadecimal digits.
 *
 * @param time as in x-amz-date: YYYYMMDDTHHMMSSZ
 * @param scope date, region, service
 */
export function signatureOf(
  canonical: string,
  time: string,
  scope: readonly [string, string, string],
  secretAccessKey: string,
): string {
  const toSign = [ALGORITHM, time, [...scope, 'aws4_request'].join('/'), sha256(canonical)].join('\n');
  const start: string | Buffer = `AWS4${secretAccessKey}`;
  const key = [...scope, 'aws4_request'].reduce<string | Buffer>((last, part) => hmac(last, part), start);
  return hmac(key, toSign).toString('hex');
}

/** What an Authorization header says. */
export interface Authorization {
  accessKeyId: string;
  /** date, region, service */
  scope: [string, string, string];
  signedHeaders: string[];
  signature: string;
}

/** Reads an Authorization header; undefined: it is not as the algorithm has it. */
export function parseAuthorization(header: string): Authorization | undefined {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/(\d{8})\/([^/,\s]+)\/([^/,\s]+)\/aws4_request,\s*SignedHeaders=([a-z0-9;-]+),\s*Signature=([0-9a-f]{64})$/.exec(
      header,
    );
  if (match === null) return undefined;
  const [, accessKeyId = '', date = '', region = '', service = '', names = '', signature = ''] = match;
  return { accessKeyId, scope: [date, region, service], signedHeaders: names.split(';'), signature };
}

/** What a service knows when it checks. */
export interface Verifier {
  /** The keys with an id; undefined: there are none. */
  find(accessKeyId: string): Keys | undefined;
  /** The server's time, in milliseconds since 1970. */
  now: number;
  /** Undefined: any. */
  region?: string;
  service?: string;
}

/** Checks a request as AWS does; gives whose it is, or why it is refused. */
export function verify(request: WireRequest, verifier: Verifier): Keys | Refusal {
  const header = headerOf(request, 'authorization');
  if (header === undefined) return { reason: 'missing', detail: 'there is no Authorization header' };
  const authorization = parseAuthorization(header);
  if (authorization === undefined) return { reason: 'malformed', detail: 'Authorization cannot be read' };
  const keys = verifier.find(authorization.accessKeyId);
  if (keys === undefined) return { reason: 'unknown-key', detail: authorization.accessKeyId };
  return (
    checkToken(request, keys, verifier.now) ??
    checkForm(request, authorization) ??
    checkScope(request, authorization, verifier) ??
    checkSignature(request, authorization, keys) ??
    keys
  );
}

/** Whether `verify` refused. */
export function isRefusal(result: Keys | Refusal): result is Refusal {
  return 'reason' in result;
}

function checkToken(request: WireRequest, keys: Keys, now: number): Refusal | undefined {
  const token = headerOf(request, 'x-amz-security-token');
  if (token !== keys.sessionToken) {
    return {
      reason: 'wrong-token',
      detail: token === undefined ? 'no session token' : 'another session token',
    };
  }
  if (keys.expires !== undefined && keys.expires <= now) {
    return { reason: 'expired-token', detail: new Date(keys.expires).toISOString() };
  }
  return undefined;
}

/** Headers that decide what the request means have to be signed: stricter than some services are. */
function checkForm(request: WireRequest, { signedHeaders }: Authorization): Refusal | undefined {
  const needed = ['host', ...request.headers.map(([name]) => name.toLowerCase())].filter(
    (name) => name === 'host' || name.startsWith('x-amz-'),
  );
  const unsigned = needed.find((name) => !signedHeaders.includes(name));
  if (unsigned !== undefined) return { reason: 'malformed', detail: `${unsigned} is not signed` };
  const absent = signedHeaders.find((name) => headerOf(request, name) === undefined);
  if (absent !== undefined) return { reason: 'malformed', detail: `${absent} is signed and not there` };
  const isSorted = signedHeaders.join() === [...new Set(signedHeaders)].sort().join();
  return isSorted ? undefined : { reason: 'malformed', detail: 'SignedHeaders is not sorted' };
}

function checkScope(request: WireRequest, { scope }: Authorization, verifier: Verifier): Refusal | undefined {
  const [date, region, service] = scope;
  const time = headerOf(request, 'x-amz-date') ?? '';
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time)?.map(Number) ?? [];
  if (year === undefined) return { reason: 'malformed', detail: 'x-amz-date cannot be read' };
  if (!time.startsWith(date)) return { reason: 'malformed', detail: `${date} is not the day of ${time}` };
  const signed = Date.UTC(year, (month ?? 1) - 1, day, hour, minute, second);
  const allowed = service === 's3' ? 3 * MAX_SKEW : MAX_SKEW;
  if (Math.abs(signed - verifier.now) > allowed) return { reason: 'skewed', detail: time };
  const isScope = region === (verifier.region ?? region) && service === (verifier.service ?? service);
  return isScope ? undefined : { reason: 'wrong-scope', detail: `${region}/${service}` };
}

function checkSignature(request: WireRequest, authorization: Authorization, keys: Keys): Refusal | undefined {
  const { scope, signedHeaders, signature } = authorization;
  const isS3 = scope[2] === 's3';
  const declared = headerOf(request, 'x-amz-content-sha256');
  if (isS3 && declared === undefined)
    return { reason: 'malformed', detail: 'x-amz-content-sha256 is missing' };
  const actual = sha256(request.body);
  // The body is not part of these signatures, or is signed in chunks, which are not looked at.
  const isOpen = isS3 && /^(UNSIGNED-PAYLOAD|STREAMING-.*)$/.test(declared ?? '');
  if (declared !== undefined && declared !== actual && !isOpen) {
    return { reason: 'wrong-body', detail: `x-amz-content-sha256 is ${declared}, the body's ${actual}` };
  }
  const rules = isS3 ? S3_PATHS : OTHER_PATHS;
  const canonical = canonicalRequest(request, signedHeaders, declared ?? actual, rules);
  const time = headerOf(request, 'x-amz-date') ?? '';
  const expected = signatureOf(canonical, time, scope, keys.secretAccessKey);
  return timingSafeEqual(Buffer.from(expected), Buffer.from(signature))
    ? undefined
    : { reason: 'mismatch', detail: `the canonical request is:\n${canonical}` };
}
