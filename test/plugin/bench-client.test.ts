// SPDX-License-Identifier: Apache-2.0
// The benchmark's client: what it sends, what it makes of answers, and what it says when something is wrong.
import { spawn, spawnSync } from 'node:child_process';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { buildBenchHost, buildFloorPlugin, hostArguments, startProgram } from '../../bench/lib/host.mjs';
import { allowedCpus } from '../../bench/lib/machine.mjs';
import { buildBenchClient } from '../../bench/lib/serving.mjs';
import { Authority } from '../../scripts/soak/certificates.mjs';
import { freePort } from '../../scripts/soak/host.mjs';
import { shortEvent } from '../support/events.ts';
import { Workspace, lines } from '../support/workspace.ts';
import { pluginFile } from './support.ts';

const ID = `bench-${'0'.repeat(20)}`;
const EVENTS = lines(['a', 'b', 'c'].map((agent) => shortEvent(ID, { userAgent: agent })));

let client: string;
beforeAll(async () => {
  client = await buildBenchClient(() => undefined);
}, 120_000);

interface Ended {
  status: number | null;
  output: string;
  errors: string;
}

/** Runs the client to its end. */
function run(options: Record<string, string | number>): Promise<Ended> {
  const child = spawn(client, hostArguments(options));
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = { output: '', errors: '' };
  child.stdout.on('data', (part) => (ended.output += part));
  child.stderr.on('data', (part) => (ended.errors += part));
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, ...ended })));
}

/** The port of a server that listens until the test ends. */
async function listen(server: Server): Promise<number> {
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A webhook that keeps what it is sent. */
class Receiver {
  readonly bodies: string[] = [];
  readonly connections = new Set<unknown>();
  readonly requests: string[] = [];

  readonly listener: RequestListener = (request, response) => {
    this.connections.add(request.socket);
    this.requests.push(`${request.method} ${request.url} ${request.headers['content-type']}`);
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      this.bodies.push(Buffer.concat(parts).toString());
      response.end('ok');
    });
  };

  /** The events of all bodies. */
  get events(): { auditID: string; userAgent: string }[] {
    return this.bodies.flatMap((body) => JSON.parse(body).items);
  }
}

const answering =
  (status: number, text: string): RequestListener =>
  (request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(status, { 'Content-Length': text.length }).end(text));
  };

describe('requests at once', () => {
  test('are as many as wanted, over as many connections, of events whose ids are all different', async () => {
    const receiver = new Receiver();
    const port = await listen(createServer(receiver.listener));
    const events = new Workspace().write('events.jsonl', EVENTS);
    const { status, output, errors } = await run({
      ...{
        port,
        events,
        path: '/audit?x=1',
        list: 5,
        connections: 3,
        warm: 4,
        requests: 20,
        server: process.pid,
      },
    });
    expect([status, errors]).toEqual([0, '']);
    expect(receiver.requests).toEqual(Array(24).fill('POST /audit?x=1 application/json'));
    expect(receiver.connections.size).toBe(3);
    expect(JSON.parse(receiver.bodies[0])).toMatchObject({
      kind: 'EventList',
      apiVersion: 'audit.k8s.io/v1',
    });
    // The lines of the file, over and over in each request.
    expect(receiver.events.map(({ userAgent }) => userAgent).join('')).toBe('abcab'.repeat(24));
    const ids = receiver.events.map(({ auditID }) => auditID);
    expect(new Set(ids).size).toBe(5 * 24);
    for (const id of ids) expect(id).toMatch(/^bench-\d{20}$/);
    const result = JSON.parse(output);
    expect(result).toMatchObject({ requests: 20, events: 100, bodyBytes: 20 * receiver.bodies[0].length });
    expect(result.end).toBeGreaterThan(result.start);
    expect(result.serverCpuEnd).toBeGreaterThan(result.serverCpuStart);
  });

  test('fewer than connections leave some of these unused', async () => {
    const receiver = new Receiver();
    const port = await listen(createServer(receiver.listener));
    const events = new Workspace().write('events.jsonl', EVENTS);
    const { status } = await run({ port, events, list: 1, connections: 8, warm: 0, requests: 3 });
    expect([status, receiver.bodies.length]).toEqual([0, 3]);
  });

  test('by TLS go to a server of the authority only', async () => {
    const workspace = new Workspace();
    const [authority, other] = ['a', 'b'].map((name) => new Authority(workspace.at(name), name));
    const { certificate: cert, key } = authority.issue('server', 'localhost');
    const receiver = new Receiver();
    const port = await listen(createTlsServer({ cert, key }, receiver.listener));
    const options = { port, events: workspace.write('events.jsonl', EVENTS), list: 400, requests: 10 };
    const trusting = await run({ ...options, authority: authority.pair.certificateFile });
    expect([trusting.status, trusting.errors]).toEqual([0, '']);
    expect(receiver.events).toHaveLength(20 * 400);
    const { status, errors } = await run({ ...options, authority: other.pair.certificateFile });
    expect(status).toBe(3);
    expect(errors).toContain('bench-client: the TLS handshake failed: ');
  });
});

test('requests with gaps carry the time when they were sent', async () => {
  const receiver = new Receiver();
  const port = await listen(createServer(receiver.listener));
  const events = new Workspace().write('events.jsonl', EVENTS);
  const before = process.hrtime.bigint();
  const { status, output } = await run({ port, events, list: 1, warm: 2, requests: 10, gap: 1000 });
  const after = process.hrtime.bigint();
  expect(status).toBe(0);
  const times = receiver.events.map(({ auditID }) => BigInt(auditID.slice('bench-'.length)));
  expect(times).toHaveLength(12);
  expect(times).toEqual([...times].sort((a, b) => (a < b ? -1 : 1)));
  expect(times[0]).toBeGreaterThan(before);
  expect(times[11]).toBeLessThan(after);
  // The schedule begins behind the last one that does not count, and nothing is sent before its time.
  const [, last, ...measured] = times;
  measured.forEach((time, i) => expect(time - last).toBeGreaterThan(BigInt(i + 1) * 1_000_000n));
  const { requests, roundTrips } = JSON.parse(output);
  expect([requests, roundTrips.length]).toEqual([10, 10]);
  for (const roundTrip of roundTrips) expect(roundTrip).toBeGreaterThan(0);
});

test('the host that serves counts what the client sends, and how late it comes', async () => {
  const host = await buildBenchHost(() => undefined);
  const port = await freePort();
  const open = `http://127.0.0.1:${port}/k8s-audit`;
  const serving = startProgram([
    host,
    'serve',
    ...hostArguments({ plugin: pluginFile(), open, samples: 15, events: 3010 }),
  ]);
  onTestFinished(() => void serving.child.kill('SIGKILL'));
  const events = new Workspace().write('events.jsonl', EVENTS);
  const send = (options: Record<string, string | number>): Promise<Ended> =>
    run({ port, events, ...options });
  let first: Ended;
  do first = await send({ list: 1, warm: 0, requests: 10, gap: 1 });
  while (first.errors.includes('Connection refused') && serving.child.exitCode === null);
  expect(first.errors).toBe('');
  const { status, output } = await send({ list: 300, warm: 0, requests: 10 });
  expect(status).toBe(0);
  serving.child.kill('SIGTERM');
  const result = await serving.result;
  expect(result).toMatchObject({ mode: 'serve', events: 10 + 3000 });
  const { start, end } = JSON.parse(output);
  expect(result.lastNanoseconds).toBeGreaterThan(start);
  // The last answer says that the last event is delivered.
  expect(result.lastNanoseconds).toBeLessThan(end);
  // Those that were sent at once have no time as their id.
  expect(result.delays).toHaveLength(10);
  for (const delay of result.delays) expect(delay).toBeGreaterThan(0);
}, 120_000);

test('the floor hands out each request as it came, and answers with the next call', async () => {
  const host = await buildBenchHost(() => undefined);
  const { plugin } = await buildFloorPlugin(() => undefined);
  const port = await freePort();
  const open = `http://127.0.0.1:${port}/k8s-audit`;
  const serving = startProgram([host, 'serve', ...hostArguments({ plugin, open, samples: 100 })]);
  onTestFinished(() => void serving.child.kill('SIGKILL'));
  const events = new Workspace().write('events.jsonl', EVENTS);
  let ended: Ended;
  // Again over another connection, and with a body that does not come in one read.
  for (const list of [1, 3]) {
    const options = { port, events, list, warm: 0, requests: 10, gap: 1 };
    do ended = await run(options);
    while (ended.errors.includes('Connection refused') && serving.child.exitCode === null);
    expect([ended.status, ended.errors]).toEqual([0, '']);
    expect(JSON.parse(ended.output).roundTrips).toHaveLength(10);
  }
  serving.child.kill('SIGTERM');
  const result = await serving.result;
  expect(result).toMatchObject({ mode: 'serve', plugin: 'floor', events: 20 });
  expect(result.delays).toHaveLength(20);
  for (const delay of result.delays) expect(delay).toBeGreaterThan(0);
}, 120_000);

test('a processor is kept awake until the end is asked for', async () => {
  const host = await buildBenchHost(() => undefined);
  const { child, result } = startProgram([host, 'awake', '--cpu', String(allowedCpus()[0])]);
  onTestFinished(() => void child.kill('SIGKILL'));
  const policy = (): string => spawnSync('chrt', ['-p', String(child.pid)], { encoding: 'utf8' }).stdout;
  while (!policy().includes('SCHED_IDLE')) expect(child.exitCode).toBeNull();
  child.kill('SIGTERM');
  expect(await result).toEqual({ mode: 'awake' });
}, 120_000);

describe('what is wrong is told', () => {
  const failing = async (listener: RequestListener): Promise<Ended> => {
    const port = await listen(createServer(listener));
    return run({ port, events: new Workspace().write('events.jsonl', EVENTS), requests: 1, warm: 0 });
  };

  test.each<[string, RequestListener, RegExp]>([
    [
      'another answer',
      answering(503, 'not now'),
      /: the webhook did not answer 200, but HTTP\/1.1 503 .*: not now\n$/,
    ],
    [
      'an answer without an end',
      (_, response) => void response.write('x'),
      /: an answer has no Content-Length, /,
    ],
    ['an endless answer', answering(200, 'x'.repeat(5000)), /: an answer has more than 4096 bytes\n$/],
    ['no answer', ({ socket }) => void socket.end(), /: the webhook has ended a connection: /],
  ])('%s', async (_, listener, expected) => {
    const { status, output, errors } = await failing(listener);
    expect([status, output]).toEqual([3, '']);
    expect(errors).toMatch(expected);
  });

  test('nobody listens', async () => {
    const events = new Workspace().write('events.jsonl', EVENTS);
    const { status, errors } = await run({ port: await freePort(), events });
    expect(status).toBe(3);
    expect(errors).toMatch(/^bench-client: cannot connect to port \d+ of 127.0.0.1: Connection refused\n$/);
  });

  test.each([
    ['is not there', undefined, /cannot read the events in .*: No such file or directory/],
    ['is empty', '', /there is no event in /],
    [
      'has an event with another id',
      EVENTS + lines([shortEvent('x')]),
      /line 4 of .* has no "auditID":"bench-/,
    ],
    ['has an id that is too short', lines([shortEvent('bench-1')]), /line 1 of .* has no "auditID":"bench-/],
    ['ends in the middle', EVENTS.slice(0, -1), /line 3 of .* does not end with a line break/],
  ])('the file of events %s', async (_, content, expected) => {
    const workspace = new Workspace();
    const events = content === undefined ? workspace.at('none') : workspace.write('events.jsonl', content);
    const { status, errors } = await run({ port: 1, events });
    expect(status).toBe(3);
    expect(errors).toMatch(expected);
  });

  test.each<[string, Record<string, string | number>]>([
    ['there is no option --what', { what: 1 }],
    ['a number is expected behind --list', { list: 'many' }],
    ['a number is expected behind --gap', { gap: -1 }],
    ['--port and --events are needed', { port: 65536, events: 'x' }],
    [
      '--list, --connections and --requests are numbers from 1 to a million',
      { port: 1, events: 'x', requests: 0 },
    ],
  ])('%s', async (problem, options) => {
    const { status, errors } = await run(options);
    expect(status).toBe(2);
    expect(errors).toContain(`bench-client: ${problem}\nusage: bench-client `);
  });
});
