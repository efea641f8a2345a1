// SPDX-License-Identifier: Apache-2.0
// Every key of init_config: type, range, default, meaning. The JSON Schema of plugin_get_init_schema,
// docs/configuration.md and the checks at init come from this table. Each key is accepted in camelCase and
// in snake_case.
import { quoted } from '../fields/catalogue';

export const enum Type {
  Integer = 0,
  Boolean = 1,
  Text = 2,
}

export class Option {
  /** Range of an integer, both ends allowed. */
  min: i64 = 0;
  max: i64 = 0;
  /** False for a key of the official plugins that has no meaning here: accepted, noted in the log. */
  used: bool = true;

  constructor(
    /** In camelCase. */
    public readonly name: string,
    public readonly type: Type,
    /** As JSON; empty when there is none. */
    public readonly initial: string,
    public readonly description: string,
  ) {}

  /** The name in snake_case, as the official plugins for the clouds write it. */
  snakeName(): string {
    let snake = '';
    for (let i = 0; i < this.name.length; i++) {
      const char = this.name.charAt(i);
      const lower = char.toLowerCase();
      snake += char == lower ? char : '_' + lower;
    }
    return snake;
  }

  /** What a value may be, in words. */
  allowed(): string {
    switch (this.type) {
      case Type.Integer:
        return 'a whole number from ' + this.min.toString() + ' to ' + this.max.toString();
      case Type.Boolean:
        return 'true or false';
      default:
        return 'a string';
    }
  }
}

function integer(name: string, initial: i64, min: i64, max: i64, description: string): Option {
  const option = new Option(name, Type.Integer, initial.toString(), description);
  option.min = min;
  option.max = max;
  return option;
}

function ignored(name: string, type: Type, description: string): Option {
  const option = new Option(name, type, '', description);
  option.used = false;
  option.max = i64(u32.MAX_VALUE);
  return option;
}

export const MAX_EVENT_SIZE = 'maxEventSize';
export const WEBHOOK_MAX_BATCH_SIZE = 'webhookMaxBatchSize';

export const options: Option[] = [
  integer(
    MAX_EVENT_SIZE,
    262144,
    1024,
    67108864,
    'Bytes that one event may have; larger ones are dropped and counted',
  ),
  integer(
    WEBHOOK_MAX_BATCH_SIZE,
    12582912,
    1024,
    134217728,
    'Bytes that the body of a webhook request, or one line of a file, may have',
  ),
  ignored('useAsync', Type.Boolean, 'Of the official plugins: extraction is always direct here'),
  ignored(
    'sslCertificate',
    Type.Text,
    'Of k8saudit: certificate for https://, which this version does not serve',
  ),
  ignored('profile', Type.Text, 'Of k8saudit-eks'),
  ignored('region', Type.Text, 'Of k8saudit-eks'),
  ignored('bufferSize', Type.Integer, 'Of k8saudit-eks'),
  ignored('shift', Type.Integer, 'Of k8saudit-eks'),
  ignored('pollingInterval', Type.Integer, 'Of k8saudit-eks'),
  ignored('projectId', Type.Text, 'Of k8saudit-gke'),
  ignored('credentialsFile', Type.Text, 'Of k8saudit-gke'),
  ignored('numGoroutines', Type.Integer, 'Of k8saudit-gke'),
  ignored('maxOutstandingMessages', Type.Integer, 'Of k8saudit-gke'),
  ignored('fetchClusterMetadata', Type.Boolean, 'Of k8saudit-gke'),
  ignored('cacheExpiration', Type.Integer, 'Of k8saudit-gke'),
  ignored('eventHubNamespaceConnectionString', Type.Text, 'Of k8saudit-aks'),
  ignored('eventHubName', Type.Text, 'Of k8saudit-aks'),
  ignored('blobStorageConnectionString', Type.Text, 'Of k8saudit-aks'),
  ignored('blobStorageContainerName', Type.Text, 'Of k8saudit-aks'),
  ignored('rateLimitEventsPerSecond', Type.Integer, 'Of k8saudit-aks'),
  ignored('rateLimitBurst', Type.Integer, 'Of k8saudit-aks'),
];

/** The option with this name in either spelling, or null. */
export function optionNamed(name: string): Option | null {
  for (let i = 0; i < options.length; i++) {
    const option = options[i];
    if (option.name == name || option.snakeName() == name) return option;
  }
  return null;
}

/** The names that have a meaning here, for a message. */
export function usedNames(): string {
  const names: string[] = [];
  for (let i = 0; i < options.length; i++) {
    if (options[i].used) names.push(options[i].name);
  }
  return names.join(', ');
}

/** The JSON Schema of init_config. */
export function schemaJson(): string {
  const properties: string[] = [];
  for (let i = 0; i < options.length; i++) {
    const option = options[i];
    const definition = definitionOf(option);
    properties.push(quoted(option.name) + ': ' + definition);
    const snake = option.snakeName();
    if (snake != option.name) properties.push(quoted(snake) + ': ' + definition);
  }
  return (
    '{"$schema": "http://json-schema.org/draft-04/schema#", "title": "k8saudit-ts init_config", ' +
    '"type": ["object", "string"], "additionalProperties": false, "properties": {\n' +
    properties.join(',\n') +
    '\n}}'
  );
}

function definitionOf(option: Option): string {
  let definition = '{"type": ';
  if (option.type == Type.Integer) {
    definition += '"integer", "minimum": ' + option.min.toString() + ', "maximum": ' + option.max.toString();
  } else {
    definition += option.type == Type.Boolean ? '"boolean"' : '"string"';
  }
  if (option.initial != '') definition += ', "default": ' + option.initial;
  return definition + ', "description": ' + quoted(option.description) + '}';
}
