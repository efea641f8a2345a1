// SPDX-License-Identifier: Apache-2.0
// init_config: what is taken, what is refused and with which words, and that the schema says the same.
import { describe, expect, test } from 'vitest';
import { post } from '../support/drive';
import { eventOfSize } from '../support/events';
import { Wasm } from '../support/wasm';

/** The message with which a configuration is refused, or null. */
function refusal(config: unknown): string | null {
  try {
    new Wasm().init(typeof config === 'string' ? config : JSON.stringify(config));
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

// prettier-ignore
const USED = [
  'maxEventSize', 'webhookMaxBatchSize', 'sslCertificate', 'sslKey', 'clientCa', 'clientNames', 'tokenFile',
  'webhookMaxConnections', 'webhookMaxHeaderSize', 'webhookMaxWaiting', 'webhookHeaderTimeout',
  'webhookRequestTimeout', 'webhookIdleTimeout', 'webhookHealthPath', 'webhookReadyPath', 'webhookClusters',
  'dedupeWindow', 'stateDir', 'knownPods', 'knownUsers', 'profile', 'region', 'awsEndpoints', 'pollingInterval',
  'shift', 'lateWindow', 'filterPattern', 'visibilityTimeout', 'caFile', 'stateConfigMap', 'leaseName',
  'leaseDuration', 'kubernetesUrl', 'kubernetesNamespace', 'kubernetesTokenFile', 'kubernetesCaFile',
].join(', ');

interface Definition {
  type: 'integer' | 'boolean' | 'string' | 'array' | 'object';
  items?: { type: string };
  additionalProperties?: { type: string };
  minimum?: number;
  maximum?: number;
  default?: unknown;
  description: string;
}
interface Schema {
  $schema: string;
  type: string[];
  additionalProperties: boolean;
  properties: Record<string, Definition>;
}

const probe = new Wasm();
const schema = JSON.parse(probe.text(probe.exports.describeSchema())) as Schema;
const snake = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

// The keys of the official plugins, as they write them.
// prettier-ignore
const OFFICIAL = [
  'maxEventSize', 'webhookMaxBatchSize', 'useAsync', 'sslCertificate', 'profile', 'region', 'buffer_size', 'shift',
  'polling_interval', 'use_async', 'project_id', 'credentials_file', 'num_goroutines', 'max_outstanding_messages',
  'fetch_cluster_metadata', 'cache_expiration', 'event_hub_namespace_connection_string', 'event_hub_name',
  'blob_storage_connection_string', 'blob_storage_container_name', 'rate_limit_events_per_second', 'rate_limit_burst',
  'max_event_size',
];

/** Whether an event of so many bytes is delivered as it is. */
function isWhole(bytes: number, config: string): boolean {
  const text = eventOfSize(bytes, 'a');
  const { events } = post(text, config);
  return events.length === 1 && events[0].payload === text;
}

describe('what is taken', () => {
  test.each(['', ' ', '\n\t ', 'null', '{}', ' { } ', '""', '" "', '"{}"', '"null"'])(
    '%j means the defaults',
    (config) => {
      expect(refusal(config)).toBeNull();
      expect([isWhole(4_194_304, config), isWhole(4_194_305, config)]).toEqual([true, false]);
    },
  );

  test('a JSON string that holds the object, also with escapes', () => {
    for (const config of ['"{\\"maxEventSize\\": 2000}"', '" { \\n\\t\\u0022max_event_size\\": 2000 } "']) {
      expect(refusal(config)).toBeNull();
      expect([isWhole(2000, config), isWhole(2001, config)]).toEqual([true, false]);
    }
  });

  test.each(['maxEventSize', 'max_event_size'])('%s is the limit of an event', (key) => {
    const config = JSON.stringify({ [key]: 1024 });
    expect([isWhole(1024, config), isWhole(1025, config)]).toEqual([true, false]);
  });

  test.each(['webhookMaxBatchSize', 'webhook_max_batch_size'])('%s is the limit of a body', (key) => {
    const config = JSON.stringify({ [key]: 4096 });
    expect(post(eventOfSize(4096, 'a'), config).status).toBe(200);
    expect(post(eventOfSize(4097, 'a'), config).status).toBe(413);
    expect(post(' '.repeat(12_582_913)).status).toBe(413);
    expect(post(' '.repeat(12_582_912)).status).toBe(400);
  });

  test.each(OFFICIAL)('the official key %s is known', (key) => {
    expect(Object.keys(schema.properties)).toContain(key);
  });

  test('a key without a meaning here is noted in the log at debug, without its value', () => {
    const wasm = new Wasm().init(
      '{"useAsync": true, "credentials_file": "/secret/place", "maxEventSize": 2048}',
    );
    expect(wasm.host.logs).toEqual([
      { severity: 7, message: 'init_config: key "useAsync" has no meaning here and is ignored' },
      { severity: 7, message: 'init_config: key "credentials_file" has no meaning here and is ignored' },
    ]);
  });
});

describe('what is refused', () => {
  test.each([
    ['{', 'init_config is not valid JSON: the text ends before the value does at byte 1'],
    ['not json', 'init_config is not valid JSON: unexpected character at byte 0'],
    ['{"maxEventSize": }', 'init_config is not valid JSON: unexpected character at byte 17'],
    ['{"a\\q": 1}', 'init_config is not valid JSON: invalid escape in a string at byte 3'],
    ['{"a\n": 1}', 'init_config is not valid JSON: control character in a string at byte 3'],
    ['{} {}', 'init_config is not valid JSON: something stands behind the value at byte 2'],
    ['\x00', 'init_config is not valid JSON: unexpected character at byte 0'],
    ['"{"', 'init_config is not valid JSON: the text ends before the value does at byte 1'],
    ['5', 'init_config must be a JSON object, not 5'],
    ['true', 'init_config must be a JSON object, not true'],
    ['"5"', 'init_config must be a JSON object, not 5'],
    ['"\\"{}\\""', 'init_config must be a JSON object, or a string that holds one'],
    ['['.repeat(300), 'init_config is not valid JSON: the text ends before the value does at byte 300'],
  ])('%j', (config, message) => expect(refusal(config)).toBe(message));

  test('a text of more than 1 MiB', () => {
    expect(refusal(' '.repeat(1_048_577))).toBe('init_config is longer than 1048576 bytes');
    expect(refusal(' '.repeat(1_048_576))).toBeNull();
  });

  test.each(['maxEventsize', 'MaxEventSize', 'max_eventSize', 'max-event-size', '', 'maxEventSize ', 'ß'])(
    'the unknown key %j',
    (key) => expect(refusal({ [key]: 1 })).toBe(`init_config: unknown key "${key}"; known are ${USED}`),
  );

  test('a long unknown key is shortened, between two characters', () => {
    expect(refusal({ [`${'k'.repeat(64)}rest`]: 1 })).toBe(
      `init_config: unknown key "${'k'.repeat(64)}…"; known are ${USED}`,
    );
    expect(refusal({ [`${'k'.repeat(63)}😀rest`]: 1 })).not.toContain('\ufffd');
  });

  test('a key in both spellings, or twice in one', () => {
    const twice =
      'init_config: key "maxEventSize" is given twice (camelCase and snake_case are the same key)';
    expect(refusal({ maxEventSize: 2000, max_event_size: 2000 })).toBe(twice);
    expect(refusal('{"max_event_size": 2000, "max_event_size": 2000}')).toBe(twice);
    expect(refusal({ useAsync: true, use_async: true })).toContain('"useAsync" is given twice');
  });

  test.each([
    ['1023', '1023'],
    ['67108865', '67108865'],
    ['-1', '-1'],
    ['0', '0'],
    ['2000.5', '2000.5'],
    ['2e3', '2e3'],
    ['99999999999999999999', '99999999999999999999'],
    ['"2000"', '"2000"'],
    ['true', 'true'],
    ['null', 'null'],
    ['[2000]', 'a value of another type'],
    ['{"a": 1}', 'a value of another type'],
  ])('maxEventSize: %s', (value, shown) => {
    for (const key of ['maxEventSize', 'max_event_size']) {
      expect(refusal(`{"${key}": ${value}}`)).toBe(
        `init_config: key "${key}" must be a whole number from 1024 to 67108864, not ${shown}`,
      );
    }
  });

  test.each([
    [
      { webhookMaxBatchSize: 1023 },
      'key "webhookMaxBatchSize" must be a whole number from 1024 to 134217728, not 1023',
    ],
    [{ useAsync: 'yes' }, 'key "useAsync" must be true or false, not "yes"'],
    [{ useAsync: 1 }, 'key "useAsync" must be true or false, not 1'],
    [{ use_async: null }, 'key "use_async" must be true or false, not null'],
    [{ sslCertificate: 5 }, 'key "sslCertificate" must be a string, not a value of another type'],
    [{ clientNames: 'x' }, 'key "clientNames" must be an array of strings, not a value of another type'],
    [
      { client_names: ['x', 5] },
      'key "client_names" must be an array of strings, not a value of another type',
    ],
    [
      { clientNames: { a: 'x' } },
      'key "clientNames" must be an array of strings, not a value of another type',
    ],
    [
      { webhookClusters: ['/a', 'x'] },
      'key "webhookClusters" must be an object whose values are strings, not a value of another type',
    ],
    [
      { webhookClusters: { '/a': null } },
      'key "webhookClusters" must be an object whose values are strings, not a value of another type',
    ],
    [{ dedupeWindow: -1 }, 'key "dedupeWindow" must be a whole number from 0 to 1048576, not -1'],
    [{ webhookIdleTimeout: 0 }, 'key "webhookIdleTimeout" must be a whole number from 1 to 86400, not 0'],
    [{ region: false }, 'key "region" must be a string, not a value of another type'],
    [{ shift: '1' }, 'key "shift" must be a whole number from 0 to 1209600, not "1"'],
  ])('%j', (config, message) => expect(refusal(config)).toBe(`init_config: ${message}`));

  test('a long value is shortened', () => {
    expect(refusal({ maxEventSize: 'v'.repeat(65) })).toContain(`not "${'v'.repeat(64)}…`);
  });

  test('the first thing that is wrong is named', () => {
    expect(refusal({ maxEventSize: 1, nonsense: 2 })).toContain('"maxEventSize"');
    expect(refusal({ nonsense: 2, maxEventSize: 1 })).toContain('"nonsense"');
  });
});

describe('secrets', () => {
  const SECRET = 'Endpoint=sb://x/;SharedAccessKey=c2VjcmV0';

  test.each([
    [{ eventHubNamespaceConnectionString: SECRET, nonsense: 1 }],
    [{ blobStorageConnectionString: [SECRET] }],
    [{ eventHubNamespaceConnectionString: { value: SECRET } }],
    [{ eventHubNamespaceConnectionString: SECRET, event_hub_namespace_connection_string: SECRET }],
    [[SECRET]],
    [[{ eventHubNamespaceConnectionString: SECRET }]],
    [`"${SECRET}"`],
    [`{"eventHubNamespaceConnectionString": "${SECRET}"`],
    [`{"eventHubNamespaceConnectionString": "${SECRET}"} x`],
    [{ nonsense: SECRET }],
  ])('%j is refused without its value', (config) => {
    const message = refusal(config);
    expect(message).not.toBeNull();
    expect(message).not.toContain('SharedAccess');
    expect(message).not.toContain('Endpoint=');
  });

  test('nor does a taken one reach the log', () => {
    const wasm = new Wasm().init(JSON.stringify({ eventHubNamespaceConnectionString: SECRET }));
    expect(JSON.stringify(wasm.host.logs)).not.toContain('SharedAccess');
  });
});

describe('the schema', () => {
  /** What a JSON Schema validator says, for the parts of the schema language that ours uses. */
  function isValid(config: unknown): boolean {
    if (typeof config !== 'object' || config === null || Array.isArray(config)) return false;
    return Object.entries(config).every(([key, value]) => {
      const definition = Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
      if (!definition) return schema.additionalProperties;
      const isList = Array.isArray(value);
      const ofStrings = (values: unknown[]) => values.every((one) => typeof one === 'string');
      if (definition.type === 'array') return isList && ofStrings(value);
      if (definition.type === 'object') {
        return typeof value === 'object' && value !== null && !isList && ofStrings(Object.values(value));
      }
      if (definition.type !== 'integer') return typeof value === definition.type;
      const { minimum = -Infinity, maximum = Infinity } = definition;
      return Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum;
    });
  }

  test('has each key in both spellings, with the same meaning', () => {
    const camel = Object.keys(schema.properties).filter((key) => !key.includes('_'));
    expect(camel.length).toBeGreaterThan(15);
    for (const key of camel) expect(schema.properties[snake(key)], key).toEqual(schema.properties[key]);
    expect(Object.keys(schema.properties).toSorted()).toEqual(
      [...new Set(camel.flatMap((key) => [key, snake(key)]))].toSorted(),
    );
  });

  test('uses only what this test knows, and every key has a description', () => {
    expect(schema).toMatchObject({ type: ['object', 'string'], additionalProperties: false });
    for (const [key, definition] of Object.entries(schema.properties)) {
      expect(['integer', 'boolean', 'string', 'array', 'object'], key).toContain(definition.type);
      expect(definition.items, key).toEqual(definition.type === 'array' ? { type: 'string' } : undefined);
      const inside = definition.type === 'object' ? { type: 'string' } : undefined;
      expect(definition.additionalProperties, key).toEqual(inside);
      expect(definition.description, key).not.toBe('');
    }
  });

  test('agrees with init on every key, at the ends of its range and for every type', () => {
    const instance = new Wasm();
    const takes = (config: unknown): boolean => {
      try {
        instance.init(JSON.stringify(config));
        return true;
      } catch {
        return false;
      }
    };
    let taken = 0;
    for (const [key, { minimum = 0, maximum = 0 }] of Object.entries(schema.properties)) {
      const numbers = [minimum, maximum, minimum - 1, maximum + 1, minimum + 0.5];
      for (const value of [
        ...numbers,
        true,
        false,
        'text',
        '',
        null,
        [],
        {},
        [1],
        { a: 1 },
        ['a'],
        { a: 'b' },
      ]) {
        const config = { [key]: value };
        expect(takes(config), JSON.stringify(config)).toBe(isValid(config));
        if (isValid(config)) taken++;
      }
    }
    expect(taken).toBeGreaterThan(2 * Object.keys(schema.properties).length - 1);
    expect([takes({ nonsense: 1 }), isValid({ nonsense: 1 })]).toEqual([false, false]);
    expect([takes([]), isValid([])]).toEqual([false, false]);
  });

  test('gives the defaults that hold', () => {
    const defaults = Object.entries(schema.properties).filter(
      ([, definition]) => definition.default !== undefined,
    );
    const camel = {
      maxEventSize: 4_194_304,
      webhookMaxBatchSize: 12_582_912,
      sslCertificate: '/etc/falco/falco.pem',
      sslKey: '',
      clientCa: '',
      clientNames: [],
      tokenFile: '',
      webhookMaxConnections: 256,
      webhookMaxHeaderSize: 16_384,
      webhookMaxWaiting: 67_108_864,
      webhookHeaderTimeout: 10,
      webhookRequestTimeout: 30,
      webhookIdleTimeout: 180,
      webhookHealthPath: '/healthz',
      webhookReadyPath: '/readyz',
      webhookClusters: {},
      dedupeWindow: 65_536,
      stateDir: '',
      knownPods: 10_000,
      knownUsers: 10_000,
      profile: '',
      region: '',
      awsEndpoints: {},
      pollingInterval: 5,
      shift: 1,
      lateWindow: 300,
      filterPattern: '',
      visibilityTimeout: 60,
      caFile: '',
      stateConfigMap: '',
      leaseName: '',
      leaseDuration: 10,
      kubernetesUrl: '',
      kubernetesNamespace: '',
      kubernetesTokenFile: '',
      kubernetesCaFile: '',
    };
    expect(Object.fromEntries(defaults.map(([key, definition]) => [key, definition.default]))).toEqual({
      ...camel,
      ...Object.fromEntries(Object.entries(camel).map(([key, value]) => [snake(key), value])),
    });
  });
});
