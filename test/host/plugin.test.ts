// SPDX-License-Identifier: Apache-2.0
// The plugin in the real libsinsp: what it refuses, and what sysdig reads through it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findCommand } from '../../scripts/lib/paths.mjs';
import { pluginPath, repositoryRoot, runHost, runSysdig, Scratch } from './support.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

describe('the plugin, where it refuses something,', () => {
  it.each([
    ['an unknown key', '{"maxEventSizes": 5}', 'unknown key "maxEventSizes"; known are maxEventSize'],
    [
      'a wrong type',
      '{"maxEventSize": "large"}',
      '"maxEventSize" must be a whole number from 1024 to 67108864, not "large"',
    ],
    [
      'a value out of range',
      '{"maxEventSize": -1}',
      '"maxEventSize" must be a whole number from 1024 to 67108864, not -1',
    ],
    ['no object', '[]', 'init_config'],
    ['no JSON', '{"maxEventSize": ', 'init_config'],
  ])('names it: %s in init_config', (_, config, named) => {
    const run = runHost([
      '--plugin',
      pluginPath(),
      '--config',
      config,
      '--open',
      scratch.write('none.jsonl', ''),
    ]);
    expect(run.status).toBe(1);
    expect(run.stderr).toContain('plugin k8saudit-ts refuses its init_config: ');
    expect(run.stderr).toContain(named);
    expect(run.summary).toBeUndefined();
  });

  it.each([
    ['a file that is not there', '/nowhere/audit.log', '/nowhere/audit.log'],
    ['a path that is not absolute', 'file://nowhere', 'absolute path'],
    ['an unknown scheme', 'gopher://somewhere', 'gopher'],
    ['a port out of range', 'http://localhost:99999/', '99999'],
  ])('names it: %s in open_params', (_, open, named) => {
    const run = runHost(['--plugin', pluginPath(), '--open', open]);
    expect(run.status).toBe(1);
    const message = `plugin k8saudit-ts refuses to open '${open}': `;
    expect(run.stderr).toContain(message);
    expect(run.stderr.split(message)[1]).toContain(named);
    expect(run.summary).toBeUndefined();
  });
});

describe("the plugin's metrics in Prometheus", () => {
  const file = join(repositoryRoot, 'examples', 'attack.jsonl');
  const run = runHost(['--plugin', pluginPath(), '--open', file, '--fields', 'ka.verb', '--metrics']);
  const { prometheus } = run.others.find((line) => 'prometheus' in line) as { prometheus: string };

  it('count what was read', () => {
    expect(prometheus).toMatch(/^falcosecurity_plugins_k8saudit_ts_events_delivered_total 66$/m);
  });

  it('tell counters and gauges apart', () => {
    expect(prometheus).toMatch(/^# TYPE falcosecurity_plugins_k8saudit_ts_http_answers_2xx_total counter$/m);
    expect(prometheus).toMatch(/^# TYPE falcosecurity_plugins_k8saudit_ts_http_connections_total gauge$/m);
  });

  it('have the names that docs/metrics.md alerts on', () => {
    const text = readFileSync(join(repositoryRoot, 'docs', 'metrics.md'), 'utf8');
    const alerted = [...text.matchAll(/\bfalcosecurity_plugins_\w+/g)].map(([name]) => name);
    expect(alerted.length).toBeGreaterThan(12);
    const shown = [...prometheus.matchAll(/^(\w+) /gm)].map(([, name]) => name);
    expect(shown).toEqual(expect.arrayContaining(alerted));
  });
});

const events = join(repositoryRoot, '..', 'shared', 'conformance', 'events.jsonl');
const noEvents = !existsSync(events);
if (noEvents) {
  process.stderr.write(`!!! ${events} is not there: sysdig is NOT compared with the conformance events\n`);
}

/** user, verb, resource, name and namespace of every event, one line each. */
const query = `
  if type == "array" then .[] elif .kind == "EventList" then .items[] else . end
  | [.user.username, .verb, .objectRef.resource, .objectRef.name, .objectRef.namespace]
  | map(. // "<NA>") | join("\\t")`;

describe.skipIf(noEvents)('sysdig with the plugin', () => {
  it('prints the user, verb and target that jq reads from the file', () => {
    const jq = findCommand('jq');
    if (jq === undefined) {
      throw new Error('jq is missing: install it (Debian: apt-get install jq)');
    }
    const expected = execFileSync(jq, ['-r', query, events], { encoding: 'utf8' });
    const fields = ['ka.user.name', 'ka.verb', 'ka.target.resource', 'ka.target.name', 'ka.target.namespace'];
    const printed = runSysdig(pluginPath(), events, `*${fields.map((field) => `%${field}`).join('\t')}`);
    expect(printed.split('\n')).toEqual(expected.split('\n'));
    expect(expected.trimEnd().split('\n').length).toBeGreaterThanOrEqual(
      readFileSync(events, 'utf8').trimEnd().split('\n').length,
    );
  });
});
