// SPDX-License-Identifier: Apache-2.0
// Leases and config maps as Kubernetes' API server takes, checks, changes and keeps them.
import type { Cause, Resource } from './kubernetes-status.ts';

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type KubernetesObject = Record<string, any>;

export const LEASES: Resource = {
  group: 'coordination.k8s.io',
  plural: 'leases',
  kind: 'Lease',
  createsOnUpdate: true,
  updatesUnconditionally: false,
};

export const CONFIG_MAPS: Resource = {
  group: '',
  plural: 'configmaps',
  kind: 'ConfigMap',
  createsOnUpdate: false,
  updatesUnconditionally: true,
};

/** Of a config map's values together, in bytes. */
const MAX_CONFIG_MAP = 1 << 20;
/** Six digits of the second and no others: Go's layout of MicroTime. */
const MICRO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const isObject = (value: unknown): value is KubernetesObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Why an object cannot be read as its kind, which is a bad request; undefined: it can. */
export function unreadable(resource: Resource, object: unknown): string | undefined {
  const { kind } = resource;
  const cannot = (why: string) => `${kind} in version "v1" cannot be handled as a ${kind}: ${why}`;
  if (!isObject(object) || (object['metadata'] !== undefined && !isObject(object['metadata']))) {
    return cannot('json: cannot unmarshal it into an object');
  }
  const version = resource.group === '' ? 'v1' : `${resource.group}/v1`;
  const isOther = (object['kind'] ?? kind) !== kind || (object['apiVersion'] ?? version) !== version;
  if (isOther) return `${object['kind']} in version "${object['apiVersion']}" cannot be handled as a ${kind}`;
  const why = resource === LEASES ? unreadableSpec(object['spec']) : unreadableMap(object);
  return why === undefined ? undefined : cannot(why);
}

function unreadableSpec(spec: unknown): string | undefined {
  if (spec === undefined || spec === null) return undefined;
  if (!isObject(spec)) return 'json: cannot unmarshal spec';
  for (const name of ['acquireTime', 'renewTime']) {
    const value = spec[name] ?? null;
    if (value !== null && !(typeof value === 'string' && MICRO_TIME.test(value))) {
      return `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05.000000Z07:00": cannot parse it`;
    }
  }
  for (const name of ['leaseDurationSeconds', 'leaseTransitions']) {
    if (!Number.isInteger(spec[name] ?? 0)) return `json: cannot unmarshal ${name} of type int32`;
  }
  return typeof (spec['holderIdentity'] ?? '') === 'string'
    ? undefined
    : 'json: cannot unmarshal holderIdentity';
}

function unreadableMap({ data, binaryData }: KubernetesObject): string | undefined {
  const why = unreadableData(data) ?? unreadableData(binaryData);
  const isBase64 = (text: string) => Buffer.from(text, 'base64').toString('base64') === text;
  return (
    why ??
    (Object.values<string>(binaryData ?? {}).every(isBase64)
      ? undefined
      : 'illegal base64 data at input byte 0')
  );
}

function unreadableData(data: unknown): string | undefined {
  if (data === undefined || data === null) return undefined;
  const isMap = isObject(data) && Object.values(data).every((value) => typeof value === 'string');
  return isMap ? undefined : 'json: cannot unmarshal data of type string';
}

/** What is wrong with an object that could be read; empty: nothing. */
export function causesOf(
  resource: Resource,
  { metadata = {}, spec, data, binaryData }: KubernetesObject,
): Cause[] {
  const causes: Cause[] = [];
  const invalid = (field: string, value: unknown, why: string) =>
    causes.push({
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
      field,
    });
  const name = String(metadata.name ?? '');
  if (name.length > 253 || !SUBDOMAIN.test(name)) {
    invalid(
      'metadata.name',
      name,
      'a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters',
    );
  }
  if (resource === LEASES) {
    const { leaseDurationSeconds: duration, leaseTransitions: transitions, holderIdentity } = spec ?? {};
    if ((duration ?? 1) <= 0) invalid('spec.leaseDurationSeconds', duration, 'must be greater than 0');
    if ((transitions ?? 0) < 0) {
      invalid('spec.leaseTransitions', transitions, 'must be greater than or equal to 0');
    }
    if (holderIdentity === '') invalid('spec.holderIdentity', '', 'must not be empty');
  }
  if (resource === CONFIG_MAPS) dataCauses(data ?? {}, binaryData ?? {}, causes);
  return causes;
}

type Values = Record<string, string>;

function dataCauses(data: Values, binaryData: Values, causes: Cause[]): void {
  const sizeOf = (values: Values, coding: 'utf8' | 'base64') =>
    Object.values(values).reduce((sum, value) => sum + Buffer.byteLength(value, coding), 0);
  const size = sizeOf(data, 'utf8') + sizeOf(binaryData, 'base64');
  for (const key of [...Object.keys(data), ...Object.keys(binaryData)]) {
    if (/^[-._a-zA-Z0-9]{1,253}$/.test(key) && key !== '.' && !key.startsWith('..')) continue;
    const message = `Invalid value: ${JSON.stringify(key)}: a valid config key must consist of alphanumeric characters`;
    causes.push({ reason: 'FieldValueInvalid', message, field: `data[${key}]` });
  }
  if (size > MAX_CONFIG_MAP) {
    const message = `Too long: must have at most ${MAX_CONFIG_MAP} bytes`;
    causes.push({ reason: 'FieldValueTooLong', message, field: '' });
  }
}

/** A JSON merge patch (RFC 7386): null takes a member away. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: KubernetesObject = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}
