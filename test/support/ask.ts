// SPDX-License-Identifier: Apache-2.0
// Asks fields of one event, without a source.
import { eventText } from './events';
import { type Value, Wasm } from './wasm';

let shared: Wasm | undefined;

/** The values of fields (`name` or `name[argument]`) of an event with these members, or with this JSON. */
export function ask(event: Record<string, unknown> | string, request: string): Value {
  shared ??= new Wasm().init();
  shared.selectForeign(typeof event === 'string' ? event : eventText(event));
  return shared.extract(request);
}

/** The names and arguments of all fields. */
export function catalogue(): Wasm['fields'] {
  shared ??= new Wasm().init();
  return shared.fields;
}
