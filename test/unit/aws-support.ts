// SPDX-License-Identifier: Apache-2.0
// A client of AWS's protocols in a few lines, for the tests of the stand-ins.
import { createHash } from 'node:crypto';

import {
  OTHER_PATHS,
  S3_PATHS,
  canonicalRequest,
  signatureOf,
  type Keys,
  type WireRequest,
} from '../e2e/aws/sigv4.ts';

export interface Asked {
  /** Path and query. */
  target?: string;
  method?: string;
  service: string;
  region?: string;
  headers?: Record<string, string>;
  body?: string;
  /** Signs; undefined: an unsigned request. */
  keys?: Keys;
}

/** Sends a request to a stand-in, signed now. */
export function ask(url: string, asked: Asked): Promise<Response> {
  const { target = '/', method = 'POST', service, region = 'eu-west-1', body = '', keys } = asked;
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const isS3 = service === 's3';
  const hash = createHash('sha256').update(body).digest('hex');
  const headers: Record<string, string> = {
    ...asked.headers,
    ...(keys === undefined ? {} : { 'x-amz-date': time }),
    ...(keys?.sessionToken === undefined ? {} : { 'x-amz-security-token': keys.sessionToken }),
    ...(isS3 ? { 'x-amz-content-sha256': hash } : {}),
  };
  if (keys !== undefined) {
    const pairs: [string, string][] = [['host', new URL(url).host], ...Object.entries(headers)];
    const wire: WireRequest = { method, target, headers: pairs, body: Buffer.from(body) };
    const names = pairs.map(([name]) => name.toLowerCase()).sort();
    const canonical = canonicalRequest(wire, names, hash, isS3 ? S3_PATHS : OTHER_PATHS);
    const scope: [string, string, string] = [time.slice(0, 8), region, service];
    headers['authorization'] =
      `AWS4-HMAC-SHA256 Credential=${[keys.accessKeyId, ...scope].join('/')}/aws4_request, ` +
      `SignedHeaders=${names.join(';')}, Signature=${signatureOf(canonical, time, scope, keys.secretAccessKey)}`;
  }
  const sent = method === 'GET' || method === 'HEAD' ? undefined : body;
  return fetch(url + target, { method, headers, body: sent });
}

/** What a call of CloudWatch Logs is, unsigned. */
export function logs(operation: string, parameters: object = {}): Asked {
  const headers = {
    'x-amz-target': `Logs_20140328.${operation}`,
    'content-type': 'application/x-amz-json-1.1',
  };
  return { service: 'logs', headers, body: JSON.stringify(parameters) };
}

/** What a call of SQS is, unsigned. */
export function sqs(operation: string, parameters: object = {}): Asked {
  const headers = { 'x-amz-target': `AmazonSQS.${operation}`, 'content-type': 'application/x-amz-json-1.0' };
  return { service: 'sqs', headers, body: JSON.stringify(parameters) };
}

/** What a GET of S3 is, unsigned. */
export function s3(target: string, method = 'GET'): Asked {
  return { service: 's3', method, target };
}
