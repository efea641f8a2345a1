// SPDX-License-Identifier: Apache-2.0
// 200,000 events by eight API servers while the host stalls at random: all answered 200, all delivered exactly once.
import { expect, test } from 'vitest';
import { Random } from '../support/random.ts';
import { ApiServer, WebhookHost, freePort, sleep } from './support.ts';

const EVENTS = 200_000;
const CLIENTS = 8;
const LIST = 400;

test('every event of a load is delivered exactly once, also while the host stalls', async () => {
  const port = await freePort();
  const host = new WebhookHost(port);
  await host.start();
  const servers = Array.from({ length: CLIENTS }, () => new ApiServer(port));
  let lists = EVENTS / LIST;
  let isOver = false;
  const stalling = (async () => {
    const random = new Random(7);
    let stalls = 0;
    for (; !isOver; stalls++) {
      await sleep(random.below(80));
      host.signal('SIGSTOP');
      await sleep(random.below(120));
      host.signal('SIGCONT');
    }
    return stalls;
  })();
  const start = performance.now();
  await Promise.all(
    servers.map(async (server) => {
      while (lists > 0) {
        const n = --lists;
        await server.send(Array.from({ length: LIST }, (_, i) => `n${n}-i${i}`));
      }
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  isOver = true;
  const stalls = await stalling;
  await host.end('SIGTERM');

  const printed = host.printed();
  const acknowledged = servers.flatMap((server) => server.acknowledged);
  expect(acknowledged).toHaveLength(EVENTS);
  expect(printed).toHaveLength(EVENTS);
  expect(new Set(printed).size).toBe(EVENTS);
  const known = new Set(printed);
  expect(acknowledged.every((id) => known.has(id))).toBe(true);
  console.log(`${EVENTS} events in ${seconds.toFixed(1)} s with ${stalls} stalls`);
});
