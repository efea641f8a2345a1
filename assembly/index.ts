// SPDX-License-Identifier: Apache-2.0
// The exports, one per call of Falco's plugin API; no logic. native/plugin.c is the caller, and in the unit
// tests test/support/wasm.ts. Texts go in through textSpace and keySpace and come out as address and length
// packed into 64 bits (length high).
import { batch } from './plugin';
import * as plugin from './plugin';
import { METRICS } from './counters';
import { schemaJson } from './config/schema';
import { fieldsJson, needsJson, placesJson, quoted } from './fields/catalogue';
import * as extraction from './fields/extract';
import { summarize } from './fields/summary';
import { Block, PADDING } from './memory';
import { openParamsJson } from './sources/open';
import { survivorAddress, survivorSize } from './survivor';

export { survivorAddress, survivorSize };

const input = new Block();
// Keeps the last text given out from the garbage collector.
let output: ArrayBuffer = new ArrayBuffer(0);

function give(text: string): u64 {
  output = String.UTF8.encode(text, true);
  return (u64(output.byteLength - 1) << 32) | u64(changetype<usize>(output));
}

/** Where the caller puts `length` bytes for init or open; zeros stand behind them. */
export function textSpace(length: u32): usize {
  const address = input.reserve(length + PADDING);
  memory.fill(address + length, 0, PADDING);
  return address;
}

/** plugin_init with `length` bytes in the text space: 1, or 0 and lastError. */
export function init(length: u32): i32 {
  return i32(plugin.init(input.address, length));
}

/** plugin_open with `length` bytes in the text space: 1, or 0 and lastError. */
export function open(length: u32): i32 {
  plugin.collectGarbage();
  return i32(plugin.open(String.UTF8.decodeUnsafe(input.address, length)));
}

export function close(): void {
  plugin.close();
}

export function lastError(): u64 {
  return give(plugin.lastError);
}

/** The number of events, -1 for a time-out, -2 at the end. */
export function nextBatch(): i32 {
  return plugin.nextBatch();
}

/** Where the native addresses of the batch's events stand (u64 each). */
export function batchPointers(): usize {
  return batch.pointers;
}

/** 1/100 %. */
export function progress(): u32 {
  return plugin.progress();
}

export function progressText(): u64 {
  return give(plugin.progressText());
}

export function openParams(): u64 {
  return give(openParamsJson());
}

/** Makes the event at this address current: its bodies (see json/scan.ts), or -1 when no event of the batch begins there. */
export function selectOwn(event: usize): i32 {
  return extraction.selectOwn(batch, event);
}

export function foreignSpace(length: u32): usize {
  return extraction.foreignSpace(length);
}

/** Makes the payload in the foreign space current: its bodies. */
export function selectForeign(length: u32): i32 {
  return extraction.selectForeign(length);
}

export function keySpace(length: u32): usize {
  return extraction.keySpace(length);
}

/** See extraction.extract: the count of values high, the address of what finishValues laid out low. */
export function extract(field: u32, index: u64, keyLength: u32): u64 {
  return extraction.extract(field, index, keyLength);
}

/** plugin_event_to_string of the current event: the address of a NUL-terminated line. */
export function summary(): usize {
  return summarize();
}

// --- for scripts/generate.mjs, which writes build/generated before the C is compiled ---

export function describeFields(): u64 {
  return give(fieldsJson());
}

/** For each field the bodies without which it has no value, in JSON. */
export function describeNeeds(): u64 {
  return give(needsJson());
}

/** For each field the number of the place without which it has no value, or 0, in JSON. */
export function describePlaces(): u64 {
  return give(placesJson());
}

export function describeSchema(): u64 {
  return give(schemaJson());
}

/** The metrics as JSON: [{"name", "description", "gauge"}] in the order of their counters. */
export function describeMetrics(): u64 {
  const rows: string[] = [];
  for (let i = 0; i < METRICS.length; i++) {
    const metric = METRICS[i];
    const description = quoted(metric.description) + ', "gauge": ' + metric.isGauge.toString();
    rows.push('{"name": ' + quoted(metric.name) + ', "description": ' + description + '}');
  }
  return give('[' + rows.join(',\n') + ']');
}
