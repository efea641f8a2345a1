// SPDX-License-Identifier: Apache-2.0
// A day of a healthy cluster, and attacks within it, judged by libsinsp with both rules files.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { dayDocument } from '../../scripts/corpus.mjs';
import { ATTACKS } from '../../scripts/corpus/attacks.mjs';
import { HOUR } from '../../scripts/corpus/cluster.mjs';
import { healthyDay } from '../../scripts/corpus/healthy.mjs';
import { judge, RULES, TUNING, type Alert } from '../../scripts/corpus/judge.mjs';
import { repositoryRoot } from './support.ts';

type Event = Record<string, unknown>;
const day = healthyDay().written();
const NOTABLE = ['Critical', 'Error', 'Warning'];

describe('a day of a healthy cluster', () => {
  it('raises nothing above NOTICE, once the rules know its people, its CI and its operators', () => {
    const alerts = judge(
      day.map(({ event }) => event),
      [...RULES, TUNING],
    );
    expect(alerts.filter(({ priority }) => NOTABLE.includes(priority))).toEqual([]);
    expect(alerts.length).toBeGreaterThan(0);
  });

  it('raises, as shipped, nothing above NOTICE but for people and CI, whom no rules can know', () => {
    const alerts = judge(
      day.map(({ event }) => event),
      RULES,
    );
    const users = alerts
      .filter(({ priority }) => NOTABLE.includes(priority))
      .map(({ evt_num }) => (day[evt_num - 1]?.event['user'] as { username: string }).username);
    expect(users.length).toBeGreaterThan(0);
    for (const user of users) expect(user).toMatch(/@example\.org$|^ci:|^system:serviceaccount:ci:/);
  });

  it('raises, as shipped, what docs/day-in-the-life.md says', async () => {
    expect(readFileSync(join(repositoryRoot, 'docs', 'day-in-the-life.md'), 'utf8')).toBe(
      await dayDocument(),
    );
  });
});

describe('an attack within that day', () => {
  let events: { event: Event; expect?: string }[] = [];
  let alerts = new Map<number, Alert>();
  const steps = new Map<string, { expected: string; number: number }[]>();

  beforeAll(() => {
    const cluster = healthyDay();
    const begun = ATTACKS.map(({ name, go }, i) => {
      cluster.at((2 + i * 2.5) * HOUR);
      const before = cluster.written().length;
      go(cluster);
      return { name, count: cluster.written().length - before };
    });
    expect(begun.every(({ count }) => count > 1)).toBe(true);
    events = cluster.written();
    alerts = new Map(
      judge(
        events.map(({ event }) => event),
        [...RULES, TUNING],
      ).map((alert) => [alert.evt_num, alert]),
    );
    // The attacks come one after the other, hours apart.
    for (const [i, { expect: expected, event }] of events.entries()) {
      if (expected === undefined) continue;
      const hour =
        (Date.parse(event['stageTimestamp'] as string) - Date.parse('2025-03-18T00:00:00Z')) / HOUR;
      const attack = ATTACKS[Math.floor((hour - 2) / 2.5)]?.name ?? '';
      steps.set(attack, [...(steps.get(attack) ?? []), { expected, number: i + 1 }]);
    }
  });

  it('is one of eight', () => {
    expect(ATTACKS).toHaveLength(8);
    expect([...steps.keys()].sort()).toEqual(ATTACKS.map(({ name }) => name).sort());
  });

  it.each(ATTACKS.map(({ name, technique }) => [name, technique] as const))(
    '%s (%s): is reported by the rule that is meant, and by no other first',
    (name) => {
      const own = steps.get(name) ?? [];
      expect(own.length).toBeGreaterThan(0);
      for (const { expected, number } of own) {
        expect(alerts.get(number)?.rule).toBe(expected);
      }
    },
  );

  it('leaves the rest of the day as quiet as before', () => {
    const expected = new Set([...steps.values()].flat().map(({ number }) => number));
    const others = [...alerts.values()].filter(
      ({ evt_num, priority }) => !expected.has(evt_num) && NOTABLE.includes(priority),
    );
    expect(others).toEqual([]);
  });
});
