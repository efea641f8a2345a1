// SPDX-License-Identifier: Apache-2.0
// open_params: what is refused, with which words, and what is suggested. What is taken is tested with the sources.
import { describe, expect, test } from 'vitest';
import { drain } from '../support/drive';
import { idsOf, shortEvent } from '../support/events';
import { Wasm } from '../support/wasm';
import { Workspace, lines } from '../support/workspace';

const FORMS =
  'a file or directory path, file:///path to follow a growing file, for the webhook http://host:port/path, ' +
  'https://host:port/path or unix:///path/to.sock, or for a cloud eks://CLUSTER, cloudwatch://LOG-GROUP, ' +
  's3://BUCKET/PREFIX or sqs://QUEUE-URL';

const SOCKET = 'open_params: unix:// takes the absolute path of a socket, as in unix:///run/falco/audit.sock';

function refusal(params: string): string {
  const wasm = new Wasm().init();
  try {
    wasm.open(params);
  } catch (error) {
    expect(wasm.nextBatch()).toBe('end');
    expect(wasm.host.openFiles).toBe(0);
    return (error as Error).message;
  }
  throw new Error(`${params} was opened`);
}

describe('refusals', () => {
  test.each([
    ['', `open_params is empty; it must be ${FORMS}`],
    [' \n ', `open_params is empty; it must be ${FORMS}`],
    ['ftp://host/x', `open_params: scheme "ftp" is not supported; it must be ${FORMS}`],
    ['://x', `open_params: scheme "" is not supported; it must be ${FORMS}`],
    ['/nowhere', 'open_params: cannot open "/nowhere": ENOENT'],
    ['nowhere/at/all', 'open_params: cannot open "nowhere/at/all": ENOENT'],
    ['/nowhere?recursive=true', 'open_params: cannot open "/nowhere": ENOENT'],
    ['/tmp?recursive=yes', 'open_params: recursive="yes" must be true or false'],
    ['/tmp?recursive', 'open_params: recursive="" must be true or false'],
    ['/tmp?deep=true', 'open_params: unknown parameter "deep"; known is recursive=true or recursive=false'],
    [
      '/tmp?recursive=true&x',
      'open_params: unknown parameter "x"; known is recursive=true or recursive=false',
    ],
    ['/tmp?%zz', 'open_params: "%zz" has a % that two hexadecimal digits do not follow'],
    ['/tmp?recursive=%4', 'open_params: "%4" has a % that two hexadecimal digits do not follow'],
    ['http://:x/', 'open_params: the port "x" is not a number from 0 to 65535'],
    ['http://:/', 'open_params: the port "" is not a number from 0 to 65535'],
    ['http://:65536/', 'open_params: the port "65536" is not a number from 0 to 65535'],
    ['http://:-1/', 'open_params: the port "-1" is not a number from 0 to 65535'],
    [
      'http://:99999999999999999999/',
      'open_params: the port "99999999999999999999" is not a number from 0 to 65535',
    ],
    ['http://:9765x/', 'open_params: the port "9765x" is not a number from 0 to 65535'],
    ['http://user@host/', 'open_params: a user name or password in the URL is not supported'],
    ['http://user:S3CR3T@host:80/', 'open_params: a user name or password in the URL is not supported'],
    ['http://::1/', 'open_params: an IPv6 address stands in brackets, as in http://[::1]:9765/'],
    ['http://::1:9765/', 'open_params: an IPv6 address stands in brackets, as in http://[::1]:9765/'],
    ['http://:9765/x?a=b', 'open_params: unknown parameter "a"; known is cluster=NAME'],
    ['http://:9765/x?mode=0600', 'open_params: unknown parameter "mode"; known is cluster=NAME'],
    ['http://:9765/x?cluster=a&cluster=b', 'open_params: parameter "cluster" is given twice'],
    ['http://:9765/x?cluster=', 'open_params: the name of the cluster for the path "/x" is empty'],
    ['https://[::1/x', 'open_params: an IPv6 address stands in brackets, as in http://[::1]:9765/'],
    ['unix://', SOCKET],
    ['unix:///', SOCKET],
    ['unix:///run/', SOCKET],
    ['unix://run/x.sock', SOCKET],
    ['unix://:80/x.sock', SOCKET],
    ['unix:///x?mode=', 'open_params: mode="" must be permissions in octal, as in mode=0660'],
    ['unix:///x?mode=8', 'open_params: mode="8" must be permissions in octal, as in mode=0660'],
    ['unix:///x?mode=1000', 'open_params: mode="1000" must be permissions in octal, as in mode=0660'],
    ['unix:///x?mode=-1', 'open_params: mode="-1" must be permissions in octal, as in mode=0660'],
    [
      'unix:///x?mode=99999999999999999999',
      'open_params: mode="99999999999999999999" must be permissions in octal, as in mode=0660',
    ],
    ['unix:///x?path=x', 'open_params: the path "x" does not begin with /'],
    ['unix:///x?path=', 'open_params: the path "" does not begin with /'],
    ['unix:///x?a', 'open_params: unknown parameter "a"; known are path=/PATH, mode=OCTAL and cluster=NAME'],
    ['http://:9765/%4', 'open_params: "/%4" has a % that two hexadecimal digits do not follow'],
    ['file://', 'open_params: file:// needs a path, as in file:///var/log/kubernetes/audit.log'],
    ['file:///', 'open_params: file:// needs a path, as in file:///var/log/kubernetes/audit.log'],
    [
      'file://var/log/x',
      'open_params: file:// takes an absolute path, as in file:///var/log/kubernetes/audit.log',
    ],
    ['file:///x?from=middle', 'open_params: from="middle" must be start or end'],
    ['file:///x?from=', 'open_params: from="" must be start or end'],
    [
      'file:///x?to=end',
      'open_params: unknown parameter "to"; known are from=start, from=end and checkpoint=PATH',
    ],
    ['file:///x%2', 'open_params: "/x%2" has a % that two hexadecimal digits do not follow'],
    ['file:///x?checkpoint=', 'open_params: checkpoint="" must be the path of a file or of a folder'],
  ])('%j', (params, message) => expect(refusal(params)).toBe(message));

  test('a path that is too long to be matched', () => {
    expect(refusal(`http://:9765/${'x'.repeat(1024)}`)).toBe('open_params: a path has more than 1024 bytes');
  });

  test('a parameter that is given twice is said to be, not to be unknown', () => {
    expect(refusal('file:///x?from=start&from=end')).toContain('twice');
    expect(refusal('/tmp?recursive=true&recursive=true')).toContain('twice');
  });

  test('a refused open leaves the plugin able to open', () => {
    const path = new Workspace().write('audit.log', lines([shortEvent('a')]));
    const wasm = new Wasm().init();
    expect(() => wasm.open('/nowhere')).toThrow('ENOENT');
    expect(idsOf(wasm.open(path).readAll())).toEqual(['a']);
  });

  test('a refused open after an open one lets go of that', () => {
    const path = new Workspace().write('audit.log', lines([shortEvent('a')]));
    const wasm = new Wasm().init().open(path);
    expect(() => wasm.open('/nowhere')).toThrow('ENOENT');
    expect([wasm.host.openFiles, wasm.nextBatch()]).toEqual([0, 'end']);
  });
});

describe('paths in file://', () => {
  test.each(['audit.log', 'a b.log', 'a%b.log', 'ä中😀.log', 'a?b#c.log'])('%s', (name) => {
    const workspace = new Workspace();
    const path = workspace.write(name, lines([shortEvent('a')]));
    for (const host of ['', 'localhost']) {
      const wasm = new Wasm()
        .init()
        .open(`file://${host}${encodeURIComponent(path).replaceAll('%2F', '/')}?from=start`);
      expect(idsOf(drain(wasm).events)).toEqual(['a']);
    }
  });

  test('characters that are no reserved ones need no escape', () => {
    const path = new Workspace().write('ä 中.log', lines([shortEvent('a')]));
    expect(idsOf(drain(new Wasm().init().open(`file://${path}?from=start`)).events)).toEqual(['a']);
  });

  test('escapes in the query too', () => {
    const path = new Workspace().write('audit.log', lines([shortEvent('a')]));
    expect(idsOf(drain(new Wasm().init().open(`file://${path}?fr%6Fm=%73tart`)).events)).toEqual(['a']);
  });

  test('a fragment is not part of it', () => {
    const path = new Workspace().write('audit.log', lines([shortEvent('a')]));
    expect(idsOf(drain(new Wasm().init().open(`file://${path}?from=start#x`)).events)).toEqual(['a']);
  });
});

describe('suggestions', () => {
  test('the webhook is always there; each has a value and a description', () => {
    const wasm = new Wasm().init();
    const suggestions = JSON.parse(wasm.text(wasm.exports.openParams())) as { value: string; desc: string }[];
    expect(suggestions[0]).toEqual({
      value: 'http://:9765/k8s-audit',
      desc: "Webhook for kube-apiserver's --audit-webhook-config-file, on all addresses",
    });
    for (const { value, desc } of suggestions)
      expect([value, desc]).toEqual([expect.any(String), expect.any(String)]);
  });

  test('audit logs that the machine has: to follow, and to read once', () => {
    const wasm = new Wasm();
    const known = '/var/log/kubernetes/audit/audit.log';
    const view = () => new DataView(wasm.host.memory.buffer);
    // Only this file is there.
    const stat = (at: number, length: number, out: number): number => {
      if (wasm.buffer().toString('utf8', at, at + length) !== known) return -2;
      view().setUint32(out + 32, 1, true);
      return 0;
    };
    wasm.host.imports.fileStat = stat;
    const fresh = new Wasm(wasm.host).init();
    const suggestions = JSON.parse(fresh.text(fresh.exports.openParams())) as { value: string }[];
    expect(suggestions.map(({ value }) => value)).toEqual([
      'http://:9765/k8s-audit',
      'eks://CLUSTER',
      `file://${known}`,
      known,
    ]);
  });
});
