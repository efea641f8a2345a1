// SPDX-License-Identifier: Apache-2.0
// `npm start`, whole runs: with the embedded host, and with a Falco of straw.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readAlert } from '../../scripts/start/engine.mjs';
import { flattenRules, rulesFiles } from './fixtures.ts';
import { endStarted, pluginPath, repositoryRoot, Scratch, start } from './support.ts';

const scratch = new Scratch();
afterEach(endStarted);
afterAll(() => scratch.remove());

const script = join(repositoryRoot, 'scripts', 'start.mjs');
const sample = join(repositoryRoot, 'examples', 'attack.jsonl');
// A run may have to wait for a build.
const timeout = 300_000;

const someEvent = {
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  auditID: 'a',
  stage: 'ResponseComplete',
  stageTimestamp: '2024-05-01T10:00:00.123456Z',
  verb: 'get',
  user: { username: 'eve\u001b[31m' },
};

const falcoAlert = {
  time: '2024-05-01T10:00:00.123456789Z',
  rule: 'A rule',
  priority: 'Warning',
  source: 'k8s_audit',
  tags: ['k8s'],
  hostname: 'h',
  output: '10:00:00.123456789: Warning Something (user=eve)',
  output_fields: { 'ka.user.name': 'eve' },
};

function run(args: string[], path = process.env['PATH']) {
  const env = { ...process.env, PATH: path };
  const options = { encoding: 'utf8', cwd: repositoryRoot, env, timeout } as const;
  return spawnSync(process.execPath, [script, ...args], options);
}

/** Starts a run on a live source with a rule that every event fires. */
function startLive(open: string) {
  const about = 'desc: d, output: o, priority: info, source: k8s_audit';
  const rules = scratch.write('any.yaml', `- {rule: Any, ${about}, condition: ka.auditid exists}`);
  const child = start([process.execPath, script, '--embedded', open, '--rules', rules]);
  return Object.assign(child, { ended: once(child, 'exit') });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('npm start', { timeout }, () => {
  it('replays the sample attack and prints its alerts', () => {
    const { status, stdout, stderr } = run(['--embedded']);
    expect(stderr).toContain(
      '[start] the embedded libsinsp host evaluates rules/k8s_audit_rules.yaml, rules/k8s_audit_rules_extended.yaml on examples/attack.jsonl',
    );
    expect(status).toBe(0);
    const lines = readFileSync(sample, 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(30);
    expect(stdout).toMatch(
      new RegExp(`\n${lines.length} events, \\d+ alerts in [\\d.]+ s \\(end of the events\\)\n`),
    );
    const printed = [...stdout.matchAll(/^\d{4}-\d\d-\d\dT[\d:.]+Z {2}(\w+) +(.+)\n {4}\S.*$/gm)];
    const rules = new Map(flattenRules().map(({ rule, priority }) => [rule, priority]));
    expect(printed.length).toBeGreaterThan(0);
    for (const [, priority, rule = ''] of printed) {
      expect(rules.get(rule)).toBe(priority);
    }
    // What an attack cannot do without is seen.
    const fired = new Set(printed.map(([, , rule]) => rule));
    expect([...fired]).toEqual(
      expect.arrayContaining(['Attach/Exec Pod', 'Create Privileged Pod', 'Attach to cluster-admin Role']),
    );
  });

  it('prints JSON lines alone on stdout with --json', () => {
    const { status, stdout } = run(['--embedded', '--json', '--all']);
    expect(status).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(Object.keys(lines.at(-1))).toEqual(['summary']);
    expect(lines.at(-1).summary.alerts).toBe(lines.length - 1);
    expect(lines.slice(0, -1).every((line) => readAlert(line) !== undefined)).toBe(true);
  });

  it('takes other events and rules', () => {
    const rules = scratch.write(
      'get.yaml',
      '- {rule: A get, desc: d, output: got by %ka.user.name, priority: info, source: k8s_audit, condition: ka.verb = get}',
    );
    const events = [someEvent, { ...someEvent, verb: 'list' }];
    const file = scratch.write('get.jsonl', events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    const { status, stdout } = run(['--embedded', file, '--rules', rules]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^2024-05-01T10:00:00.123Z {2}Informational {2}A get\n {4}got by eve/);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toContain('2 events, 1 alert in');
  });

  it('fails with one sentence for rules that do not fit', () => {
    const rules = scratch.write(
      'bad.yaml',
      '- {rule: Bad, desc: d, output: o, priority: info, source: k8s_audit, condition: ka.nothing = a}',
    );
    const { status, stderr } = run(['--embedded', '--rules', rules]);
    expect(status).toBe(1);
    expect(stderr).toContain("rule 'Bad': the condition does not compile");
    expect(stderr).not.toContain('    at ');
    const missing = run(['/nowhere.jsonl']);
    expect(missing).toMatchObject({ status: 1, stdout: '' });
    expect(missing.stderr).toBe(
      'start: there is no file or directory /nowhere.jsonl; a URL starts with file:// or http://\n',
    );
  });

  it('follows a growing file, and ends with a summary on Ctrl-C', async () => {
    const file = scratch.write('live.jsonl', `${JSON.stringify(someEvent)}\n`);
    const child = startLive(`file://${file}?from=start`);
    child.stderr.resume();
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      // Every alert is two lines; each is here before the next event is written.
      if (lines.length === 2) {
        appendFileSync(file, `${JSON.stringify({ ...someEvent, auditID: 'b' })}\n`);
      } else if (lines.length === 4) {
        child.kill('SIGINT');
      }
    }
    await expect(child.ended).resolves.toEqual([0, null]);
    expect(lines.filter((line) => /Informational {2}Any$/.test(line))).toHaveLength(2);
    expect(lines.join('\n')).toMatch(/\n2 events, 2 alerts in [\d.]+ s \(interrupted\)\n/);
  });

  it('listens as a webhook, and ends with a summary on SIGTERM', async () => {
    const url = `http://127.0.0.1:${await freePort()}/k8s-audit`;
    const child = startLive(url);
    for await (const line of createInterface({ input: child.stderr })) {
      if (line.includes('listening')) {
        break;
      }
    }
    const list = {
      kind: 'EventList',
      apiVersion: 'audit.k8s.io/v1',
      items: [someEvent, { ...someEvent, auditID: 'b' }],
    };
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(list) });
    expect(answer.status).toBe(200);
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (lines.length === 4) {
        child.kill('SIGTERM');
      }
    }
    await expect(child.ended).resolves.toEqual([0, null]);
    expect(lines.join('\n')).toMatch(/\n2 events, 2 alerts in [\d.]+ s \(interrupted\)\n/);
  });

  it('uses Falco where it is installed', () => {
    // It keeps what it was given, and alerts as Falco does.
    const kept = join(scratch.path, 'kept.json');
    const falco = scratch.write(
      'falco',
      `#!${process.execPath}
const { readFileSync, writeFileSync } = require('node:fs');
const args = process.argv.slice(2);
writeFileSync(${JSON.stringify(kept)}, JSON.stringify({ args, yaml: readFileSync(args[1], 'utf8') }));
const alert = ${JSON.stringify(falcoAlert)};
console.log(JSON.stringify(alert));
console.log('Events detected: 1');
console.error('Falco says something');
`,
    );
    chmodSync(falco, 0o755);
    const { status, stdout, stderr } = run([sample], `${scratch.path}${delimiter}${process.env['PATH']}`);
    expect(stderr).toContain(
      '[start] Falco evaluates rules/k8s_audit_rules.yaml, rules/k8s_audit_rules_extended.yaml on examples/attack.jsonl',
    );
    expect(stderr).toContain('Falco says something\n');
    expect(status).toBe(0);
    expect(stdout).toContain('2024-05-01T10:00:00.123Z  Warning        A rule\n    Something (user=eve)\n');
    expect(stdout).toContain('\n1 alert in');
    const { args, yaml } = JSON.parse(readFileSync(kept, 'utf8'));
    expect(args).toEqual([
      '-c',
      join(repositoryRoot, 'build', 'start', 'falco.yaml'),
      '--disable-source',
      'syscall',
    ]);
    expect(parse(yaml)).toMatchObject({
      load_plugins: ['k8saudit-ts'],
      plugins: [{ name: 'k8saudit-ts', library_path: pluginPath(), init_config: {}, open_params: sample }],
      rules_files: rulesFiles,
      json_output: true,
      rule_matching: 'first',
    });
  });
});
