// SPDX-License-Identifier: Apache-2.0
// Certificate signing requests: user and groups that the certificate would name. Requests of OpenSSL, and odd ones.
import { describe, expect, test } from 'vitest';
import { ask } from '../support/ask';
import { SIGNING_REQUEST } from '../support/csr';
import type { Value } from '../support/wasm';

/** A request of OpenSSL with "/C=DE/O=system:nodes+CN=system:node:x/emailAddress=a@b": two attributes in one set. */
const NODE =
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlJQkNqQ0JzQUlCQURCT01Rc3dDUVlEVlFRR0V3SkVSVEVyTUJNR0ExVUVDZ3dNYzNsemRHVnRPbTV2WkdWegpNQlFHQTFVRUF3d05jM2x6ZEdWdE9tNXZaR1U2ZURFU01CQUdDU3FHU0liM0RRRUpBUllEWVVCaU1Ga3dFd1lICktvWkl6ajBDQVFZSUtvWkl6ajBEQVFjRFFnQUU0ZllKR1BuenJmQkRBOXVMK3NjVEpXTkVtTVNpOTN4VTVGUWgKODFMRWxIY0Y1ZFFBcXJVWkFSaG1qS3R1c3I3TWhhOFhPWDkxTVQyM0lqbGFwRVpVUjZBQU1Bb0dDQ3FHU000OQpCQU1DQTBrQU1FWUNJUURJV3Z6RlFQeDV4a2ZqZ0dnM0dnSlFBYUxUeGtiMlZCZGRPNk9aM2VOQ013SWhBTXJkCmtvVmtidkE3bXFrVTJVaVNvUmEvZU0wNXdTd3ZYaHRkUjd1M1Q2MnUKLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==';

const objectRef = { apiGroup: 'certificates.k8s.io', resource: 'certificatesigningrequests', name: 'x' };
const both = (request: unknown, ref: object = objectRef): Value[] =>
  ['user', 'groups'].map((field) =>
    ask(
      { objectRef: ref, requestObject: { spec: { request, groups: ['requester'] } } },
      `ka.req.csr.${field}`,
    ),
  );

/** A value in DER; `length` is written in place of the real one. */
function der(tag: number, content: Buffer | string, length?: number[]): Buffer {
  const bytes = Buffer.from(content);
  const size = bytes.length;
  const written = length ?? (size < 0x80 ? [size] : [0x83, size >> 16, (size >> 8) & 255, size & 255]);
  return Buffer.concat([Buffer.from([tag, ...written]), bytes]);
}
const all = (...parts: Buffer[]) => Buffer.concat(parts);
const id = (number: number) => der(6, Buffer.from([0x55, 4, number]));
const attribute = (number: number, text: Buffer | string, tag = 0x0c) =>
  der(0x31, der(0x30, all(id(number), der(tag, text))));
const CN = (text: Buffer | string, tag?: number) => attribute(3, text, tag);
const O = (text: Buffer | string, tag?: number) => attribute(10, text, tag);
const ofSubject = (subject: Buffer) =>
  der(0x30, all(der(0x30, all(der(2, Buffer.from([0])), subject, der(0x30, 'key'))), der(3, 'signature')));
const pem = (content: Buffer, width = 64) =>
  `-----BEGIN CERTIFICATE REQUEST-----\n${content.toString('base64').replaceAll(RegExp(`.{${width}}`, 'g'), '$&\n')}\n-----END CERTIFICATE REQUEST-----\n`;
const base64 = (text: string) => Buffer.from(text).toString('base64');
const request = (...attributes: Buffer[]) => base64(pem(ofSubject(der(0x30, all(...attributes)))));

describe('requests of OpenSSL', () => {
  test('groups in their order, and the user', () => {
    expect(both(SIGNING_REQUEST)).toEqual(['alice', ['system:masters', 'dev']]);
  });

  test('several attributes in one set, and others around', () => {
    expect(both(NODE)).toEqual(['system:node:x', ['system:nodes']]);
  });
});

describe('forms', () => {
  test('the last of several common names, as kube-apiserver reads it; all organizations', () => {
    expect(both(request(CN('a'), O('b'), CN('c'), O('d')))).toEqual(['c', ['b', 'd']]);
  });

  test('one of the two, or neither', () => {
    expect(both(request(CN('a')))).toEqual(['a', null]);
    expect(both(request(O('a')))).toEqual([null, ['a']]);
    expect(both(request())).toEqual([null, null]);
    expect(both(request(attribute(11, 'unit'), CN('')))).toEqual(['', null]);
  });

  test.each([
    ['UTF8String', 0x0c, Buffer.from('é中😀'), 'é中😀'],
    ['PrintableString', 0x13, Buffer.from('abc'), 'abc'],
    ['IA5String', 0x16, Buffer.from('a@b'), 'a@b'],
    ['BMPString', 0x1e, Buffer.from('\0s\0y\0s\x4e\x2d', 'latin1'), 'sys中'],
    ['half a character of a BMPString', 0x1e, Buffer.from('\0a\0', 'latin1'), 'a'],
    ['a surrogate in a BMPString', 0x1e, Buffer.from([0xd8, 0]), '\ufffd'],
  ])('%s', (_, tag, text, expected) => expect(both(request(O(text, tag)))).toEqual([null, [expected]]));

  test('PEM with text in front, headers, other line lengths and line ends', () => {
    const text = pem(ofSubject(der(0x30, CN('a'))));
    const body = text.split('\n').slice(1).join('\n');
    const begin = '-----BEGIN CERTIFICATE REQUEST-----';
    for (const form of [
      `Subject: x\n--\n-----\n${text}`,
      `${begin}\nProc-Type: 4\nx: y\n\n${body}`,
      text.replaceAll('\n', '\r\n'),
      pem(ofSubject(der(0x30, CN('a'))), 4),
      `${begin}\n${body.split('\n').join('')}`,
    ]) {
      expect(both(base64(form)), form).toEqual(['a', null]);
    }
  });

  test('a thousand organizations', () => {
    const groups = Array.from({ length: 1000 }, (_, i) => `group-${i}`);
    expect(both(request(...groups.map((group) => O(group))))[1]).toEqual(groups);
  });
});

describe('what cannot be read has no value', () => {
  test.each<[string, unknown]>([
    ['no text', 5],
    ['nothing', ''],
    ['null', null],
    ['an object', {}],
    ['no base64', '§§§'],
    ['no PEM', base64('hello')],
    ['another kind of PEM', base64(pem(ofSubject(der(0x30, CN('a')))).replaceAll(' REQUEST', ''))],
    ['PEM without a body', base64('-----BEGIN CERTIFICATE REQUEST-----\n')],
    ['PEM that ends in its first line', base64('-----BEGIN CERTIFICATE REQUEST-----')],
    ['no DER', base64(pem(Buffer.from('hello')))],
    ['a certificate request that is empty', base64(pem(der(0x30, '')))],
    ['another order', base64(pem(der(0x30, der(0x30, all(der(0x30, CN('a')), der(2, 'x'))))))],
    ['a length that is too long', base64(pem(der(0x30, 'x', [0x84, 255, 255, 255, 255])))],
    ['a length of no bytes', base64(pem(der(0x30, 'x', [0x80])))],
    ['a length of many bytes', base64(pem(der(0x30, 'x', [0xff, 1])))],
  ])('%s', (_, value) => expect(both(value)).toEqual([null, null]));

  test('what stands before the damage is had', () => {
    const bad = (content: Buffer) => base64(pem(ofSubject(der(0x30, all(O('a'), content, O('b'))))));
    for (const content of [
      der(0x31, der(0x30, id(10), [9])),
      der(0x31, der(0x30, all(id(10), der(0x0c, 'x', [99])))),
      der(0x31, id(10)),
      der(0x31, 'x', [127]),
      der(5, ''),
      der(0x31, der(0x30, id(10))),
    ]) {
      expect(both(bad(content))[1], content.toString('hex')).toEqual(['a']);
    }
    // An empty set is not well formed, and harmless.
    expect(both(bad(der(0x31, '')))[1]).toEqual(['a', 'b']);
  });

  test('wherever the DER is cut', () => {
    const whole = ofSubject(der(0x30, all(O('first'), CN('second'))));
    for (let length = 0; length < whole.length; length++) {
      const [user, groups] = both(base64(pem(whole.subarray(0, length))));
      expect([null, 'second']).toContain(user);
      expect([null, ['first']]).toContainEqual(groups);
    }
  });
});

test('of certificate signing requests alone; the groups of who asks are no value', () => {
  expect(both(SIGNING_REQUEST, { resource: 'certificaterequests' })).toEqual([null, null]);
  expect(both(undefined)).toEqual([null, null]);
});

test('signer and usages', () => {
  const spec = { signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth', null, 'x'] };
  const of = (resource: string, field: string) =>
    ask({ objectRef: { resource }, requestObject: { spec } }, `ka.req.csr.${field}`);
  expect(of('certificatesigningrequests', 'signer')).toBe('kubernetes.io/kube-apiserver-client');
  expect(of('certificatesigningrequests', 'usages')).toEqual(['client auth', 'x']);
  expect(of('certificates', 'usages')).toBeNull();
});
