// SPDX-License-Identifier: Apache-2.0
// A day of a healthy cluster, and attacks within it, judged by libsinsp with both rules files: as they are shipped, with
// what the cluster tells them about itself, and with a file that was written for the official rules.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dayDocument } from '../../scripts/corpus.mjs';
import { ATTACKS, attackedDay } from '../../scripts/corpus/attacks.mjs';
import { healthyDay } from '../../scripts/corpus/healthy.mjs';
import { judge, LOUD, RULES, TUNING, type Alert } from '../../scripts/corpus/judge.mjs';
import { repositoryRoot, Scratch } from './support.ts';

const day = healthyDay().written();
const events = day.map(({ event }) => event);
const OVERLAYS = join(repositoryRoot, 'rules', 'overlays');
const isLoud = ({ priority }: Alert) => LOUD.includes(priority);
const WAYS = [
  ['as shipped', RULES],
  ['tuned', [...RULES, TUNING]],
] as const;

describe('a day of a healthy cluster', () => {
  it.each(WAYS)('raises nothing above NOTICE, %s', (_, files) => {
    const alerts = judge(events, [...files]);
    expect(alerts.filter(isLoud)).toEqual([]);
    expect(alerts.length).toBeGreaterThan(0);
  });

  it.each([
    ['by the base file alone', RULES.slice(0, 1)] as const,
    ...readdirSync(OVERLAYS).map((file) => [`with ${file}`, [...RULES, join(OVERLAYS, file)]] as const),
  ])('raises nothing above NOTICE, as shipped, %s, whichever rules match', (_, files) => {
    expect(judge(events, [...files], { all: true }).filter(isLoud)).toEqual([]);
  });

  it('raises what docs/day-in-the-life.md says', async () => {
    expect(readFileSync(join(repositoryRoot, 'docs', 'day-in-the-life.md'), 'utf8')).toBe(
      await dayDocument(),
    );
  });
});

describe('a file that was written for the official rules', () => {
  const scratch = new Scratch();
  afterAll(() => scratch.remove());

  interface Request {
    user: string;
    verb: unknown;
    resource?: string;
    name?: string;
    code?: number;
  }
  const numbersOf = (fits: (request: Request) => boolean) =>
    day.flatMap(({ event }, i) => {
      const { username: user } = event['user'] as { username?: string };
      const { code } = event['responseStatus'] as { code?: number };
      const target = (event['objectRef'] ?? {}) as { resource?: string; name?: string };
      if (user === undefined || event['stage'] !== 'ResponseComplete') return [];
      return fits({ ...target, user, code, verb: event['verb'] }) ? [i + 1] : [];
    });
  const listed = ['anna@example.org', 'ben@example.org'];
  const own = `
- list: allowed_k8s_users
  append: true
  items: [${listed.join(', ')}]
- list: allowed_namespaces
  append: true
  items: [preview-400]
`;
  const switches = ['allow_all_k8s_users', 'allow_all_namespaces', 'routine_secret_get'];
  const back = switches.map((macro) => `- macro: ${macro}\n  condition: (k8s_audit_never_true)\n`).join('');
  const numbers = (text: string, rule: string) =>
    judge(events, [...RULES.slice(0, 1), scratch.write('own.yaml', text)], { all: true })
      .filter((alert) => alert.rule === rule)
      .map(({ evt_num }) => evt_num);

  it.each([
    ['Disallowed K8s User', numbersOf(({ user }) => !user.startsWith('system:') && !listed.includes(user))],
    [
      'Create Disallowed Namespace',
      numbersOf(
        ({ verb, resource, name }) =>
          verb === 'create' && resource === 'namespaces' && name !== 'preview-400',
      ),
    ],
    [
      'K8s Secret Get Successfully',
      numbersOf(
        ({ user, verb, resource, code }) =>
          user.endsWith(':ci:deployer') && verb === 'get' && resource === 'secrets' && code === 200,
      ),
    ],
  ])('has "%s" report what the official rule does, once the switches are set', (rule, expected) => {
    expect(expected.length).toBeGreaterThan(1);
    expect(numbers(own, rule)).toEqual([]);
    expect(numbers(own + back, rule)).toEqual(expected);
  });
});

describe.each(WAYS)('an attack within that day, %s', (_, files) => {
  const attacked = attackedDay();
  let alerts = new Map<number, Alert>();
  const steps = (name: string) =>
    attacked.flatMap(({ attack, expect: expected = '' }, i) =>
      attack === name && expected !== '' ? [{ expected, number: i + 1 }] : [],
    );

  beforeAll(() => {
    const found = judge(
      attacked.map(({ event }) => event),
      [...files],
    );
    alerts = new Map(found.map((alert) => [alert.evt_num, alert]));
  });

  it('is one of eight, amid the day', () => {
    expect(ATTACKS).toHaveLength(8);
    for (const { name } of ATTACKS) {
      const at = attacked.flatMap(({ attack }, i) => (attack === name ? [i] : []));
      expect(at.length, name).toBeGreaterThan(1);
      expect(at[0], name).toBeGreaterThan(100);
    }
    expect(attacked.filter(({ attack }) => attack === undefined).length).toBe(day.length);
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
      (alert) => attacked[alert.evt_num - 1]?.attack === undefined && isLoud(alert),
    );
    expect(others).toEqual([]);
  });
});
