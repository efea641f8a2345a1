// SPDX-License-Identifier: Apache-2.0
// One plugin state: configuration, the open source, the batch that Falco has, the current event.
import { Batch } from './audit/batch';
import { setProvider } from './audit/clusters';
import { Config } from './config/config';
import { readConfig } from './config/config';
import { Counter, counters } from './counters';
import { KNOWN_PODS, KNOWN_USERS, STATE_DIR } from './config/schema';
import { forgetEvent } from './fields/extract';
import { realtime } from './host';
import { takeTextCount } from './log';
import { openSource } from './sources/open';
import { Poll, Source } from './sources/source';
import { Known } from './state/known';
import { Seen } from './state/seen';
import { forgetSource, survivor } from './survivor';

/** What nextBatch gives instead of a count of events. */
export const TIMEOUT: i32 = -1;
export const END: i32 = -2;

/** How long next_batch waits for events: milliseconds. Falco handles its signals between two calls. */
const PATIENCE: i32 = 30;
/** Texts that opening a source makes, about. */
const TEXTS_OF_OPEN: u32 = 16;
/** Texts after which their garbage is collected. */
const TEXTS_BETWEEN_COLLECTIONS: u32 = 256;

const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;

const config = new Config();
export const batch = new Batch();
let source: Source | null = null;
/** The reason of the last refusal. */
export let lastError: string = '';
let ended: bool = false;
let texts: u32 = 0;

/** Takes init_config (PADDING zero bytes behind it); false when it is refused: see lastError. */
export function init(text: usize, length: u32): bool {
  lastError = readConfig(text, length, config);
  return lastError == '';
}

/** Opens a source; false when it is refused: see lastError. */
export function open(params: string): bool {
  close();
  texts += TEXTS_OF_OPEN;
  const isNew = survivor.open == 0;
  survivor.trapped = survivor.suspect;
  survivor.suspect = 0;
  const opened = openSource(params, config);
  lastError = opened.problem;
  source = opened.source;
  ended = false;
  if (!source || !remember(params)) return false;
  survivor.open = 1;
  setProvider(opened.provider);
  if (isNew) source!.handOver();
  counters.commit();
  return true;
}

/** Begins to remember users and pods; false when what was known cannot be read: see lastError. */
function remember(params: string): bool {
  const users = config.integer(KNOWN_USERS);
  const pods = config.integer(KNOWN_PODS);
  const folder = config.text(STATE_DIR);
  Seen.begin(users, pods);
  if (folder == '' || (users == 0 && pods == 0)) return true;
  const problem = Known.open(folder, params.trim());
  if (problem == '') return true;
  lastError = 'init_config: key "stateDir": cannot use ' + problem;
  source!.close();
  source = null;
  return false;
}

export function close(): void {
  if (source) {
    source!.close();
    Known.close();
    Seen.forget();
    forgetSource();
    counters.commit();
  }
  source = null;
  forgetEvent();
  batch.clear();
}

/** Fills the next batch: the number of its events, TIMEOUT or END. Before that, the last one is acknowledged. */
export function nextBatch(): i32 {
  const open = source;
  if (!open) return END;
  if (ended) {
    open.ack();
    return END;
  }
  collectGarbage();
  forgetEvent();
  batch.clear();
  open.ack();
  Known.tick();
  ended = open.poll(batch, PATIENCE) == Poll.End;
  open.handOver();
  if (batch.count > 0) {
    batch.finish();
    noteLag();
    counters.add(Counter.EventsDelivered, batch.count);
    counters.add(Counter.Batches, 1);
  }
  counters.commit();
  return batch.count > 0 ? batch.count : ended ? END : TIMEOUT;
}

/** Notes how old the newest event of the batch is. */
function noteLag(): void {
  if (batch.newest == 0) return;
  const lag = u64(max<i64>(realtime() - i64(batch.newest), 0)) / NANOSECONDS_PER_MILLISECOND;
  counters.set(Counter.LagCurrent, lag);
  if (lag > counters.get(Counter.LagMaximum)) counters.set(Counter.LagMaximum, lag);
}

/** To be called where nothing on the stack refers to managed objects but through globals. */
export function collectGarbage(): void {
  texts += takeTextCount();
  if (texts < TEXTS_BETWEEN_COLLECTIONS) return;
  texts = 0;
  __collect();
}

export function progress(): u32 {
  return source ? source!.progress() : 0;
}

export function progressText(): string {
  return source ? source!.progressText() : '';
}
