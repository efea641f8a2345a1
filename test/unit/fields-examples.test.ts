// SPDX-License-Identifier: Apache-2.0
// docs/field-examples.json: each field has one example, and the event beside it has that value.
import * as fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ask, catalogue } from '../support/ask';
import { type Scalar, parseRequest } from '../support/wasm';

interface Example {
  about: string;
  event?: Record<string, unknown>;
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

describe.each(
  examples.filter(({ event }) => event).map(({ about, event, fields }) => [about, event!, fields] as const),
)('%s', (_, event, fields) => {
  test.each(Object.entries(fields))('%s', (request, expected) => {
    const type = typeOf(request);
    const value = ask(event, request);
    expect(value).not.toBeNull();
    expect(Array.isArray(value) ? value.map((one) => shown(one, type)) : shown(value!, type)).toEqual(
      expected,
    );
  });
});
