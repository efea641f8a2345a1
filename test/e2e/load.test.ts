// SPDX-License-Identifier: Apache-2.0
// A million events by 16 API servers over HTTPS while the host stalls at random: all answered 200, all delivered exactly
// once, in bounded memory.
import { expect, test } from 'vitest';
import { Random } from '../support/random.ts';
import {
  MEBIBYTE,
  lostEvents,
  makeClient,
  makeHost,
  secureWebhook,
  sleep,
  totalAcknowledged,
} from './support.ts';

const EVENTS = 1_000_000;
const CLIENTS = 16;
const LIST = 400;
const MAX_WAITING = 64 * MEBIBYTE;
const MAX_STALL = 500;
const MAX_RUN = 50;

test('each of a million events is delivered exactly once while the host stalls', async () => {
  const { workspace, open, config, target } = await secureWebhook();
  const host = makeHost({
    folder: workspace.path,
    open,
    config: { ...config, webhookMaxWaiting: MAX_WAITING },
  });
  await host.start();
  const empty = host.resources().peak;
  const clients = Array.from({ length: CLIENTS }, (_, i) => makeClient(`server${i}`, LIST, target));
  let lists = EVENTS / LIST;
  let isOver = false;
  const stalling = (async () => {
    const random = new Random(7);
    let stalls = 0;
    for (; !isOver; stalls++) {
      await sleep(random.below(MAX_RUN));
      host.signal('SIGSTOP');
      await sleep(random.below(MAX_STALL));
      host.signal('SIGCONT');
    }
    return stalls;
  })();
  const start = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      while (lists-- > 0) await client.send();
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  isOver = true;
  const stalls = await stalling;
  const grown = host.resources().peak - empty;
  const metrics = await host.metrics();
  expect(await host.end('SIGTERM')).toBe(0);

  const { delivered } = host;
  console.log(
    `${EVENTS} events in ${seconds.toFixed(1)} s with ${stalls} stalls; ` +
      `${(grown / MEBIBYTE).toFixed(1)} MiB above the empty host; ` +
      `longest way to 200: ${Math.max(...clients.map(({ slowest }) => slowest)).toFixed(0)} ms`,
  );
  expect(totalAcknowledged(clients)).toBe(EVENTS);
  expect(lostEvents(clients, delivered)).toEqual([]);
  expect(delivered.total).toBe(EVENTS);
  expect(delivered.repeated).toBe(0);
  expect(grown).toBeLessThan(MAX_WAITING + 64 * MEBIBYTE);
  expect(metrics).toMatchObject({ events_received: EVENTS, events_delivered: EVENTS, traps: 0 });
});
