// SPDX-License-Identifier: Apache-2.0
// 200 rotations of both kinds, at random, while 2,000 events a second are written: none lost, none twice.
import { expect, test } from 'vitest';
import { Random } from '../support/random.ts';
import { FollowHost, LogWriter } from './follow-support.ts';
import { sleep } from './support.ts';

const ROTATIONS = 200;
/** Events a second. */
const RATE = 2000;

test('a rotation storm loses nothing and repeats nothing', async () => {
  const random = new Random(11);
  const writer = new LogWriter();
  const host = new FollowHost(`file://${writer.file}?from=start&checkpoint=${writer.state}`);
  host.start();
  // What was rotated away before the first start is none of its business.
  writer.write(1);
  await host.until(1);
  const start = performance.now();
  let rotations = 0;
  for (let next = 0; rotations < ROTATIONS;) {
    const due = Math.floor(((performance.now() - start) / 1000) * RATE) - writer.written;
    if (due > 0) writer.write(due);
    if (performance.now() - start > next && due > 0) {
      if (random.below(2) === 0) writer.rename();
      else writer.copyTruncate();
      rotations++;
      next = performance.now() - start + random.below(150);
    }
    await sleep(random.below(8));
  }
  writer.write(10);
  const seconds = (performance.now() - start) / 1000;
  await host.until(writer.written);
  await host.end('SIGTERM');

  const printed = host.printed();
  const known = new Set(printed);
  expect(writer.ids.filter((id) => !known.has(id))).toEqual([]);
  expect(printed).toHaveLength(writer.written);
  console.log(
    `${writer.written} events in ${seconds.toFixed(1)} s, ${writer.rotations.rename} renames, ` +
      `${writer.rotations.copy} copies with truncation: none lost, none twice`,
  );
});
