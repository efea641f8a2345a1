// SPDX-License-Identifier: Apache-2.0
// What hostile clients send, and a webhook with the sanitizers, in a process of its own, that has to bear it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { listText, names, shortEvent } from '../support/events.ts';
import { compileDriver } from './support.ts';
import { PATH, requestText, serveWith, type ServeOptions, type Served } from './webhook-support.ts';

const CHUNKED = requestText('').replace('Content-Length: 0', 'Transfer-Encoding: chunked');
export const event = shortEvent('smuggled');

/** Two ways to say how long the body is, and others in which proxies and servers have differed. */
export const SMUGGLING: [string, string][] = [
  ['a length and chunks', CHUNKED.replace('\r\n\r\n', '\r\nContent-Length: 4\r\n\r\n') + '0\r\n\r\n'],
  ['chunks and a length', requestText('0\r\n\r\n', ['Transfer-Encoding: chunked'])],
  ['two lengths', requestText(event, [`Content-Length: ${event.length + 1}`])],
  ['the same length twice', requestText(event, [`Content-Length: ${event.length}`])],
  ['a list of lengths', requestText(event).replace(/Length: (\d+)/, 'Length: $1, $1')],
  ['a length with a sign', requestText(event).replace('Length: ', 'Length: +')],
  ['a length in hexadecimal', requestText(event).replace('Length: ', 'Length: 0x')],
  ['a length of 2^64', requestText(event).replace(/Length: \d+/, 'Length: 18446744073709551616')],
  ['an empty length', requestText(event).replace(/Length: \d+/, 'Length: ')],
  ['a space in front of the colon', requestText(event).replace('Length:', 'Length :')],
  ['a folded header', requestText(event).replace('Length: ', 'Length:\r\n ')],
  ['a transfer encoding that is not chunked', CHUNKED.replace('chunked', 'identity') + event],
  ['chunked that is not the last encoding', CHUNKED.replace('chunked', 'chunked, gzip') + event],
  ['chunked with something behind it', CHUNKED.replace('chunked', 'chunkedx') + event],
  ['chunked behind a vertical tab', CHUNKED.replace('chunked', '\vchunked') + event],
  ['a bare line feed', requestText(event).replaceAll('\r\n', '\n')],
  ['a bare carriage return', requestText(event).replace('Host: x\r\n', 'Host: x\r')],
  ['a zero byte in a header', requestText(event).replace('Host: x', 'Host: x\0y')],
  ['a header without a name', requestText(event).replace('Host: x', ': x')],
  ['a chunk size with a space', `${CHUNKED}5 \r\nhello\r\n0\r\n\r\n`],
  ['a chunk size in hexadecimal notation', `${CHUNKED}0x5\r\nhello\r\n0\r\n\r\n`],
  ['a chunk without its line break', `${CHUNKED}5\r\nhelloX\r\n0\r\n\r\n`],
  ['a chunk size with a bare line feed', `${CHUNKED}5\nhello\r\n0\r\n\r\n`],
  ['the start of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['HTTP/2', requestText(event).replace('HTTP/1.1', 'HTTP/2.0')],
  ['HTTP/0.9', requestText(event).replace('HTTP/1.1', 'HTTP/0.9')],
  ['RTSP', 'OPTIONS * RTSP/1.0\r\n\r\n'],
  ['ICE', 'SOURCE /x ICE/1.0\r\n\r\n'],
];

/** So small that a few clients reach them. */
export const LIMITS = {
  webhookMaxConnections: 24,
  webhookMaxWaiting: 4_000_000,
  webhookMaxBatchSize: 1_000_000,
  webhookHeaderTimeout: 1,
  webhookRequestTimeout: 2,
  webhookIdleTimeout: 2,
};

/** A good client gets through next to the bad ones: a refusal for want of room or place is tried again. */
export async function expectServed(send: () => Promise<{ status: number }>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const status = await send().then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('a good client was not served');
}

/** Ends the process and expects that it had nothing to say of memory. */
export async function expectClean(running: Served): Promise<void> {
  const end = await running.end();
  expect(running.errors).toBe('');
  expect(end).toBe('status 0');
}

export const large = 'x'.repeat(900_000);
/** What a hostile or broken client may send. */
export const SHAPES: string[] = [
  ...SMUGGLING.map(([, bytes]) => bytes),
  '',
  'POST /k8s',
  requestText(event).slice(0, -1),
  requestText('', ['Expect: 100-continue']).replace('Length: 0', 'Length: 900000'),
  requestText(large),
  requestText(large).slice(0, -1),
  requestText(large, [], 'POST /other'),
  `${CHUNKED}${large.length.toString(16)}\r\n${large}\r\n${large.length.toString(16)}\r\n${large}`,
  `${CHUNKED}${'1\r\nx\r\n'.repeat(20_000)}0\r\n${'T: x\r\n'.repeat(1000)}\r\n`,
  `POST ${PATH} HTTP/1.1\r\n${'X: y\r\n'.repeat(20_000)}\r\n`,
  requestText('bad').repeat(200),
  requestText(listText(names(300).map((id) => shortEvent(id)))).repeat(3),
  `GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`.repeat(50),
  `HEAD /readyz HTTP/1.1\r\n\r\n`.repeat(50),
];

/** driver.c with the sanitizers, in a folder of its own. */
export class Driver {
  private readonly folder = mkdtempSync(join(tmpdir(), 'k8saudit-hostile-'));
  private readonly program = compileDriver(this.folder, true);

  serve(config: object, options: ServeOptions = {}): Promise<Served> {
    const environment = {
      ASAN_OPTIONS: 'detect_leaks=1:exitcode=99',
      UBSAN_OPTIONS: 'halt_on_error=1',
      ...options.environment,
    };
    return serveWith(this.program, { ...options, variant: 'small-sanitized', config, environment });
  }

  at(name: string): string {
    return join(this.folder, name);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
