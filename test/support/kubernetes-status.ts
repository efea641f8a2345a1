// SPDX-License-Identifier: Apache-2.0
// What Kubernetes' API server says when it does not do what it was asked: Status objects, in its own words.
import { jsonReply, type Reply } from './stand-in.ts';

/** A kind of object in the API. */
export interface Resource {
  /** Empty: the core group. */
  group: string;
  /** In the plural, as in the path. */
  plural: string;
  kind: string;
  /** PUT makes what is not there. */
  createsOnUpdate: boolean;
  /** PUT without a resourceVersion overwrites whatever is there. */
  updatesUnconditionally: boolean;
}

/** One thing that is wrong with an object. */
export interface Cause {
  reason: 'FieldValueInvalid' | 'FieldValueTooLong';
  message: string;
  field: string;
}

function status(code: number, reason: string, message: string, details?: object): Reply {
  const failure = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason };
  return jsonReply(code, { ...failure, ...(details === undefined ? {} : { details }), code });
}

/** `leases.coordination.k8s.io`, or `configmaps`. */
function qualified({ group, plural }: Resource): string {
  return group === '' ? plural : `${plural}.${group}`;
}

function detailsOf({ group, plural }: Resource, name: string): object {
  return { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind: plural };
}

export function unauthorized(): Reply {
  return status(401, 'Unauthorized', 'Unauthorized');
}

/** @param verb as RBAC has it: get, list, create, update, patch, delete */
export function forbidden(
  resource: Resource,
  name: string,
  user: string,
  verb: string,
  namespace: string,
): Reply {
  const what = `${qualified(resource)}${name === '' ? '' : ` "${name}"`} is forbidden`;
  const why =
    `User "${user}" cannot ${verb} resource "${resource.plural}" in API group "${resource.group}" ` +
    `in the namespace "${namespace}"`;
  return status(403, 'Forbidden', `${what}: ${why}`, detailsOf(resource, name));
}

export function notFound(resource: Resource, name: string): Reply {
  return status(404, 'NotFound', `${qualified(resource)} "${name}" not found`, detailsOf(resource, name));
}

export function alreadyExists(resource: Resource, name: string): Reply {
  const message = `${qualified(resource)} "${name}" already exists`;
  return status(409, 'AlreadyExists', message, detailsOf(resource, name));
}

const MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again';

/** @param why somebody else has changed it, by default */
export function conflict(resource: Resource, name: string, why = MODIFIED): Reply {
  const message = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`;
  return status(409, 'Conflict', message, detailsOf(resource, name));
}

export function invalid({ group, kind }: Resource, name: string, causes: readonly Cause[]): Reply {
  const texts = causes.map(({ field, message }) => `${field}: ${message}`);
  const what = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const message = `${group === '' ? kind : `${kind}.${group}`} "${name}" is invalid: ${what}`;
  const details = { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind, causes };
  return status(422, 'Invalid', message, details);
}

export function badRequest(message: string): Reply {
  return status(400, 'BadRequest', message);
}

export function unsupportedType(type: string): Reply {
  const message = `the body of the request was in an unknown format - accepted media types include: ${type}`;
  return status(415, 'UnsupportedMediaType', message);
}

export function tooLarge(): Reply {
  return status(413, 'RequestEntityTooLarge', 'Request entity too large: limit is 3145728');
}

export function methodNotAllowed(): Reply {
  return status(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

/** A path that is none. */
export function noSuchPath(): Reply {
  return {
    status: 404,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: '404 page not found\n',
  };
}

/** As API priority and fairness refuses: in plain text. For `fail`. @param seconds for Retry-After */
export function tooManyRequests(seconds = 1): Reply {
  return {
    status: 429,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'retry-after': String(seconds) },
    body: 'Too many requests, please try again later.\n',
  };
}

/** An error of the server's own, which has no reason. */
export function serverError(message: string): Reply {
  return jsonReply(500, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    code: 500,
  });
}

/** As when etcd does not answer. For `fail`. */
export function etcdTimeout(): Reply {
  return serverError('etcdserver: request timed out');
}
