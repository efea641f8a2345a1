#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// A good client in a process of its own, so that nothing but the webhook can make it wait: one small batch after the
// other at a steady pace until its standard input ends. It prints how long each took, and a Report at the end, in lines of
// JSON.
//
// usage: steady.mjs TARGET HOST STREAM EVENTS PAUSE   (a Target as JSON; the host's PID; PAUSE in milliseconds)
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiServer } from './client.mjs';

/**
 * How long a batch took, in milliseconds from the first attempt to 200, retries and all; and how much of that the host
 * or this process was ready to run, but the machine ran others.
 *
 * @typedef {{ took: number, queued: number }} Served
 */

/**
 * @typedef {object} Report
 * @property {number} acknowledged events; they are numbered from 0 without a gap
 * @property {number} requests
 * @property {Record<string, number>} refusals by status; 0: the connection failed
 */

const [target = '{}', host = 'self', stream = 'steady', events = '20', pause = '50'] = process.argv.slice(2);
const client = new ApiServer(stream, Number(events), JSON.parse(target));
let isOver = false;
process.stdin.on('end', () => (isOver = true)).resume();
let requests = 0;

/** Milliseconds that the host and this process have been ready to run without running, since they began. */
function queued() {
  const waited = (/** @type {string} */ pid) =>
    Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  return waited(host) + waited('self');
}

while (!isOver) {
  const start = performance.now();
  const queuedBefore = queued();
  await client.send();
  const took = performance.now() - start;
  // Making the first connection loads a lot of code.
  if (requests++ > 0) console.log(JSON.stringify({ took, queued: queued() - queuedBefore }));
  await sleep(Number(pause));
}
client.close();
/** @type {Report} */
const report = {
  acknowledged: client.acknowledged.total,
  requests,
  refusals: Object.fromEntries(client.refusals),
};
console.log(JSON.stringify(report));
