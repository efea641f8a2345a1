// SPDX-License-Identifier: Apache-2.0
// A day of a healthy cluster, and attacks within it, judged by libsinsp with both rules files.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { dayDocument } from '../../scripts/corpus.mjs';
import { ATTACKS, attackedDay } from '../../scripts/corpus/attacks.mjs';
import { healthyDay } from '../../scripts/corpus/healthy.mjs';
import { judge, RULES, TUNING, type Alert } from '../../scripts/corpus/judge.mjs';
import { repositoryRoot } from './support.ts';

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
  const events = attackedDay();
  let alerts = new Map<number, Alert>();
  const steps = (name: string) =>
    events.flatMap(({ attack, expect: expected = '' }, i) =>
      attack === name && expected !== '' ? [{ expected, number: i + 1 }] : [],
    );

  beforeAll(() => {
    const found = judge(
      events.map(({ event }) => event),
      [...RULES, TUNING],
    );
    alerts = new Map(found.map((alert) => [alert.evt_num, alert]));
  });

  it('is one of eight, amid the day', () => {
    expect(ATTACKS).toHaveLength(8);
    for (const { name } of ATTACKS) {
      const at = events.flatMap(({ attack }, i) => (attack === name ? [i] : []));
      expect(at.length, name).toBeGreaterThan(1);
      expect(at[0], name).toBeGreaterThan(100);
    }
    expect(events.filter(({ attack }) => attack === undefined).length).toBe(day.length);
  });

  it.each(ATTACKS.map(({ name, technique }) => [name, technique] as const))(
    '%s (%s): is reported by the rule that is meant, and by no other first',
    (name) => {
      const own = steps(name);
      expect(own.length).toBeGreaterThan(0);
      for (const { expected, number } of own) {
        expect(alerts.get(number)?.rule).toBe(expected);
      }
    },
  );

  it('leaves the rest of the day as quiet as before', () => {
    const others = [...alerts.values()].filter(
      ({ evt_num, priority }) => events[evt_num - 1]?.attack === undefined && NOTABLE.includes(priority),
    );
    expect(others).toEqual([]);
  });
});
