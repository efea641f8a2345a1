// SPDX-License-Identifier: Apache-2.0
// eks:// in a real libsinsp, with moto as CloudWatch Logs: as it is, and behind the proxy that makes it behave as AWS's.
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { fixtureRule, Scratch, startHost, sortLines } from '../host/support.ts';
import { pluginPath } from '../host/support.ts';
import { Random } from '../support/random.ts';
import { Workspace } from '../support/workspace.ts';
import { makeAuditLog, putParts, streamName } from './aws/audit-log.ts';
import { AwsClient, type LogEvent } from './aws/client.ts';
import { PASSING_FAULTS, type FaultKind } from './aws/faults.ts';
import { KeyRing } from './aws/keys.ts';
import { Moto, whyNoMoto } from './aws/moto.ts';
import { AwsProxy } from './aws/proxy.ts';
import { makeHost, sleep, until } from './support.ts';

const missing = await whyNoMoto('reading CloudWatch Logs is');

/** Events in a batch at most. */
const BATCH = 256;
const KILLS = 10;
const EVENTS = 200_000;

function message(number: number, timestamp: number, more: object = {}): string {
  return JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: `e-${number}`,
    stage: 'ResponseComplete',
    requestURI: '/api/v1/namespaces/default/secrets/token',
    verb: 'get',
    user: { username: 'system:serviceaccount:default:reader', groups: ['system:authenticated'] },
    sourceIPs: ['10.0.0.7'],
    objectRef: { resource: 'secrets', namespace: 'default', name: 'token', apiVersion: 'v1' },
    responseStatus: { metadata: {}, code: 200 },
    stageTimestamp: new Date(timestamp).toISOString(),
    ...more,
  });
}

describe.skipIf(missing !== undefined)('CloudWatch Logs', () => {
  const ring = new KeyRing();
  const session = ring.issue(36_000, 'arn:aws:sts::123456789012:assumed-role/falco/test');
  const env = {
    AWS_ACCESS_KEY_ID: session.accessKeyId,
    AWS_SECRET_ACCESS_KEY: session.secretAccessKey,
    AWS_SESSION_TOKEN: session.sessionToken,
  };
  let moto: Moto;
  let client: AwsClient;
  let proxy: AwsProxy;
  let clusters = 0;
  beforeAll(async () => {
    moto = await Moto.start();
    client = new AwsClient({ endpoint: moto.url });
    proxy = await new AwsProxy({ upstream: moto.url, keys: ring }).open();
  });
  afterEach(() => proxy.plan.clear());
  afterAll(async () => {
    client?.close();
    await proxy?.close();
    await moto?.stop();
  });

  /** A cluster's log group with streams; its name. */
  async function makeCluster(
    streams: number,
  ): Promise<{ cluster: string; group: string; streams: string[] }> {
    const cluster = `c${clusters++}`;
    const group = `/aws/eks/${cluster}/cluster`;
    const names = Array.from({ length: streams }, (_, i) => streamName(i));
    await client.createLogStreams(group, names);
    return { cluster, group, streams: names };
  }

  const configure = (endpoint: string, more: object = {}) => ({
    ...{ region: 'eu-west-1', awsEndpoints: { logs: endpoint }, pollingInterval: 1, shift: 3600 },
    ...more,
  });

  test('libsinsp evaluates a rule on what moto itself gives, stream after stream', async () => {
    const { cluster, group, streams } = await makeCluster(3);
    const now = Date.now();
    const events = streams.map((_, stream): LogEvent[] =>
      Array.from({ length: 400 }, (_, i) => {
        const number = stream * 400 + i;
        const timestamp = now - 600_000 + i * 100 + stream;
        const more = number % 100 === 7 ? { verb: 'delete' } : {};
        return { timestamp, message: message(number, timestamp, more) };
      }),
    );
    for (const [i, stream] of streams.entries()) await client.putLogEvents(group, stream, events[i] ?? []);
    const scratch = new Scratch();
    onTestFinished(() => scratch.remove());
    const rule = fixtureRule(
      'Secret Deleted',
      `ka.verb=delete and ka.cluster.name=${cluster} and ka.provider=eks`,
      {
        source: 'k8s_audit',
        output: 'secret deleted (name=%ka.target.name cluster=%ka.cluster.name id=%ka.auditid)',
      },
    );
    const [path, rules] = [pluginPath(), scratch.rules([rule])];
    const config = JSON.stringify(configure(moto.url));
    const child = startHost(
      [
        '--plugin',
        path,
        '--config',
        config,
        '--open',
        `eks://${cluster}`,
        '--rules',
        rules,
        '--max-events',
        '1200',
      ],
      env,
    );
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (part) => (stdout += part));
    child.stderr.on('data', (part) => (stderr += part));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code, stderr).toBe(0);
    const { alerts, summary } = sortLines(stdout);
    expect(summary).toMatchObject({ events: 1200, alerts: 12, rules: { 'Secret Deleted': 12 } });
    const numbers = alerts.map(({ output }) => Number(/id=e-(\d+)/.exec(output)?.[1]));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i * 100 + 7));
    expect(alerts[0]?.output).toContain(`name=token cluster=${cluster}`);
  });

  test(`${EVENTS} events, out of order and late, with faults and kills: each comes once`, async () => {
    const { cluster, group, streams } = await makeCluster(4);
    const workspace = new Workspace();
    const host = makeHost({
      folder: workspace.path,
      open: `eks://${cluster}`,
      // Nothing is too late here, however slow the machine is.
      config: configure(proxy.url, { stateDir: workspace.at('state'), lateWindow: 7200 }),
      env,
    });
    const random = new Random(6);
    proxy.plan.byChance({ random, percent: 5, faults: PASSING_FAULTS, operations: ['FilterLogEvents'] });
    await host.start();

    const now = Date.now();
    const shape = {
      count: EVENTS,
      from: now - 600_000,
      to: now,
      streams,
      disorder: 120_000,
      lateOneIn: 100,
      seed: 8,
    };
    const log = makeAuditLog(shape, message, (number) => `e-${number}`);
    let isOver = false;
    const writing = (async () => {
      await putParts(client, group, log.early, 2000);
      // The late ones come in pieces, while all is read again and again.
      await putParts(client, group, log.late, 100);
      isOver = true;
    })();

    const repeated: number[] = [];
    let known = 0;
    let productive = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const before = host.read().distinct;
      // Sometimes at its start, mostly in the middle of work.
      if (kill % 4 !== 3) await until(() => host.read().distinct > before + random.below(15_000));
      if (kill % 2 === 1) await sleep(random.below(1000));
      await host.end('SIGKILL');
      if (host.delivered.distinct > before) productive++;
      repeated.push(host.delivered.repeated - known);
      known = host.delivered.repeated;
      await host.start();
    }
    await writing;
    await until(() => isOver && host.read().distinct >= EVENTS);
    // Time for whatever would come twice.
    const passes = proxy.callsOf('FilterLogEvents').length;
    await until(() => proxy.callsOf('FilterLogEvents').length > passes + 20);
    const metrics = await host.metrics();
    await host.end('SIGTERM');
    repeated.push(host.delivered.repeated - known);

    const { distinct, total } = host.delivered;
    const calls = proxy.callsOf('FilterLogEvents');
    console.log(
      `${distinct} events in ${KILLS + 1} lives and ${Math.round((Date.now() - now) / 1000)} s, ` +
        `${total - distinct} again (${repeated.join(', ')}); ${calls.length} calls, ${proxy.faultCount()} faults; ` +
        `events_late ${metrics['events_late']} in the last life`,
    );
    expect(proxy.refusals).toEqual([]);
    expect(distinct).toBe(EVENTS);
    for (const count of repeated) expect(count).toBeLessThanOrEqual(BATCH);
    expect(productive).toBeGreaterThan(KILLS / 2);
    expect(proxy.faultCount()).toBeGreaterThan(calls.length / 50);
    expect(metrics['events_late']).toBeGreaterThan(0);
  }, 1_800_000);

  test.each<[FaultKind, RegExp]>([
    ['throttled', /wants fewer requests than come from this account: ThrottlingException .*nothing is lost/],
    ['internal', /cannot read the log group .*HTTP status 500.*trying again/],
    ['bad-gateway', /cannot read the log group .*HTTP status 502; trying again/],
    ['cut-before', /cannot read the log group .*; trying again/],
    ['cut-within', /cannot read the log group .*; trying again/],
    ['truncated', /the answer is not what FilterLogEvents gives: it is not JSON; trying again/],
    ['wrong-type', /the answer is not what FilterLogEvents gives: it is not JSON; trying again/],
    ['huge', /an answer about the log group .* was too large; asking for 1250 events at once/],
    ['denied', /no permission to read .*logs:FilterLogEvents on resource: arn:aws:logs:.*in the IAM policy/],
    ['expired-token', /cannot read the log group .*ExpiredTokenException.*new credentials are got/],
    ['not-found', /does not exist in eu-west-1: .*is audit logging enabled for the cluster/],
  ])('a fault is told so that people understand it: %s', async (kind, expected) => {
    const { cluster, group, streams } = await makeCluster(1);
    const host = makeHost({
      folder: new Workspace().path,
      open: `eks://${cluster}`,
      config: configure(proxy.url),
      env,
    });
    const rest = kind === 'denied' || kind === 'not-found';
    proxy.plan.next('FilterLogEvents', kind, rest ? 1 : 2);
    await host.start();
    const timestamp = Date.now();
    await client.putLogEvents(group, streams[0] ?? '', [{ timestamp, message: message(1, timestamp) }]);
    await until(() => expected.test(host.messages));
    // What needs people is tried again after a minute: not waited for here.
    if (!rest) await until(() => host.read().total > 0);
    const lines = host.messages.split('\n').filter((line) => expected.test(line));
    expect(lines).toHaveLength(1);
    expect(host.messages).not.toContain(session.secretAccessKey);
    expect(host.messages).not.toContain(session.sessionToken);
    await host.end('SIGTERM');
  });

  test('a log group that comes later is read then', async () => {
    const cluster = 'comes-later';
    const host = makeHost({
      folder: new Workspace().path,
      open: `eks://${cluster}`,
      config: configure(moto.url),
      env,
    });
    await host.start();
    await until(() => host.messages.includes('does not exist in eu-west-1'));
    const group = `/aws/eks/${cluster}/cluster`;
    await client.createLogStreams(group, [streamName(0)]);
    const timestamp = Date.now();
    await client.putLogEvents(group, streamName(0), [{ timestamp, message: message(1, timestamp) }]);
    await until(() => host.read().total > 0);
    await until(() => host.messages.includes('is read again'));
  });
});
