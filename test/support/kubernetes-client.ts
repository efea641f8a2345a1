// SPDX-License-Identifier: Apache-2.0
// Requests to an API server of Kubernetes, real or not.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

import type { KubernetesObject } from './kubernetes-objects.ts';

export interface ApiAccess {
  /** `http://127.0.0.1:PORT` or `https://…` */
  url: string;
  /** The authority's certificate in PEM, for HTTPS. */
  ca?: string;
  /** Undefined: a request without one. */
  token?: string;
}

export interface ApiAnswer {
  code: number;
  headers: NodeJS.Dict<string | string[]>;
  /** What was in JSON; otherwise `{ text }`. */
  body: KubernetesObject;
}

/** One request; `body` is sent as it is if it is a text, as JSON otherwise. */
export function callApi(
  { url, ca, token }: ApiAccess,
  method: string,
  path: string,
  body?: unknown,
  type = 'application/json',
): Promise<ApiAnswer> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const headers = {
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    ...(text === undefined ? {} : { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) }),
  };
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const asked = send(url + path, { method, headers, ca, agent: false }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (part) => (answer += part));
      response.on('error', reject);
      response.on('end', () => {
        const isJson = response.headers['content-type']?.startsWith('application/json') ?? false;
        const content = isJson ? JSON.parse(answer) : { text: answer };
        resolve({ code: response.statusCode ?? 0, headers: response.headers, body: content });
      });
    });
    asked.on('error', reject);
    asked.end(text);
  });
}
