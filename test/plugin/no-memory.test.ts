// SPDX-License-Identifier: Apache-2.0
// Memory that is refused to the HTTP server, OpenSSL and libevent, at any place: requests may fail, the process may
// not; and once there is memory again, all is well.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shortEvent } from '../support/events.ts';
import { Driver, LIMITS, SHAPES, expectClean, expectServed } from './hostile-support.ts';
import { repositoryRoot } from './support.ts';
import { Authority, postTls } from './tls-support.ts';
import { Client, PATH, post, type Served } from './webhook-support.ts';

const EVERY = [1, 2, 3, 5, 7, 11, 13, 29, 53, 101, 211];

let driver: Driver;
let library = '';
beforeAll(() => {
  driver = new Driver();
  library = driver.at('no-memory.so');
  const flags = ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-O1', '-fPIC', '-shared'];
  const source = join(repositoryRoot, 'test', 'plugin', 'no-memory.c');
  execFileSync('gcc', [...flags, '-o', library, source, '-ldl']);
});
afterAll(() => driver.remove());

/** Where OpenSSL keeps the names of algorithms, it loses one of some bytes when it cannot have memory: not ours. */
const NOT_OURS = 'leak:namemap_add_name_n\n';

class Memory {
  readonly file = driver.at('no-memory');
  private readonly suppressions = driver.at('not-ours');

  constructor() {
    writeFileSync(this.file, Buffer.alloc(16));
    writeFileSync(this.suppressions, NOT_OURS);
  }

  get environment(): Record<string, string> {
    return {
      LD_PRELOAD: library,
      NO_MEMORY: this.file,
      // The whole stack, so that what glibc keeps for the thread-local variables of a library is told from a leak.
      ASAN_OPTIONS: 'detect_leaks=1:exitcode=99:verify_asan_link_order=0:fast_unwind_on_malloc=0',
      LSAN_OPTIONS: `print_suppressions=0:suppressions=${this.suppressions}`,
    };
  }

  /** Each so-manieth allocation fails; 0: none does. */
  failEach(every: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(every));
    // In place: the process has the file mapped.
    writeFileSync(this.file, bytes, { flag: 'r+' });
  }

  get failed(): number {
    return Number(readFileSync(this.file).readBigInt64LE(8));
  }
}

async function starve(running: Served, memory: Memory, send: () => Promise<unknown>[]): Promise<void> {
  for (const every of EVERY) {
    memory.failEach(every);
    const before = memory.failed;
    const clients = SHAPES.map((bytes) => new Client(running.port).send(Buffer.from(bytes, 'latin1')));
    const sent = Promise.allSettled(send());
    // On a busy machine the clients' bytes may come after some polls.
    for (let tries = 0; memory.failed === before && tries < 100; tries++) await running.polled(8);
    expect(memory.failed).toBeGreaterThan(before);
    memory.failEach(0);
    for (const { socket } of clients) socket.destroy();
    await sent;
  }
}

test('the webhook without memory', async () => {
  const memory = new Memory();
  const running = await driver.serve(
    { ...LIMITS, webhookMaxConnections: 80 },
    { environment: memory.environment },
  );
  const zipped = gzipSync(shortEvent('zipped'));
  const headers = { 'Content-Encoding': 'gzip' };
  const pieces = [shortEvent('chunked'), ' '.repeat(300_000)];
  await starve(running, memory, () => [
    ...Array.from({ length: 10 }, (_, i) => post(running.port, shortEvent(`one${i}`))),
    post(running.port, zipped, { headers }),
    post(running.port, '', { chunks: pieces }),
    post(running.port, shortEvent('waits').padEnd(500_000, ' '), { headers: { Expect: '100-continue' } }),
  ]);
  await expectServed(() => post(running.port, shortEvent('good')));
  await expectClean(running);
});

test('the webhook with TLS without memory', async () => {
  const memory = new Memory();
  const authority = new Authority();
  const root = authority.make({ name: 'root' });
  const server = authority.make({ names: 'DNS:localhost', by: root });
  const client = authority.make({ name: 'api', names: 'DNS:api.example.org,URI:spiffe://api', by: root });
  const config = {
    ...LIMITS,
    webhookMaxConnections: 80,
    sslCertificate: authority.write('server.pem', server.certificate + server.key),
    clientCa: authority.write('root.pem', root.certificate),
    clientNames: ['spiffe://api'],
  };
  const running = await driver.serve(config, {
    environment: memory.environment,
    url: `https://127.0.0.1:0${PATH}`,
  });
  authority.close();
  const send = (id: string): Promise<{ status: number }> =>
    postTls(running.port, shortEvent(id), { ca: root.certificate, client });
  await starve(running, memory, () => Array.from({ length: 12 }, (_, i) => send(`one${i}`)));
  await expectServed(() => send('good'));
  await expectClean(running);
});
