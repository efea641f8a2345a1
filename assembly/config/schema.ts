// SPDX-License-Identifier: Apache-2.0
// Every key of init_config: type, range, default, meaning. The JSON Schema of plugin_get_init_schema,
// docs/configuration.md and the checks at init come from this table. Each key is accepted in camelCase and
// in snake_case.
import { quoted } from '../fields/catalogue';

export const enum Type {
  Integer = 0,
  Boolean = 1,
  Text = 2,
  /** An array of strings. */
  Texts = 3,
  /** An object whose values are strings. */
  Map = 4,
}

export class Option {
  /** Range of an integer, both ends allowed. */
  min: i64 = 0;
  max: i64 = 0;
  /** False for a key of the official plugins that has no meaning here: accepted, noted in the log. */
  used: bool = true;
  /** Its place among the options: set below. */
  slot: i32 = 0;

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
      case Type.Texts:
        return 'an array of strings';
      case Type.Map:
        return 'an object whose values are strings';
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

function text(name: string, initial: string, description: string): Option {
  return new Option(name, Type.Text, quoted(initial), description);
}

function ignored(name: string, type: Type, description: string): Option {
  const option = new Option(name, type, '', description);
  option.used = false;
  option.max = i64(u32.MAX_VALUE);
  return option;
}

export const MAX_EVENT_SIZE = integer(
  'maxEventSize',
  4194304,
  1024,
  67108864,
  'Bytes that one event may have; of a larger one the most important parts are kept',
);
export const WEBHOOK_MAX_BATCH_SIZE = integer(
  'webhookMaxBatchSize',
  12582912,
  1024,
  134217728,
  'Bytes that the body of a webhook request, or one line of a file, may have, unpacked',
);
export const SSL_CERTIFICATE = text(
  'sslCertificate',
  '/etc/falco/falco.pem',
  'PEM file with the certificate (chain) for https://, and its key unless sslKey names one',
);
export const SSL_KEY = text('sslKey', '', 'PEM file with the key of sslCertificate');
export const CLIENT_CA = text(
  'clientCa',
  '',
  'PEM file with the certificates that client certificates must lead to; https:// clients then need one',
);
export const CLIENT_NAMES = new Option(
  'clientNames',
  Type.Texts,
  '[]',
  'Names of which a client certificate must carry one (common name, DNS, URI or email); none: any will do',
);
export const TOKEN_FILE = text(
  'tokenFile',
  '',
  'File with the bearer token that webhook clients must send; a second line may hold the next one',
);
export const WEBHOOK_MAX_CONNECTIONS = integer(
  'webhookMaxConnections',
  256,
  1,
  4096,
  'Connections to the webhook at once',
);
export const WEBHOOK_MAX_HEADER_SIZE = integer(
  'webhookMaxHeaderSize',
  16384,
  1024,
  65536,
  'Bytes that the headers of a webhook request may have',
);
export const WEBHOOK_MAX_WAITING = integer(
  'webhookMaxWaiting',
  67108864,
  1048576,
  1073741824,
  'Bytes of webhook requests in memory at once; above it a request is told to come again',
);
export const WEBHOOK_HEADER_TIMEOUT = integer(
  'webhookHeaderTimeout',
  10,
  1,
  300,
  'Seconds for the TLS handshake and for the headers of a webhook request',
);
export const WEBHOOK_REQUEST_TIMEOUT = integer(
  'webhookRequestTimeout',
  30,
  1,
  3600,
  'Seconds for a whole webhook request, and for the client to take its answer',
);
export const WEBHOOK_IDLE_TIMEOUT = integer(
  'webhookIdleTimeout',
  180,
  1,
  86400,
  'Seconds that a connection to the webhook may be silent between two requests',
);
export const WEBHOOK_HEALTH_PATH = text(
  'webhookHealthPath',
  '/healthz',
  'Path at which GET is answered 200 as long as Falco takes events; empty: none',
);
export const WEBHOOK_READY_PATH = text(
  'webhookReadyPath',
  '/readyz',
  'Path at which GET is answered 200 while there is room for requests, else 503; empty: none',
);
export const WEBHOOK_CLUSTERS = new Option(
  'webhookClusters',
  Type.Map,
  '{}',
  'More paths for the webhook, each with the name of the cluster that sends there',
);
export const DEDUPE_WINDOW = integer(
  'dedupeWindow',
  65536,
  0,
  1048576,
  'Events of the webhook and of objects of S3 that are remembered so that one that comes again is not delivered again; 0: none',
);
export const STATE_DIR = text(
  'stateDir',
  '',
  'Folder for checkpoints: after a restart file:// goes on where it was',
);

export const KNOWN_PODS = integer(
  'knownPods',
  10000,
  0,
  1000000,
  'Pods of each cluster that are remembered, for what an exec can do in them (ka.target.pod.*); 0: none',
);
export const KNOWN_USERS = integer(
  'knownUsers',
  10000,
  0,
  1000000,
  'Users of each cluster that are remembered (ka.user.first_seen, ka.user.denied_recently); 0: none',
);

export const PROFILE = text('profile', '', 'AWS: profile of the shared config and credentials files');
export const REGION = text('region', '', 'AWS: region of the services; default: that of the environment');
export const AWS_ENDPOINTS = new Option(
  'awsEndpoints',
  Type.Map,
  '{}',
  'AWS: URLs in place of the public ones, as for VPC end points; by service: logs, s3, sqs, sts',
);
export const POLLING_INTERVAL = integer(
  'pollingInterval',
  5,
  1,
  3600,
  'Seconds between two looks for new events, in CloudWatch Logs and in S3, when there is little to read',
);
export const SHIFT = integer(
  'shift',
  1,
  0,
  1209600,
  'CloudWatch Logs: seconds before the first start from which events are read',
);
export const LATE_WINDOW = integer(
  'lateWindow',
  300,
  0,
  7200,
  'CloudWatch Logs: seconds for which events may come late; they are looked for again, and delivered once',
);
export const FILTER_PATTERN = text(
  'filterPattern',
  '',
  'CloudWatch Logs: filter pattern that the service applies before it sends events',
);
export const VISIBILITY_TIMEOUT = integer(
  'visibilityTimeout',
  60,
  10,
  43200,
  'SQS: seconds for which a message is ours; extended while its objects are read',
);
export const CA_FILE = text(
  'caFile',
  '',
  'File with the certificates (PEM) that those of cloud services must lead to; default: those of the system',
);
export const STATE_CONFIG_MAP = text(
  'stateConfigMap',
  '',
  'Name of a ConfigMap of the cluster to keep progress in, for pods without a volume (instead of stateDir)',
);
export const LEASE_NAME = text(
  'leaseName',
  '',
  'Name of a Lease of the cluster: of the replicas that have it in their configuration, one reads; empty: all read',
);
export const LEASE_DURATION = integer(
  'leaseDuration',
  10,
  4,
  300,
  'Seconds after which another replica takes over from one that is silent',
);
export const KUBERNETES_URL = text(
  'kubernetesUrl',
  '',
  "API server for Lease and ConfigMap; default: the pod's own cluster",
);
export const KUBERNETES_NAMESPACE = text(
  'kubernetesNamespace',
  '',
  "Namespace of Lease and ConfigMap; default: the pod's own",
);
export const KUBERNETES_TOKEN_FILE = text(
  'kubernetesTokenFile',
  '',
  "File with the bearer token for the API server; default: the pod's service account",
);
export const KUBERNETES_CA_FILE = text(
  'kubernetesCaFile',
  '',
  "File with the certificates that the API server's must lead to; default: those of the pod's service account",
);

export const options: Option[] = [
  MAX_EVENT_SIZE,
  WEBHOOK_MAX_BATCH_SIZE,
  SSL_CERTIFICATE,
  SSL_KEY,
  CLIENT_CA,
  CLIENT_NAMES,
  TOKEN_FILE,
  WEBHOOK_MAX_CONNECTIONS,
  WEBHOOK_MAX_HEADER_SIZE,
  WEBHOOK_MAX_WAITING,
  WEBHOOK_HEADER_TIMEOUT,
  WEBHOOK_REQUEST_TIMEOUT,
  WEBHOOK_IDLE_TIMEOUT,
  WEBHOOK_HEALTH_PATH,
  WEBHOOK_READY_PATH,
  WEBHOOK_CLUSTERS,
  DEDUPE_WINDOW,
  STATE_DIR,
  KNOWN_PODS,
  KNOWN_USERS,
  PROFILE,
  REGION,
  AWS_ENDPOINTS,
  POLLING_INTERVAL,
  SHIFT,
  LATE_WINDOW,
  FILTER_PATTERN,
  VISIBILITY_TIMEOUT,
  CA_FILE,
  STATE_CONFIG_MAP,
  LEASE_NAME,
  LEASE_DURATION,
  KUBERNETES_URL,
  KUBERNETES_NAMESPACE,
  KUBERNETES_TOKEN_FILE,
  KUBERNETES_CA_FILE,
  ignored('useAsync', Type.Boolean, 'Of the official plugins: extraction is always direct here'),
  ignored('bufferSize', Type.Integer, 'Of k8saudit-eks'),
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

for (let i = 0; i < options.length; i++) options[i].slot = i;

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
  switch (option.type) {
    case Type.Integer:
      definition +=
        '"integer", "minimum": ' + option.min.toString() + ', "maximum": ' + option.max.toString();
      break;
    case Type.Boolean:
      definition += '"boolean"';
      break;
    case Type.Texts:
      definition += '"array", "items": {"type": "string"}';
      break;
    case Type.Map:
      definition += '"object", "additionalProperties": {"type": "string"}';
      break;
    default:
      definition += '"string"';
  }
  if (option.initial != '') definition += ', "default": ' + option.initial;
  return definition + ', "description": ' + quoted(option.description) + '}';
}
