// SPDX-License-Identifier: Apache-2.0
// https:// in open_params: the files of the certificate, and what happens when they change.
import * as fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { drain } from '../support/drive';
import { idsOf, shortEvent } from '../support/events';
import { Host, fakeCa, fakeCertificate, fakeKey } from '../support/host';
import { Wasm } from '../support/wasm';
import { Workspace } from '../support/workspace';

const HTTPS = 'https://:9443/k8s-audit';
const LOOK = 5_000_000_000n;
const DAY = 86_400;
/** Of the fake clock, in seconds. */
const NOW = Number(new Host().now / 1_000_000_000n);

const pair = (name: string, ends?: number): string => fakeCertificate(name, ends) + fakeKey(name);

/** A plugin with its certificate in one file. */
function secure(content = pair('first')) {
  const file = new Workspace().write('tls.pem', content);
  const config = JSON.stringify({ sslCertificate: file });
  return { file, config, wasm: new Wasm().init(config).open(HTTPS) };
}

function refusalOf(config: object): string {
  const wasm = new Wasm();
  try {
    wasm.init(JSON.stringify(config)).open(HTTPS);
  } catch (error) {
    expect([wasm.host.openFiles, wasm.host.listening]).toEqual([0, undefined]);
    return (error as Error).message;
  }
  throw new Error('it was opened');
}

/** What new connections get, after the next look. */
function served(wasm: Wasm): string | undefined {
  wasm.host.now += LOOK;
  wasm.nextBatch();
  return wasm.host.listening?.tls?.certificate;
}

describe('open', () => {
  test.each([
    ['https://:9443/x', 9443],
    ['https://host.example/x', 443],
    ['HTTPS://[::1]:1234/x', 1234],
  ])('%s', (params, port) => {
    const file = new Workspace().write('tls.pem', pair('first'));
    const { host } = new Wasm().init(JSON.stringify({ sslCertificate: file })).open(params);
    expect(host.listening).toMatchObject({ port, tls: { certificate: 'first', clientCa: undefined } });
    expect(host.logs[0].message).toContain(`listening for audit events on https://`);
    expect(host.openFiles, 'handles that stay').toBe(0);
  });

  test('certificate and key in two files, and a CA', () => {
    const workspace = new Workspace();
    const config = {
      sslCertificate: workspace.write('tls.crt', fakeCertificate('two')),
      sslKey: workspace.write('tls.key', fakeKey('two')),
      clientCa: workspace.write('ca.crt', fakeCa('ours')),
    };
    const { host } = new Wasm().init(JSON.stringify(config)).open(HTTPS);
    expect(host.listening?.tls).toMatchObject({ certificate: 'two', clientCa: 'ours' });
  });

  test('the default is the file of the official plugin', () => {
    expect(refusalOf({})).toBe(
      'init_config: key "sslCertificate": "/etc/falco/falco.pem" cannot be opened: ENOENT',
    );
  });

  test('http:// and unix:// need none of it', () => {
    for (const params of ['http://:9765/x', 'unix:///x.sock']) {
      const { host } = new Wasm().init('{"sslCertificate": "/nowhere"}').open(params);
      expect(host.listening?.tls).toBeUndefined();
    }
  });

  test.each([
    ['no certificate', fakeKey('x'), fakeKey('x'), 'no certificate in it'],
    ['no key', fakeCertificate('x'), fakeCertificate('x'), 'no key in it'],
    ['a key of another one', fakeCertificate('x'), fakeKey('y'), 'the key is of another certificate'],
    [
      'a certificate that has ended',
      fakeCertificate('x', NOW - 1),
      fakeKey('x'),
      'the certificate has ended',
    ],
    ['garbage', 'garbage', 'garbage', 'no certificate in it'],
  ])('%s is refused, naming keys, paths and reason', (_, certificate, key, reason) => {
    const workspace = new Workspace();
    const sslCertificate = workspace.write('tls.crt', certificate);
    const sslKey = workspace.write('tls.key', key);
    expect(refusalOf({ sslCertificate, sslKey })).toBe(
      `init_config: key "sslCertificate": "${sslCertificate}", key "sslKey": "${sslKey}": ${reason}`,
    );
  });

  test.each(['sslCertificate', 'sslKey', 'clientCa'])('%s: missing, empty, a directory, too large', (key) => {
    const workspace = new Workspace();
    const good = {
      sslCertificate: workspace.write('tls.crt', fakeCertificate('x')),
      sslKey: workspace.write('tls.key', fakeKey('x')),
      clientCa: workspace.write('ca.crt', fakeCa('x')),
    };
    const wrong: [string, string][] = [
      ['/nowhere', 'cannot be opened: ENOENT'],
      [workspace.write('empty', ''), 'is empty'],
      [workspace.path, 'cannot be opened: EISDIR'],
      [workspace.write('large', 'x'.repeat(1_048_577)), 'has more than 1048576 bytes'],
    ];
    for (const [file, reason] of wrong) {
      expect(refusalOf({ ...good, [key]: file })).toBe(`init_config: key "${key}": "${file}" ${reason}`);
    }
  });

  test('a CA that is none is refused, naming its file', () => {
    const workspace = new Workspace();
    const sslCertificate = workspace.write('tls.pem', pair('x'));
    const clientCa = workspace.write('ca.crt', 'garbage');
    const message = refusalOf({ sslCertificate, clientCa });
    expect(message).toContain('no CA in it');
    expect(message).toContain(`"${clientCa}"`);
  });

  test('nothing of the key stays in memory', () => {
    const secret = 'q'.repeat(40);
    const { wasm, file } = secure(pair('first') + secret);
    expect(wasm.buffer().includes(secret)).toBe(false);
    fs.writeFileSync(file, pair('second') + secret);
    expect(served(wasm)).toBe('second');
    expect(wasm.buffer().includes(secret)).toBe(false);
  });
});

describe('when the files change', () => {
  test('the new ones are taken into use, within five seconds', () => {
    const { wasm, file } = secure();
    wasm.nextBatch();
    fs.writeFileSync(file, pair('second'));
    wasm.nextBatch();
    expect(wasm.host.listening?.tls?.certificate).toBe('first');
    expect(served(wasm)).toBe('second');
    expect(wasm.metrics().certificate_reloads).toBe(1);
    expect(wasm.host.logs.slice(1)).toEqual([
      { severity: 6, message: 'the certificate has changed; the new one is in use' },
    ]);
    expect(wasm.host.openFiles).toBe(0);
    for (let i = 0; i < 5; i++) served(wasm);
    expect(wasm.metrics().certificate_reloads).toBe(1);
  });

  test('as Kubernetes changes a secret: a symbolic link is swapped', () => {
    const workspace = new Workspace();
    workspace.write('..v1/tls.pem', pair('first'));
    workspace.write('..v2/tls.pem', pair('other'));
    const link = workspace.at('..data');
    fs.symlinkSync('..v1', link);
    fs.symlinkSync('..data/tls.pem', workspace.at('tls.pem'));
    const config = JSON.stringify({ sslCertificate: workspace.at('tls.pem') });
    const wasm = new Wasm().init(config).open(HTTPS);
    expect(served(wasm)).toBe('first');
    fs.symlinkSync('..v2', `${link}.tmp`);
    fs.renameSync(`${link}.tmp`, link);
    expect(served(wasm)).toBe('other');
  });

  test('one behind the other: the old pair stays until the new one is whole', () => {
    const workspace = new Workspace();
    const sslCertificate = workspace.write('tls.crt', fakeCertificate('first'));
    const sslKey = workspace.write('tls.key', fakeKey('first'));
    const wasm = new Wasm().init(JSON.stringify({ sslCertificate, sslKey })).open(HTTPS);
    fs.writeFileSync(sslCertificate, fakeCertificate('second'));
    expect([served(wasm), served(wasm)]).toEqual(['first', 'first']);
    expect(wasm.metrics().certificate_reloads).toBe(0);
    const warnings = wasm.host.logs.filter(({ severity }) => severity === 4);
    expect(warnings).toHaveLength(1);
    expect(warnings[0].message).toContain('the key is of another certificate; what was in use before stays');
    fs.writeFileSync(sslKey, fakeKey('second'));
    expect(served(wasm)).toBe('second');
    expect(wasm.metrics().certificate_reloads).toBe(1);
  });

  test('back to what they were while they were broken: nothing new is needed', () => {
    const { wasm, file } = secure();
    fs.renameSync(file, `${file}.away`);
    expect(served(wasm)).toBe('first');
    fs.renameSync(`${file}.away`, file);
    expect(served(wasm)).toBe('first');
    expect(wasm.metrics().certificate_reloads).toBe(0);
  });

  test('the CA alone', () => {
    const workspace = new Workspace();
    const clientCa = workspace.write('ca.pem', fakeCa('old'));
    const config = JSON.stringify({ sslCertificate: workspace.write('tls.pem', pair('x')), clientCa });
    const wasm = new Wasm().init(config).open(HTTPS);
    fs.writeFileSync(clientCa, fakeCa('new'));
    served(wasm);
    expect(wasm.host.listening?.tls?.clientCa).toBe('new');
  });

  test('a token that is broken does not keep a new certificate out, nor the other way round', () => {
    const workspace = new Workspace();
    const sslCertificate = workspace.write('tls.pem', pair('first'));
    const tokenFile = workspace.write('token', 'abc');
    const wasm = new Wasm().init(JSON.stringify({ sslCertificate, tokenFile })).open(HTTPS);
    fs.rmSync(tokenFile);
    fs.writeFileSync(sslCertificate, pair('second'));
    expect(served(wasm)).toBe('second');
    fs.writeFileSync(sslCertificate, 'garbage');
    fs.writeFileSync(tokenFile, 'def');
    expect(served(wasm)).toBe('second');
    expect(wasm.metrics().certificate_reloads).toBe(2);
  });

  test('requests go on meanwhile', () => {
    const { wasm, file } = secure();
    const queued = wasm.host.send({ body: shortEvent('a') });
    fs.writeFileSync(file, pair('second'));
    wasm.host.now += LOOK;
    expect(idsOf(drain(wasm).events)).toEqual(['a']);
    expect(queued.answer?.status).toBe(200);
  });
});

describe('after a trap', () => {
  test('the files are loaded again', () => {
    const { wasm, config, file } = secure();
    fs.writeFileSync(file, pair('second'));
    expect(wasm.successor(config, HTTPS).host.listening?.tls?.certificate).toBe('second');
  });

  test.each([
    ['gone', (file: string) => fs.rmSync(file)],
    ['broken', (file: string) => fs.writeFileSync(file, 'garbage')],
  ])('a file that is %s: the server goes on with what it has, never without TLS', (_, change) => {
    const { wasm, config, file } = secure();
    change(file);
    const next = wasm.successor(config, HTTPS);
    expect(next.host.listening?.tls?.certificate).toBe('first');
    next.host.send({ body: shortEvent('a') });
    expect(idsOf(drain(next).events)).toEqual(['a']);
    fs.writeFileSync(file, pair('second'));
    expect(served(next)).toBe('second');
  });
});

describe('the end of the certificate', () => {
  test('is shown in seconds, and warned of once a day in the last week', () => {
    const { wasm } = secure(pair('first', NOW + 8 * DAY));
    const warnings = () =>
      wasm.host.logs.filter(({ severity }) => severity === 4).map(({ message }) => message.split('"; ')[0]);
    expect(wasm.metrics().certificate_expires_in).toBe(8 * DAY);
    const shown: number[] = [];
    const counts: number[] = [];
    for (let hours = 0; hours < 9 * 24; hours += 12) {
      wasm.host.now = BigInt(NOW + hours * 3600) * 1_000_000_000n;
      wasm.nextBatch();
      wasm.host.now += LOOK;
      wasm.nextBatch();
      shown.push(wasm.metrics().certificate_expires_in);
      counts.push(warnings().length);
    }
    expect(counts).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8]);
    expect(shown[2]).toBeGreaterThan(6.9 * DAY);
    expect(shown.at(-1)).toBe(0);
    expect(warnings()[0]).toMatch(/ ends in less than 7 days; put a new one there$/);
    expect(warnings().at(-2)).toContain('ends in less than 1 day');
    expect(warnings().at(-1)).toContain('has ended');
  });

  test('is 0 without TLS, and after close', () => {
    const { wasm } = secure();
    expect(wasm.metrics().certificate_expires_in).toBeGreaterThan(0);
    wasm.close();
    expect(wasm.metrics().certificate_expires_in).toBe(0);
  });
});
