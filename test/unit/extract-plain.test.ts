// SPDX-License-Identifier: Apache-2.0
// Fields against a plain reading of the event: JSON.parse, and a walk. What the plugin does to be fast must not show:
// bodies are indexed in part and when they are asked for, places are remembered, texts are copied 16 bytes at a time.
import * as fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Random, stringText, valueText } from '../support/random';
import { Wasm } from '../support/wasm';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Members = { [key: string]: Json };

function lines(path: string): Members[] {
  const text = fs.readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Members);
}

const EVENTS = ['examples/attack.jsonl', 'native/fuzz/seeds.jsonl'].flatMap(lines);

/** Fields that are the text of one place, and that place. */
const TEXTS: [string, string[]][] = [
  ['ka.auditid', ['auditID']],
  ['ka.stage', ['stage']],
  ['ka.verb', ['verb']],
  ['ka.uri', ['requestURI']],
  ['ka.useragent', ['userAgent']],
  ['ka.user.name', ['user', 'username']],
  ['ka.target.name', ['objectRef', 'name']],
  ['ka.target.resource', ['objectRef', 'resource']],
  ['ka.auth.reason', ['annotations', 'authorization.k8s.io/reason']],
  ['ka.response.code', ['responseStatus', 'code']],
  ['ka.resp.name', ['responseObject', 'metadata', 'name']],
  ['ka.req.configmap.obj', ['requestObject', 'data']],
  ['ka.req.pod.host_network', ['requestObject', 'spec', 'hostNetwork']],
  ['ka.req.pod.fs_group', ['requestObject', 'spec', 'securityContext', 'fsGroup']],
];

function child(value: Json | undefined, key: string): Json | undefined {
  if (Array.isArray(value)) return /^(0|[1-9]\d*)$/.test(key) ? value[Number(key)] : undefined;
  if (value === null || typeof value !== 'object') return undefined;
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

/** All places of a value; those inside of it come behind it. */
function placesOf(value: Json, place: string[] = []): string[][] {
  if (value === null || typeof value !== 'object') return [place];
  const keys = Array.isArray(value) ? value.map((_, i) => String(i)) : Object.keys(value);
  return [place, ...keys.flatMap((key) => placesOf(child(value, key) as Json, [...place, key]))];
}

function pointer(place: string[]): string {
  return place.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** As the plugin gives it: a lone surrogate is U+FFFD. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

function expectSame(found: unknown, expected: Json | undefined, what: string): void {
  if (expected === undefined || expected === null) expect(found, what).toBeNull();
  else if (typeof expected === 'string') expect(found, what).toBe(wellFormed(expected));
  else expect(JSON.parse(found as string), what).toEqual(expected);
}

/** Asks for some places, in any order, some of them twice, and for the fields. */
function check(wasm: Wasm, made: Members, random: Random): number {
  const text = JSON.stringify(made);
  // -0 is written as 0.
  const event = JSON.parse(text) as Members;
  wasm.selectForeign(text);
  // Others cannot be asked for.
  const all = placesOf(event).filter((place) => place.every((key) => key === wellFormed(key)));
  const asked = Array.from({ length: 24 }, () => random.pick(all));
  const absent = asked.map((place) => [...place, random.pick(['x', '0', 'metadata', 'spec'])]);
  for (const place of [...asked, ...absent, ...asked.slice(0, 4)]) {
    const expected = place.reduce<Json | undefined>(child, event);
    expectSame(wasm.extract(`ka.value[${pointer(place)}]`), expected, `${pointer(place)} of ${text}`);
  }
  for (const [field, place] of random.below(2) === 0 ? TEXTS : TEXTS.toReversed()) {
    expectSame(wasm.extract(field), place.reduce<Json | undefined>(child, event), `${field} of ${text}`);
  }
  return asked.length;
}

/** The event with some of its values replaced, taken out, or added. */
function changed(random: Random, event: Members): Members {
  const copy = structuredClone(event);
  for (let left = 1 + random.below(6); left > 0; left--) {
    const place = random.pick(placesOf(copy));
    const parent = place.slice(0, -1).reduce<Json | undefined>(child, copy) as Members;
    const key = place.at(-1);
    if (key === undefined || ['kind', 'apiVersion', 'auditID'].includes(place[0] ?? '')) continue;
    const value = JSON.parse(valueText(random, 4)) as Json;
    const act = random.below(4);
    if (act === 0 && !Array.isArray(parent)) delete parent[key];
    else if (act === 1 && !Array.isArray(parent)) parent[JSON.parse(stringText(random, 3)) as string] = value;
    else if (act === 2) parent[key] = 'x'.repeat(random.below(140));
    else parent[key] = value;
  }
  return copy;
}

describe('every place of an event', () => {
  test('of the samples', () => {
    const wasm = new Wasm().init();
    const random = new Random(1);
    let asked = 0;
    for (let round = 0; round < 4; round++) for (const event of EVENTS) asked += check(wasm, event, random);
    expect(asked).toBeGreaterThan(5_000);
  });

  test('of 3,000 changed ones', () => {
    const wasm = new Wasm().init();
    const random = new Random(2);
    for (let i = 0; i < 3_000; i++) check(wasm, changed(random, random.pick(EVENTS)), random);
  });
});
