// SPDX-License-Identifier: Apache-2.0
// What the plugin says of itself, under its own identity and as a drop-in for the official k8saudit.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { OFFICIAL_FIELDS } from '../../bench/lib/official-fields.mjs';
import type { FieldInfo } from '../support/plugin.ts';
import { caught, init, load, repositoryRoot } from './support.ts';

const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'));
/** Ids from here on are for private use. */
const FIRST_PRIVATE_ID = 2 ** 30;

function generated(name: string): unknown {
  return JSON.parse(readFileSync(join(repositoryRoot, 'build', 'generated', name), 'utf8'));
}

/** What Falco looks up by name, one for each call that the plugin answers. */
const SYMBOLS = [
  'plugin_close',
  'plugin_destroy',
  'plugin_event_to_string',
  'plugin_extract_fields',
  'plugin_get_contact',
  'plugin_get_description',
  'plugin_get_event_source',
  'plugin_get_extract_event_sources',
  'plugin_get_extract_event_types',
  'plugin_get_fields',
  'plugin_get_id',
  'plugin_get_init_schema',
  'plugin_get_last_error',
  'plugin_get_metrics',
  'plugin_get_name',
  'plugin_get_progress',
  'plugin_get_required_api_version',
  'plugin_get_version',
  'plugin_init',
  'plugin_list_open_params',
  'plugin_next_batch',
  'plugin_open',
];

describe.each(['release', 'drop-in', 'small'])('every build (%s)', (variant) => {
  const plugin = load(variant);

  test('requires API 3.11.0 and offers sourcing and extraction of k8s_audit', () => {
    expect(plugin.requiredApiVersion()).toBe('3.11.0');
    expect(plugin.eventSource()).toBe('k8s_audit');
    expect(plugin.extractSources()).toEqual(['k8s_audit']);
    expect(plugin.extractEventTypes()).toEqual([322]);
    expect(init(undefined, variant).extractEventTypes()).toEqual([322]);
    expect([...plugin.symbols].sort()).toEqual(SYMBOLS);
  });

  test('has a description, and a contact that is a URL', () => {
    expect(plugin.description()).toMatch(/Kubernetes audit events/);
    expect(plugin.contact()).toBe(manifest.falco.contact);
    expect(new URL(plugin.contact()).protocol).toBe('https:');
  });

  test('offers the fields, the schema and the metrics that the build has written', () => {
    expect(plugin.fields()).toEqual(generated('fields.json'));
    const { $schema, title, anyOf } = plugin.initSchema()?.json as HostSchema;
    expect({ $schema, title, ...anyOf[0] }).toEqual(generated('schema.json'));
    // Beside the strict schema stands one that permits all, so that the plugin's own message reaches the user.
    expect(anyOf.slice(1).map((other) => Object.keys(other))).toEqual([['description']]);
    const names = (generated('metrics.json') as { name: string }[]).map(({ name }) => name);
    expect(
      init(undefined, variant)
        .metrics()
        .map(({ name }) => name),
    ).toEqual(names);
  });
});

test('the plugin has its own name and id, and the version of the package', () => {
  const plugin = load();
  expect(plugin.name()).toBe('k8saudit-ts');
  expect(plugin.version()).toBe(manifest.version);
  expect(plugin.id()).toBe(manifest.falco.pluginId);
  expect(plugin.id()).toBeGreaterThanOrEqual(FIRST_PRIVATE_ID);
});

test('the drop-in has those of the official plugin', () => {
  const plugin = load('drop-in');
  expect(plugin.name()).toBe('k8saudit');
  expect(plugin.version()).toBe('0.18.0');
  expect(plugin.id()).toBe(1);
});

test('both identities in one process do not disturb each other', () => {
  const own = init({ maxEventSize: 4096 });
  const twin = init({ maxEventSize: 8192 }, 'drop-in');
  const event = '{"kind":"Event","auditID":"a"}';
  expect(own.extractForeign(event, ['ka.auditid'])[0]?.value).toBe('a');
  expect(twin.extractForeign(event, ['ka.auditid'])[0]?.value).toBe('a');
  expect(own.foreignEvent(event).pluginId).toBe(load().id());
  expect(twin.foreignEvent(event).pluginId).toBe(1);
});

/** A field in the notation of the official ones. */
function notation({ name, isList, arg }: FieldInfo): string {
  const argument = arg?.isKey ? '[k]' : arg?.isIndex ? '[i]' : '';
  return name + (isList ? '*' : '') + argument;
}

describe('the fields', () => {
  const fields = load().fields();

  test('are all 100 of the official plugin, texts with the same list flag and argument, and our own', () => {
    const ours = new Map(fields.map((field) => [notation(field), field.type]));
    for (const field of OFFICIAL_FIELDS) expect(ours.get(field), field).toBe('string');
    expect(fields.length).toBeGreaterThan(OFFICIAL_FIELDS.length);
  });

  test('have a description each, and different names', () => {
    expect(new Set(fields.map(({ name }) => name)).size).toBe(fields.length);
    for (const { name, desc } of fields) expect(desc, name).toMatch(/^[A-Z].{9,}/);
  });

  test('need a key, or may have an index', () => {
    for (const { name, arg } of fields) {
      expect(arg?.isRequired ?? false, name).toBe(arg?.isKey ?? false);
    }
  });
});

interface HostSchema {
  $schema: string;
  title: string;
  anyOf: [Omit<Schema, '$schema'>, ...object[]];
}

interface Schema {
  $schema: string;
  type: string[];
  additionalProperties: boolean;
  properties: Record<string, Property>;
}

interface Property {
  type: string;
  minimum?: number;
  maximum?: number;
  default?: unknown;
  description: string;
}

describe('the schema of init_config', () => {
  const { $schema, anyOf } = load().initSchema()?.json as HostSchema;
  const schema: Schema = { $schema, ...anyOf[0] };

  /** Values that the schema allows, and some that it does not. */
  function examples({ type, minimum = 0, maximum = 0 }: Property): { good: unknown[]; bad: unknown[] } {
    if (type === 'integer') {
      return { good: [minimum, maximum], bad: [minimum - 1, maximum + 1, minimum + 0.5, `${minimum}`, null] };
    }
    if (type === 'boolean') return { good: [true, false], bad: [0, 'true', null, []] };
    if (type === 'array') return { good: [[], ['a', 'b']], bad: ['a', [1], [null], {}, [['a']]] };
    if (type === 'object') return { good: [{}, { a: 'b' }], bad: ['a', [], { a: 1 }, { a: null }] };
    return { good: ['', 'text'], bad: [1, true, null, {}, []] };
  }

  test('is a JSON Schema that knows its own words', () => {
    expect(schema.$schema).toBe('http://json-schema.org/draft-04/schema#');
    expect(schema.type).toEqual(['object', 'string']);
    expect(schema.additionalProperties).toBe(false);
    const known = ['type', 'minimum', 'maximum', 'items', 'additionalProperties', 'default', 'description'];
    const types = ['integer', 'boolean', 'string', 'array', 'object'];
    for (const [name, property] of Object.entries(schema.properties)) {
      expect(known, name).toEqual(expect.arrayContaining(Object.keys(property)));
      expect(types, name).toContain(property.type);
      expect(property.description, name).not.toBe('');
      if (property.type !== 'integer') continue;
      expect(Number.isSafeInteger(property.minimum) && Number.isSafeInteger(property.maximum), name).toBe(
        true,
      );
      expect(property.minimum!, name).toBeLessThan(property.maximum!);
    }
  });

  test('has each key in camelCase and in snake_case with the same meaning', () => {
    for (const [name, property] of Object.entries(schema.properties)) {
      const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      expect(schema.properties[snake], name).toEqual(property);
    }
  });

  test('allows exactly what init allows', () => {
    for (const [name, property] of Object.entries(schema.properties)) {
      const { good, bad } = examples(property);
      for (const value of good) init({ [name]: value });
      for (const value of bad) {
        const error = caught(() => init({ [name]: value }));
        expect(error.rc, `${name}: ${JSON.stringify(value)}`).toBe('failure');
        expect(error.message).toContain(name);
      }
    }
  });
});
