// SPDX-License-Identifier: Apache-2.0
// How the proxy puts an answer on the wire: whole, late, in pieces, cut, or much too large.
import type { ServerResponse } from 'node:http';

import { sleep } from '../support.ts';
import type { Fault } from './faults.ts';
import { contentTypeOf, type Call, type WireAnswer } from './protocol.ts';

const DEFAULT_HUGE = 64 << 20;
const CHUNK = 1 << 20;
const HTML =
  '<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in to the network</body></html>';

/** Ends the connection without an answer. */
export function cut(response: ServerResponse): void {
  response.socket?.destroy();
}

/** A page in HTML, as something between client and service makes it. */
export function htmlAnswer(status: number): WireAnswer {
  return { status, headers: { 'content-type': 'text/html' }, body: Buffer.from(HTML) };
}

/** Sends a whole answer. */
export function send(response: ServerResponse, { status, headers, body }: WireAnswer): void {
  response.writeHead(status, { 'content-length': body.length, ...headers });
  response.end(body);
}

/** Sends the answer of a service as a fault spoils it. */
export async function sendSpoiled(response: ServerResponse, answer: WireAnswer, fault: Fault): Promise<void> {
  const { status, headers, body } = answer;
  const half = body.subarray(0, body.length >> 1);
  if (fault.kind === 'cut-after') return cut(response);
  if (fault.kind === 'truncated') return send(response, { status, headers, body: half });
  if (fault.kind === 'wrong-type') return send(response, htmlAnswer(200));
  if (fault.kind === 'cut-within') {
    response.writeHead(status, { 'content-length': Math.max(1, body.length), ...headers });
    response.flushHeaders();
    response.write(half, () => cut(response));
    return;
  }
  if (fault.kind === 'dribble') return dribble(response, answer, fault);
  if (fault.kind === 'slow') await sleep(fault.delay ?? 1000);
  send(response, answer);
}

async function dribble(response: ServerResponse, answer: WireAnswer, { pieces = 10, delay = 100 }: Fault) {
  const { status, headers, body } = answer;
  response.writeHead(status, { 'content-length': body.length, ...headers });
  const size = Math.max(1, Math.ceil(body.length / pieces));
  for (let start = 0; start < body.length && !response.destroyed; start += size) {
    response.write(body.subarray(start, start + size));
    await sleep(delay);
  }
  response.end();
}

/** An answer that is right in form, and of as many bytes as a fault says. */
export async function sendHuge(
  response: ServerResponse,
  call: Call,
  { bytes = DEFAULT_HUGE }: Fault,
): Promise<void> {
  const isJson = call.protocol.startsWith('json');
  const [head, tail] = isJson ? ['{"padding":"', '"}'] : ['<Padding>', '</Padding>'];
  const type = contentTypeOf(call.protocol);
  response.writeHead(200, { 'content-type': type, 'content-length': bytes });
  response.write(head);
  const chunk = Buffer.alloc(CHUNK, 'a');
  for (let left = bytes - head.length - tail.length; left > 0; left -= CHUNK) {
    const isTaken = response.write(chunk.subarray(0, Math.min(left, CHUNK)));
    if (!isTaken) await drained(response);
    if (response.destroyed) return;
  }
  response.end(tail);
}

/** When a client has taken what was written, or has gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
