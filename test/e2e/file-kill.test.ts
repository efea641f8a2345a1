// SPDX-License-Identifier: Apache-2.0
// The host killed with SIGKILL 50 times while a writer appends and rotates: none lost, and no more come twice than
// the batch in flight at each kill.
import { expect, test } from 'vitest';
import { Random } from '../support/random.ts';
import { FollowHost, LogWriter } from './follow-support.ts';
import { sleep } from './support.ts';

const KILLS = 50;
/** Events in a batch at most. */
const BATCH = 256;

test('a followed file over fifty kills', async () => {
  const random = new Random(12);
  // Rotated files outlast the longest time for which the host is down.
  const writer = new LogWriter(30);
  const host = new FollowHost(`file://${writer.file}?from=start&checkpoint=${writer.state}`);
  // What was rotated away before the first start is none of its business.
  host.start();
  writer.write(1);
  await host.until(1);
  await host.end('SIGKILL');
  let isOver = false;
  const writing = (async () => {
    while (!isOver) {
      writer.write(1 + random.below(40));
      const act = random.below(25);
      if (act === 0) writer.rename();
      else if (act === 1) writer.copyTruncate();
      await sleep(random.below(10));
    }
  })();

  const repeated: number[] = [];
  let repeatedBefore = 0;
  let productive = 0;
  let printedBefore = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    host.start();
    // Sometimes killed at its start, sometimes in the middle of work.
    await sleep(100 + random.below(400));
    await host.end('SIGKILL');
    const printed = host.printed();
    const repeatedNow = printed.length - new Set(printed).size;
    repeated.push(repeatedNow - repeatedBefore);
    repeatedBefore = repeatedNow;
    if (printed.length > printedBefore) productive++;
    printedBefore = printed.length;
    if (kill % 7 === 3) await sleep(300);
  }
  host.start();
  isOver = true;
  await writing;
  await host.until(writer.written);
  await host.end('SIGTERM');

  const printed = host.printed();
  const known = new Set(printed);
  expect(writer.ids.filter((id) => !known.has(id))).toEqual([]);
  // Most were killed in the middle of work, or the test would show nothing.
  expect(productive).toBeGreaterThan(KILLS / 2);
  expect(Math.max(...repeated)).toBeLessThanOrEqual(BATCH);
  expect(known.size).toBe(writer.written);
  console.log(
    `${writer.written} events over ${KILLS} kills, ${writer.rotations.rename} renames, ` +
      `${writer.rotations.copy} copies with truncation; ${printed.length - known.size} came twice, ` +
      `at most ${Math.max(...repeated)} after one kill`,
  );
});
