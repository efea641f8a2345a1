// SPDX-License-Identifier: Apache-2.0
// With rule_matching: first, Falco reports the first rule that matches, and it asks the base file's rules before the
// extended ones. So that none hides a graver one, the former give way; here the real libsinsp says whether they do.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { healthyDay } from '../../scripts/corpus/healthy.mjs';
import { flattenBaseRules, flattenRules, playFixtures, readFixtures, rulesFiles } from './fixtures.ts';
import { pluginPath, repositoryRoot, runHost, Scratch, type Alert } from './support.ts';

const PRIORITIES = ['Critical', 'Error', 'Warning', 'Notice', 'Informational', 'Debug'];

/** Switches that are off by default are on here, so that every rule takes part. */
const EVERYTHING = `
- macro: allowed_full_admin_users
  condition: (k8s_audit_never_true)
- macro: allow_all_k8s_users
  condition: (k8s_audit_never_true)
- macro: allow_all_namespaces
  condition: (k8s_audit_never_true)
- macro: allow_all_k8s_nodes
  condition: (k8s_audit_never_true)
- macro: allowed_k8s_containers
  condition: (k8s_audit_never_true)
- macro: consider_all_events
  condition: (k8s_audit_always_true)
`;

describe('the gravest rule that matches an event', () => {
  const scratch = new Scratch();
  const { played } = playFixtures(readFixtures());
  const sample = readFileSync(join(repositoryRoot, 'examples', 'attack.jsonl'), 'utf8')
    .trimEnd()
    .split('\n');
  const texts = [
    ...played.map((event) => JSON.stringify(event)),
    ...sample,
    ...healthyDay()
      .written()
      .map(({ event }) => JSON.stringify(event)),
  ];
  // Users who are not listed are reported as such, before what they do is reported as NOTICE or less.
  const users = played.map(({ user }) => (user as { username?: string } | undefined)?.username ?? 'nobody');
  const listed = stringify([
    { list: 'allowed_k8s_users', items: [...new Set(users)], override: { items: 'append' } },
  ]);
  let first: Alert[] = [];
  let firstOfListed: Alert[] = [];
  let all: Alert[] = [];
  let base: Alert[] = [];

  beforeAll(() => {
    const events = scratch.write('events.jsonl', `${texts.join('\n')}\n`);
    const run = (name: string, rules: object[], ...more: string[]) => {
      const file = scratch.write(name, JSON.stringify(rules));
      const { alerts, stderr } = runHost([
        '--plugin',
        pluginPath(),
        '--open',
        events,
        '--rules',
        file,
        ...more,
      ]);
      expect(stderr).not.toContain('sinsp_host: ');
      return alerts;
    };
    first = run('both.json', flattenRules(EVERYTHING), '--first');
    firstOfListed = run('listed.json', flattenRules(`${listed}${EVERYTHING}`), '--first');
    all = run('both.json', flattenRules(EVERYTHING));
    base = run('base.json', flattenBaseRules(EVERYTHING));
  });
  afterAll(() => scratch.remove());

  const gravity = ({ priority }: Alert) => PRIORITIES.indexOf(priority);

  it('is the one that is reported', () => {
    const gravest = new Map<number, number>();
    for (const alert of [...all, ...base]) {
      gravest.set(alert.evt_num, Math.min(gravity(alert), gravest.get(alert.evt_num) ?? PRIORITIES.length));
    }
    expect(first.length).toBeGreaterThan(500);
    expect(first.every((alert) => gravity(alert) >= 0)).toBe(true);
    const hidden = first
      .filter((alert) => gravity(alert) > (gravest.get(alert.evt_num) ?? 0))
      .map(({ evt_num, rule }) => `${evt_num}: ${rule}`);
    expect(hidden).toEqual([]);
    expect(new Set(first.map(({ evt_num }) => evt_num)).size).toBe(gravest.size);
  });

  it('is one of each, so every rule can be reported first', () => {
    const reported = new Set([...first, ...firstOfListed].map(({ rule }) => rule));
    const never = flattenRules(EVERYTHING)
      .map(({ rule }) => rule)
      .filter((rule) => !reported.has(rule));
    expect(never).toEqual([]);
  });
});

describe('rules/k8s_audit_rules_extended.yaml', () => {
  interface Entry {
    rule?: string;
    macro?: string;
    priority?: string;
    condition?: string;
    override?: object;
  }
  const [base = [], extended = []] = rulesFiles.map((file) => parse(readFileSync(file, 'utf8')) as Entry[]);
  const condition = (name: string) => extended.find(({ macro }) => macro === name)?.condition ?? '';
  const TIERS: Record<string, string> = {
    ...{ CRITICAL: 'error', ERROR: 'warning', WARNING: 'notice', NOTICE: 'info', INFO: 'debug' },
  };
  /** Rules that leave out what is as grave, because they say less. */
  const VAGUE = [
    ...['Disallowed K8s User', 'Full K8s Administrative Access', 'Anonymous Request Allowed'],
    ...['Pod Created in Kube Namespace', 'Create Disallowed Pod', 'Create Disallowed Namespace'],
  ];

  it('has each rule in the macro that lesser rules leave out', () => {
    for (const { rule = '', priority = '', condition: text = '', override } of extended) {
      if (rule === '' || override !== undefined) continue;
      expect(condition(text.trim()), `${rule} is a macro`).not.toBe('');
      expect(condition(`graver_than_${TIERS[priority]}`).split(/[\s()]+/), rule).toContain(text.trim());
    }
    const tiers = Object.values(TIERS);
    for (const [i, tier] of tiers.slice(1).entries()) {
      expect(condition(`graver_than_${tier}`)).toContain(`(graver_than_${tiers[i]} or`);
    }
  });

  it('lets each rule of the base file give way to graver ones', () => {
    const ways: Record<string, string> = {
      ...{ ERROR: 'graver_than_error', WARNING: 'graver_than_warning', NOTICE: 'more_specific_than_notice' },
      ...{ INFO: 'graver_than_info', DEBUG: 'graver_than_debug' },
    };
    expect(condition('more_specific_than_notice')).toContain('(graver_than_notice or');
    for (const { rule, priority = '' } of base.filter(({ rule }) => rule !== undefined)) {
      const change = extended.find((entry) => entry.rule === rule);
      const way = VAGUE.includes(rule ?? '') ? 'graver_than_notice' : ways[priority];
      expect(change?.override, rule).toEqual({ condition: 'append' });
      expect(change?.condition, rule).toBe(`and not ${way}`);
    }
  });
});
