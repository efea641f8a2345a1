// SPDX-License-Identifier: Apache-2.0
// Calls the plugin as Falco does, batch after batch, and recovers from traps as native/runtime.c does.
import { idsOf } from './events';
import { type FakeRequest, Host, SimulatedTrap } from './host';
import { type Event, Wasm } from './wasm';

export const WEBHOOK = 'http://:9765/k8s-audit';
/** So that a test may send one event many times. */
export const EVERY_EVENT = '{"dedupeWindow": 0}';

/** A plugin that listens. */
export function webhook(config = EVERY_EVENT, host = new Host()): Wasm {
  return new Wasm(host).init(config).open(WEBHOOK);
}

/** Time-outs in a row after which nothing more is expected: a source may need a call to go to its next file. */
const IDLE = 4;

/** The events of all batches until nothing more comes, and the sizes of the batches. */
export function drain(wasm: Wasm): { events: Event[]; sizes: number[] } {
  const events: Event[] = [];
  const sizes: number[] = [];
  for (let idle = 0; idle < IDLE; idle++) {
    const batch = wasm.nextBatch();
    if (batch === 'end') break;
    if (batch === 'timeout') continue;
    events.push(...batch);
    sizes.push(batch.length);
    idle = -1;
  }
  return { events, sizes };
}

/** What becomes of one request body: the delivered ids, the answer after acknowledgement, the counters. */
export function post(request: string | FakeRequest, config = EVERY_EVENT) {
  const wasm = webhook(config);
  const queued = wasm.host.send(typeof request === 'string' ? { body: request } : request);
  const { events, sizes } = drain(wasm);
  const answer = queued.sent ? queued.answer : undefined;
  return { wasm, events, ids: idsOf(events), sizes, status: answer?.status, text: answer?.text };
}

/** How a run through traps went. */
export interface Run {
  wasm: Wasm;
  ids: string[];
  traps: number;
  /** False when it was given up: more traps than allowed, or no new instance could be opened. */
  finished: boolean;
}

/**
 * Reads until the end, or until nothing has come for a while; after a trap a new instance takes over. `maxTraps`
 * ends a run that would trap for ever; `trapsBehind` says whether another trap comes behind a batch.
 */
export function driveThroughTraps(
  start: Wasm,
  params: string,
  config = '',
  maxTraps = 10,
  trapsBehind = () => false,
): Run {
  const run: Run = { wasm: start, ids: [], traps: 0, finished: false };
  let idle = 0;
  while (idle < IDLE) {
    try {
      const batch = run.wasm.nextBatch();
      if (batch === 'end') return { ...run, finished: true };
      idle = batch === 'timeout' ? idle + 1 : 0;
      if (batch === 'timeout') continue;
      run.ids.push(...idsOf(batch));
      if (trapsBehind()) run.wasm = run.wasm.successor(config, params);
    } catch (error) {
      if (!(error instanceof SimulatedTrap) && !(error instanceof WebAssembly.RuntimeError)) throw error;
      idle = 0;
      if (++run.traps > maxTraps) return run;
      run.wasm = run.wasm.successor(config, params);
    }
  }
  return { ...run, finished: true };
}
