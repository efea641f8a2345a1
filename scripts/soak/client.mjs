// SPDX-License-Identifier: Apache-2.0
// @ts-check
// A client of the webhook that behaves as kube-apiserver does: a kept connection, each batch sent again until it is
// answered 200.
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { Tally, Template } from './events.mjs';

/** kube-apiserver's own time-out for a request. */
const TIMEOUT = 30_000;
const FIRST_BACKOFF = 20;
const LAST_BACKOFF = 500;

/**
 * Where to send, and as whom. Without `tls`: http.
 *
 * @typedef {object} Target
 * @property {number} port
 * @property {string} [path]
 * @property {{ ca: string, cert?: string, key?: string }} [tls]
 */

/** One kube-apiserver. */
export class ApiServer {
  #target;
  #agent;
  #template;
  #next = 0;
  /** Events that were answered 200. */
  acknowledged = new Tally();
  /** Answers other than 200, by status; 0: the connection failed. @type {Map<number, number>} */
  refusals = new Map();
  /** Milliseconds from the first attempt to 200: the longest. */
  slowest = 0;

  /**
   * @param {string} stream the name of its events
   * @param {number} list events in a request
   * @param {Target} target
   * @param {boolean} [keepAlive] false: each request has a connection of its own
   */
  constructor(stream, list, target, keepAlive = true) {
    this.stream = stream;
    this.#target = target;
    this.#template = new Template(stream, list, 'list');
    const options = { keepAlive, maxSockets: 1 };
    this.#agent = target.tls ? new HttpsAgent({ ...options, ...target.tls }) : new HttpAgent(options);
  }

  get retries() {
    return [...this.refusals.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * Sends the next events until they are acknowledged, or `isOver` says so.
   *
   * @param {() => boolean} [isOver]
   * @throws {Error} it was refused for good (4xx but 408 and 429)
   */
  async send(isOver = () => false) {
    const start = performance.now();
    const body = this.#template.fill(this.#next);
    for (let backoff = FIRST_BACKOFF; ; backoff = Math.min(backoff * 1.5, LAST_BACKOFF)) {
      const status = await this.#post(body).catch(() => 0);
      if (status === 200) break;
      this.refusals.set(status, (this.refusals.get(status) ?? 0) + 1);
      if (status >= 400 && status < 500 && status !== 408 && status !== 429) {
        throw new Error(`the webhook answered ${status}`);
      }
      if (isOver()) return;
      await sleep(backoff);
    }
    this.slowest = Math.max(this.slowest, performance.now() - start);
    this.acknowledged.addRange(this.stream, this.#next, this.#template.count);
    this.#next += this.#template.count;
  }

  /** Closes its connection. */
  close() {
    this.#agent.destroy();
  }

  /**
   * @param {Buffer} body
   * @returns {Promise<number>} the answer's status
   */
  #post(body) {
    const { port, path = '/k8s-audit', tls } = this.#target;
    const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
    const options = { host: '127.0.0.1', port, path, method: 'POST', agent: this.#agent, headers };
    return new Promise((resolve, reject) => {
      const sent = (tls ? httpsRequest : httpRequest)({ ...options, timeout: TIMEOUT }, (response) => {
        response.resume();
        response.on('error', reject);
        response.on('end', () => resolve(response.statusCode ?? 0));
      });
      sent.on('timeout', () => sent.destroy(new Error('no answer in 30 s')));
      sent.on('error', reject);
      sent.end(body);
    });
  }
}
