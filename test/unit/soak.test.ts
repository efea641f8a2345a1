// SPDX-License-Identifier: Apache-2.0
// What the soak takes for flat, and what it finds: the judgement over samples of memory and descriptors.
import { describe, expect, test } from 'vitest';
import {
  FLAT,
  LATE_STEP,
  allowedSlope,
  judge,
  slopeOf,
  type Judgement,
  type Sample,
} from '../../scripts/soak/measure.mjs';
import { Random } from '../support/random.ts';

/** Events a second. */
const RATE = 500;
const PAGE = 4096;

interface Run {
  minutes: number;
  /** Bytes above what the process had from the beginning. */
  resident?: (second: number) => number;
  descriptors?: (second: number) => number;
}

/** The judgement over a run that is sampled each second, after the soak's own warm-up. */
function judged({ minutes, resident = () => 0, descriptors = () => 20 }: Run): Judgement {
  const samples: Sample[] = Array.from({ length: minutes * 60 }, (_, seconds) => ({
    seconds,
    resident: 20e6 + resident(seconds),
    descriptors: descriptors(seconds),
  }));
  return judge(samples, Math.min(600, minutes * 60 * 0.3));
}

const [SHORT, LONG] = [5, 60];

test('the slope is that of the line of least squares', () => {
  const points = [1, 3, 2, 5].map((y, x) => ({ x, y }));
  expect(slopeOf(points)).toBeCloseTo(1.1);
  expect(slopeOf(points.map(({ x, y }) => ({ x: x + 1000, y: y - 7 })))).toBeCloseTo(1.1);
});

describe.each([SHORT, LONG])('memory over %i minutes', (minutes) => {
  test('is flat when nothing is lost, whatever the warm-up took', () => {
    const resident = (second: number) => Math.min(second, minutes * 10) * 1e5;
    expect(judged({ minutes, resident }).isFlat).toBe(true);
  });

  test('is flat when pages come and go', () => {
    const random = new Random(3);
    expect(judged({ minutes, resident: () => random.below(32) * PAGE }).isFlat).toBe(true);
  });

  test.each([1024, 64, 8])('is not flat when %i bytes are lost with each event', (bytes) => {
    expect(judged({ minutes, resident: (second) => second * RATE * bytes }).isFlat).toBe(false);
  });

  test('is not flat when 1 KiB is lost with each request, in pages and behind noise', () => {
    const random = new Random(5);
    const requests = 25;
    const lost = (second: number) => Math.floor((second * requests * 1024) / PAGE) * PAGE;
    const resident = (second: number) => lost(second) + random.below(32) * PAGE;
    expect(judged({ minutes, resident }).isFlat).toBe(false);
  });

  test('is not flat when the leak begins only after the warm-up', () => {
    const begin = minutes * 30;
    const resident = (second: number) => Math.max(0, second - begin) * RATE * 64;
    expect(judged({ minutes, resident }).isFlat).toBe(false);
  });
});

test('one late step is granted in five minutes, two of the size are not', () => {
  const step = (bytes: number) => (second: number) => (second > 195 ? bytes : 0);
  expect(judged({ minutes: SHORT, resident: step(LATE_STEP) }).isFlat).toBe(true);
  expect(judged({ minutes: SHORT, resident: step(2 * LATE_STEP) }).isFlat).toBe(false);
});

test('an hour is held to 1 MiB an hour', () => {
  expect(allowedSlope(50 * 60)).toBe(FLAT);
  const leak = (bytes: number) => (second: number) => (second / 3600) * bytes;
  expect(judged({ minutes: LONG, resident: leak(0.9 * FLAT) }).isFlat).toBe(true);
  expect(judged({ minutes: LONG, resident: leak(1.1 * FLAT) }).isFlat).toBe(false);
});

test('one descriptor lost each minute is a growth, one that comes and goes is none', () => {
  const leaking = (second: number) => 20 + Math.floor(second / 60);
  expect(judged({ minutes: SHORT, descriptors: leaking }).keepsDescriptors).toBe(false);
  const changing = (second: number) => 20 + (second % 7 === 6 ? 3 : 0);
  expect(judged({ minutes: SHORT, descriptors: changing }).keepsDescriptors).toBe(true);
});
