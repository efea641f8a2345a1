// SPDX-License-Identifier: Apache-2.0
// The events that the benchmark makes.
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EventMaker } from '../../bench/lib/events.mjs';
import { FIFTEEN, FORTY, allFields } from '../../bench/lib/fields.mjs';
import {
  LIST,
  linesOf,
  listed,
  sized,
  workload,
  workloads,
  writeWorkload,
} from '../../bench/lib/workloads.mjs';
import { Workspace } from '../support/workspace.ts';

const BYTES = 400_000;

type Event = Record<string, unknown> & { annotations: Record<string, string>; objectRef?: object };

const textsOf = (name: string, bytes = BYTES): string[] =>
  [...linesOf(workload(name), bytes)].map(({ text }) => text.toString());

const eventsOf = (name: string, bytes = BYTES): Event[] =>
  textsOf(name, bytes).map((text) => JSON.parse(text) as Event);

const average = (texts: readonly string[]): number =>
  texts.reduce((sum, { length }) => sum + length, 0) / texts.length;

describe('the workloads', () => {
  test('are the same each time, and not the same as each other', () => {
    for (const load of workloads) {
      const [once, again] = [1, 2].map(() =>
        [...linesOf(load, 100_000)].map(({ text }) => Buffer.from(text)),
      );
      expect(Buffer.concat(again).equals(Buffer.concat(once)), load.name).toBe(true);
    }
    expect(textsOf('mixed')[0]).not.toBe(textsOf('metadata')[0]);
  });

  test('have the sizes that they are known by', () => {
    const expected = { metadata: 1300, mixed: 1900, pods: 4000, 'large-30k': 30_000, 'large-250k': 250_000 };
    for (const [name, bytes] of Object.entries(expected)) {
      expect(average(textsOf(name, 2_000_000)) / bytes, name).toBeGreaterThan(0.93);
      expect(average(textsOf(name, 2_000_000)) / bytes, name).toBeLessThan(1.07);
    }
  });

  test('are audit events, each with an id of its own', () => {
    for (const name of ['metadata', 'mixed', 'pods', 'large-30k', 'attack']) {
      const events = eventsOf(name);
      for (const event of events) {
        expect(event, name).toMatchObject({ kind: 'Event', apiVersion: 'audit.k8s.io/v1' });
        expect(event['stage'], name).toBeTypeOf('string');
        expect(Date.parse(String(event['stageTimestamp'])), name).not.toBeNaN();
      }
      expect(new Set(events.map(({ auditID }) => auditID)).size, name).toBe(events.length);
    }
  });

  test('have a day of a healthy cluster, the next one behind it, and pods in it', () => {
    const { bytes = 0 } = workload('day');
    const texts = textsOf('day', 2 * bytes);
    const events = texts.map((text) => JSON.parse(text) as Event);
    // The stages of a request have one id.
    expect(new Set(events.map(({ auditID, stage }) => `${auditID} ${stage}`)).size).toBe(events.length);
    expect(texts).toEqual(textsOf('day', 2 * bytes));
    const isPod = ({ verb, objectRef }: Event) =>
      verb === 'create' && JSON.stringify(objectRef).startsWith('{"resource":"pods","namespace"');
    const half = events.length / 2;
    for (const day of [events.slice(0, half), events.slice(half)]) {
      expect(day.filter(isPod).length / day.length).toBeGreaterThan(0.02);
    }
  });

  test('are as long as was asked for, and hardly longer', () => {
    const lines = [...linesOf(workload('mixed'), BYTES)];
    const length = lines.reduce((sum, { text }) => sum + text.length + 1, 0);
    expect(length).toBeGreaterThanOrEqual(BYTES);
    expect(length).toBeLessThan(BYTES + 10_000);
  });

  test('have no body at level Metadata, and two for a pod that is created', () => {
    for (const event of eventsOf('metadata')) {
      expect(event['level']).toBe('Metadata');
      expect(event).not.toHaveProperty('requestObject');
      expect(event).not.toHaveProperty('responseObject');
    }
    for (const event of eventsOf('pods')) {
      expect(event['level']).toBe('RequestResponse');
      expect(event).toHaveProperty(['requestObject', 'spec', 'containers', 0, 'image']);
      expect(event).toHaveProperty(['responseObject', 'metadata', 'name']);
    }
  });

  test('mix what a cluster mixes', () => {
    const events = eventsOf('mixed', 2_000_000);
    const verbs = new Set(events.map(({ verb }) => verb));
    expect([...verbs].sort()).toEqual(['create', 'get', 'list', 'patch', 'update', 'watch']);
    expect(new Set(events.map(({ level }) => level))).toEqual(
      new Set(['Metadata', 'Request', 'RequestResponse']),
    );
    const share = (of: (event: Event) => boolean) => events.filter(of).length / events.length;
    expect(share(({ objectRef }) => objectRef === undefined)).toBeCloseTo(0.03, 1);
    expect(share(({ annotations }) => annotations['authorization.k8s.io/decision'] === 'forbid')).toBeCloseTo(
      0.03,
      1,
    );
  });

  test('have lists of as many events as kube-apiserver sends', () => {
    const lines = [...linesOf(workload('lists'), 1_000_000)];
    for (const { text, sound } of lines) {
      const { kind, items } = JSON.parse(text.toString()) as { kind: string; items: Event[] };
      expect([kind, items.length, sound]).toEqual(['EventList', LIST, LIST]);
    }
    const [short] = linesOf(listed(5), 1);
    expect(JSON.parse(short.text.toString())).toHaveProperty('items.length', 5);
    expect(short.sound).toBe(5);
  });

  test('have garbage of which every third line is sound, and no other', () => {
    const lines = [...linesOf(workload('garbage'), BYTES)];
    lines.forEach(({ text, sound }, index) => {
      expect(sound).toBe(index % 3 === 0 ? 1 : 0);
      expect(Buffer.from(text).includes(10)).toBe(false);
      if (sound === 1) expect(() => JSON.parse(text.toString())).not.toThrow();
    });
    const parses = (text: string): boolean => {
      try {
        return (JSON.parse(text) as Event | null)?.['auditID'] !== undefined;
      } catch {
        return false;
      }
    };
    const broken = lines.filter(({ sound, text }) => sound === 0 && !parses(text.toString()));
    expect(broken.length).toBe(lines.length - lines.filter(({ sound }) => sound === 1).length);
  });

  test('have events of exactly the size that is asked for', () => {
    for (const bytes of [1024, 2048, 2049, 4096, 65_536, 1_048_576]) {
      const [{ text }] = linesOf(sized(bytes), 1);
      expect(text.length).toBe(bytes);
      expect(() => JSON.parse(text.toString())).not.toThrow();
    }
    expect(() => new EventMaker(1).listOfSize(100)).toThrow(/too small/);
  });

  test('have a name that is there', () => {
    expect(() => workload('nothing')).toThrow(/no workload nothing/);
  });
});

describe('the file of a workload', () => {
  test('is written once, and again when half of it is there', () => {
    const folder = new Workspace().path;
    const data = writeWorkload(workload('mixed'), BYTES, folder);
    const text = readFileSync(data.file, 'utf8');
    expect(text.length).toBe(data.bytes);
    expect(text.trimEnd().split('\n')).toHaveLength(data.lines);
    const { mtimeMs } = statSync(data.file);
    expect(writeWorkload(workload('mixed'), BYTES, folder)).toEqual(data);
    expect(statSync(data.file).mtimeMs).toBe(mtimeMs);
    writeFileSync(`${folder}/mixed/made.json`, '{"recipe":"another"}');
    writeFileSync(data.file, 'half');
    writeWorkload(workload('mixed'), BYTES, folder);
    expect(readFileSync(data.file, 'utf8')).toBe(text);
    expect(writeWorkload(workload('mixed'), BYTES / 2, folder).bytes).toBeLessThan(data.bytes);
    expect(existsSync(data.file)).toBe(true);
  });
});

describe('the fields', () => {
  const catalogue = JSON.parse(readFileSync('build/generated/fields.json', 'utf8')) as { name: string }[];

  test('are 15 and 40, each once, and all of them there', () => {
    expect([FIFTEEN.length, new Set(FORTY).size]).toEqual([15, 40]);
    const names = catalogue.map(({ name }) => name);
    for (const field of FORTY) expect(names).toContain(field.replace(/\[.*/, ''));
  });

  test('are the hundred of the official plugin, with an argument where it must be', () => {
    const all = allFields();
    const names = catalogue.map(({ name }) => name);
    for (const field of all) expect(names).toContain(field.replace(/\[.*/, ''));
    expect(new Set(all).size).toBe(100);
    expect(all.filter((field) => field.includes('['))).toHaveLength(3);
  });
});
