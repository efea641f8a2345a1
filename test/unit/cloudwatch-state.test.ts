// SPDX-License-Identifier: Apache-2.0
// eks:// over restarts, kills, traps and changes of the replica that reads.
import * as fs from 'node:fs';
import * as os from 'node:os';
import { beforeEach, describe, expect, test } from 'vitest';
import { idsOf, names } from '../support/events';
import { lockedStates } from '../support/host';
import { Random } from '../support/random';
import { Account, Cluster, ENVIRONMENT } from '../support/replica';
import { SimulatedTrap } from '../support/host';
import type { Event, Wasm } from '../support/wasm';
import { Workspace } from '../support/workspace';
import { type FakeLogs, isLate, makeLogs, openLogs, readFor } from './cloudwatch-support';

const SECOND = 1000;
const MINUTE = 60_000;
const PAGE = 4096;

let logs: FakeLogs;
let config: { stateDir: string; shift?: number };
beforeEach(() => {
  logs = makeLogs();
  config = { stateDir: new Workspace().at('state') };
});

/** Another process, after the one before was killed. */
function restart(more: object = {}): Wasm {
  logs.host.afterTrap();
  return openLogs(logs, { ...config, ...more });
}

function stateFile(ending: string): string {
  const name = fs
    .readdirSync(config.stateDir)
    .find((each) => each.endsWith(ending) && each.startsWith('progress'));
  return `${config.stateDir}/${name}`;
}

function told(): string[] {
  return logs.host.logs.map(({ message }) => message);
}

describe('after a restart', () => {
  test('it goes on where it was: what came meanwhile is read, also what came late, and nothing twice', () => {
    const wasm = openLogs(logs, config);
    names(300).forEach((id, i) => logs.put(id, i % 7));
    expect(readFor(wasm, 20 * SECOND).toSorted()).toEqual(names(300).toSorted());
    wasm.close();
    logs.put('late', 15 * SECOND);
    logs.host.now += 3600_000_000_000n;
    logs.put('between', 1800 * SECOND);
    expect(readFor(restart(), 10 * MINUTE).toSorted()).toEqual(['between', 'late']);
    expect(told().filter((message) => message.endsWith('on (where it was)'))).toHaveLength(1);
  });

  test('what was old when it was read first is not read once more', () => {
    const wasm = openLogs(logs, config);
    names(50).forEach((id, i) => logs.put(id, i));
    readFor(wasm, MINUTE);
    const away = logs.now;
    logs.host.now += 3600_000_000_000n;
    names(700, 'f').forEach((id, i) => logs.put(id, 3500 * SECOND - i * 5000));
    logs.pageSize = 60;
    const before = logs.queries.length;
    const back = logs.now;
    expect(readFor(restart(), 10 * MINUTE)).toEqual(names(700, 'f'));
    const late = logs.queries.slice(before).filter(isLate);
    expect(late.length).toBeGreaterThan(1);
    for (const { startTime, endTime } of late) {
      expect(endTime <= away || startTime >= back - 160 * SECOND, `${startTime} to ${endTime}`).toBe(true);
    }
  });

  test('also when nothing had come before', () => {
    readFor(openLogs(logs, config), SECOND);
    logs.host.now += 600_000_000_000n;
    logs.put('a', 300 * SECOND);
    expect(readFor(restart(), MINUTE)).toEqual(['a']);
  });

  test('without a place for it, it begins anew', () => {
    readFor(openLogs(logs), SECOND);
    logs.host.now += 600_000_000_000n;
    logs.put('a', 300 * SECOND);
    logs.put('b');
    logs.host.afterTrap();
    expect(readFor(openLogs(logs), MINUTE)).toEqual(['b']);
  });

  test('another group begins anew', () => {
    logs.put('a');
    expect(readFor(openLogs(logs, config), 10 * SECOND)).toEqual(['a']);
    logs.host.afterTrap();
    logs.host.now += 60_000_000_000n;
    expect(readFor(openLogs(logs, { ...config, shift: 3600 }, 'eks://other'), 10 * SECOND)).toEqual(['a']);
  });

  test('what was not acknowledged comes again, nothing else', () => {
    const wasm = openLogs(logs, { ...config, shift: 60 });
    names(1000).forEach((id, i) => logs.put(id, 50 * SECOND - i));
    let batch: Event[] | 'timeout' | 'end' = 'timeout';
    const ids: string[] = [];
    for (let count = 0; count < 3;) {
      batch = wasm.nextBatch();
      if (batch === 'timeout' || batch === 'end') continue;
      ids.push(...idsOf(batch));
      count++;
    }
    // Killed while Falco has the third batch.
    expect(ids).toEqual(names(768));
    expect(readFor(restart(), 10 * MINUTE)).toEqual(names(1000).slice(512));
  });

  test('at any moment, over and over, with late events: all are delivered, and each kill repeats one batch', () => {
    const random = new Random(9);
    const coming = names(6000).map((id) => {
      const timestamp = logs.now + random.below(20 * MINUTE);
      return {
        id,
        timestamp,
        at: timestamp + (random.below(50) === 0 ? random.below(100 * SECOND) : random.below(500)),
      };
    });
    coming.sort((one, other) => one.at - other.at);
    let next = 0;
    logs.pageSize = 100;
    logs.delay = 90;
    logs.host.onWait = () => {
      for (; next < coming.length && coming[next].at <= logs.now; next++) {
        logs.put(coming[next].id, 0, { timestamp: coming[next].timestamp });
      }
    };
    let wasm = openLogs(logs, config);
    const ids: string[] = [];
    let inFlight = 0;
    let last: string[] = [];
    for (let life = 0; life < 40; life++) {
      const batches = 1 + random.below(40);
      for (let i = 0; i < batches; i++) {
        const batch = wasm.nextBatch();
        last = batch === 'timeout' || batch === 'end' ? [] : idsOf(batch);
        ids.push(...last);
        if (last.length === 0) logs.host.now += BigInt(random.below(400)) * 1_000_000n;
      }
      inFlight += last.length;
      logs.host.now += BigInt(random.below(12_000)) * 1_000_000n;
      wasm = restart();
    }
    ids.push(...readFor(wasm, 30 * MINUTE));
    expect(new Set(ids)).toEqual(new Set(names(6000)));
    expect(ids.length - 6000).toBeLessThanOrEqual(inFlight);
  });
});

describe('the journal of ids', () => {
  function fill(): void {
    names(1000).forEach((id, i) => logs.put(id, 50 * SECOND - i));
    const wasm = openLogs(logs, { ...config, shift: 60 });
    expect(readFor(wasm, 10 * SECOND)).toHaveLength(1000);
  }

  test('an entry that is half written costs itself alone', () => {
    fill();
    const journal = stateFile('.ids');
    const bytes = fs.readFileSync(journal);
    const torn = bytes.subarray(PAGE + 16 * 990, PAGE + 16 * 991);
    torn.fill(0, 8);
    fs.writeFileSync(journal, bytes);
    expect(readFor(restart(), 10 * MINUTE)).toEqual(['e990']);
    // What is written behind it does not hide the others.
    expect(readFor(restart(), 10 * MINUTE)).toEqual([]);
  });

  test('damage all over', () => {
    fill();
    const journal = stateFile('.ids');
    const bytes = fs.readFileSync(journal);
    const random = new Random(3);
    for (let i = PAGE; i < PAGE + 16_000; i++) bytes[i] = random.below(256);
    fs.writeFileSync(journal, bytes);
    expect(readFor(restart(), 10 * MINUTE)).toEqual(names(1000));
  });

  test('one that was cut short, or removed, is made anew', () => {
    fill();
    fs.truncateSync(stateFile('.ids'), PAGE + 16 * 500);
    const again = readFor(restart(), 10 * MINUTE);
    expect(again).toEqual(names(1000).slice(500));
    fs.rmSync(stateFile('.ids'));
    // All but the newest is so old that it is not read again.
    expect(readFor(restart(), 10 * MINUTE)).toEqual(['e999']);
    expect(readFor(restart(), 10 * MINUTE)).toEqual([]);
  });

  test('one that is removed while it is in use is written anew, with all that is known', () => {
    names(500).forEach((id, i) => logs.put(id, 50 * SECOND - i));
    const wasm = openLogs(logs, { ...config, shift: 60 });
    expect(readFor(wasm, 10 * SECOND)).toHaveLength(500);
    fs.rmSync(stateFile('.ids'));
    logs.put('a');
    readFor(wasm, 20 * SECOND);
    expect(told().some((message) => message.includes('the journal') && message.includes('removed'))).toBe(
      true,
    );
    expect(readFor(restart(), 10 * MINUTE)).toEqual([]);
  });

  test.each([
    ['no journal at all', (bytes: Buffer) => bytes.fill('x', 0, 100), 'it is no journal of this plugin'],
    ['of a later version', (bytes: Buffer) => bytes.writeUInt32LE(2, 8), 'it was written by another version'],
    ['of another group', (bytes: Buffer) => bytes.writeUInt32LE(2, 16), 'it belongs to another log group'],
  ])('a file that is %s is refused', (_, spoil, reason) => {
    fill();
    const journal = stateFile('.ids');
    const bytes = fs.readFileSync(journal);
    spoil(bytes);
    fs.writeFileSync(journal, bytes);
    expect(() => restart()).toThrow(reason);
    expect(logs.host.openFiles).toBe(0);
  });

  test('one that another process has is refused', () => {
    fill();
    logs.host.afterTrap();
    const journal = stateFile('.ids');
    lockedStates.add(journal);
    try {
      expect(() => openLogs(logs, config)).toThrow('another process uses it');
    } finally {
      lockedStates.delete(journal);
    }
  });

  test('one that cannot be read is refused, and let go of', () => {
    fill();
    logs.host.afterTrap();
    logs.host.failState = { read: os.constants.errno.EPERM };
    expect(() => openLogs(logs, config)).toThrow(/^init_config: key "stateDir": cannot use ".*": EPERM$/);
    expect(logs.host.openFiles).toBe(0);
    logs.host.failState = {};
  });

  test('a full disk is told; events go on, and what was missed is written later', () => {
    const wasm = openLogs(logs, { ...config, shift: 60 });
    names(700).forEach((id, i) => logs.put(id, 50 * SECOND - i));
    logs.host.failState = { write: 28 };
    expect(readFor(wasm, 10 * SECOND)).toEqual(names(700));
    expect(told().some((message) => /cannot write the (journal|checkpoint)/.test(message))).toBe(true);
    expect(wasm.metrics().checkpoint_errors).toBeGreaterThan(1);
    logs.host.failState = {};
    readFor(wasm, 5 * SECOND);
    expect(readFor(restart(), 10 * MINUTE)).toEqual([]);
  });
});

test('a checkpoint that is damaged is as good as none', () => {
  logs.put('a');
  expect(readFor(openLogs(logs, config), 10 * SECOND)).toEqual(['a']);
  fs.writeFileSync(stateFile('.checkpoint'), Buffer.alloc(800_000, 'KAS8KCPT'));
  expect(() => restart()).toThrow('cannot use');
});

describe('after a trap', () => {
  /** Reads on over traps; the ids in order. */
  function readOver(
    start: Wasm,
    more: object,
    milliseconds: number,
  ): { ids: string[]; traps: number; wasm: Wasm } {
    const end = logs.now + milliseconds;
    const ids: string[] = [];
    let traps = 0;
    let wasm = start;
    while (logs.now < end) {
      try {
        const batch = wasm.nextBatch();
        if (batch !== 'timeout' && batch !== 'end') ids.push(...idsOf(batch));
      } catch (error) {
        if (!(error instanceof SimulatedTrap)) throw error;
        traps++;
        if (traps > 5) throw error;
        wasm = wasm.successor(JSON.stringify(more), 'eks://prod');
      }
      logs.host.now += 1_000_000n;
    }
    return { ids, traps, wasm };
  }

  test.each([
    ['without state', false],
    ['with a journal', true],
  ])('an event that cannot be read is left out, and nothing comes twice: %s', (_, hasState) => {
    const more = { shift: 60, ...(hasState ? config : {}) };
    const wasm = openLogs(logs, more);
    names(600).forEach((id, i) => logs.put(id, 50 * SECOND - i));
    // The host stops where the wall clock is read for an event without a time.
    logs.host.poisoned = true;
    logs.events[400].message = '{"kind":"Event","auditID":"poison"}';
    const { timestamp } = logs.events[400];
    const page = JSON.parse(logs.page({ startTime: 0, endTime: logs.now, limit: 10_000 }));
    for (const event of page.events) if (event.timestamp === timestamp) delete event.timestamp;
    const answer = logs.host.onCall;
    let calls = 0;
    logs.host.onCall = (call) => (calls++ < 4 ? { body: JSON.stringify(page) } : answer(call));
    const { ids, traps, wasm: last } = readOver(wasm, more, 2 * SECOND);
    expect(traps).toBe(1);
    expect(ids).toEqual(names(600).filter((id) => id !== 'e400'));
    expect(last.metrics()).toMatchObject({ events_dropped_trap: 1 });
    expect(told()).toContain(
      'an element that made the plugin stop with an internal error at byte 0 of an event of the log group ' +
        '"/aws/eks/prod/cluster"; it is dropped, the rest is kept',
    );
  });

  test.each([
    ['without state', false],
    ['with a journal', true],
  ])('between two batches, over and over: all are delivered once: %s', (_, hasState) => {
    const more = { shift: 60, ...(hasState ? config : {}) };
    let wasm = openLogs(logs, more);
    names(3000).forEach((id, i) => logs.put(id, 50 * SECOND - i));
    logs.pageSize = 400;
    const ids: string[] = [];
    for (let idle = 0; idle < 400;) {
      const batch = wasm.nextBatch();
      idle = batch === 'timeout' ? idle + 1 : 0;
      if (batch === 'timeout' || batch === 'end') continue;
      ids.push(...idsOf(batch));
      wasm = wasm.successor(JSON.stringify(more), 'eks://prod');
    }
    expect(ids).toEqual(names(3000));
  });
});

describe('with a ConfigMap', () => {
  let cluster: Cluster;
  beforeEach(() => {
    cluster = new Cluster();
    new Account().mount(logs.host);
    for (const [name, value] of Object.entries(ENVIRONMENT)) logs.host.environment.set(name, value);
    const answer = logs.host.onCall;
    logs.host.onCall = (call) => {
      if (!call.url.includes('/api')) return answer(call);
      const { status, headers, body } = cluster.respond(call);
      return { status, headers, body } as ReturnType<typeof answer>;
    };
  });

  test('a restart goes on where it was, and the newest ten thousand or so do not come again', () => {
    const more = { stateConfigMap: 'progress', shift: 60 };
    const wasm = openLogs(logs, more);
    names(3000).forEach((id, i) => logs.put(id, 50 * SECOND - i));
    expect(readFor(wasm, 30 * SECOND)).toEqual(names(3000));
    logs.host.afterTrap();
    logs.host.now += 600_000_000_000n;
    logs.put('late', 640 * SECOND);
    logs.put('between', 300 * SECOND);
    expect(readFor(openLogs(logs, more), 10 * MINUTE).toSorted()).toEqual(['between', 'late']);
  });

  test('of two replicas one reads; the other one goes on from there', () => {
    const more = { stateConfigMap: 'progress', leaseName: 'falco', leaseDuration: 10, shift: 3600 };
    names(100).forEach((id, i) => logs.put(id, 50 * SECOND - i));
    const first = openLogs(logs, more);
    expect(readFor(first, 30 * SECOND)).toEqual(names(100));
    // The first one is stopped; both share a host here, so its requests end.
    logs.host.afterTrap();
    logs.put('a');
    const second = openLogs(logs, more);
    expect(readFor(second, 2 * SECOND)).toEqual([]);
    expect(readFor(second, MINUTE)).toEqual(['a']);
  });
});
