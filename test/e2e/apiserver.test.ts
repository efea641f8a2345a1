// SPDX-License-Identifier: Apache-2.0
// Clients that nobody here wrote: kube-apiserver's own audit webhook backend, in the Go program of apiserver/, and curl.
import { execFile, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';

import { buildPaths, repositoryRoot } from '../../scripts/lib/paths.mjs';
import { Template } from '../../scripts/soak/events.mjs';
import type { LibsinspHost } from '../../scripts/soak/host.mjs';
import { goEnvironment, required } from './tools.ts';
import { PATH, makeHost, secureWebhook, sleep, until, type SecureWebhook } from './support.ts';

const run = promisify(execFile);
const program = join(buildPaths().build, 'e2e', 'apiserver');

interface Report {
  events: number;
  accepted: number;
  failed: number;
  dropped: number;
}

/** A kubeconfig as `--audit-webhook-config-file` takes it; each credential is given inline. */
function kubeconfig(server: string, ca: string, user: object): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'falco',
        cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
      },
    ],
    users: [{ name: 'kube-apiserver', user }],
    contexts: [{ name: 'default', context: { cluster: 'falco', user: 'kube-apiserver' } }],
    'current-context': 'default',
  });
}

describe('the audit webhook backend of kube-apiserver', () => {
  beforeAll(() => {
    const go = required('go', 'install Go 1.19 or later (Debian: apt-get install golang-go)');
    execFileSync(go, ['build', '-trimpath', '-buildvcs=false', '-o', program, '.'], {
      cwd: join(repositoryRoot, 'test', 'e2e', 'apiserver'),
      stdio: 'inherit',
      env: goEnvironment,
    });
  }, 600_000);

  /** Sends so many events by kube-apiserver's code; gives what it says about them. */
  async function send(webhook: SecureWebhook, user: object, prefix: string, args: string[]): Promise<Report> {
    const config = webhook.workspace.at(`${prefix}.kubeconfig`);
    writeFileSync(config, kubeconfig(webhook.open, webhook.authority.pair.certificate, user));
    const flags = ['--audit-webhook-config-file', config, '--audit-webhook-batch-max-wait', '1s'];
    const { stdout } = await run(program, [...flags, '--prefix', prefix, ...args], { maxBuffer: 64 << 20 });
    return JSON.parse(stdout) as Report;
  }

  function certificate({ target }: SecureWebhook): object {
    const base64 = (text?: string) => Buffer.from(text ?? '').toString('base64');
    return {
      'client-certificate-data': base64(target.tls.cert),
      'client-key-data': base64(target.tls.key),
    };
  }

  /** Each of the events was delivered exactly once. */
  function expectOnce(host: LibsinspHost, prefix: string, events: number): void {
    const { delivered } = host;
    const counts = Array.from({ length: events }, (_, i) => delivered.of(prefix, i));
    expect(counts.findIndex((count) => count !== 1)).toBe(-1);
  }

  test('delivers each event exactly once, by a client certificate', async () => {
    const webhook = await secureWebhook();
    const host = makeHost({ folder: webhook.workspace.path, open: webhook.open, config: webhook.config });
    await host.start();
    const report = await send(webhook, certificate(webhook), 'certificate', ['--events', '20000']);
    expect(report).toEqual({ events: 20_000, accepted: 20_000, failed: 0, dropped: 0 });
    await host.end('SIGTERM');
    expectOnce(host, 'certificate', 20_000);
    expect(host.delivered.total).toBe(20_000);
  });

  test('delivers each event exactly once, by a token', async () => {
    const webhook = await secureWebhook();
    const token = webhook.workspace.write('token', 'correct-horse-battery-staple\n');
    const { sslCertificate, sslKey } = webhook.config;
    const host = makeHost({
      folder: webhook.workspace.path,
      open: webhook.open,
      config: { sslCertificate, sslKey, tokenFile: token },
    });
    await host.start();
    const user = { token: 'correct-horse-battery-staple' };
    const report = await send(webhook, user, 'token', ['--events', '5000']);
    expect(report).toEqual({ events: 5000, accepted: 5000, failed: 0, dropped: 0 });
    const few = ['--events', '10', '--audit-webhook-initial-backoff', '50ms'];
    const refused = await send(webhook, { token: 'wrong' }, 'wrong', few);
    expect(refused).toEqual({ events: 10, accepted: 0, failed: 10, dropped: 0 });
    await host.end('SIGTERM');
    expectOnce(host, 'token', 5000);
    expect(host.delivered.total).toBe(5000);
  });

  test('loses nothing when the webhook is killed and started again in the middle', async () => {
    const webhook = await secureWebhook();
    const host = makeHost({ folder: webhook.workspace.path, open: webhook.open, config: webhook.config });
    await host.start();
    const args = ['--events', '20000', '--audit-webhook-initial-backoff', '500ms'];
    const sending = send(webhook, certificate(webhook), 'restart', args);
    for (let restart = 1; restart <= 3; restart++) {
      await until(() => host.read().total > restart * 4000);
      await host.end('SIGKILL');
      await sleep(200);
      await host.start();
    }
    expect(await sending).toEqual({ events: 20_000, accepted: 20_000, failed: 0, dropped: 0 });
    await host.end('SIGTERM');
    const lost = Array.from({ length: 20_000 }, (_, i) => i).filter(
      (i) => host.delivered.of('restart', i) === 0,
    );
    expect(lost).toEqual([]);
    expect(host.delivered.repeated).toBeLessThanOrEqual(3 * 400);
  });

  test('says which events are lost when the webhook stays away for all its retries', async () => {
    const webhook = await secureWebhook();
    const args = ['--events', '400', '--audit-webhook-initial-backoff', '10ms'];
    const report = await send(webhook, certificate(webhook), 'away', args);
    expect(report).toEqual({ events: 400, accepted: 0, failed: 400, dropped: 0 });
  });

  test('marks the events that its truncate wrapper has cut', async () => {
    const webhook = await secureWebhook();
    const host = makeHost({
      folder: webhook.workspace.path,
      open: webhook.open,
      config: webhook.config,
      fields: ['ka.truncated', 'ka.user.name'],
    });
    const marks = new Map<number, unknown>();
    host.onEvent = ({ fields }) => {
      expect(fields['ka.user.name']).toBe('system:serviceaccount:default:writer');
      marks.set(Number(String(fields['ka.auditid']).split('-')[1]), fields['ka.truncated']);
    };
    await host.start();
    const report = await send(webhook, certificate(webhook), 'cut', [
      '--events',
      '300',
      '--large-every',
      '3',
    ]);
    expect(report).toEqual({ events: 300, accepted: 300, failed: 0, dropped: 0 });
    await host.end('SIGTERM');
    expect(marks.size).toBe(300);
    for (const [number, mark] of marks) expect(mark, `cut-${number}`).toBe(String(number % 3 === 0));
  });
});

describe('curl', () => {
  const curl = required('curl', 'install it (Debian: apt-get install curl)');
  const EVENTS = 400;

  /** Runs curl against the webhook; gives the statuses of the answers, in order, 100 too. */
  async function statuses(args: string[]): Promise<number[]> {
    const silent = ['--silent', '--show-error', '--include', '--max-time', '60'];
    const { stdout } = await run(curl, [...silent, ...args]);
    return [...stdout.matchAll(/^HTTP\/1\.[01] (\d+)/gm)].map(([, status]) => Number(status));
  }

  /** Curl's arguments for who it is; one webhook for all tests would hide what one breaks. */
  async function startWebhook() {
    const webhook = await secureWebhook();
    const host = makeHost({ folder: webhook.workspace.path, open: webhook.open, config: webhook.config });
    await host.start();
    const { workspace, authority } = webhook;
    const client = authority.issue('client', 'curl');
    const identity = [
      ...['--cacert', authority.pair.certificateFile],
      ...['--cert', client.certificateFile, '--key', client.keyFile],
    ];
    const body = new Template('curl', EVENTS, 'list').fill(0);
    return { webhook, host, identity, body, file: workspace.write('body.json', body), url: webhook.open };
  }

  async function expectDelivered(host: LibsinspHost, events = EVENTS): Promise<void> {
    await host.end('SIGTERM');
    expect(host.delivered.total).toBe(events);
    expect(host.delivered.repeated).toBe(0);
  }

  const json = ['--header', 'Content-Type: application/json'];

  test('plain, with a health check and a second request on the same connection', async () => {
    const { host, identity, file, url, webhook } = await startWebhook();
    const health = `https://127.0.0.1:${webhook.port}/healthz`;
    expect(await statuses(['--cacert', webhook.authority.pair.certificateFile, health])).toEqual([200]);
    const two = [...identity, ...json, '--data-binary', `@${file}`, url, '--next'];
    const rest = [...identity, '--include', health];
    expect(await statuses([...two, ...rest])).toEqual([200, 200]);
    await expectDelivered(host);
  });

  test('gzip', async () => {
    const { host, identity, body, url, webhook } = await startWebhook();
    const packed = webhook.workspace.write('body.json.gz', gzipSync(body));
    const encoding = ['--header', 'Content-Encoding: gzip', '--data-binary', `@${packed}`];
    expect(await statuses([...identity, ...json, ...encoding, url])).toEqual([200]);
    await expectDelivered(host);
  });

  test('in chunks', async () => {
    const { host, identity, file, url } = await startWebhook();
    const chunked = ['--header', 'Transfer-Encoding: chunked', '--data-binary', `@${file}`];
    expect(await statuses([...identity, ...json, ...chunked, url])).toEqual([200]);
    await expectDelivered(host);
  });

  test('that waits for 100 Continue', async () => {
    const { host, identity, file, url } = await startWebhook();
    const expecting = ['--header', 'Expect: 100-continue', '--expect100-timeout', '60'];
    const data = ['--data-binary', `@${file}`];
    expect(await statuses([...identity, ...json, ...expecting, ...data, url])).toEqual([100, 200]);
    await expectDelivered(host);
  });

  test('that waits for 100 Continue and is refused sends no body', async () => {
    const { host, file, url, webhook } = await startWebhook();
    const stranger = ['--cacert', webhook.authority.pair.certificateFile];
    const expecting = ['--header', 'Expect: 100-continue', '--expect100-timeout', '60'];
    const data = ['--data-binary', `@${file}`, '--write-out', '\nuploaded %{size_upload}\n'];
    const silent = ['--silent', '--show-error', '--include', '--max-time', '60'];
    const { stdout } = await run(curl, [...silent, ...stranger, ...json, ...expecting, ...data, url]);
    expect(stdout).toMatch(/^HTTP\/1\.1 401/);
    expect(stdout).toContain('uploaded 0');
    await expectDelivered(host, 0);
  });

  test('with HTTP/1.0', async () => {
    const { host, identity, file, url } = await startWebhook();
    const old = ['--http1.0', '--data-binary', `@${file}`];
    expect(await statuses([...identity, ...json, ...old, url])).toEqual([200]);
    await expectDelivered(host);
  });

  test('over a Unix socket', async () => {
    const webhook = await secureWebhook();
    const socket = webhook.workspace.at('webhook.sock');
    const host = makeHost({ folder: webhook.workspace.path, open: `unix://${socket}` });
    await host.start();
    const file = webhook.workspace.write('body.json', new Template('curl', EVENTS, 'list').fill(0));
    const data = ['--data-binary', `@${file}`];
    expect(await statuses(['--unix-socket', socket, ...json, ...data, `http://localhost${PATH}`])).toEqual([
      200,
    ]);
    await expectDelivered(host);
  });
});
