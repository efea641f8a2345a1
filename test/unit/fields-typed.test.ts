// SPDX-License-Identifier: Apache-2.0
// Fields that are numbers, times, truth values and addresses.
import { describe, expect, test } from 'vitest';
import { ask } from '../support/ask';

const DAY = 1_742_290_931n; // 2025-03-18T09:42:11Z

describe('numbers', () => {
  test.each([
    [200, 200n],
    [403, 403n],
    [0, 0n],
    ['404', 404n],
    ['18446744073709551615', 18446744073709551615n],
    ['18446744073709551616', null],
    ['99999999999999999999', null],
    ['100000000000000000000', null],
    [-1, null],
    [2.5, null],
    [1e30, null],
    ['', null],
    ['4x', null],
    [null, null],
    [true, null],
    [[200], null],
    [{ code: 200 }, null],
  ])('%j is %s', (code, expected) => {
    expect(ask({ responseStatus: { code } }, 'ka.response.status_code')).toBe(expected);
  });

  test('none is no value', () => {
    expect(ask({}, 'ka.response.status_code')).toBeNull();
    expect(ask({ responseStatus: {} }, 'ka.response.status_code')).toBeNull();
  });

  test('how long a token shall be valid', () => {
    const requestObject = { kind: 'TokenRequest', spec: { audiences: ['a'], expirationSeconds: 315360000 } };
    const objectRef = { resource: 'serviceaccounts', subresource: 'token' };
    expect(ask({ objectRef, requestObject }, 'ka.req.token.expiration')).toBe(315360000n);
    // Certificate requests have the same member.
    expect(ask({ requestObject }, 'ka.req.token.expiration')).toBeNull();
  });
});

describe('times', () => {
  test.each([
    ['2025-03-18T09:42:11.488789Z', DAY * 1_000_000_000n + 488_789_000n],
    ['2025-03-18T10:42:11+01:00', DAY * 1_000_000_000n],
    ['1970-01-01T00:00:00Z', 0n],
    ['yesterday', null],
    ['', null],
    [1742290931, null],
    [null, null],
  ])('%j', (stageTimestamp, expected) => {
    expect(ask({ stageTimestamp }, 'ka.timestamp')).toBe(expected);
  });

  test.each([
    ['2025-03-18T09:42:11.478281Z', '2025-03-18T09:42:11.488789Z', 10_508_000n],
    ['2025-03-18T09:42:11Z', '2025-03-18T09:42:11Z', 0n],
    ['2025-03-18T09:42:12Z', '2025-03-18T09:42:11Z', 0n],
    ['2025-03-18T09:42:11Z', '2025-03-19T09:42:11Z', 86_400_000_000_000n],
    ['', '2025-03-18T09:42:11Z', null],
    [undefined, '2025-03-18T09:42:11Z', null],
    ['2025-03-18T09:42:11Z', undefined, null],
    ['2025-03-18T09:42:11Z', 7, null],
  ])('from %s to %s', (requestReceivedTimestamp, stageTimestamp, expected) => {
    expect(ask({ requestReceivedTimestamp, stageTimestamp }, 'ka.latency')).toBe(expected);
  });
});

const addresses = (...sourceIPs: unknown[]) => ask({ sourceIPs }, 'ka.source.ip');
const isPublic = (...sourceIPs: unknown[]) => ask({ sourceIPs }, 'ka.source.is_public');

describe('addresses', () => {
  test.each([
    ['10.20.4.31', '0a14041f'],
    ['0.0.0.0', '00000000'],
    ['255.255.255.255', 'ffffffff'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['1::', '00010000000000000000000000000000'],
    ['2001:db8::8a2e:370:7334', '20010db800000000000' + '08a2e03707334'],
    ['2001:DB8:0:0:0:0:0:1', '20010db8000000000000000000000001'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
    ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221'],
    ['1:2:3:4:5:6:7.8.9.10', '0001000200030004000500060708090a'],
    ['::ffff:10.0.0.1', '0a000001'],
    ['::FFFF:a00:1', '0a000001'],
  ])('%s', (text, bytes) => {
    expect(addresses(text)).toEqual([bytes]);
  });

  test.each([
    '',
    '10.0.0',
    '10.0.0.0.1',
    '10.0.0.256',
    '10.0.0.01',
    '10..0.1',
    '.10.0.1',
    '10.0.0.1.',
    '10.0.0.1 ',
    '10.0.0.1:443',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '1:2:3:4::5:6:7:8',
    '1::2::3',
    ':::',
    ':1',
    '1:',
    '1:2:3:4:5:6:7:',
    'g::1',
    '12345::1',
    'fe80::1%eth0',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::1.2.3',
    '::1.2.3.4:5',
    'kubelet',
    '1'.repeat(1000),
    17,
    null,
    ['10.0.0.1'],
  ])('%j is none', (text) => {
    expect(addresses(text)).toBeNull();
    expect(isPublic(text)).toBeNull();
  });

  test('only those that are', () => {
    expect(addresses('10.0.0.1', 'unknown', null, '::1')).toEqual([
      '0a000001',
      '00000000000000000000000000000001',
    ]);
  });

  test('where they stand in the event', () => {
    expect(ask({}, 'ka.source.ip')).toBeNull();
    expect(ask({ sourceIPs: [] }, 'ka.source.is_public')).toBeNull();
    expect(ask({ sourceIPs: '10.0.0.1' }, 'ka.source.ip')).toBeNull();
  });
});

describe('public addresses', () => {
  test.each([
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '203.0.113.9',
    '223.255.255.255',
    '2001:4860:4860::8888',
    '2600::1',
    '3fff::1',
    '::ffff:8.8.8.8',
  ])('%s', (text) => {
    expect(isPublic(text)).toBe(true);
    expect(isPublic('10.0.0.1', text)).toBe(true);
  });

  test.each([
    '0.1.2.3',
    '10.0.0.0',
    '10.255.255.255',
    '100.64.0.0',
    '100.127.255.255',
    '127.0.0.1',
    '169.254.169.254',
    '172.16.0.0',
    '172.31.255.255',
    '192.0.0.8',
    '192.168.255.255',
    '198.18.0.0',
    '198.19.255.255',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'ff02::1',
    '::ffff:10.0.0.1',
  ])('%s is not', (text) => {
    expect(isPublic(text)).toBe(false);
    expect(isPublic(text, 'none')).toBe(false);
  });
});
