// SPDX-License-Identifier: Apache-2.0
// @ts-check
// A plugin that serves its webhook on one processor, and bench/client, which loads it from another one.
import { writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildCProgram } from '../../scripts/lib/c-program.mjs';
import { Authority } from '../../scripts/soak/certificates.mjs';
import { freePort } from '../../scripts/soak/host.mjs';
import { HostFailure, hostArguments, startProgram } from './host.mjs';
import { allowedCpus } from './machine.mjs';
import { LIST } from './workloads.mjs';

/** @typedef {import('./bench.mjs').Bench} Bench */
/** @typedef {import('./bench.mjs').Candidate} Candidate */

const PATH = '/k8s-audit';
/** What the client writes numbers into. */
const ID = `bench-${'0'.repeat(20)}`;

/**
 * Builds bench/client, if it has changed.
 *
 * @param {(message: string) => void} log
 * @returns {Promise<string>} path of the program
 */
export function buildBenchClient(log) {
  const program = {
    output: 'bench/bench-client',
    folders: ['bench/client', 'native/loader'],
    libraries: ['-lssl', '-lcrypto', '-ldl'],
  };
  return buildCProgram(program, log);
}

/**
 * The same events with ids that the client can write.
 *
 * @param {import('./workloads.mjs').Workload} load one event a line
 * @returns {import('./workloads.mjs').Workload}
 */
export function withIds(load) {
  return {
    ...load,
    name: `${load.name}-with-ids`,
    line: (maker, index) => {
      const { text, sound } = load.line(maker, index);
      return { text: String(text).replace(/"auditID":"[^"]*"/, `"auditID":"${ID}"`), sound };
    },
  };
}

/**
 * What the client is asked to do; see its main.c.
 *
 * @typedef {object} ClientOptions
 * @property {string} events path
 * @property {number} [list]
 * @property {number} [connections]
 * @property {number} [warm]
 * @property {number} [requests]
 * @property {number} [gap]
 */

/** Serves and loads, a new process of both each time. */
export class Serving {
  /** @type {{ authority: string, server: string } | undefined} */
  #certificates;

  /**
   * @param {Bench} bench
   * @param {string} client path of the program
   */
  constructor(bench, client) {
    this.bench = bench;
    this.client = client;
    /** Where the client runs: beside the plugin if it must. */
    this.clientCpu = allowedCpus().find((cpu) => cpu !== bench.cpu) ?? bench.cpu;
  }

  /** A sentence about a machine on which plugin and client get in each other's way. @returns {string[]} */
  get notes() {
    return this.clientCpu === this.bench.cpu
      ? [
          'There is one processor only, which plugin and client share: the figures are those of both together.',
        ]
      : [];
  }

  /** Files of PEM: an authority, and a certificate of it with its key. */
  get certificates() {
    if (this.#certificates === undefined) {
      const authority = new Authority(join(this.bench.folder, 'tls'), 'k8saudit-ts-bench');
      const { certificate, key } = authority.issue('server', 'localhost');
      const server = join(authority.folder, 'server.pem');
      writeFileSync(server, certificate + key, { mode: 0o600 });
      this.#certificates = { authority: authority.pair.certificateFile, server };
    }
    return this.#certificates;
  }

  /**
   * Serves with a candidate for as long as the client takes.
   *
   * @param {Candidate} candidate
   * @param {'http' | 'https'} scheme
   * @param {ClientOptions} options
   * @param {{ events?: number, samples: number }} expected events, and delays that are told: see mode_serve
   * @returns {Promise<{ client: any, host: import('./host.mjs').HostResult }>} what both have printed
   */
  async run({ plugin, config }, scheme, options, expected) {
    const { program, cpu } = this.bench;
    const isTls = scheme === 'https';
    const port = await freePort();
    const ownConfig = isTls ? withKey(config, 'sslCertificate', this.certificates.server) : config;
    const open = `${scheme}://127.0.0.1:${port}${PATH}`;
    const settings = hostArguments({ plugin, config: ownConfig, open, cpu, ...expected });
    const host = startProgram([program, 'serve', ...settings]);
    let isOver = false;
    try {
      await Promise.race([listens(port, () => isOver), host.result]);
      const authority = isTls ? this.certificates.authority : undefined;
      const all = hostArguments({ ...options, port, path: PATH, authority, server: host.child.pid });
      const client = startProgram(['taskset', '-c', String(this.clientCpu), this.client, ...all]);
      const told = await Promise.race([client.result, host.result.then(endedTooSoon)]);
      host.child.kill('SIGTERM');
      return { client: told, host: await host.result };
    } finally {
      isOver = true;
      host.child.kill('SIGKILL');
      await host.result.catch(() => undefined);
    }
  }

  /**
   * Serves EventLists with a candidate. Our own plugin must deliver each event.
   *
   * @param {Candidate} candidate
   * @param {'http' | 'https'} scheme
   * @param {{ events: string, connections: number, requests: number }} options of the client; a tenth as many requests
   *   warm up before
   * @returns {Promise<Load>}
   */
  async load(candidate, scheme, { events, connections, requests }) {
    const warm = Math.ceil(requests / 10);
    const options = { events, list: LIST, connections, requests, warm };
    const sent = LIST * (requests + warm);
    const { client, host } = await this.run(candidate, scheme, options, { events: sent, samples: 0 });
    if (candidate.key === 'ours' && host.events !== sent) {
      throw new HostFailure(`${host.events} of ${sent} events were delivered`);
    }
    return {
      events: client.events,
      bodyBytes: client.bodyBytes,
      time: Math.max(client.end, host.lastNanoseconds) - client.start,
      cpu: Math.max(client.serverCpuEnd, host.lastCpuNanoseconds) - client.serverCpuStart,
      answered: client.end - client.start,
      sent,
      delivered: host.events,
    };
  }
}

/**
 * What a load of EventLists comes to, from the first byte that is sent to the last answer and the last event, whatever
 * comes first.
 *
 * @typedef {object} Load
 * @property {number} events that count
 * @property {number} bodyBytes of them
 * @property {number} time nanoseconds
 * @property {number} cpu nanoseconds of the plugin's process
 * @property {number} answered nanoseconds until the last answer
 * @property {number} sent events, with those that warm up
 * @property {number} delivered
 */

/** @param {string} config JSON, or empty @param {string} key @param {string} value */
function withKey(config, key, value) {
  return JSON.stringify({ ...(config === '' ? {} : JSON.parse(config)), [key]: value });
}

function endedTooSoon() {
  throw new HostFailure('the host ended before the client did');
}

/**
 * Waits until something listens on a port.
 *
 * @param {number} port
 * @param {() => boolean} isOver
 */
async function listens(port, isOver) {
  while (!isOver()) {
    const socket = createConnection(port, '127.0.0.1');
    const isOpen = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await sleep(10);
  }
}
