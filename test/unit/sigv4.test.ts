// SPDX-License-Identifier: Apache-2.0
// The check of signatures against the values that AWS publishes: its test suite for Signature Version 4, and the
// examples in the documentation of S3.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import {
  OTHER_PATHS,
  S3_PATHS,
  canonicalRequest,
  headerOf,
  isRefusal,
  parseAuthorization,
  signatureOf,
  verify,
  type Keys,
  type PathRules,
  type WireRequest,
} from '../e2e/aws/sigv4.ts';

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const TIME = '20150830T123600Z';
const UNNORMALIZED: PathRules = { ...OTHER_PATHS, normalize: false };
const FORM = 'Param1=value1';
const FORM_HASH = '9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e';
const UNRESERVED = '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const TOKEN =
  'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUu' +
  'wthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQc' +
  'HNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/o' +
  'LxBA==';
const VANILLA = '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31';

interface Case {
  name: string;
  line: string;
  more?: [string, string][];
  body?: string;
  rules?: PathRules;
  signature: string;
}

// prettier-ignore
const CASES: Case[] = [
  { name: 'get-header-key-duplicate', line: 'GET /',
    more: [['My-Header1', 'value2'], ['My-Header1', 'value2'], ['My-Header1', 'value1']],
    signature: 'c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea' },
  { name: 'get-header-value-multiline', line: 'GET /', more: [['My-Header1', 'value1\n  value2\n     value3']],
    signature: 'cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd' },
  { name: 'get-header-value-order', line: 'GET /',
    more: [['My-Header1', 'value4'], ['My-Header1', 'value1'], ['My-Header1', 'value3'], ['My-Header1', 'value2']],
    signature: '08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01' },
  { name: 'get-header-value-trim', line: 'GET /', more: [['My-Header1', ' value1'], ['My-Header2', ' "a   b   c"']],
    signature: 'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736' },
  { name: 'get-relative-normalized', line: 'GET /example/..', signature: VANILLA },
  { name: 'get-relative-unnormalized', line: 'GET /example/..', rules: UNNORMALIZED,
    signature: 'eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282' },
  { name: 'get-relative-relative-normalized', line: 'GET /example1/example2/../..', signature: VANILLA },
  { name: 'get-slash-dot-slash-normalized', line: 'GET /./', signature: VANILLA },
  { name: 'get-slash-dot-slash-unnormalized', line: 'GET /./', rules: UNNORMALIZED,
    signature: '68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145' },
  { name: 'get-slash-normalized', line: 'GET //', signature: VANILLA },
  { name: 'get-slash-unnormalized', line: 'GET //', rules: UNNORMALIZED,
    signature: 'c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e' },
  { name: 'get-slash-pointless-dot-normalized', line: 'GET /./example',
    signature: 'ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5' },
  { name: 'get-slashes-normalized', line: 'GET //example//',
    signature: '9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84' },
  { name: 'get-slashes-unnormalized', line: 'GET //example//', rules: UNNORMALIZED,
    signature: '87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5' },
  { name: 'get-space', line: 'GET /example space/',
    signature: '652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741' },
  { name: 'get-unreserved', line: `GET /${UNRESERVED}`,
    signature: '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f' },
  { name: 'get-utf8', line: 'GET /ሴ',
    signature: '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85' },
  { name: 'get-vanilla', line: 'GET /', signature: VANILLA },
  { name: 'get-vanilla-empty-query-key', line: 'GET /?Param1=value1',
    signature: 'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb' },
  { name: 'get-vanilla-query-order-encoded', line: 'GET /?Param-3=Value3&Param=Value2&%E1%88%B4=Value1',
    signature: '371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac' },
  { name: 'get-vanilla-query-order-key-case', line: 'GET /?Param2=value2&Param1=value1',
    signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500' },
  { name: 'get-vanilla-query-unreserved', line: `GET /?${UNRESERVED}=${UNRESERVED}`,
    signature: '9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197' },
  { name: 'get-vanilla-utf8-query', line: 'GET /?ሴ=bar',
    signature: '2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04' },
  { name: 'get-vanilla-with-session-token', line: 'GET /',
    more: [['X-Amz-Security-Token', '6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267']],
    signature: '07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8' },
  { name: 'post-vanilla', line: 'POST /',
    signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b' },
  { name: 'post-header-key-sort', line: 'POST /', more: [['My-Header1', 'value1']],
    signature: 'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c' },
  { name: 'post-header-value-case', line: 'POST /', more: [['My-Header1', 'VALUE1']],
    signature: 'cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d' },
  { name: 'post-sts-header-before', line: 'POST /', more: [['X-Amz-Security-Token', TOKEN]],
    signature: '85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead' },
  { name: 'post-vanilla-query', line: 'POST /?Param1=value1',
    signature: '28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11' },
  { name: 'post-x-www-form-urlencoded', line: 'POST /', body: FORM,
    more: [['Content-Type', 'application/x-www-form-urlencoded'], ['Content-Length', '13'],
      ['x-amz-content-sha256', FORM_HASH]],
    signature: 'd3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b' },
  { name: 'post-x-www-form-urlencoded-parameters', line: 'POST /', body: FORM,
    more: [['Content-Type', 'application/x-www-form-urlencoded; charset=utf-8'], ['Content-Length', '13'],
      ['x-amz-content-sha256', FORM_HASH]],
    signature: '328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422' },
];

const EMPTY_HASH = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function requestOf({ line, more = [], body = '' }: Case): WireRequest {
  const [method = ''] = line.split(' ', 1);
  const headers: [string, string][] = [['Host', 'example.amazonaws.com'], ...more, ['X-Amz-Date', TIME]];
  return { method, target: line.slice(method.length + 1), headers, body: Buffer.from(body) };
}

function namesOf(request: WireRequest): string[] {
  return [...new Set(request.headers.map(([name]) => name.toLowerCase()))].sort();
}

test.each(CASES)('AWS’s test suite: $name', (each) => {
  const request = requestOf(each);
  const hash = headerOf(request, 'x-amz-content-sha256') ?? EMPTY_HASH;
  const canonical = canonicalRequest(request, namesOf(request), hash, each.rules ?? OTHER_PATHS);
  expect(signatureOf(canonical, TIME, ['20150830', 'us-east-1', 'service'], SECRET)).toBe(each.signature);
});

// From "Signature Calculations for the Authorization Header" in the API reference of S3.
test.each([
  [
    'GET /test.txt',
    [['Range', 'bytes=0-9']],
    '',
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  ],
  ['GET /?lifecycle', [], '', 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
  ['GET /?max-keys=2&prefix=J', [], '', '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
  [
    'PUT /test%24file.text',
    [
      ['Date', 'Fri, 24 May 2013 00:00:00 GMT'],
      ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
    ],
    'Welcome to Amazon S3.',
    '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  ],
] as [string, [string, string][], string, string][])('S3’s example: %s', (line, more, body, signature) => {
  const hash = createHash('sha256').update(body).digest('hex');
  const [method = '', target = ''] = line.split(' ');
  const request: WireRequest = {
    method,
    target,
    headers: [
      ['Host', 'examplebucket.s3.amazonaws.com'],
      ...more,
      ['x-amz-content-sha256', hash],
      ['x-amz-date', '20130524T000000Z'],
    ],
    body: Buffer.from(body),
  };
  const canonical = canonicalRequest(request, namesOf(request), hash, S3_PATHS);
  const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
  expect(signatureOf(canonical, '20130524T000000Z', ['20130524', 'us-east-1', 's3'], secret)).toBe(signature);
});

describe('a request is refused', () => {
  const keys: Keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET };
  const now = Date.UTC(2015, 7, 30, 12, 36);
  const authorization = (signature: string, names = 'host;x-amz-date') =>
    `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${names}, ` +
    `Signature=${signature}`;
  const signed = (signature: string, change: Partial<Case> = {}, names?: string): WireRequest => {
    const header: [string, string] = ['Authorization', authorization(signature, names)];
    return requestOf({
      name: '',
      line: 'GET /',
      signature,
      ...change,
      more: [...(change.more ?? []), header],
    });
  };
  const check = (request: WireRequest, verifier = {}) => {
    const find = (id: string) => (id === keys.accessKeyId ? keys : undefined);
    const result = verify(request, { find, now, ...verifier });
    return isRefusal(result) ? result.reason : result.accessKeyId;
  };

  test('not at all when it is right', () => {
    expect(check(signed(VANILLA), { region: 'us-east-1', service: 'service' })).toBe('AKIDEXAMPLE');
    expect(check(signed(VANILLA), { now: now + 299_000 })).toBe('AKIDEXAMPLE');
  });

  test('when anything of it is another', () => {
    expect(check(signed(VANILLA.replace('5', '6')))).toBe('mismatch');
    expect(check(signed(VANILLA, { line: 'GET /other' }))).toBe('mismatch');
    expect(check(signed(VANILLA, { line: 'GET /?a=b' }))).toBe('mismatch');
    expect(check(signed(VANILLA, { line: 'POST /' }))).toBe('mismatch');
    expect(check(signed(VANILLA, { body: 'x' }))).toBe('mismatch');
    expect(check(signed(VANILLA), { find: () => ({ ...keys, secretAccessKey: 'another' }) })).toBe(
      'mismatch',
    );
  });

  test('when its time, scope, key or form is wrong', () => {
    expect(check(signed(VANILLA), { now: now + 301_000 })).toBe('skewed');
    expect(check(signed(VANILLA), { now: now - 301_000 })).toBe('skewed');
    expect(check(signed(VANILLA), { region: 'eu-west-1' })).toBe('wrong-scope');
    expect(check(signed(VANILLA), { service: 'logs' })).toBe('wrong-scope');
    expect(check(signed(VANILLA), { find: () => undefined })).toBe('unknown-key');
    expect(check(requestOf({ name: '', line: 'GET /', signature: '' }))).toBe('missing');
    expect(check(signed('short'))).toBe('malformed');
    expect(check(signed(VANILLA, {}, 'x-amz-date;host'))).toBe('malformed');
    expect(check(signed(VANILLA, {}, 'host'))).toBe('malformed');
    expect(check(signed(VANILLA, { more: [['X-Amz-Target', 'Logs']] }))).toBe('malformed');
    expect(check(signed(VANILLA, {}, 'host;range;x-amz-date'))).toBe('malformed');
  });

  test('when the session token is missing, another, not wanted, or at its end', () => {
    const session = { ...keys, sessionToken: TOKEN };
    expect(check(signed(VANILLA), { find: () => session })).toBe('wrong-token');
    const signature = '85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead';
    const more: [string, string][] = [['X-Amz-Security-Token', TOKEN]];
    const request = signed(signature, { line: 'POST /', more }, 'host;x-amz-date;x-amz-security-token');
    expect(check(request, { find: () => session })).toBe('AKIDEXAMPLE');
    expect(check(request)).toBe('wrong-token');
    expect(check(request, { find: () => ({ ...session, sessionToken: 'x' }) })).toBe('wrong-token');
    expect(check(request, { find: () => ({ ...session, expires: now }) })).toBe('expired-token');
    expect(check(request, { find: () => ({ ...session, expires: now + 1 }) })).toBe('AKIDEXAMPLE');
  });

  test('when x-amz-content-sha256 is another body’s', () => {
    const more: [string, string][] = [['x-amz-content-sha256', FORM_HASH]];
    const request = signed(VANILLA, { more }, 'host;x-amz-content-sha256;x-amz-date');
    expect(check(request)).toBe('wrong-body');
  });
});

test('an Authorization header is read', () => {
  expect(parseAuthorization('Bearer x')).toBeUndefined();
  const header = `AWS4-HMAC-SHA256 Credential=A/20150830/r/s/aws4_request,SignedHeaders=host,Signature=${VANILLA}`;
  expect(parseAuthorization(header)).toMatchObject({ accessKeyId: 'A', scope: ['20150830', 'r', 's'] });
});
