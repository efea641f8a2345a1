// SPDX-License-Identifier: Apache-2.0
// The kinds of hostile requests, what each has to be answered, and where it has to be counted.
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Pair } from '../../scripts/soak/certificates.mjs';
import { Template } from '../../scripts/soak/events.mjs';
import { MEBIBYTE, PATH, sleep } from './support.ts';
import { drip, plain, pour, secure, talk, type Open, type Outcome, type Play } from './wire.ts';

/** What the attacked webhook is configured with, so that attacks know what is too much. Seconds and bytes. */
export const LIMITS = {
  webhookMaxConnections: 256,
  webhookHeaderTimeout: 2,
  webhookRequestTimeout: 5,
  webhookMaxWaiting: 64 * MEBIBYTE,
};

export interface Attack {
  name: string;
  count: number;
  /** How many run at the same time. */
  atOnce: number;
  /** Statuses that may come back. */
  statuses: number[];
  /** Whether each has to come to one of these statuses, rather than to the end of its connection. */
  isAnswered: boolean;
  /** Counters of which one grows by each. */
  counters: string[];
  run: (i: number) => Promise<Outcome>;
}

/** Milliseconds after which a hostile client gives up: more than each time-out of the webhook together. */
const PATIENCE = 30_000;
const HEADERS = `Host: falco\r\nContent-Type: application/json\r\n`;
const POST = `POST ${PATH} HTTP/1.1\r\n${HEADERS}`;
const HUNDRED_MEGABYTES = 100_000_000;
const TLS = ['tls_failures'];
const REFUSED = ['http_answers_4xx'];

/** A request as a kube-apiserver sends it; hidden in another it would be delivered as `smuggled`. */
const EVENT = new Template('smuggled', 1, 'list').fill(0).toString('latin1');
const HIDDEN = `${POST}Content-Length: ${EVENT.length}\r\n\r\n${EVENT}`;

/** Heads and bodies of which two readers might have two opinions. None may be taken. */
const SMUGGLING: string[] = [
  `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${HIDDEN}`,
  `${POST}Content-Length: 0\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  `${POST}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}${HIDDEN}`,
  `${POST}Content-Length: 2, 2\r\n\r\n{}${HIDDEN}`,
  `${POST}Content-Length: -1\r\n\r\n${HIDDEN}`,
  `${POST}Content-Length: +2\r\n\r\n{}${HIDDEN}`,
  `${POST}Content-Length: 0x2\r\n\r\n{}${HIDDEN}`,
  `${POST}Content-Length: 2 2\r\n\r\n{}${HIDDEN}`,
  `${POST}Content-Length: 18446744073709551618\r\n\r\n{}${HIDDEN}`,
  `${POST}Content-Length : 2\r\n\r\n{}${HIDDEN}`,
  `${POST}X-Folded: a\r\n Content-Length: 2\r\n\r\n${HIDDEN}`,
  `${POST}X-Return: a\rContent-Length: 2\r\n\r\n${HIDDEN}`,
  `${POST}X-Null: a\0b\r\nContent-Length: 2\r\n\r\n{}${HIDDEN}`,
  `${POST}X Space: a\r\nContent-Length: 2\r\n\r\n{}${HIDDEN}`,
  `${POST}Transfer-Encoding: xchunked\r\n\r\n${HIDDEN}`,
  `${POST}Transfer-Encoding: chunked, identity\r\n\r\n${HIDDEN}`,
  `${POST}Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}${HIDDEN}`,
  `${POST}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  `POST ${PATH} HTTP/1.1\nHost: falco\nContent-Length: 0\n\n${HIDDEN}`,
  `POST ${PATH} HTTP/9.9\r\n${HEADERS}Content-Length: 0\r\n\r\n${HIDDEN}`,
  `POST ${PATH} HTTP/1.1 \r\nx\r\n${HEADERS}Content-Length: 0\r\n\r\n${HIDDEN}`,
];

const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
const CHUNKS: string[] = [
  `${CHUNKED}-1\r\n${HIDDEN}`,
  `${CHUNKED}0x2\r\n{}\r\n0\r\n\r\n`,
  `${CHUNKED}FFFFFFFFFFFFFFFFF\r\n{}`,
  `${CHUNKED}10000000000000002\r\n{}\r\n0\r\n\r\n`,
  `${CHUNKED}2\n{}\r\n0\r\n\r\n${HIDDEN}`,
  `${CHUNKED}2\r\n{}0\r\n\r\n${HIDDEN}`,
  `${CHUNKED}2\r\n{}X\r\n0\r\n\r\n`,
  `${CHUNKED}G\r\n`,
  `${CHUNKED}\r\n\r\n`,
  `${CHUNKED}2 2\r\n{}\r\n0\r\n\r\n`,
  `${CHUNKED}0\r\nBad Trailer: x\r\n\r\n${HIDDEN}`,
];

/** How many events of the stream `deep` are sent. */
export const DEEP_EVENTS = 100;

/** An event with an auditID of its own that is cut in arrays which nobody can nest so deep. */
function deepEvent(number: number): string {
  const event = new Template('deep', 1, 'list').fill(number).toString('latin1');
  return event.replace('"responseStatus":', `"x":${'['.repeat(500_000)},"responseStatus":`);
}

export interface Scene {
  port: number;
  ca: string;
  /** Signed by the authority of the webhook. */
  insider: Pair;
  /** Signed by another. */
  stranger: Pair;
}

/** A kind of attack with the same ending for each. */
function refused(
  status: number | number[],
  fields: Pick<Attack, 'name' | 'count' | 'run'> & Partial<Attack>,
) {
  return { atOnce: 32, statuses: [status].flat(), isAnswered: true, counters: REFUSED, ...fields };
}

function failed(fields: Pick<Attack, 'name' | 'count' | 'run'> & Partial<Attack>): Attack {
  return { atOnce: 32, statuses: [], isAnswered: false, counters: TLS, ...fields };
}

export function attacks(scene: Scene): Attack[] {
  const { port, ca, insider } = scene;
  const raw = plain(port);
  const nobody = secure(port, { ca });
  const trusted = secure(port, { ca, cert: insider.certificate, key: insider.key });
  const once = (open: Open, play: Play) => () => talk(open, play, PATIENCE, 1);
  const send = (open: Open, text: string | Buffer) => once(open, (socket) => void socket.write(text));
  const body = (text: string | Buffer, headers = '') => {
    const head = `${POST}${headers}Content-Length: ${text.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(text)]);
  };
  return [
    ...tlsAttacks(scene, raw),
    refused(401, { name: 'no certificate', count: 1000, run: send(nobody, HIDDEN) }),
    refused(400, { name: 'garbage in TLS', count: 600, run: send(nobody, randomBytes(512)) }),
    refused([400, 505], {
      name: 'HTTP/2',
      count: 200,
      run: send(nobody, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'),
    }),
    refused(431, {
      name: 'a huge header',
      count: 300,
      run: send(nobody, `${POST}X-Huge: ${'x'.repeat(100_000)}\r\n\r\n`),
    }),
    refused(431, {
      name: 'many headers',
      count: 300,
      run: send(nobody, `${POST}${'X-Many: x\r\n'.repeat(10_000)}\r\n`),
    }),
    refused(431, {
      name: 'a huge path',
      count: 200,
      run: send(nobody, `POST /${'x'.repeat(100_000)} HTTP/1.1\r\n${HEADERS}\r\n`),
    }),
    refused(400, {
      name: 'request smuggling',
      count: SMUGGLING.length * 70,
      run: (i) => send(trusted, Buffer.from(SMUGGLING[i % SMUGGLING.length], 'latin1'))(),
    }),
    refused(400, {
      name: 'bad chunking',
      count: CHUNKS.length * 60,
      run: (i) => send(trusted, CHUNKS[i % CHUNKS.length])(),
    }),
    refused(400, { name: 'a body of garbage', count: 400, run: send(trusted, body(randomBytes(2000))) }),
    refused(400, { name: 'deep arrays', count: 100, run: send(trusted, body('['.repeat(1_000_000))) }),
    refused(400, { name: 'deep objects', count: 100, run: send(trusted, body('{"a":'.repeat(200_000))) }),
    // What stands before the depths is an event, and is kept.
    refused(200, {
      name: 'a deep event',
      count: DEEP_EVENTS,
      counters: ['events_salvaged'],
      run: (i) => send(trusted, body(deepEvent(i)))(),
    }),
    refused(415, {
      name: 'another content type',
      count: 300,
      run: send(
        trusted,
        `POST ${PATH} HTTP/1.1\r\nHost: falco\r\nContent-Type: text/xml\r\nContent-Length: 2\r\n\r\n{}`,
      ),
    }),
    refused(415, {
      name: 'another encoding',
      count: 200,
      run: send(trusted, body('{}', 'Content-Encoding: br\r\n')),
    }),
    refused(400, {
      name: 'gzip that is none',
      count: 200,
      run: send(trusted, body(randomBytes(1000), 'Content-Encoding: gzip\r\n')),
    }),
    refused(404, {
      name: 'another path',
      count: 300,
      run: send(trusted, `POST /other HTTP/1.1\r\n${HEADERS}Content-Length: 2\r\n\r\n{}`),
    }),
    refused(405, {
      name: 'another method',
      count: 200,
      run: send(trusted, `PUT ${PATH} HTTP/1.1\r\n${HEADERS}\r\n`),
    }),
    ...floods(raw, nobody, trusted, once, body),
  ];
}

/** Those that come to no request, because TLS fails. */
function tlsAttacks({ port, ca, stranger }: Scene, raw: Open): Attack[] {
  const garbage = (text: () => string | Buffer) => () =>
    talk(raw, (socket) => void socket.write(text()), PATIENCE);
  const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' } as const;
  return [
    failed({ name: 'HTTP without TLS', count: 600, run: garbage(() => HIDDEN) }),
    failed({
      name: 'garbage instead of TLS',
      count: 600,
      // Some of it looks like the start of a long record, for whose end the webhook then waits.
      counters: ['tls_failures', 'http_timeouts'],
      run: garbage(() => randomBytes(512)),
    }),
    failed({
      name: 'TLS 1.1',
      count: 200,
      run: () => talk(secure(port, { ca, ...old }), () => {}, PATIENCE),
    }),
    failed({
      name: 'a certificate of another authority',
      count: 400,
      run: () =>
        talk(
          secure(port, { ca, cert: stranger.certificate, key: stranger.key }),
          (socket) => void socket.write(HIDDEN),
          PATIENCE,
        ),
    }),
  ];
}

/** Those that bring much, or little for long, or more than there is room for. */
function floods(
  raw: Open,
  nobody: Open,
  trusted: Open,
  once: (open: Open, play: Play) => () => Promise<Outcome>,
  body: (text: string | Buffer, headers?: string) => Buffer,
): Attack[] {
  const megabyte = Buffer.alloc(1_000_000, ' ');
  const bomb = Buffer.concat(Array.from({ length: 10 }, () => gzipSync(Buffer.alloc(100 * MEBIBYTE, ' '))));
  const smallBomb = gzipSync(Buffer.alloc(16 * MEBIBYTE, ' '));
  // Each of these begins as an event, and none ends: the worst for whoever looks for the next good one.
  const damage = `[${'{"kind":"Event","a":[{"b":"'.repeat(400_000)}`;
  const late = ['http_timeouts', 'tls_failures'];
  const large = `${POST}Content-Length: ${HUNDRED_MEGABYTES}\r\n\r\n`;
  const hold = (milliseconds: number): Play => {
    return async (socket: Socket) => {
      await sleep(milliseconds);
      socket.destroy();
    };
  };
  const almost = Math.floor(11.5 * MEBIBYTE);
  const healthChecks = Buffer.from('GET /healthz HTTP/1.1\r\nHost: falco\r\n\r\n'.repeat(100));
  return [
    refused(408, {
      name: 'slow heads',
      count: 100,
      atOnce: 100,
      counters: ['http_timeouts'],
      run: once(nobody, (socket) => drip(socket, `${POST}X: ${'x'.repeat(1000)}`, 100)),
    }),
    refused(408, {
      name: 'slow bodies',
      count: 100,
      atOnce: 100,
      counters: ['http_timeouts'],
      run: once(trusted, (socket) =>
        drip(socket, [`${POST}Content-Length: 1000\r\n\r\n`, ...EVENT.slice(0, 500)], 100),
      ),
    }),
    failed({
      name: 'slow handshakes',
      count: 100,
      atOnce: 100,
      counters: late,
      run: () => talk(raw, (socket) => drip(socket, ['\x16', '\x03', '\x01'], 100), PATIENCE),
    }),
    refused(413, {
      name: '100 MB bodies that are announced',
      count: 100,
      atOnce: 8,
      run: once(trusted, async (socket) => {
        socket.write(large);
        await pour(socket, megabyte, 100);
      }),
    }),
    refused([413, 429], {
      name: '100 MB bodies in chunks',
      count: 40,
      atOnce: 8,
      run: once(trusted, async (socket) => {
        socket.write(CHUNKED);
        const chunk = Buffer.concat([
          Buffer.from(`${megabyte.length.toString(16)}\r\n`),
          megabyte,
          Buffer.from('\r\n'),
        ]);
        await pour(socket, chunk, 100);
      }),
    }),
    refused([413, 429], {
      name: 'gzip bombs',
      count: 100,
      atOnce: 8,
      run: once(trusted, (socket) => void socket.write(body(bomb, 'Content-Encoding: gzip\r\n'))),
    }),
    refused([413, 429], {
      name: 'many small gzip bombs at once',
      count: 400,
      atOnce: 200,
      run: once(trusted, (socket) => void socket.write(body(smallBomb, 'Content-Encoding: gzip\r\n'))),
    }),
    refused([400, 429], {
      name: 'large bodies in which everything is broken',
      count: 40,
      atOnce: 8,
      run: once(trusted, (socket) => void socket.write(body(damage))),
    }),
    refused([408, 429], {
      name: 'large bodies that never end',
      count: 64,
      atOnce: 64,
      run: once(trusted, async (socket) => {
        socket.write(`${POST}Content-Length: ${12 * MEBIBYTE}\r\n\r\n`);
        await pour(socket, Buffer.alloc(64 * 1024, ' '), almost / (64 * 1024));
      }),
    }),
    {
      name: 'clients that never read answers',
      count: 40,
      atOnce: 40,
      statuses: [],
      isAnswered: false,
      counters: ['http_connections_accepted'],
      run: () =>
        talk(
          trusted,
          async (socket) => {
            socket.pause();
            await pour(socket, healthChecks, 500);
          },
          2 * LIMITS.webhookRequestTimeout * 1000,
        ),
    },
    {
      name: 'connections without a word',
      count: 1200,
      atOnce: 600,
      statuses: [],
      isAnswered: false,
      counters: ['http_connections_accepted', 'http_connections_turned_away'],
      run: () => talk(raw, hold(1000), PATIENCE),
    },
    {
      name: 'clients that leave in the middle of a body',
      count: 500,
      atOnce: 32,
      statuses: [],
      isAnswered: false,
      counters: ['http_connections_accepted'],
      run: () =>
        talk(
          trusted,
          async (socket) => {
            socket.write(`${POST}Content-Length: 100000\r\n\r\n${EVENT.slice(0, 300)}`);
            await sleep(20);
            socket.destroy();
          },
          PATIENCE,
        ),
    },
  ];
}
