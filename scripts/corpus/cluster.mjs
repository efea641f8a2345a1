// SPDX-License-Identifier: Apache-2.0
// @ts-check
// A made-up cluster that writes audit events as kube-apiserver does: the same seed gives the same events.
import { Random } from '../lib/random.mjs';
import { groupOf, isNamespaced, levelOf, longRunning, versionOf } from './resources.mjs';

/** @typedef {Record<string, unknown>} Members */

/**
 * Who asks.
 *
 * @typedef {object} Actor
 * @property {Members} user
 * @property {string} agent
 * @property {string} address
 * @property {string} [reason] why it is allowed
 */

/**
 * What is asked of the API.
 *
 * @typedef {object} Request
 * @property {string} verb
 * @property {string} [resource] or `resource/subresource`
 * @property {string} [namespace]
 * @property {string} [name]
 * @property {string} [path] of a request that is not for a resource
 * @property {string} [tail] behind the subresource `proxy`
 * @property {string} [query] without `?`
 * @property {unknown} [body] of the request
 * @property {number} [code] of the answer; 201 for `create`, 101 for sessions, else 200
 * @property {Members} [annotations]
 * @property {Members} [as] the impersonated user
 * @property {string} [expect] the rule that has to be the first to report it
 */

const HEX = '0123456789abcdef';
const SUFFIX = 'bcdfghjklmnpqrstvwxz2456789';
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
const REASONS = /** @type {Record<number, string>} */ ({
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
});

export class Cluster {
  /** @type {{ event: Members, expect?: string, attack?: string }[]} */
  #written = [];
  /** @type {{ attack?: string }} */
  #mark = {};
  /** @type {{ name: string, from: number }[]} */
  #pods = [];
  #now = Date.UTC(2025, 2, 18, 0, 0, 0);
  #start = this.#now;

  /** @param {number} seed */
  constructor(seed) {
    this.random = new Random(seed);
  }

  /** Sets the time. @param {number} milliseconds since the day began */
  at(milliseconds) {
    this.#now = this.#start + milliseconds;
  }

  /** Notes the name of an attack on all events that `write` writes. @param {string} attack @param {() => void} write */
  mark(attack, write) {
    this.#mark = { attack };
    write();
    this.#mark = {};
  }

  /** Lets time pass. @param {number} most milliseconds */
  wait(most) {
    this.#now += 1 + this.random.below(most);
  }

  /** @param {number} count @param {string} [alphabet] */
  letters(count, alphabet = HEX) {
    return Array.from({ length: count }, () => alphabet[this.random.below(alphabet.length)]).join('');
  }

  uid() {
    return [8, 4, 4, 4, 12].map((count) => this.letters(count)).join('-');
  }

  /** What generateName appends. @param {number} [count] */
  suffix(count = 5) {
    return this.letters(count, SUFFIX);
  }

  /** The time as Kubernetes' objects have it. */
  seconds() {
    return `${new Date(this.#now).toISOString().slice(0, 19)}Z`;
  }

  /** A time as kube-apiserver writes it. @param {number} later milliseconds */
  #time(later) {
    const text = new Date(this.#now + later).toISOString();
    return `${text.slice(0, -1)}${String(this.random.below(1000)).padStart(3, '0')}Z`;
  }

  /**
   * Writes the events of a request: of a session or a watch, its start and its end.
   *
   * @param {Actor} actor
   * @param {Request} request
   * @returns {string} the name of the object, also where the API server makes it
   */
  request(actor, request) {
    const { verb, expect } = request;
    const [resource = '', subresource] = (request.resource ?? '').split('/');
    const isLong = longRunning(verb, subresource);
    const took = 1 + this.random.below(40);
    const stage = isLong ? 'ResponseStarted' : 'ResponseComplete';
    const times = { requestReceivedTimestamp: this.#time(0), stageTimestamp: this.#time(took) };
    const event = this.#event(actor, request, resource, subresource, { stage, ...times });
    this.#written.push({ event, ...(expect === undefined ? {} : { expect }), ...this.#mark });
    if (isLong) {
      const end =
        verb === 'watch' ? 5 * MINUTE + this.random.below(5 * MINUTE) : this.random.below(90 * SECOND);
      const stageTimestamp = this.#time(took + 1 + end);
      this.#written.push({ event: { ...event, stage: 'ResponseComplete', stageTimestamp }, ...this.#mark });
    }
    this.wait(50);
    const { metadata } = /** @type {{ metadata?: Members }} */ (event['responseObject'] ?? {});
    const name = request.name ?? String(metadata?.['name'] ?? '');
    if (request.resource === 'pods' && verb === 'create') this.#pods.push({ name, from: this.#now });
    return name;
  }

  /** The youngest pod of an application that there is by now, or one from before the day. @param {string} app */
  podOf(app) {
    const own = this.#pods.filter(({ name, from }) => name.startsWith(`${app}-`) && from < this.#now);
    const youngest = own.sort((a, b) => b.from - a.from)[0];
    return youngest?.name ?? `${app}-${this.letters(9)}-${this.suffix()}`;
  }

  /** The body of an answer. @param {number} code @param {unknown} body @param {string} resource @param {string} [name] */
  #answer(code, body, resource, name) {
    if (code < 300) return this.#stored(body);
    return { kind: 'Status', apiVersion: 'v1', ...statusOf(code, resource, name) };
  }

  /** What the API server makes of an object that is created. @param {unknown} body */
  #stored(body) {
    const object = /** @type {Members} */ (body);
    const metadata = /** @type {Members} */ (object['metadata'] ?? {});
    const name = metadata['name'] ?? `${metadata['generateName']}${this.suffix()}`;
    return { ...object, metadata: { ...metadata, name, uid: this.uid(), creationTimestamp: this.seconds() } };
  }

  /**
   * @param {Actor} actor
   * @param {Request} request
   * @param {string} resource
   * @param {string | undefined} subresource
   * @param {{ stage: string, requestReceivedTimestamp: string, stageTimestamp: string }} when
   * @returns {Members}
   */
  #event(actor, request, resource, subresource, { stage, ...times }) {
    const { verb, namespace, name, body, as } = request;
    const session = ['exec', 'attach', 'portforward'].includes(subresource ?? '');
    const code = request.code ?? (session ? 101 : verb === 'create' ? 201 : 200);
    const level = levelOf(resource, subresource, verb);
    const target = {
      resource,
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
      ...(groupOf(resource) === '' ? {} : { apiGroup: groupOf(resource) }),
      apiVersion: versionOf(resource),
      ...(subresource === undefined ? {} : { subresource }),
    };
    return {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level,
      auditID: this.uid(),
      stage,
      requestURI: uriOf(request, resource, subresource),
      verb,
      user: actor.user,
      ...(as === undefined ? {} : { impersonatedUser: as }),
      sourceIPs: [actor.address],
      userAgent: actor.agent,
      ...(resource === '' ? {} : { objectRef: target }),
      responseStatus: statusOf(code, resource, name),
      ...(level !== 'Metadata' && body !== undefined ? { requestObject: body } : {}),
      ...(level === 'RequestResponse' ? { responseObject: this.#answer(code, body, resource, name) } : {}),
      ...times,
      annotations: { ...decisionOf(code, actor), ...request.annotations },
    };
  }

  /** All events, in order of time, each with the rule that is expected. */
  written() {
    const time = (/** @type {{ event: Members }} */ { event }) => String(event['stageTimestamp']);
    return this.#written.toSorted((a, b) => (time(a) < time(b) ? -1 : time(a) > time(b) ? 1 : 0));
  }
}

/** @param {Request} request @param {string} resource @param {string | undefined} subresource */
function uriOf({ verb, namespace, name, path, tail, query }, resource, subresource) {
  if (path !== undefined) return path + (query === undefined ? '' : `?${query}`);
  const group = groupOf(resource);
  const root = group === '' ? `/api/${versionOf(resource)}` : `/apis/${group}/${versionOf(resource)}`;
  const place = namespace !== undefined && isNamespaced(resource) ? `/namespaces/${namespace}` : '';
  // A list or watch of one object has its name in the field selector; kube-apiserver puts it into objectRef.
  const byField = verb === 'list' || verb === 'watch' || verb === 'deletecollection';
  const one =
    name !== undefined && !byField && (verb !== 'create' || subresource !== undefined) ? `/${name}` : '';
  const under = subresource === undefined ? '' : `/${subresource}${tail ?? ''}`;
  return `${root}${place}/${resource}${one}${under}${query === undefined ? '' : `?${query}`}`;
}

/** @param {number} code @param {string} resource @param {string | undefined} name */
function statusOf(code, resource, name) {
  const reason = REASONS[code];
  if (reason === undefined) return { metadata: {}, code };
  const message =
    code === 401
      ? 'Unauthorized'
      : `${resource} "${name ?? ''}" ${reason === 'NotFound' ? 'not found' : 'is forbidden'}`;
  return { metadata: {}, status: 'Failure', message, reason, code };
}

/** @param {number} code @param {Actor} actor */
function decisionOf(code, { reason = '' }) {
  if (code === 401) return {};
  const decision = code === 403 ? 'forbid' : 'allow';
  return {
    'authorization.k8s.io/decision': decision,
    'authorization.k8s.io/reason': code === 403 ? '' : reason,
  };
}
