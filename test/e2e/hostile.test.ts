// SPDX-License-Identifier: Apache-2.0
// Ten thousand hostile requests while a good client sends at a steady pace: it is always served, memory stays bounded,
// and each hostile one is refused and counted.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { repositoryRoot } from '../../scripts/lib/paths.mjs';
import { Authority } from '../../scripts/soak/certificates.mjs';
import type { Target } from '../../scripts/soak/client.mjs';
import { Template } from '../../scripts/soak/events.mjs';
import type { LibsinspHost } from '../../scripts/soak/host.mjs';
import type { Report, Served } from '../../scripts/soak/steady.mjs';
import { DEEP_EVENTS, LIMITS, attacks, type Attack } from './attacks.ts';
import { MEBIBYTE, PATH, makeHost, secureWebhook, sleep, until } from './support.ts';
import { repeat, secure, talk } from './wire.ts';

const TOTAL = 10_000;
/** The promise, in milliseconds. */
const LONGEST_STALL = 1000;
const STORMS = 30;
const STORM = 40;

/** The good client. */
interface Steady {
  /** What each of its batches took. */
  served: Served[];
  end: () => Promise<Report>;
}

function startSteady(target: Target, pid: number): Steady {
  const script = join(repositoryRoot, 'scripts', 'soak', 'steady.mjs');
  const child = spawn(process.execPath, [script, JSON.stringify(target), String(pid)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const served: Served[] = [];
  const report = new Promise<Report>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line) as Served | Report;
      if ('took' in said) served.push(said);
      else resolve(said);
    });
  });
  return {
    served,
    end: () => {
      child.stdin.end();
      return report;
    },
  };
}

/** In milliseconds. */
function longest(served: readonly { took: number }[]): number {
  return served.reduce((most, { took }) => Math.max(most, took), 0);
}

/**
 * The longest way to 200 without the time for which the machine ran others: what the webhook itself made the good client
 * wait. In milliseconds.
 */
function longestStall(served: readonly Served[]): number {
  return longest(served.map(({ took, queued }) => ({ took: took - queued })));
}

/** Runs one kind of attack while the good client goes on, and looks at what it came to. */
async function expectRepelled(host: LibsinspHost, steady: Steady, attack: Attack): Promise<string> {
  const { name, count, atOnce, statuses, isAnswered, counters, run } = attack;
  const before = await host.metrics();
  const servedBefore = steady.served.length;
  const start = performance.now();
  const outcomes = await repeat(count, atOnce, run);
  const seconds = (performance.now() - start) / 1000;
  // What waited while the attack went on is among these.
  const servedAfter = steady.served.length + 2;
  await until(() => steady.served.length >= servedAfter);
  const waited = longest(steady.served.slice(servedBefore));
  const after = await host.metrics();
  for (const { statuses: got } of outcomes) expect(statuses, name).toEqual(expect.arrayContaining(got));
  if (isAnswered) {
    expect(
      outcomes.filter(({ statuses: got }) => got.length === 0),
      `${name}: without an answer`,
    ).toEqual([]);
  }
  const grown = counters.reduce((sum, counter) => sum + after[counter] - before[counter], 0);
  expect(grown, `${name}: ${counters.join(' + ')}`).toBeGreaterThanOrEqual(count);
  expect(host.isRunning).toBe(true);
  const answers = [...new Set(outcomes.flatMap(({ statuses: got }) => got))].toSorted();
  const peak = (host.resources().peak / MEBIBYTE).toFixed(0);
  const answered = answers.length > 0 ? answers.join(' or ') : 'by closing';
  return (
    `${name}: ${count} in ${seconds.toFixed(1)} s, answered ${answered}; peak ${peak} MiB; ` +
    `the good client waited ${waited.toFixed(0)} ms at most`
  );
}

test('a webhook that makes the good client wait is found, whatever else the machine does', async () => {
  const { workspace, open, config, target } = await secureWebhook();
  const host = makeHost({ folder: workspace.path, open, config });
  await host.start();
  const steady = startSteady(target, host.pid);
  await until(() => steady.served.length > 10);
  host.signal('SIGSTOP');
  await sleep(3 * LONGEST_STALL);
  host.signal('SIGCONT');
  const servedAfter = steady.served.length + 2;
  await until(() => steady.served.length >= servedAfter);
  await steady.end();
  expect(longestStall(steady.served)).toBeGreaterThan(LONGEST_STALL);
});

test('ten thousand hostile requests: each is refused and counted, and a good client is served', async () => {
  const { workspace, authority, port, open, config, target } = await secureWebhook();
  const host = makeHost({ folder: workspace.path, open, config: { ...config, ...LIMITS } });
  await host.start();
  const steady = startSteady(target, host.pid);
  await until(() => host.read().total > 100);
  const empty = host.resources().peak;
  const insider = authority.issue('client', 'insider');
  const stranger = new Authority(workspace.at('other'), 'another authority').issue('client', 'stranger');
  const kinds = attacks({ port, ca: authority.pair.certificate, insider, stranger });

  const lines: string[] = [];
  for (const attack of kinds) lines.push(await expectRepelled(host, steady, attack));
  // All kinds at once, from more connections than there may be: some are not even heard.
  const mixed = kinds.map(({ count, atOnce, run }) =>
    repeat(Math.ceil(count / 10), Math.min(atOnce, 16), run),
  );
  const mixedCount = (await Promise.all(mixed)).flat().length;
  expect(host.isRunning).toBe(true);
  // Good requests, but many at once without waiting for an answer: all are answered, and each is taken once.
  const trusted = secure(port, { ca: target.tls.ca, cert: insider.certificate, key: insider.key });
  const template = new Template('storm', 1, 'list');
  const storms = await repeat(STORMS, STORMS, (i) =>
    talk(
      trusted,
      (socket) => {
        for (let j = 0; j < STORM; j++) {
          const body = template.fill(i * STORM + j);
          const head = `POST ${PATH} HTTP/1.1\r\nHost: falco\r\nContent-Type: application/json\r\n`;
          socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body.toString('latin1')}`);
        }
      },
      30_000,
      STORM,
    ),
  );
  expect(storms.flatMap(({ statuses }) => statuses)).toEqual(Array(STORMS * STORM).fill(200));

  const grown = host.resources().peak - empty;
  const report = await steady.end();
  const slowest = longest(steady.served);
  const stall = longestStall(steady.served);
  const metrics = await host.metrics();
  expect(await host.end('SIGTERM')).toBe(0);
  const total = kinds.reduce((sum, { count }) => sum + count, 0) + mixedCount + STORMS * STORM;
  console.log(
    [
      ...lines,
      `${total} hostile requests; ${(grown / MEBIBYTE).toFixed(1)} MiB above the empty host`,
      `the good client: ${report.requests} requests, the longest way to 200 took ${slowest.toFixed(0)} ms, ` +
        `${stall.toFixed(0)} ms without what the machine ran meanwhile; refusals ${JSON.stringify(report.refusals)}`,
    ].join('\n'),
  );
  expect(total).toBeGreaterThanOrEqual(TOTAL);
  const { delivered } = host;
  for (let i = 0; i < STORMS * STORM; i++) expect(delivered.of('storm', i), `storm-${i}`).toBe(1);
  for (let i = 0; i < report.acknowledged; i++) expect(delivered.of('steady', i), `steady-${i}`).toBe(1);
  // Some were sent again with another time, so they are others.
  for (let i = 0; i < DEEP_EVENTS; i++) expect(delivered.of('deep', i), `deep-${i}`).toBeGreaterThan(0);
  expect(delivered.of('smuggled', 0)).toBe(0);
  expect(grown).toBeLessThan(LIMITS.webhookMaxWaiting + 64 * MEBIBYTE);
  expect(metrics).toMatchObject({ traps: 0, http_answers_5xx: 0 });
  // The promise's own time. It does not depend on what else the machine does: the kernel tells how long the two were
  // ready to run and had to wait for a processor, and that is taken off.
  expect(stall).toBeLessThanOrEqual(LONGEST_STALL);
});
