// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Writes build/generated from the WASM: the texts that Falco asks for before there is a plugin state. They are the
// catalogue, the configuration's schema and the metrics, as C (catalogue.h) and as JSON.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What the WASM says of itself.
 *
 * @param {string} wasmFile
 * @returns {{ fields: string, needs: string, places: string, schema: string, metrics: string }} JSON texts
 */
export function describe(wasmFile) {
  const wasmModule = new WebAssembly.Module(readFileSync(wasmFile));
  // The description needs nothing from the host; every import answers 0.
  const host = Object.fromEntries(
    WebAssembly.Module.imports(wasmModule)
      .filter(({ module }) => module === 'host')
      .map(({ name }) => [name, () => (name === 'memoryBase' || name.endsWith('time') ? 0n : 0)]),
  );
  const abort = () => {
    throw new Error('the WASM aborted while it described itself');
  };
  const { exports } = new WebAssembly.Instance(wasmModule, { env: { abort }, host });
  const call = /** @type {Record<string, () => bigint>} */ (/** @type {unknown} */ (exports));
  const memory = /** @type {WebAssembly.Memory} */ (exports['memory']);
  /** @param {bigint | undefined} packed */
  const text = (packed) => {
    const value = BigInt.asUintN(64, packed ?? 0n);
    return Buffer.from(memory.buffer, Number(value & 0xffffffffn), Number(value >> 32n)).toString('utf8');
  };
  return {
    fields: text(call['describeFields']?.()),
    needs: text(call['describeNeeds']?.()),
    places: text(call['describePlaces']?.()),
    schema: text(call['describeSchema']?.()),
    metrics: text(call['describeMetrics']?.()),
  };
}

/** @param {string} text */
function cString(text) {
  return text
    .split('\n')
    .map((line, i, lines) => `    ${JSON.stringify(i + 1 < lines.length ? `${line}\n` : line)}`)
    .join('\n');
}

/**
 * The schema as the host gets it. A host that finds a mistake says only that a type is not permitted; so it is given
 * the strict schema beside one that permits everything, and plugin_init refuses, naming key, value and what is allowed.
 *
 * @param {string} schema the strict one
 */
export function hostSchema(schema) {
  const { $schema, title, ...strict } = JSON.parse(schema);
  const rest = {
    description: 'Anything else is refused by the plugin itself, which says what is wrong with it.',
  };
  return JSON.stringify({ $schema, title, anyOf: [strict, rest] });
}

/**
 * The C header that native/plugin.c includes.
 *
 * @param {ReturnType<typeof describe>} description
 */
export function catalogueHeader({ fields, needs, places, schema, metrics }) {
  /** @type {{ name: string, gauge: boolean }[]} */
  const rows = JSON.parse(metrics);
  return [
    '// Written by scripts/generate.mjs from the WASM.',
    `#define METRIC_COUNT ${rows.length}`,
    `#define FIELD_COUNT ${JSON.parse(fields).length}`,
    `static const char catalogue_fields[] =\n${cString(fields)};`,
    '// For each field the bodies, and the place, without which it has no value; 0: none.',
    `static const unsigned char catalogue_needs[FIELD_COUNT] = {${JSON.parse(needs).join(', ')}};`,
    `static const unsigned short catalogue_places[FIELD_COUNT] = {${JSON.parse(places).join(', ')}};`,
    `#define PLACE_COUNT ${Math.max(...JSON.parse(places)) + 1}`,
    `static const char catalogue_schema[] =\n${cString(hostSchema(schema).replaceAll('},', '},\n'))};`,
    `static const struct {\n    const char *name;\n    int is_gauge;\n} catalogue_metrics[METRIC_COUNT] = {`,
    ...rows.map(({ name, gauge }) => `    {${JSON.stringify(name)}, ${Number(gauge)}},`),
    '};',
    '',
  ].join('\n');
}

/**
 * @param {string} wasmFile
 * @param {string} folder
 */
export function generate(wasmFile, folder) {
  const description = describe(wasmFile);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(description)) {
    writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(JSON.parse(text), null, 2)}\n`);
  }
  writeFileSync(join(folder, 'catalogue.h'), catalogueHeader(description));
}
