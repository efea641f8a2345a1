// SPDX-License-Identifier: Apache-2.0
// The wire of the services of AWS that the sources call: which operation a request asks for, and how each protocol
// writes an error. Sources: AWS's documentation of the protocols and the services' common errors.
import { headerOf, parseAuthorization, type Refusal, type WireRequest } from './sigv4.ts';

/** JSON 1.1 (CloudWatch Logs), JSON 1.0 (SQS), Query (STS, SNS), REST with XML (S3). */
export type Protocol = 'json1.1' | 'json1.0' | 'query' | 's3';

/** What a request asks for. */
export interface Call {
  protocol: Protocol;
  /** As in a credential scope: logs, sqs, sts, s3. */
  service: string;
  /** As in the API: `FilterLogEvents`, `ListObjectsV2`. */
  operation: string;
  /** From the body (JSON, form) or the query (S3). */
  parameters: Record<string, unknown>;
  /** ARN of what it is about, as an access-denied message names it; empty: none. */
  resource: string;
}

/** A whole answer. */
export interface WireAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** An error that a service answers with. */
export interface ServiceError {
  status: number;
  /** without a name space: `ThrottlingException`, `SlowDown` */
  code: string;
  message: string;
  /** such as Retry-After */
  headers?: Record<string, string>;
}

export interface Place {
  account: string;
  region: string;
}

/** Path and query, as they were sent: a key of S3 may have dots and slashes that a URL would lose. */
export function splitTarget(target: string): [path: string, query: string] {
  const at = target.indexOf('?');
  return at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)];
}

/** Reads which operation a request asks for. */
export function callOf(request: WireRequest, place: Place): Call {
  const target = headerOf(request, 'x-amz-target');
  if (target !== undefined) return jsonCall(request, target, place);
  const isForm = headerOf(request, 'content-type')?.startsWith('application/x-www-form-urlencoded') ?? false;
  const query = new URLSearchParams(splitTarget(request.target)[1]);
  return isForm || query.has('Action') ? queryCall(request, query) : s3Call(request, query);
}

function jsonCall(request: WireRequest, target: string, { account, region }: Place): Call {
  const [prefix = '', operation = ''] = target.split('.');
  const isLogs = prefix.startsWith('Logs');
  let parameters: Record<string, unknown> = {};
  try {
    parameters = JSON.parse(Buffer.from(request.body).toString());
  } catch {
    // The service will say so.
  }
  const group = String(parameters['logGroupName'] ?? '');
  const queue = String(parameters['QueueUrl'] ?? '').replace(/^.*\//, '');
  return {
    protocol: isLogs ? 'json1.1' : 'json1.0',
    service: isLogs ? 'logs' : prefix === 'AmazonSQS' ? 'sqs' : prefix,
    operation,
    parameters,
    resource: isLogs
      ? `arn:aws:logs:${region}:${account}:log-group:${group}:log-stream:`
      : `arn:aws:sqs:${region}:${account}:${queue}`,
  };
}

function queryCall(request: WireRequest, query: URLSearchParams): Call {
  const form = new URLSearchParams(Buffer.from(request.body).toString());
  const parameters = Object.fromEntries([...query, ...form]);
  const scope = parseAuthorization(headerOf(request, 'authorization') ?? '')?.scope;
  return {
    protocol: 'query',
    service: scope?.[2] ?? 'sts',
    operation: String(parameters['Action'] ?? ''),
    parameters,
    resource: String(parameters['RoleArn'] ?? ''),
  };
}

/** With the bucket in the path, or in the host as `BUCKET.s3.REGION.…`. */
function s3Call(request: WireRequest, query: URLSearchParams): Call {
  const virtual = /^(.+)\.s3[.-]/.exec(headerOf(request, 'host') ?? '')?.[1];
  const path = decodeURIComponent(splitTarget(request.target)[0]);
  const [, bucket = '', key = ''] =
    /^\/([^/]*)\/?(.*)$/s.exec(virtual === undefined ? path : `/${virtual}${path}`) ?? [];
  const what = key === '' ? 'Bucket' : 'Object';
  const verbs: Record<string, string> = {
    GET: 'Get',
    HEAD: 'Head',
    PUT: 'Put',
    DELETE: 'Delete',
    POST: 'Post',
  };
  let operation = `${verbs[request.method] ?? request.method}${what}`;
  if (query.get('list-type') === '2') operation = 'ListObjectsV2';
  else if (request.method === 'GET' && key === '' && bucket !== '') operation = 'ListObjects';
  return {
    protocol: 's3',
    service: 's3',
    operation,
    parameters: { Bucket: bucket, ...(key === '' ? {} : { Key: key }), ...Object.fromEntries(query) },
    resource: `arn:aws:s3:::${bucket}${key === '' ? '' : `/${key}`}`,
  };
}

const CONTENT_TYPES: Record<Protocol, string> = {
  'json1.1': 'application/x-amz-json-1.1',
  'json1.0': 'application/x-amz-json-1.0',
  query: 'text/xml',
  s3: 'application/xml',
};

/** What a protocol's answers are. */
export function contentTypeOf(protocol: Protocol): string {
  return CONTENT_TYPES[protocol];
}

function xmlText(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

/** Errors that the layer before a service makes: in JSON their names carry its name space. */
const COMMON = new Set([
  'AccessDeniedException',
  'ExpiredTokenException',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'UnrecognizedClientException',
]);

function jsonError(call: Call, { code, message }: ServiceError): string {
  if (COMMON.has(code)) {
    // Access denied alone writes its message with a capital letter.
    const name = code === 'AccessDeniedException' ? 'Message' : 'message';
    return JSON.stringify({ __type: `com.amazon.coral.service#${code}`, [name]: message });
  }
  const space = call.service === 'sqs' ? 'com.amazonaws.sqs#' : '';
  return JSON.stringify({ __type: `${space}${code}`, message });
}

function xmlError(call: Call, { status, code, message }: ServiceError, requestId: string): string {
  const [name, text] = [xmlText(code), xmlText(message)];
  if (call.protocol === 's3') {
    return (
      `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${name}</Code><Message>${text}</Message>` +
      `<RequestId>${requestId}</RequestId><HostId>host</HostId></Error>`
    );
  }
  const type = status < 500 ? 'Sender' : 'Receiver';
  return (
    `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n  <Error>\n    <Type>${type}</Type>\n` +
    `    <Code>${name}</Code>\n    <Message>${text}</Message>\n  </Error>\n` +
    `  <RequestId>${requestId}</RequestId>\n</ErrorResponse>\n`
  );
}

/** An error as the protocol writes it. S3's answer to HEAD has no body, as in AWS. */
export function errorAnswer(call: Call, error: ServiceError, requestId: string): WireAnswer {
  const isJson = call.protocol === 'json1.1' || call.protocol === 'json1.0';
  const text = isJson ? jsonError(call, error) : xmlError(call, error, requestId);
  // So that clients of SQS's old protocol understand the error.
  const old: Record<string, string> =
    call.service === 'sqs' && isJson ? { 'x-amzn-query-error': `${error.code};Sender` } : {};
  return {
    status: error.status,
    headers: {
      'content-type': contentTypeOf(call.protocol),
      [call.protocol === 's3' ? 'x-amz-request-id' : 'x-amzn-requestid']: requestId,
      ...old,
      ...error.headers,
    },
    body: Buffer.from(call.operation.startsWith('Head') ? '' : text),
  };
}

/** Codes of the same thing in each protocol: CloudWatch Logs, SQS, Query, S3; with their status. */
type Row = Record<Protocol, [status: number, code: string]>;

const same = (status: number, code: string, s3: [number, string], query: [number, string]): Row => ({
  'json1.1': [status, code],
  'json1.0': [status, code],
  query,
  s3,
});

const ROWS = {
  throttled: {
    'json1.1': [400, 'ThrottlingException'],
    'json1.0': [400, 'RequestThrottled'],
    query: [400, 'Throttling'],
    s3: [503, 'SlowDown'],
  },
  internal: {
    'json1.1': [500, 'InternalFailure'],
    'json1.0': [500, 'InternalFailure'],
    query: [500, 'InternalFailure'],
    s3: [500, 'InternalError'],
  },
  unavailable: {
    'json1.1': [503, 'ServiceUnavailableException'],
    'json1.0': [503, 'ServiceUnavailable'],
    query: [503, 'ServiceUnavailable'],
    s3: [503, 'ServiceUnavailable'],
  },
  denied: same(400, 'AccessDeniedException', [403, 'AccessDenied'], [403, 'AccessDenied']),
  'expired-token': same(400, 'ExpiredTokenException', [400, 'ExpiredToken'], [403, 'ExpiredToken']),
  missing: same(
    400,
    'MissingAuthenticationTokenException',
    [403, 'AccessDenied'],
    [403, 'MissingAuthenticationToken'],
  ),
  malformed: same(
    400,
    'IncompleteSignatureException',
    [400, 'AuthorizationHeaderMalformed'],
    [400, 'IncompleteSignature'],
  ),
  'unknown-key': same(
    400,
    'UnrecognizedClientException',
    [403, 'InvalidAccessKeyId'],
    [403, 'InvalidClientTokenId'],
  ),
  'wrong-token': same(
    400,
    'UnrecognizedClientException',
    [400, 'InvalidToken'],
    [403, 'InvalidClientTokenId'],
  ),
  skewed: same(
    400,
    'InvalidSignatureException',
    [403, 'RequestTimeTooSkewed'],
    [403, 'SignatureDoesNotMatch'],
  ),
  'wrong-scope': same(
    400,
    'InvalidSignatureException',
    [400, 'AuthorizationHeaderMalformed'],
    [403, 'SignatureDoesNotMatch'],
  ),
  'wrong-body': same(
    400,
    'InvalidSignatureException',
    [400, 'XAmzContentSHA256Mismatch'],
    [403, 'SignatureDoesNotMatch'],
  ),
  mismatch: same(
    400,
    'InvalidSignatureException',
    [403, 'SignatureDoesNotMatch'],
    [403, 'SignatureDoesNotMatch'],
  ),
  'not-found': {
    'json1.1': [400, 'ResourceNotFoundException'],
    'json1.0': [400, 'QueueDoesNotExist'],
    query: [404, 'NoSuchEntity'],
    s3: [404, 'NoSuchKey'],
  },
} satisfies Record<string, Row>;

/** What can be wrong, whatever the protocol calls it. */
export type ErrorKind = keyof typeof ROWS;

const MESSAGES: Record<ErrorKind, string> = {
  throttled: 'Rate exceeded',
  internal: 'We encountered an internal error. Please try again.',
  unavailable: 'The service is temporarily unable to handle the request.',
  denied: '',
  'expired-token': 'The security token included in the request is expired',
  missing: 'Missing Authentication Token',
  malformed: 'The authorization header is not complete: ',
  'unknown-key': 'The security token included in the request is invalid.',
  'wrong-token': 'The security token included in the request is invalid.',
  skewed: 'Signature expired: ',
  'wrong-scope': 'Credential should be scoped to a valid region. ',
  'wrong-body': 'The request signature does not match its body. ',
  mismatch:
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access ' +
    'Key and signing method. ',
  'not-found': 'The specified log group, queue or key does not exist.',
};

/** IAM's action of an operation, as access-denied messages write it: SQS has it in small letters. */
function actionOf({ service, operation }: Call): string {
  const s3Actions: Record<string, string> = { ListObjectsV2: 'ListBucket', HeadObject: 'GetObject' };
  if (service === 's3') return `s3:${s3Actions[operation] ?? operation}`;
  return `${service}:${service === 'sqs' ? operation.toLowerCase() : operation}`;
}

/** AWS's sentence for a missing permission: who, what, on which resource. */
export function deniedMessage(call: Call, arn: string): string {
  const action = actionOf(call);
  const resource = call.service === 's3' ? `"${call.resource}"` : call.resource;
  const why = `because no identity-based policy allows the ${action} action`;
  return `User: ${arn} is not authorized to perform: ${action} on resource: ${resource} ${why}`;
}

/**
 * An error of a kind, as the call's service answers it.
 *
 * @param kind what is wrong
 * @param more `detail` ends the message; `arn` is the caller's; `retryAfter` in seconds
 */
export function errorOf(
  call: Call,
  kind: ErrorKind,
  more: { detail?: string; arn?: string; retryAfter?: number } = {},
): ServiceError {
  const [status, code] = ROWS[kind][call.protocol];
  const message =
    kind === 'throttled' && call.protocol === 's3'
      ? 'Please reduce your request rate.'
      : kind === 'denied'
        ? deniedMessage(call, more.arn ?? 'arn:aws:sts::123456789012:assumed-role/falco/falco')
        : MESSAGES[kind] + (more.detail ?? '');
  const headers: Record<string, string> =
    more.retryAfter === undefined ? {} : { 'retry-after': String(more.retryAfter) };
  return { status: status as number, code: code as string, message, headers };
}

/** The error for a request whose signature is refused. */
export function refusalError(call: Call, { reason, detail }: Refusal): ServiceError {
  const isTold = ['malformed', 'skewed', 'wrong-scope', 'wrong-body', 'mismatch'].includes(reason);
  return errorOf(call, reason, isTold ? { detail } : {});
}
