// SPDX-License-Identifier: Apache-2.0
// Credentials of AWS are renewed before they end, and got anew when a service does not take them.
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Workspace } from '../support/workspace';
import { Aws } from './credentials-support';

const CONTAINER = 'http://169.254.170.23/v1/credentials';

let aws: Aws;
beforeAll(async () => {
  aws = await Aws.compile();
}, 120_000);
beforeEach(() => {
  aws.reset();
  aws.set({ AWS_REGION: 'eu-west-1', AWS_CONTAINER_CREDENTIALS_FULL_URI: CONTAINER });
});
afterEach(() => expect(aws.leaks).toEqual([]));

/** Credentials of this life, each time others: ASIA0, ASIA1 … */
function give(seconds: number): void {
  let count = 0;
  aws.host.onCall = () => aws.json(String(count++), seconds);
}

const keyId = () => aws.credentials.split(' ')[0];
const calls = () => aws.host.calls.length;

test('between six and five minutes before the end, and nothing is asked for before that', () => {
  give(3600);
  const before = aws.renewed;
  aws.start();
  expect([aws.renewed - before, aws.expiresIn]).toEqual([1, 3600]);
  aws.run(3600 - 361);
  expect([calls(), keyId(), aws.expiresIn]).toEqual([1, 'ASIA0', 361]);
  aws.run(62);
  expect([calls(), keyId()]).toEqual([2, 'ASIA1']);
  expect(aws.renewed - before).toBe(2);
  expect(aws.messages).toHaveLength(1);
});

test('a short life: after half of it', () => {
  give(60);
  aws.start();
  aws.run(29);
  expect(calls()).toBe(1);
  aws.run(1);
  expect([calls(), keyId()]).toEqual([2, 'ASIA1']);
});

test('the old ones are good while new ones are on their way', () => {
  give(60);
  aws.start();
  aws.host.onCall = () => ({ ...aws.json('NEW', 60), after: 20_000 });
  aws.run(49);
  expect([calls(), keyId()]).toEqual([2, 'ASIA0']);
  aws.run(2);
  expect([calls(), keyId()]).toEqual([2, 'ASIANEW']);
});

test('the same ones again, as metadata gives them: not in a hot loop', () => {
  const answer = aws.json('SAME', 3600);
  aws.host.onCall = () => answer;
  aws.start();
  aws.run(3599);
  expect(keyId()).toBe('ASIASAME');
  expect(calls()).toBeLessThan(12);
});

test('a renewal that fails keeps the old ones to their end, and goes on', () => {
  give(3600);
  aws.start();
  aws.host.onCall = () => ({ status: 500 });
  aws.run(3599);
  expect([aws.turn(), keyId(), aws.problem, aws.expiresIn]).toEqual([true, 'ASIA0', '', 1]);
  expect(calls()).toBeGreaterThan(5);
  expect(calls()).toBeLessThan(25);
  const first = aws.messages.find((message) => message.includes('cannot be renewed'));
  expect(first).toMatch(
    /^AWS credentials cannot be renewed: the container end point \S+: HTTP status 500; the old ones are good until 20\S+Z; it is tried again$/,
  );
  aws.run(1);
  expect([aws.turn(), keyId(), aws.expiresIn]).toEqual([false, 'none', 0]);
  expect(aws.problem).toBe(`the container end point ${CONTAINER}: HTTP status 500`);
  give(3600);
  aws.run(61);
  expect([aws.turn(), keyId(), aws.problem]).toEqual([true, 'ASIA0', '']);
});

test('what is refused late is old: others are got at once', () => {
  give(3600);
  aws.start();
  aws.run(1000);
  aws.refuse();
  expect(aws.credentials).toBe('none');
  expect(aws.problem).toBe(`AWS does not take the credentials from the container end point ${CONTAINER}`);
  expect(aws.turn()).toBe(true);
  expect([calls(), keyId()]).toEqual([2, 'ASIA1']);
  expect(aws.messages.at(-1)).toMatch(
    /^AWS does not take the credentials from the container end point \S+; they are got anew$/,
  );
});

test('what is refused again and again: ever less often', () => {
  give(3600);
  aws.start();
  for (let i = 0; i < 900; i++) {
    if (aws.turn()) aws.refuse();
    aws.pass(1);
  }
  expect(calls()).toBeGreaterThan(12);
  expect(calls()).toBeLessThan(40);
  // Once they are taken, it begins at the start.
  aws.run(61);
  expect(aws.turn()).toBe(true);
  aws.run(400);
  const before = calls();
  aws.refuse();
  expect(aws.turn()).toBe(true);
  expect(calls()).toBe(before + 1);
});

test('refusing old ones once more does no harm to new ones', () => {
  give(3600);
  aws.start();
  aws.run(1000);
  aws.refuseOld();
  expect([aws.turn(), keyId(), calls()]).toEqual([true, 'ASIA1', 2]);
});

test('keys that last are refused: files are looked at again', () => {
  const folder = new Workspace();
  const write = (name: string) =>
    folder.write('credentials', `[default]\naws_access_key_id = ${name}\naws_secret_access_key = hush\n`);
  aws.set({ AWS_SHARED_CREDENTIALS_FILE: write('AKIAOLD') });
  aws.start();
  expect(keyId()).toBe('AKIAOLD');
  aws.run(1000);
  write('AKIANEW');
  aws.run(10);
  expect(keyId()).toBe('AKIAOLD');
  aws.refuse();
  aws.turn();
  expect([keyId(), aws.expiresIn]).toEqual(['AKIANEW', 0]);
});

test('a profile that is gone for a while: the old ones, a message, then the new ones', () => {
  const folder = new Workspace();
  const role = 'role_arn = arn:aws:iam::1:role/r\nsource_profile = x\n';
  const file = `[profile x]\n${role}aws_access_key_id = AKIA\naws_secret_access_key = hush\n`;
  aws.set({ AWS_CONFIG_FILE: folder.write('config', file), AWS_PROFILE: 'x' });
  aws.host.onCall = () => aws.session(String(calls()), 900);
  aws.start();
  expect(keyId()).toBe('ASIA1');
  folder.write('config', '');
  aws.run(600);
  expect(keyId()).toBe('ASIA1');
  expect(aws.messages.at(-1)).toMatch(
    /^AWS credentials cannot be renewed: AWS_PROFILE: there is no profile "x"/,
  );
  folder.write('config', file);
  aws.run(61);
  expect(keyId()).toBe('ASIA2');
});

test('another origin is told of, the same one is not', () => {
  give(60);
  aws.start();
  aws.run(600);
  const told = () => aws.messages.filter((message) => message.startsWith('AWS credentials come from'));
  expect(told()).toHaveLength(1);
  aws.set({ AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'hush' });
  aws.run(60);
  expect(told()).toHaveLength(2);
});

test('Retry-After is kept to', () => {
  aws.host.onCall = () => ({ status: 429, headers: { 'Retry-After': '120' } });
  aws.start();
  aws.run(119);
  expect(calls()).toBe(1);
  aws.run(1);
  expect(calls()).toBe(2);
});

test('after a long sleep what has ended is not used', () => {
  give(3600);
  aws.start();
  aws.pass(10_000);
  expect([aws.turn(), keyId(), calls()]).toEqual([true, 'ASIA1', 2]);
  aws.host.onCall = () => ({ after: 5_000, ...aws.json('LATE', 3600) });
  aws.pass(10_000);
  expect([aws.turn(), keyId()]).toEqual([false, 'none']);
});
