// SPDX-License-Identifier: Apache-2.0
// The host killed with SIGKILL in the middle of a load, again and again: what was answered 200 had been printed.
import { expect, test } from 'vitest';
import { ApiServer, WebhookHost, freePort, sleep } from './support.ts';

const KILLS = 10;
const CLIENTS = 6;
const LIST = 50;

test('an event that was answered 200 was printed before, over ten kills', async () => {
  const port = await freePort();
  const host = new WebhookHost(port);
  await host.start();
  let isOver = false;
  const servers = Array.from({ length: CLIENTS }, () => new ApiServer(port));
  const sending = servers.map(async (server, s) => {
    for (let n = 0; !isOver; n++) {
      const ids = Array.from({ length: 1 + ((n * 7) % LIST) }, (_, i) => `s${s}-n${n}-i${i}`);
      await server.send(ids, () => isOver);
    }
  });

  const acknowledgedAtKill: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const before = servers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
    const enough = () =>
      servers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0) > before + 500;
    while (!enough()) await sleep(5);
    await sleep((kill * 13) % 40);
    await host.end('SIGKILL');
    // Printed when it died: an acknowledged event is never sent again, so it must be here by now.
    await sleep(50);
    const printed = new Set(host.printed());
    const lost = servers.flatMap(({ acknowledged }) => acknowledged).filter((id) => !printed.has(id));
    expect(lost, `acknowledged, but not printed, after kill ${kill + 1}`).toEqual([]);
    acknowledgedAtKill.push(printed.size);
    await host.start();
  }
  isOver = true;
  await Promise.all(sending);
  await host.end('SIGTERM');

  const printed = host.printed();
  const acknowledged = servers.flatMap((server) => server.acknowledged);
  const known = new Set(printed);
  expect(acknowledged.filter((id) => !known.has(id))).toEqual([]);
  expect(acknowledged.length).toBeGreaterThan(KILLS * 500);
  expect(servers.some(({ retries }) => retries > 0)).toBe(true);
  expect(acknowledgedAtKill).toHaveLength(KILLS);
  console.log(
    `${acknowledged.length} events acknowledged, ${printed.length} printed, ` +
      `${printed.length - known.size} of them again after a kill`,
  );
});
