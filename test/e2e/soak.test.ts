// SPDX-License-Identifier: Apache-2.0
// Five minutes of `npm run soak`. What it finds in so short a time: see allowedSlope in scripts/soak/measure.mjs, and
// test/unit/soak.test.ts.
import { expect, test } from 'vitest';
import { soak, verdict } from '../../scripts/soak.mjs';

const MINUTES = 5;
const RATE = 500;

test('memory is flat and descriptors stay the same at 500 events a second', async () => {
  const results = await soak({ minutes: MINUTES, rate: RATE, log: () => {} });
  for (const result of results) console.log(verdict(result).text);
  expect(results.map(({ name }) => name)).toEqual(['webhook', 'file']);
  for (const { name, judgement, lost, repeated, sent } of results) {
    expect(sent, name).toBeGreaterThan(0);
    expect(lost, name).toEqual([]);
    expect(repeated, name).toBe(0);
    expect(judgement, name).toMatchObject({ isFlat: true, keepsDescriptors: true });
  }
});
