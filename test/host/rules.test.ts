// SPDX-License-Identifier: Apache-2.0
// Every rule against its fixtures, evaluated by libsinsp: all events in one run.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FlatRule } from '../../scripts/rules/flatten.mjs';
import { flattenRules, readFixtures, type Fixture } from './fixtures.ts';
import { pluginPath, runHost, Scratch, type Alert } from './support.ts';

const fixtures = readFixtures();
const rules = flattenRules();

interface Case {
  fixture: Fixture;
  title: string;
  event: Record<string, unknown>;
  contains: string[];
  fires: boolean;
}

const cases: Case[] = fixtures.flatMap((fixture) =>
  [
    ...(fixture.fires ?? []).map((item) => ({ ...item, fires: true })),
    ...(fixture.near_misses ?? []).map((item) => ({ ...item, fires: false })),
  ].map(({ title, event, fires, output_contains: contains = [] }) => ({
    fixture,
    title,
    event,
    fires,
    contains,
  })),
);

/** Each fixture's rule, with the fixture's overrides. */
function rulesOfFixtures(): FlatRule[] {
  return fixtures.flatMap((fixture) => {
    const all = fixture.overrides === undefined ? rules : flattenRules(fixture);
    return all.filter(({ rule }) => rule === fixture.rule);
  });
}

describe('the fixtures', () => {
  it('are one file for each rule', () => {
    const named = fixtures.map(({ rule }) => rule).sort();
    expect(named).toEqual(rules.map(({ rule }) => rule).sort());
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
      cases.map(({ event }) => `${JSON.stringify(event)}\n`).join(''),
    );
    const flat = scratch.rules(rulesOfFixtures());
    const run = runHost(['--plugin', pluginPath(), '--open', events, '--rules', flat]);
    expect(run.stderr).not.toContain('sinsp_host: ');
    alerts = run.alerts;
    delivered = run.summary?.events ?? 0;
  });
  afterAll(() => scratch.remove());

  it('see every event of the fixtures', () => {
    expect(delivered).toBe(cases.length);
  });

  it.each(
    cases.map(
      (item, i) => [item.fixture.rule, item.fires ? 'fires' : 'is silent', item.title, item, i + 1] as const,
    ),
  )('%s %s: %s', (rule, _, __, item, number) => {
    const alert = alerts.find((alert) => alert.evt_num === number && alert.rule === rule);
    expect(alert !== undefined).toBe(item.fires);
    for (const text of item.contains) {
      expect(alert?.output).toContain(text);
    }
  });
});
