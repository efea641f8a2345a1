#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// `npm run soak`: the webhook over HTTPS and a followed file that is rotated, each in a libsinsp host of its own, at a
// steady rate for an hour. Memory has to stay flat, descriptors the same, and no event may be lost or come twice.
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { buildHost } from './build-host.mjs';
import { UserError } from './lib/errors.mjs';
import { createLog } from './lib/log.mjs';
import { runAsMain } from './lib/main.mjs';
import { Authority } from './soak/certificates.mjs';
import { ApiServer } from './soak/client.mjs';
import { Tally, Template } from './soak/events.mjs';
import { LibsinspHost, freePort } from './soak/host.mjs';
import { judge } from './soak/measure.mjs';

const help = `usage: npm run soak -- [options]
  --minutes N  how long (default 60); the first 10, or 30 % of a shorter run, are the warm-up
  --rate N     events a second for each source (default 500)
`;

const MEBIBYTE = 1 << 20;
const CLIENTS = 4;
/** Batches a second. */
const PACE = 25;
/** Events after which the followed file is rotated, as often as one of 100 MB is in an hour of this rate. */
const ROTATE_AFTER = 100_000;

/**
 * What makes events for one host.
 *
 * @typedef {object} Feed
 * @property {string} name
 * @property {LibsinspHost} host
 * @property {(batch: number) => Promise<void>} send done when the batch is away, or acknowledged
 * @property {() => Tally} sent what has to be delivered
 * @property {() => void} close
 */

/** @typedef {import('./soak/measure.mjs').Sample} Sample */
/** @typedef {import('./soak/measure.mjs').Judgement} Judgement */

/**
 * @typedef {object} Result
 * @property {string} name of the source
 * @property {number} sent events
 * @property {number} delivered
 * @property {number} repeated
 * @property {string[]} lost the first hundred
 * @property {Judgement} judgement
 */

/**
 * @param {string} folder
 * @param {number} list events in a batch
 * @returns {Promise<Feed>}
 */
async function webhookFeed(folder, list) {
  const authority = new Authority(join(folder, 'authority'), 'soak authority');
  const server = authority.issue('server', 'localhost');
  const client = authority.issue('client', 'kube-apiserver');
  const port = await freePort();
  const host = new LibsinspHost({
    folder,
    name: 'webhook',
    open: `https://127.0.0.1:${port}/k8s-audit`,
    config: {
      sslCertificate: server.certificateFile,
      sslKey: server.keyFile,
      clientCa: authority.pair.certificateFile,
    },
  });
  const tls = { ca: authority.pair.certificate, cert: client.certificate, key: client.key };
  const clients = Array.from({ length: CLIENTS }, (_, i) => new ApiServer(`server${i}`, list, { port, tls }));
  /** Each client sends one batch at a time. @type {Promise<void>[]} */
  const busy = clients.map(() => Promise.resolve());
  return {
    name: 'webhook',
    host,
    send: async (batch) => {
      const i = batch % CLIENTS;
      await busy[i];
      busy[i] = clients[i].send();
      // Whoever waits for it sees a failure; it must not end the process before.
      busy[i].catch(() => {});
    },
    sent: () => {
      const all = new Tally();
      for (const { stream, acknowledged } of clients) all.addRange(stream, 0, acknowledged.total);
      return all;
    },
    close: () => clients.forEach((one) => one.close()),
  };
}

/**
 * @param {string} folder
 * @param {number} list events in a batch
 * @returns {Feed}
 */
function fileFeed(folder, list) {
  const file = join(folder, 'audit.log');
  writeFileSync(file, '');
  const host = new LibsinspHost({ folder, name: 'file', open: `file://${file}` });
  const template = new Template('line', list, 'lines');
  const sent = new Tally();
  return {
    name: 'file',
    host,
    send: async () => {
      const first = sent.total;
      appendFileSync(file, template.fill(first));
      sent.addRange('line', first, list);
      const isDue = Math.floor(sent.total / ROTATE_AFTER) > Math.floor(first / ROTATE_AFTER);
      if (isDue) {
        renameSync(file, `${file}.1`);
        writeFileSync(file, '');
      }
    },
    sent: () => sent,
    close: () => {},
  };
}

/**
 * Sends at a steady pace until the time is over.
 *
 * @param {Feed} feed
 * @param {number} end on the clock of performance.now
 */
async function feedUntil(feed, end) {
  const start = performance.now();
  for (let batch = 0; performance.now() < end; batch++) {
    await feed.send(batch);
    const next = start + ((batch + 1) * 1000) / PACE;
    await sleep(Math.max(0, next - performance.now()));
  }
  for (let i = 0; i < CLIENTS && feed.name === 'webhook'; i++) await feed.send(i);
}

/**
 * Samples a host each second until the time is over.
 *
 * @param {LibsinspHost} host
 * @param {number} end
 * @param {(sample: Sample) => void} each
 */
async function watch(host, end, each) {
  const start = performance.now();
  /** @type {Sample[]} */
  const samples = [];
  while (performance.now() < end) {
    host.read();
    const { resident, descriptors } = host.resources();
    const sample = { seconds: (performance.now() - start) / 1000, resident, descriptors };
    samples.push(sample);
    each(sample);
    await sleep(1000);
  }
  return samples;
}

/** @param {number} bytes */
const mebibytes = (bytes) => (bytes / MEBIBYTE).toFixed(2);

/**
 * @param {Feed} feed
 * @param {number} minutes
 * @param {(message: string) => void} log
 * @returns {Promise<Result>}
 */
async function soakOne(feed, minutes, log) {
  const { name, host } = feed;
  await host.start();
  const end = performance.now() + minutes * 60_000;
  let minute = 0;
  const watching = watch(host, end, ({ seconds, resident, descriptors }) => {
    if (seconds < minute * 60) return;
    const [events, memory] = [String(host.delivered.total).padStart(9), mebibytes(resident).padStart(7)];
    log(
      `${String(minute).padStart(3)} min  ${name.padEnd(7)} ${events} events  ${memory} MiB  ${descriptors} fd`,
    );
    minute++;
  });
  const [samples] = await Promise.all([watching, feedUntil(feed, end)]);
  // What is on its way arrives: the last events are printed a moment after they were written.
  const sent = feed.sent();
  for (let i = 0; i < 300 && host.read().distinct < sent.distinct; i++) await sleep(100);
  await host.end('SIGTERM');
  const { delivered } = host;
  const warmUp = Math.min(600, minutes * 60 * 0.3);
  return {
    name,
    sent: sent.distinct,
    delivered: delivered.distinct,
    repeated: delivered.repeated,
    lost: sent.missingFrom(delivered),
    judgement: judge(samples, warmUp),
  };
}

/**
 * Runs both sources at the same time.
 *
 * @param {{ minutes?: number, rate?: number, log?: (message: string) => void }} [options]
 * @returns {Promise<Result[]>}
 */
export async function soak({ minutes = 60, rate = 500, log = createLog('soak') } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'soak-'));
  const list = Math.max(1, Math.round(rate / PACE));
  const feeds = [await webhookFeed(folder, list), fileFeed(folder, list)];
  try {
    return await Promise.all(feeds.map((feed) => soakOne(feed, minutes, log)));
  } finally {
    for (const { host, close } of feeds) {
      close();
      host.abandon();
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Whether a source has passed, in words.
 *
 * @param {Result} result
 * @returns {{ passed: boolean, text: string }}
 */
export function verdict({ name, sent, delivered, repeated, lost, judgement }) {
  const { slope, allowed, isFlat, keepsDescriptors, descriptorsBefore, descriptorsAfter } = judgement;
  const memory = `${mebibytes(judgement.first)} to ${mebibytes(judgement.last)} MiB, at most ${mebibytes(judgement.most)}`;
  const passed = isFlat && keepsDescriptors && lost.length === 0 && repeated === 0 && sent > 0;
  const text =
    `${name}: ${passed ? 'passed' : 'FAILED'}; ${sent} events, ${delivered} delivered, ${lost.length} lost, ` +
    `${repeated} twice; memory ${memory}, slope ${mebibytes(slope)} MiB an hour (flat below ${mebibytes(allowed)}); ` +
    `descriptors ${descriptorsBefore} at first, ${descriptorsAfter} at last`;
  return { passed, text };
}

/** @param {string[]} args */
function readArguments(args) {
  const options = /** @type {const} */ ({
    minutes: { type: 'string', default: '60' },
    rate: { type: 'string', default: '500' },
    help: { type: 'boolean', default: false },
  });
  try {
    const { values } = parseArgs({ args, options });
    const [minutes, rate] = [Number(values.minutes), Number(values.rate)];
    if (!(minutes >= 1 && rate >= PACE)) {
      throw new Error(`--minutes wants 1 or more, --rate ${PACE} or more`);
    }
    return { minutes, rate, help: values.help };
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error}\n${help}`);
  }
}

await runAsMain(import.meta.url, 'soak', async (args) => {
  const { minutes, rate, help: wantsHelp } = readArguments(args);
  if (wantsHelp) return process.stdout.write(help);
  await build(['release']);
  await buildHost();
  const verdicts = (await soak({ minutes, rate })).map(verdict);
  for (const { text } of verdicts) console.log(text);
  if (verdicts.some(({ passed }) => !passed)) throw new UserError('the soak has failed');
  return undefined;
});
