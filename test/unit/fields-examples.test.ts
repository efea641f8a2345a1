// SPDX-License-Identifier: Apache-2.0
// docs/field-examples.json: each field has one example, and the event beside it has that value.
import * as fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ask, catalogue } from '../support/ask';
import { webhook } from '../support/drive';
import { listText } from '../support/events';
import { type Event, type Scalar, parseRequest } from '../support/wasm';

interface Example {
  about: string;
  /** Events that came before. */
  before?: Record<string, unknown>[];
  event: Record<string, unknown>;
  fields: Record<string, unknown>;
}
const FILE = new URL('../../docs/field-examples.json', import.meta.url);
const examples = JSON.parse(fs.readFileSync(FILE, 'utf8')) as Example[];
const typeOf = (request: string) => catalogue().find(({ name }) => name === parseRequest(request).name)!.type;

/** A value as the examples write it: times and durations are too large for JSON's numbers. */
function shown(value: Scalar, type: string): unknown {
  if (type === 'ipaddr' && typeof value === 'string') return [...Buffer.from(value, 'hex')].join('.');
  return typeof value === 'bigint' ? String(value) : value;
}

test('each field has one example, and nothing else has', () => {
  const names = examples.flatMap(({ fields }) =>
    Object.keys(fields).map((request) => parseRequest(request).name),
  );
  expect(names.toSorted()).toEqual(
    catalogue()
      .map(({ name }) => name)
      .toSorted(),
  );
});

/** Asks about an event that the webhook brings behind others. */
function askAfter(before: Record<string, unknown>[], event: Record<string, unknown>, request: string) {
  const wasm = webhook();
  wasm.host.send({ body: listText([...before, event].map((one) => JSON.stringify(one))) });
  const events = wasm.nextBatch() as Event[];
  wasm.select(events.at(-1)!);
  return wasm.extract(request);
}

describe.each(examples.map(({ about, ...rest }) => [about, rest] as const))('%s', (_, example) => {
  const { before, event, fields } = example;
  test.each(Object.entries(fields))('%s', (request, expected) => {
    const type = typeOf(request);
    const value = before ? askAfter(before, event, request) : ask(event, request);
    expect(value).not.toBeNull();
    expect(Array.isArray(value) ? value.map((one) => shown(one, type)) : shown(value!, type)).toEqual(
      expected,
    );
  });
});
