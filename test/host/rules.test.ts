// SPDX-License-Identifier: Apache-2.0
// Every rule against its fixtures, evaluated by libsinsp: all events in one run.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flattenRules, playFixtures, readFixtures, ruleOf } from './fixtures.ts';
import { pluginPath, runHost, Scratch, type Alert } from './support.ts';

const fixtures = readFixtures();
const { cases, played } = playFixtures(fixtures);

describe('the fixtures', () => {
  it('are one file for each rule', () => {
    const named = fixtures.map(({ rule }) => rule).sort();
    expect(named).toEqual(
      flattenRules()
        .map(({ rule }) => rule)
        .sort(),
    );
  });

  it.each(fixtures.map((fixture) => [fixture.file, fixture] as const))(
    '%s has an event that fires and a near miss',
    (_, fixture) => {
      expect(fixture.fires?.length ?? 0).toBeGreaterThan(0);
      expect(fixture.near_misses?.length ?? 0).toBeGreaterThan(0);
    },
  );
});

describe('the rules', () => {
  const scratch = new Scratch();
  let alerts: Alert[] = [];
  let delivered = 0;

  beforeAll(() => {
    const events = scratch.write(
      'events.jsonl',
      played.map((event) => `${JSON.stringify(event)}\n`).join(''),
    );
    const flat = scratch.rules(fixtures.map(ruleOf));
    const run = runHost(['--plugin', pluginPath(), '--open', events, '--rules', flat]);
    expect(run.stderr).not.toContain('sinsp_host: ');
    alerts = run.alerts;
    delivered = run.summary?.events ?? 0;
  });
  afterAll(() => scratch.remove());

  it('see every event of the fixtures', () => {
    expect(delivered).toBe(played.length);
  });

  it.each(
    cases.map((item) => [item.fixture.rule, item.fires ? 'fires' : 'is silent', item.title, item] as const),
  )('%s %s: %s', (rule, _, __, item) => {
    const alert = alerts.find((alert) => alert.evt_num === item.number && alert.rule === rule);
    expect(alert !== undefined).toBe(item.fires);
    for (const text of item.contains) {
      expect(alert?.output).toContain(text);
    }
  });
});
