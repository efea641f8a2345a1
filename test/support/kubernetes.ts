// SPDX-License-Identifier: Apache-2.0
// Kubernetes' API server for leases and config maps: tokens, permissions, resourceVersions and their conflicts, and its
// words when it refuses. Watches, strategic patches of lists and JSON patches are not there.
import { randomUUID } from 'node:crypto';

import {
  CONFIG_MAPS,
  LEASES,
  causesOf,
  mergePatch,
  unreadable,
  type KubernetesObject,
} from './kubernetes-objects.ts';
import * as refuse from './kubernetes-status.ts';
import type { Resource } from './kubernetes-status.ts';
import type { ServerIdentity } from './server.ts';
import { StandIn, jsonReply, type Asked, type Reply } from './stand-in.ts';

export interface KubernetesOptions {
  /** Speaks HTTPS with it, as API servers do; undefined: plain HTTP. */
  identity?: ServerIdentity;
  /** Users by their bearer token. */
  tokens?: Record<string, string>;
  /** Namespaces that exist. */
  namespaces?: string[];
}

/** An object as it was stored by a request. */
export interface Write {
  /** Milliseconds since 1970. */
  time: number;
  /** Who stored it. */
  user: string;
  object: KubernetesObject;
}

/** A request about one object or all of a kind. */
interface Target {
  resource: Resource;
  namespace: string;
  /** Empty: the collection. */
  name: string;
}

const MAX_BODY = 3 << 20;
const MAX_WRITES = 20_000;
const VERBS: Record<string, string> = {
  GET: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** An API server with a store in memory. */
export class KubernetesApi extends StandIn {
  /** Everything that was stored, in order; the newest of them. */
  readonly writes: Write[] = [];
  private readonly tokens: Map<string, string>;
  private readonly namespaces: Set<string>;
  private readonly denied = new Set<string>();
  private readonly store = new Map<string, KubernetesObject>();
  private version = 1000;

  constructor({ identity, tokens = {}, namespaces = ['default', 'falco'] }: KubernetesOptions = {}) {
    super(identity);
    this.tokens = new Map(Object.entries(tokens));
    this.namespaces = new Set(namespaces);
  }

  /** Takes a token from now on, as when the projected one is rotated; `revoke` ends the old one. */
  allow(token: string, user: string): void {
    this.tokens.set(token, user);
  }

  /** Answers 401 to a token from now on. */
  revoke(token: string): void {
    this.tokens.delete(token);
  }

  /** Takes a permission away, such as `deny('update', 'leases')`; `permit` gives it back. */
  deny(verb: string, plural: string): void {
    this.denied.add(`${verb} ${plural}`);
  }

  permit(verb: string, plural: string): void {
    this.denied.delete(`${verb} ${plural}`);
  }

  /** A stored object; undefined: there is none. */
  read(resource: Resource, namespace: string, name: string): KubernetesObject | undefined {
    return this.store.get(keyOf({ resource, namespace, name }));
  }

  /** Takes an object away, as somebody with kubectl does. */
  remove(resource: Resource, namespace: string, name: string): void {
    this.store.delete(keyOf({ resource, namespace, name }));
  }

  protected override answer(asked: Asked): Reply {
    const bearer = /^Bearer +(.+)$/i.exec(asked.headers['authorization'] ?? '')?.[1];
    const user = bearer === undefined ? 'system:anonymous' : this.tokens.get(bearer);
    if (user === undefined) return refuse.unauthorized();
    if (asked.path === '/version') return jsonReply(200, { major: '1', minor: '34', gitVersion: 'v1.34.0' });
    const target = targetOf(asked.path);
    if (target === undefined) return refuse.noSuchPath();
    const verb = asked.method === 'GET' && target.name === '' ? 'list' : VERBS[asked.method];
    if (verb === undefined) return refuse.methodNotAllowed();
    if (bearer === undefined || this.denied.has(`${verb} ${target.resource.plural}`)) {
      return refuse.forbidden(target.resource, target.name, user, verb, target.namespace);
    }
    return this.act(verb, target, asked, user);
  }

  private act(verb: string, target: Target, asked: Asked, user: string): Reply {
    if (verb === 'list') return this.list(target);
    const isCollection = target.name === '';
    if (isCollection !== (verb === 'create')) return refuse.methodNotAllowed();
    if (verb === 'create') return this.create(target, asked, user);
    if (verb === 'update') return this.update(target, asked, user);
    const stored = this.store.get(keyOf(target));
    if (stored === undefined) return refuse.notFound(target.resource, target.name);
    if (verb === 'patch') return partly(asked, this.patch(target, stored, asked, user));
    if (verb === 'get') return jsonReply(200, stored);
    this.store.delete(keyOf(target));
    return jsonReply(200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' });
  }

  private list({ resource, namespace }: Target): Reply {
    const start = keyOf({ resource, namespace, name: '' });
    const items = [...this.store].filter(([key]) => key.startsWith(start)).map(([, object]) => object);
    const metadata = { resourceVersion: String(this.version) };
    return jsonReply(200, { kind: `${resource.kind}List`, apiVersion: versionOf(resource), metadata, items });
  }

  private create(target: Target, asked: Asked, user: string): Reply {
    const object = this.take(target, asked);
    if ('refusal' in object) return object.refusal;
    const name = String(object.taken['metadata']?.name ?? '');
    const named = { ...target, name };
    const { resource, namespace } = target;
    if (!this.namespaces.has(namespace)) return refuse.notFound(NAMESPACES, namespace);
    if ((object.taken['metadata']?.resourceVersion ?? '') !== '') {
      return refuse.serverError('resourceVersion should not be set on objects to be created');
    }
    const causes = causesOf(resource, object.taken);
    if (causes.length > 0) return refuse.invalid(resource, name, causes);
    if (this.store.has(keyOf(named))) return refuse.alreadyExists(resource, name);
    return jsonReply(201, this.put(named, object.taken, undefined, user));
  }

  private update(target: Target, asked: Asked, user: string): Reply {
    const object = this.take(target, asked);
    if ('refusal' in object) return object.refusal;
    const { resource, name, namespace } = target;
    const given = object.taken['metadata']?.name;
    if (given !== name) {
      return refuse.badRequest(
        `the name of the object (${given ?? ''}) does not match the name on the URL (${name})`,
      );
    }
    const stored = this.store.get(keyOf(target));
    if (stored !== undefined) return this.change(target, stored, object.taken, user);
    if (!resource.createsOnUpdate) return refuse.notFound(resource, name);
    if (!this.namespaces.has(namespace)) return refuse.notFound(NAMESPACES, namespace);
    // A client that knew the object wants that one, not a new one.
    if ((object.taken['metadata'].resourceVersion ?? '') !== '') return refuse.notFound(resource, name);
    const causes = causesOf(resource, object.taken);
    if (causes.length > 0) return refuse.invalid(resource, name, causes);
    return jsonReply(201, this.put(target, object.taken, undefined, user));
  }

  private patch(target: Target, stored: KubernetesObject, asked: Asked, user: string): Reply {
    const type = (asked.headers['content-type'] ?? '').split(';')[0]?.trim();
    const isMerge = ['application/merge-patch+json', 'application/strategic-merge-patch+json'].includes(
      type ?? '',
    );
    if (!isMerge) return refuse.unsupportedType('application/merge-patch+json');
    const patch = parse(asked.body);
    if (patch === undefined) return refuse.badRequest('error decoding patch: invalid character in it');
    const patched = mergePatch(stored, patch) as KubernetesObject;
    const why = unreadable(target.resource, patched);
    if (why !== undefined) return refuse.badRequest(why);
    return this.change(target, stored, patched, user);
  }

  /** Puts a changed object in the place of the stored one, if it is made of that very one. */
  private change(target: Target, stored: KubernetesObject, object: KubernetesObject, user: string): Reply {
    const { resource, name } = target;
    const { uid, resourceVersion: version = '' } = object['metadata'] ?? {};
    const now = stored['metadata'];
    if (uid !== undefined && uid !== '' && uid !== now.uid) {
      const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${now.uid}`;
      return refuse.conflict(resource, name, why);
    }
    if (version === '' && !resource.updatesUnconditionally) {
      const message = 'Invalid value: 0x0: must be specified for an update';
      const cause = { reason: 'FieldValueInvalid' as const, message, field: 'metadata.resourceVersion' };
      // Here the real one names the resource where it otherwise names the kind.
      return refuse.invalid({ ...resource, kind: resource.plural }, name, [cause]);
    }
    if (version !== '' && version !== now.resourceVersion) return refuse.conflict(resource, name);
    const causes = causesOf(resource, object);
    if (causes.length > 0) return refuse.invalid(resource, name, causes);
    return jsonReply(200, this.put(target, object, stored, user));
  }

  private put(
    target: Target,
    object: KubernetesObject,
    stored: KubernetesObject | undefined,
    user: string,
  ): KubernetesObject {
    const { resource, namespace, name } = target;
    const given = { ...object['metadata'] };
    const kept = stored?.['metadata'] ?? {
      uid: randomUUID(),
      creationTimestamp: new Date().toISOString().replace(/\.\d+/, ''),
    };
    const { uid, creationTimestamp, resourceVersion } = kept;
    const written: KubernetesObject = {
      kind: resource.kind,
      apiVersion: versionOf(resource),
      ...object,
      metadata: { ...given, name, namespace, uid, resourceVersion, creationTimestamp },
    };
    // What changes nothing is not written, and keeps its version.
    if (stored !== undefined && JSON.stringify(sorted(stored)) === JSON.stringify(sorted(written)))
      return stored;
    written['metadata'].resourceVersion = String(++this.version);
    this.store.set(keyOf(target), written);
    if (this.writes.push({ time: Date.now(), user, object: written }) > MAX_WRITES) this.writes.shift();
    return written;
  }

  /** The object of a request's body. */
  private take(
    { resource, namespace }: Target,
    asked: Asked,
  ): { taken: KubernetesObject } | { refusal: Reply } {
    const type = (asked.headers['content-type'] ?? 'application/json').split(';')[0]?.trim();
    if (type !== 'application/json') return { refusal: refuse.unsupportedType('application/json') };
    if (Buffer.byteLength(asked.body) > MAX_BODY) return { refusal: refuse.tooLarge() };
    const object = parse(asked.body);
    const why = object === undefined ? 'couldn’t get the object from the body' : unreadable(resource, object);
    if (why !== undefined) return { refusal: refuse.badRequest(why) };
    const taken = object as KubernetesObject;
    if ((taken['metadata']?.namespace ?? namespace) !== namespace) {
      const mismatch =
        'the namespace of the provided object does not match the namespace sent on the request';
      return { refusal: refuse.badRequest(mismatch) };
    }
    return { taken };
  }
}

/** The metadata alone, if that was asked for. */
function partly({ headers }: Asked, reply: Reply): Reply {
  if (reply.status >= 300 || !headers['accept']?.includes('as=PartialObjectMetadata')) return reply;
  const { metadata } = JSON.parse(reply.body) as KubernetesObject;
  return jsonReply(200, { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata });
}

const NAMESPACES: Resource = { ...CONFIG_MAPS, plural: 'namespaces', kind: 'Namespace' };

function versionOf({ group }: Resource): string {
  return group === '' ? 'v1' : `${group}/v1`;
}

function keyOf({ resource, namespace, name }: Target): string {
  return `${resource.plural}/${namespace}/${name}`;
}

function targetOf(path: string): Target | undefined {
  for (const resource of [LEASES, CONFIG_MAPS]) {
    const start = resource.group === '' ? '/api/v1' : `/apis/${resource.group}/v1`;
    const rest = path.startsWith(`${start}/namespaces/`) ? path.slice(start.length + 12).split('/') : [];
    const [namespace = '', plural, name = '', ...more] = rest;
    if (plural === resource.plural && more.length === 0) return { resource, namespace, name };
  }
  return undefined;
}

/** Undefined: it is not JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The same with the members of each object in order. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, each]) => [name, sorted(each)]));
}
