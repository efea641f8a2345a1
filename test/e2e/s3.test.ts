// SPDX-License-Identifier: Apache-2.0
// The real plugin in a real libsinsp reads objects of S3 from moto.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { Random } from '../../scripts/lib/random.mjs';
import { Tally } from '../../scripts/soak/events.mjs';
import { Workspace } from '../support/workspace.ts';
import { whyNoMoto } from './aws/moto.ts';
import { FORMS, eventLines, objectOf } from './aws/objects.ts';
import { Stage } from './aws/stage.ts';
import { sleep, until } from './support.ts';

const missing = await whyNoMoto('s3:// is');

describe.skipIf(missing !== undefined)('s3:// before moto', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open();
  });
  afterAll(() => stage?.close());
  afterEach(() => stage.proxy.plan.clear());

  test('objects of all forms, with keys of all kinds', async () => {
    await stage.client.createBucket('forms');
    for (const [i, form] of FORMS.entries()) {
      const body = objectOf(eventLines('form', i * 500, 500), form);
      await stage.client.putObject('forms', `audit/2026/${i} ü+&%=?~/../x//${form}`, body);
    }
    const host = stage.host('s3://forms/audit/?from=start', { stateDir: new Workspace().at('state') });
    await host.start();
    await until(() => host.read().total >= 2500);
    const { objects_read: read, cloud_calls: calls } = await host.metrics();
    await host.end('SIGTERM');
    expect(host.delivered.distinct).toBe(2500);
    expect(host.delivered.repeated).toBe(0);
    expect(read).toBe(FORMS.length);
    expect(calls).toBeGreaterThan(FORMS.length);
    // libcurl's signatures, also of what is unusual in a key.
    expect(stage.proxy.refusals).toEqual([]);
  });

  test('a large object, while Falco has its time', async () => {
    await stage.client.createBucket('large');
    const lines = eventLines('large', 0, 60_000);
    await stage.client.putObject('large', 'one', `${lines.join('\n')}\n`);
    const host = stage.host('s3://large/?from=start');
    await host.start();
    await until(() => host.read().total >= 60_000);
    // 38 MB went through; neither the object nor a great part of it was held.
    const { peak } = host.resources();
    await host.end('SIGTERM');
    expect(host.delivered.repeated).toBe(0);
    console.log(
      `${lines.join('\n').length >> 20} MiB in one object; the host held ${peak >> 20} MiB at most`,
    );
    expect(peak).toBeLessThan(200 << 20);
  });

  test('objects that come meanwhile, faults in 5 % of the calls, and the host killed ten times', async () => {
    const [objects, each, kills] = [400, 300, 10];
    await stage.client.createBucket('killed');
    const random = new Random(5);
    const host = stage.host('s3://killed/eks/?from=start', { stateDir: new Workspace().at('state') });
    stage.disturb(5, 11);
    const expected = new Tally();
    const writing = (async () => {
      // Pairs come out of order, as two writers leave them.
      for (let i = 0; i < objects; i++) {
        const number = i ^ 1;
        const body = objectOf(eventLines('s3', number * each, each), random.pick(FORMS));
        await stage.client.putObject('killed', `eks/2026/${String(number).padStart(4, '0')}`, body);
        expected.addRange('s3', number * each, each);
        await sleep(5);
      }
    })();
    const repeated: number[] = [];
    for (let kill = 0; kill < kills; kill++) {
      const { repeated: repeatedBefore, total } = host.delivered;
      await host.start();
      // Within its work, and often within a batch.
      const goal = total + random.below(8000);
      await until(() => host.read().total >= goal);
      await host.end('SIGKILL');
      repeated.push(host.delivered.repeated - repeatedBefore);
    }
    await host.start();
    await writing;
    await until(() => host.read().distinct >= objects * each);
    await host.end('SIGTERM');
    console.log(
      `${objects * each} events in ${objects} objects over ${kills} kills, ` +
        `${stage.proxy.faultCount()} faults; ${host.delivered.repeated} came twice, ` +
        `at most ${Math.max(...repeated)} after one kill`,
    );
    expect(expected.missingFrom(host.delivered)).toEqual([]);
    expect(Math.max(...repeated)).toBeLessThanOrEqual(256);
    expect(stage.proxy.refusals).toEqual([]);
  });

  test('a bucket that is not there, and one that may not be read', async () => {
    const host = stage.host('s3://nowhere/?from=start');
    await host.start();
    await until(() => host.messages.includes('NoSuchBucket'));
    await host.end('SIGTERM');
    stage.proxy.plan.next('ListObjectsV2', 'denied', 100);
    await host.start();
    await until(() =>
      host.messages.includes('it needs the permission s3:ListBucket on arn:aws:s3:::nowhere'),
    );
    expect(await host.end('SIGTERM')).toBe(0);
  });
});
