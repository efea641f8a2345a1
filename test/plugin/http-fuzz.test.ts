// SPDX-License-Identifier: Apache-2.0
// Random changes of requests, in random pieces, over many connections at once, against the HTTP server with the
// sanitizers. The numbers are the same in each run; what the sockets make of them is not.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shortEvent } from '../support/events.ts';
import { Random } from '../support/random.ts';
import { Driver, LIMITS, SHAPES, SMUGGLING, expectClean, expectServed } from './hostile-support.ts';
import { Client, post, requestText } from './webhook-support.ts';

const ROUNDS = 120;
const CLIENTS = 40;
/** Bytes of a request that are changed: large bodies hold nothing for the HTTP server. */
const MOST_BYTES = 70_000;
/** Pieces of HTTP at which its parsers have gone wrong before. */
const PIECES = [
  ...['\r\n', '\r\n\r\n', '\n', '\r', '\0', ' ', '\t', ':', ';', ',', '0\r\n\r\n', 'ffffffffffffffff\r\n'],
  ...[
    'Content-Length: 5\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Expect: 100-continue\r\n',
    'Connection: close\r\n',
  ],
  ...[
    'HTTP/1.0',
    'HTTP/1.1',
    'HEAD ',
    'POST /k8s-audit ',
    'Content-Encoding: gzip\r\n',
    '-1',
    '99999999999',
    '\xff',
  ],
];

let driver: Driver;
beforeAll(() => {
  driver = new Driver();
});
afterAll(() => driver.remove());

function mutated(random: Random): Buffer {
  const good = requestText(shortEvent(`fuzz${random.below(1000)}`));
  let text = random.pick([good, good.repeat(3), ...SHAPES]).slice(0, MOST_BYTES);
  for (let changes = random.below(4); changes > 0; changes--) {
    // Most of what matters stands in front.
    const at = random.below(random.below(2) === 0 ? Math.min(text.length, 200) : text.length + 1);
    const end = Math.min(at + random.below(random.pick([2, 8, 300])), text.length);
    const insert = random.pick([
      '',
      random.pick(PIECES),
      random.pick(PIECES),
      String.fromCharCode(random.below(256)),
      random.pick(SMUGGLING)[1],
      text.slice(0, random.below(400)),
    ]);
    text = text.slice(0, at) + insert + text.slice(end);
  }
  return Buffer.from(text, 'latin1');
}

/** Sends in pieces, and does to the connection what clients do. */
async function attack(client: Client, random: Random): Promise<void> {
  for (let requests = 1 + random.below(3); requests > 0; requests--) {
    const bytes = mutated(random);
    for (let at = 0; at < bytes.length && !client.isClosed;) {
      const length =
        1 + random.below(random.pick([2, 50, 20_000, 100_000].filter((most) => most * 200 > bytes.length)));
      client.send(bytes.subarray(at, at + length));
      at += length;
      if (random.below(3) === 0) await new Promise((resolve) => setTimeout(resolve, random.below(4)));
    }
  }
  const { socket } = client;
  random.pick([
    (): unknown => socket.end(),
    (): unknown => socket.destroy(),
    (): unknown => socket.resetAndDestroy(),
    (): unknown => socket.pause(),
    (): unknown => undefined,
  ])();
}

test('requests changed at random break nothing, and good clients are served', async () => {
  const running = await driver.serve({ ...LIMITS, webhookMaxConnections: 2 * CLIENTS });
  const random = new Random(20_240_917);
  for (let round = 0; round < ROUNDS; round++) {
    const attacks = Array.from({ length: CLIENTS }, () => attack(new Client(running.port), random));
    await Promise.all(attacks);
    await running.polled(2);
    if (round % 8 === 7) await expectServed(() => post(running.port, shortEvent(`good${round}`)));
    expect(running.ended).toBeUndefined();
  }
  await expectClean(running);
});
