// SPDX-License-Identifier: Apache-2.0
// Plugin states in several threads of one process: one that traps again and again does not disturb another.
import { describe, expect, test } from 'vitest';
import { eventOfSize, names, shortEvent } from '../support/events.ts';
import { runInThread, type RunReport } from '../support/plugin.ts';
import { Workspace, lines } from '../support/workspace.ts';
import { allFields, init, load, pluginFile, realEvents } from './support.ts';

const FIELDS = allFields(load());
const TRAPS = JSON.stringify({ maxEventSize: 67108864, webhookMaxBatchSize: 67108864 });

function metric({ metrics }: RunReport, name: string): number {
  return Number(metrics.find((one) => one.name === name)?.value);
}

describe('in threads', () => {
  test('one state that traps again and again, and another with right values all the while', async () => {
    const workspace = new Workspace();
    const good = workspace.write('good.jsonl', lines(realEvents()));
    const texts = names(8).flatMap((id) => [shortEvent(id), eventOfSize(14_000_000, 'x')]);
    const bad = workspace.write('bad.jsonl', lines(texts));
    const small = pluginFile('small');

    const alone = await runInThread(small, '{}', good, { extract: FIELDS, rounds: 15 });
    const [trapping, undisturbed] = await Promise.all([
      runInThread(small, TRAPS, bad, { extract: ['ka.auditid'], rounds: 3 }),
      runInThread(small, '{}', good, { extract: FIELDS, rounds: 15 }),
    ]);
    expect(undisturbed.digest).toBe(alone.digest);
    expect(undisturbed).toMatchObject({ events: alone.events, values: alone.values, failures: 0, eof: true });
    expect(metric(undisturbed, 'traps')).toBe(0);
    expect(undisturbed.logs).toEqual([]);
    expect(trapping).toMatchObject({ events: 24, values: 24, failures: 0, eof: true });
    expect(metric(trapping, 'traps')).toBe(24);
    expect(metric(trapping, 'events_dropped_trap')).toBe(24);
  });

  test('four at once, of two builds, read the same', async () => {
    const good = new Workspace().write('good.jsonl', lines(realEvents()));
    const variants = ['release', 'small', 'drop-in', 'release'];
    const reports = await Promise.all(
      variants.map((variant) =>
        runInThread(pluginFile(variant), '{}', good, { extract: FIELDS, rounds: 10 }),
      ),
    );
    expect(new Set(reports.map(({ digest }) => digest)).size).toBe(1);
    expect(reports[0]?.values).toBeGreaterThan(1000);
  });

  test('a state of this thread works on beside them, with traps of its own', async () => {
    const good = new Workspace().write('good.jsonl', lines(realEvents()));
    const state = init({}, 'small');
    const running = runInThread(pluginFile('small'), '{}', good, { extract: FIELDS, rounds: 10 });
    for (let i = 0; i < 5; i++) {
      expect(state.extractForeign(eventOfSize(26_000_000, 'x'), ['ka.auditid'])[0]?.value).toBeNull();
      expect(state.extractForeign(shortEvent(`e${i}`), ['ka.auditid'])[0]?.value).toBe(`e${i}`);
    }
    const report = await running;
    const alone = await runInThread(pluginFile('small'), '{}', good, { extract: FIELDS, rounds: 10 });
    expect(report.digest).toBe(alone.digest);
    expect(metric(report, 'traps')).toBe(0);
  });
});
