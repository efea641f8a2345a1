// SPDX-License-Identifier: Apache-2.0
// The host killed with SIGKILL in the middle of a load, fifty times: what was answered 200 had been delivered, and what
// comes again is one batch at most.
import { expect, test } from 'vitest';
import { Random } from '../support/random.ts';
import {
  lostEvents,
  makeClient,
  makeHost,
  secureWebhook,
  sleep,
  totalAcknowledged,
  until,
} from './support.ts';

const KILLS = 50;
/** Events in a request: as kube-apiserver's at most, which also is more than a batch, and fewer. */
const LISTS = [400, 400, 400, 256, 100, 31, 7, 1];
const LARGEST = 400;

test('no acknowledged event is lost, and one batch at most comes again, over fifty kills', async () => {
  const { workspace, open, config, target } = await secureWebhook();
  const host = makeHost({ folder: workspace.path, open, config });
  await host.start();
  let isOver = false;
  const clients = LISTS.map((list, i) => makeClient(`server${i}`, list, target));
  const sending = clients.map(async (client) => {
    while (!isOver) await client.send(() => isOver);
  });

  const random = new Random(11);
  /** Events that came again, for each life of the host. */
  const repeated: number[] = [];
  let known = 0;
  for (let kill = 1; kill <= KILLS; kill++) {
    // Each client has got through since the last kill, so what that one repeats has come by now.
    const before = clients.map(({ acknowledged }) => acknowledged.total);
    await until(() => clients.every(({ acknowledged }, i) => acknowledged.total > before[i]));
    await sleep(random.below(50));
    await host.end('SIGKILL');
    // An acknowledged event is never sent again, so it must have been printed when the host died. Answers that were
    // on their way are taken first.
    await sleep(50);
    expect(lostEvents(clients, host.delivered), `lost after kill ${kill}`).toEqual([]);
    repeated.push(host.delivered.repeated - known);
    known = host.delivered.repeated;
    await host.start();
  }
  isOver = true;
  await Promise.all(sending);
  await host.end('SIGTERM');
  repeated.push(host.delivered.repeated - known);

  const { delivered } = host;
  console.log(
    `${totalAcknowledged(clients)} events acknowledged, ${delivered.total} delivered in ${KILLS + 1} lives, ` +
      `${delivered.repeated} again; after one kill at most ${Math.max(...repeated)}`,
  );
  expect(lostEvents(clients, delivered)).toEqual([]);
  expect(clients.some(({ retries }) => retries > 0)).toBe(true);
  for (const count of repeated) expect(count).toBeLessThanOrEqual(LARGEST);
  expect(repeated.some((count) => count > 0)).toBe(true);
});
