// SPDX-License-Identifier: Apache-2.0
// Which place credentials of AWS come from, and what is said when they do not (assembly/cloud/aws).
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { WebCall } from '../support/host';
import { Workspace } from '../support/workspace';
import { Aws } from './credentials-support';

const ROLE = 'arn:aws:iam::123456789012:role/falco';
const KEYS = { AWS_ACCESS_KEY_ID: 'AKIAENV', AWS_SECRET_ACCESS_KEY: 'hush-secret-env' };
const CONTAINER = 'http://169.254.170.23/v1/credentials';

let aws: Aws;
beforeAll(async () => {
  aws = await Aws.compile();
}, 120_000);
beforeEach(() => {
  aws.reset();
  aws.set({ AWS_REGION: 'eu-west-1' });
});
afterEach(() => expect(aws.leaks).toEqual([]));

/** A file with a web identity token, and what EKS sets for it. */
function irsa(token = 'hush.web.identity\n'): Workspace {
  const folder = new Workspace();
  aws.set({ AWS_ROLE_ARN: ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: folder.write('token', token) });
  return folder;
}

/** What a first failure logs. */
function failure(): string {
  expect(aws.turn()).toBe(false);
  expect(aws.messages).toHaveLength(1);
  return aws.messages[0]!;
}

describe('the environment', () => {
  test('keys that last', () => {
    aws.set(KEYS);
    expect(aws.start()).toBe('AKIAENV hush-secret-env  0');
    expect(aws.messages).toEqual([
      'AWS credentials come from the environment (AWS_ACCESS_KEY_ID); they do not end',
    ]);
    expect(aws.host.calls).toEqual([]);
  });

  test('keys of a session', () => {
    aws.set({ ...KEYS, AWS_SESSION_TOKEN: 'hush-token' });
    expect(aws.start()).toBe('AKIAENV hush-secret-env hush-token 0');
  });

  test('the old names', () => {
    aws.set({ AWS_ACCESS_KEY: 'AKIAOLD', AWS_SECRET_KEY: 'hush-old' });
    expect(aws.start()).toBe('AKIAOLD hush-old  0');
  });

  test.each([
    ['AWS_ACCESS_KEY_ID', 'AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not'],
    ['AWS_SECRET_ACCESS_KEY', 'AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not'],
  ] as const)('one half alone: %s', (name, problem) => {
    aws.set({ [name]: KEYS[name] });
    irsa();
    expect(aws.open()).toBe(problem);
  });

  test('a secret with the line break of a file that it comes from', () => {
    aws.set({ ...KEYS, AWS_SECRET_ACCESS_KEY: 'hush-secret\n' });
    expect(aws.open()).toBe('');
    expect(failure()).toBe(
      'AWS credentials cannot be got: the environment (AWS_ACCESS_KEY_ID): the secret access key is empty or too long,' +
        ' or has a space, a line break or a character that is not ASCII; it is tried again',
    );
  });
});

describe('a web identity (IRSA)', () => {
  test('STS of the region is asked without a signature', () => {
    irsa();
    aws.set({ AWS_ROLE_SESSION_NAME: 'falco-0' });
    aws.host.onCall = () => aws.session('WEB', 3600, 'AssumeRoleWithWebIdentity');
    expect(aws.start({ caFile: '/ca.pem' })).toMatch(/^ASIAWEB hush-secret-WEB hush-token-WEB \d+$/);
    const [call] = aws.host.calls;
    expect(call).toMatchObject({
      ...{ method: 'POST', url: 'https://sts.eu-west-1.amazonaws.com/', signing: '', authorities: '/ca.pem' },
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      isDirect: false,
    });
    expect(aws.form(call!)).toEqual({
      ...{ Action: 'AssumeRoleWithWebIdentity', Version: '2011-06-15', RoleArn: ROLE },
      ...{ RoleSessionName: 'falco-0', WebIdentityToken: 'hush.web.identity' },
    });
    expect(aws.messages).toEqual([
      `AWS credentials come from role ${ROLE} by the web identity token of AWS_WEB_IDENTITY_TOKEN_FILE (IRSA); ` +
        `they end at ${aws.time(3600)}`,
    ]);
  });

  test('without a name for the session it is ours', () => {
    irsa();
    aws.host.onCall = () => aws.session('WEB');
    aws.start();
    expect(aws.form(aws.host.calls[0]!)['RoleSessionName']).toBe('k8saudit-ts');
  });

  test('comes behind keys, and before all else', () => {
    const folder = irsa();
    aws.set({
      AWS_SHARED_CREDENTIALS_FILE: folder.write(
        'credentials',
        '[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = hush\n',
      ),
      AWS_CONTAINER_CREDENTIALS_FULL_URI: CONTAINER,
    });
    aws.host.onCall = () => aws.session('WEB');
    expect(aws.start()).toMatch(/^ASIAWEB /);
    aws.set(KEYS);
    expect(aws.start()).toMatch(/^AKIAENV /);
  });

  test('a role alone is nothing; a token alone is half', () => {
    aws.set({ AWS_ROLE_ARN: ROLE, AWS_CONTAINER_CREDENTIALS_FULL_URI: CONTAINER });
    aws.host.onCall = () => aws.json('CONTAINER');
    expect(aws.start()).toMatch(/^ASIACONTAINER /);
    irsa();
    aws.host.environment.delete('AWS_ROLE_ARN');
    expect(aws.open()).toBe('AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not');
  });

  test('the token is read for each call, by a path that is a link', () => {
    const folder = irsa();
    const link = folder.at('link');
    const target = (name: string, token: string) => {
      folder.write(name, token);
      return name;
    };
    folder.link('link', target('one', 'hush.first.token'));
    aws.set({ AWS_WEB_IDENTITY_TOKEN_FILE: link });
    aws.host.onCall = () => ({
      status: 400,
      body: '<ErrorResponse><Error><Code>ExpiredTokenException</Code></Error></ErrorResponse>',
    });
    expect(aws.start()).toBe('none');
    folder.link('link', target('two', 'hush.second.token'));
    aws.host.onCall = () => aws.session('WEB');
    aws.run(3);
    expect(aws.credentials).toMatch(/^ASIAWEB /);
    expect(aws.host.calls.map((call) => aws.form(call)['WebIdentityToken'])).toEqual([
      'hush.first.token',
      'hush.second.token',
    ]);
  });

  test.each([
    [
      'the role does not trust',
      {
        status: 403,
        body: '<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>',
      },
      "AccessDenied (HTTP status 403): Not authorized to perform sts:AssumeRoleWithWebIdentity; the role's trust policy must allow this caller: see docs/eks.md",
    ],
    [
      'a service that repeats the token, with line breaks',
      {
        status: 400,
        body: '<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>bad\n\u001b[31mhush.web.identity</Message></Error></ErrorResponse>',
      },
      "InvalidIdentityToken (HTTP status 400): bad  [31m…; the account needs an IAM OIDC provider for the cluster's issuer: see docs/eks.md",
    ],
    ['nobody answers', { failure: 'connect' as const }, 'failed: connect'],
    ['an answer that is none', { body: '<html>' }, undefined],
    ['an answer without credentials', { body: '<AssumeRoleResponse></AssumeRoleResponse>' }, undefined],
  ])('refused: %s', (_, answer, problem) => {
    irsa();
    aws.host.onCall = () => answer;
    aws.open();
    const origin = `role ${ROLE} by the web identity token of AWS_WEB_IDENTITY_TOKEN_FILE (IRSA)`;
    const place = 'STS at https://sts.eu-west-1.amazonaws.com';
    const text = problem === undefined ? `${place} answered without credentials` : `${place}: ${problem}`;
    expect(failure()).toBe(`AWS credentials cannot be got: ${origin}: ${text}; it is tried again`);
    expect(aws.problem).toBe(`${origin}: ${text}`);
  });

  test.each([
    ['is not there', undefined, /token" cannot be opened: ENOENT;/],
    ['is empty', '', /token" is empty;/],
    ['is white space', ' \n', /token" holds no token: /],
    ['has a line break within', 'hush\nhush', /token" holds no token: /],
    ['is huge', 'x'.repeat(2 * 1024 * 1024), /token" has more than 1048576 bytes;/],
    ['is too long for a token', 'x'.repeat(20_001), /token" holds no token: .*or more than 20000 of them/],
  ])('a token that %s', (_, token, expected) => {
    const folder = irsa(token ?? 'hush');
    if (token === undefined) aws.set({ AWS_WEB_IDENTITY_TOKEN_FILE: folder.at('none/token') });
    expect(aws.open()).toBe('');
    expect(failure()).toMatch(expected);
    expect(aws.host.calls).toEqual([]);
  });
});

describe('the end point of a container', () => {
  test('of EKS Pod Identity, by the token in a file', () => {
    const folder = new Workspace();
    aws.set({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: CONTAINER,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: folder.write('token', 'Bearer hush.one\n'),
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'hush-other',
    });
    aws.host.onCall = () => aws.json('POD');
    expect(aws.start()).toMatch(/^ASIAPOD hush-secret-POD hush-token-POD \d+$/);
    expect(aws.host.calls[0]).toMatchObject({
      ...{ method: 'GET', url: CONTAINER, isDirect: true, connectTime: 1000, signing: '' },
      headers: { authorization: 'Bearer hush.one' },
    });
    expect(aws.messages).toEqual([
      `AWS credentials come from the container end point ${CONTAINER}; they end at ${aws.time(21_600)}`,
    ]);
  });

  test('of ECS, whose path comes before a URL, and the token in the environment', () => {
    aws.set({
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/id',
      AWS_CONTAINER_CREDENTIALS_FULL_URI: CONTAINER,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'Bearer hush',
    });
    aws.host.onCall = () => aws.json('ECS');
    expect(aws.start()).toMatch(/^ASIAECS /);
    expect(aws.host.calls[0]).toMatchObject({
      url: 'http://169.254.170.2/v2/credentials/id',
      headers: { authorization: 'Bearer hush' },
    });
  });

  test.each([
    'http://localhost:8080/x',
    'http://127.0.0.1/x?y=1',
    'http://127.255.3.4:99',
    'http://[::1]/x',
    'http://169.254.170.2/x',
    'http://169.254.170.23/x',
    'http://[fd00:ec2::23]/x',
    'https://vault.example/x',
  ])('may be %s', (url) => {
    aws.set({ AWS_CONTAINER_CREDENTIALS_FULL_URI: url });
    expect(aws.open()).toBe('');
  });

  test.each([
    ['http://169.254.170.24/x', /names host "169\.254\.170\.24" by http:\/\//],
    ['http://127.0.0.1.example.com/x', /names host "127\.0\.0\.1\.example\.com"/],
    ['http://127.0.0.1@example.com/x', /must not have a user or password/],
    ['http://[fd00:ec2::24]/x', /names host "fd00:ec2::24"/],
    ['http://example.com/x', /names host "example\.com" by http:/],
    ['file:///etc/passwd', /must begin with https:\/\/ or http:\/\//],
    ['http://', /has no host/],
    ['http://localhost/\nx-header: y', /has a space or a character/],
  ])('may not be %s', (url, expected) => {
    aws.set({ AWS_CONTAINER_CREDENTIALS_FULL_URI: url });
    expect(aws.open()).toMatch(/^AWS_CONTAINER_CREDENTIALS_FULL_URI /);
    expect(aws.open()).toMatch(expected);
  });

  test('a path without a slash, a token with a line break', () => {
    aws.set({ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '@example.com/x' });
    expect(aws.open()).toBe('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with a slash');
    aws.set({
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/x',
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'hush\r\nx: y',
    });
    aws.open();
    expect(failure()).toContain('AWS_CONTAINER_AUTHORIZATION_TOKEN has a line break');
    expect(aws.host.calls).toEqual([]);
  });

  test.each([
    ['an error in words', { status: 401, body: 'Unauthorized' }, 'HTTP status 401'],
    [
      'an error in JSON that repeats the token',
      { status: 400, body: '{"code":"x","message":"hush-token is not good"}' },
      'HTTP status 400: … is not good',
    ],
    ['no JSON', { body: 'hush' }, 'the answer is not the JSON of credentials'],
    ['no keys', { body: '{}' }, 'the answer is not the JSON of credentials'],
    [
      'no time that can be read',
      { body: '{"AccessKeyId":"A","SecretAccessKey":"hush","Expiration":"tomorrow"}' },
      'the answer does not say when the credentials end',
    ],
    [
      'a token that would be another header',
      { body: '{"AccessKeyId":"A","SecretAccessKey":"hush","Token":"a\\nx: hush"}' },
      'the session token is empty or too long, or has a space, a line break or a character that is not ASCII',
    ],
    ['too much', { body: 'x'.repeat(65_537) }, 'the answer has more than 65536 bytes'],
  ])('answers with %s', (_, answer, problem) => {
    aws.set({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: CONTAINER,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'hush-token',
    });
    aws.host.onCall = () => answer;
    aws.open();
    expect(failure()).toBe(
      `AWS credentials cannot be got: the container end point ${CONTAINER}: ${problem}; it is tried again`,
    );
  });

  test('credentials that have ended already', () => {
    aws.set({ AWS_CONTAINER_CREDENTIALS_FULL_URI: CONTAINER });
    aws.host.onCall = () => aws.json('OLD', -10);
    aws.open();
    expect(failure()).toContain('gave credentials that have ended already; is the clock right?');
  });
});

describe('the metadata of the instance', () => {
  test('by a token, never by a proxy', () => {
    aws.host.onCall = aws.metadata({ name: 'NODE' });
    expect(aws.start()).toMatch(/^ASIANODE hush-secret-NODE hush-token-NODE \d+$/);
    const base = 'http://169.254.169.254/latest';
    expect(aws.host.calls.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `PUT ${base}/api/token`,
      `GET ${base}/meta-data/iam/security-credentials/`,
      `GET ${base}/meta-data/iam/security-credentials/node-role`,
    ]);
    for (const call of aws.host.calls) expect(call).toMatchObject({ isDirect: true, connectTime: 1000 });
    expect(aws.messages[0]).toBe(
      `AWS credentials come from the role "node-role" of the instance; they end at ${aws.time(21_600)}`,
    );
  });

  test.each([
    [{ AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:1338/' }, 'http://127.0.0.1:1338'],
    [{ AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'IPv6' }, 'http://[fd00:ec2::254]'],
    [{ AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'ipv4' }, 'http://169.254.169.254'],
  ])('%j', (variables, base) => {
    aws.set(variables);
    aws.host.onCall = aws.metadata({ name: 'NODE' });
    expect(aws.start()).toMatch(/^ASIANODE /);
    expect(aws.host.calls[0]!.url).toBe(`${base}/latest/api/token`);
  });

  test('what is wrong with where it is', () => {
    aws.set({ AWS_EC2_METADATA_SERVICE_ENDPOINT: '169.254.169.254' });
    expect(aws.open()).toBe('AWS_EC2_METADATA_SERVICE_ENDPOINT must begin with https:// or http://');
    aws.set({ AWS_EC2_METADATA_SERVICE_ENDPOINT: '', AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: 'v4' });
    expect(aws.open()).toBe('AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE must be IPv4 or IPv6, not "v4"');
  });

  test('switched off: what was looked at', () => {
    aws.set({ AWS_EC2_METADATA_DISABLED: 'true' });
    expect(aws.open()).toBe(
      'AWS_EC2_METADATA_DISABLED forbids to ask the instance, AWS_ACCESS_KEY_ID and AWS_WEB_IDENTITY_TOKEN_FILE are ' +
        'not set, profile "default" gives none (no file (HOME is not set) and no file (HOME is not set)), ' +
        'AWS_CONTAINER_CREDENTIALS_FULL_URI is not set; a pod gets a role by IRSA or EKS Pod Identity: docs/eks.md',
    );
  });

  test('not there: what was looked at, and not in a hot loop', () => {
    aws.set({ HOME: '/nonexistent' });
    aws.host.onCall = () => ({ failure: 'time' });
    aws.open();
    expect(failure()).toBe(
      'AWS credentials cannot be got: the role of the instance: the instance metadata at http://169.254.169.254 gave no ' +
        'answer: failed: time (in a pod: the hop limit of the instance may be 1) (AWS_ACCESS_KEY_ID and ' +
        'AWS_WEB_IDENTITY_TOKEN_FILE are not set, profile "default" gives none ("/nonexistent/.aws/config" (does not ' +
        'exist) and "/nonexistent/.aws/credentials" (does not exist)), AWS_CONTAINER_CREDENTIALS_FULL_URI is not set; a ' +
        'pod gets a role by IRSA or EKS Pod Identity: docs/eks.md); it is tried again',
    );
    aws.run(600);
    expect(aws.host.calls.length).toBeGreaterThan(10);
    expect(aws.host.calls.length).toBeLessThan(30);
    expect(aws.messages.length).toBeLessThanOrEqual(11);
    // Of the first minute, in which waits are short; later ones may bring one a minute.
    expect(aws.messages[1]).toMatch(/\(\d+ more like it since the last such message\)$/);
  });

  test.each([
    [
      'no role',
      (call: WebCall) => aws.metadata({})(call),
      /the instance has no role \(metadata at http:\/\/169\.254\.169\.254\)/,
    ],
    ['switched off', () => ({ status: 403 }), /answered the request for a token with HTTP status 403/],
    ['a token that is another header', () => ({ body: 'a\r\nb: c' }), /gave a token that cannot be sent/],
  ])('%s', (_, onCall, expected) => {
    aws.host.onCall = onCall;
    aws.open();
    expect(failure()).toMatch(expected);
  });

  test('a name of a role that leads elsewhere', () => {
    aws.host.onCall = ({ method }) => ({ body: method === 'PUT' ? 'hush' : '../../user-data' });
    aws.open();
    expect(failure()).toContain('the instance metadata names no role');
    expect(aws.host.calls).toHaveLength(2);
  });

  test('AWS says that it failed', () => {
    const play = aws.metadata({ name: 'NODE' });
    const answer = { body: '{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role"}' };
    aws.host.onCall = (call) => (call.url.endsWith('/node-role') ? answer : play(call));
    aws.open();
    expect(failure()).toContain('AssumeRoleUnauthorizedAccess: EC2 cannot assume the role');
  });

  test('credentials that have ended are used for ten minutes more', () => {
    aws.host.onCall = aws.metadata({ name: 'OLD', seconds: -60 });
    expect(aws.start()).toMatch(/^ASIAOLD /);
    expect(aws.messages[0]).toBe(
      'the instance metadata gives credentials that have ended; they are used for ten more minutes',
    );
    expect(aws.expiresIn).toBe(600);
  });
});

test('what an answer costs: nothing stays open', () => {
  irsa();
  aws.host.onCall = () => aws.session('WEB');
  aws.start();
  expect(aws.host.openFiles).toBe(0);
  aws.host.onCall = () => ({ after: 1_000_000 });
  aws.refuse();
  aws.run(3);
  expect(aws.host.openFiles).toBe(1);
  aws.close();
  expect(aws.host.openFiles).toBe(0);
});
