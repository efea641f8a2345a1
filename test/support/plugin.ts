// SPDX-License-Identifier: Apache-2.0
// Loads any Falco plugin into Node.js and calls it as libsinsp does. The native half is native/addon.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import type {
  Addon,
  Batch,
  EventHandle,
  FieldRequest,
  FieldSetHandle,
  FieldValue,
  InstanceHandle,
  LibraryHandle,
  LogMessage,
  Metric,
  PluginError,
  PluginEvent,
  RunReport,
  StateHandle,
  TextName,
  ValueOffset,
} from '../../native/addon/addon.d.ts';

export type {
  Batch,
  EventHandle,
  FieldValue,
  LogMessage,
  Metric,
  PluginError,
  PluginEvent,
  RunReport,
  Scalar,
  ValueOffset,
} from '../../native/addon/addon.d.ts';

export interface ExtractOptions {
  /** One call per field, as libsinsp does it, instead of one call for all of them. */
  separately?: boolean;
  /** Ask for value offsets. */
  offsets?: boolean;
}

export interface Extracted {
  field: string;
  value: FieldValue;
  /**
   * null: not asked for, not given, or no value. In a call for one field there is one entry per value, otherwise
   * one entry in all.
   */
  offsets: ValueOffset[] | null;
}

export interface FieldInfo {
  type: 'string' | 'uint64' | 'reltime' | 'abstime' | 'bool' | 'ipaddr' | 'ipnet';
  name: string;
  isList?: boolean;
  arg?: { isRequired?: boolean; isIndex?: boolean; isKey?: boolean };
  display?: string;
  desc: string;
  addOutput?: boolean;
  properties?: string[];
}

export interface OpenParam {
  value: string;
  desc?: string;
  separator?: string;
}

export interface ForeignOptions {
  evtnum?: number;
  /** nanoseconds since 1970; 0 by default */
  ts?: bigint;
  /** the plugin's own by default */
  pluginId?: number;
}

export interface RunOptions {
  /** Calls of next_batch in each round; by default until the end of the source. */
  batches?: number;
  /** Fields to extract from each event, one call each. */
  extract?: string[];
  /** Batches in a row without an event after which the run fails. 1000 by default. */
  maxIdle?: number;
  /** How often the source is opened, read and closed. 1 by default. */
  rounds?: number;
}

const native = loadNative();

function loadNative(): Addon {
  const path = fileURLToPath(new URL('../../build/addon/plugin_addon.node', import.meta.url));
  if (!existsSync(path)) {
    throw new Error(`the addon ${path} is not there: run npm run build:addon first`);
  }
  return createRequire(import.meta.url)(path) as Addon;
}

const typeCodes: Record<FieldInfo['type'], number> = {
  uint64: 8,
  string: 9,
  reltime: 20,
  abstime: 21,
  bool: 25,
  ipaddr: 40,
  ipnet: 41,
};

/** The fields of one plugin, and the way from `name[argument]` to a request, with libsinsp's rules. */
class FieldCatalogue {
  readonly #byName: Map<string, { id: number; info: FieldInfo }>;
  readonly #sets = new Map<string, FieldSetHandle>();

  constructor(fields: FieldInfo[]) {
    this.#byName = new Map(fields.map((info, id) => [info.name, { id, info }]));
  }

  /** @throws Error a field that the plugin does not have, or a wrong argument */
  fieldSet(specs: readonly string[]): FieldSetHandle {
    const cacheKey = JSON.stringify(specs);
    let set = this.#sets.get(cacheKey);
    if (set === undefined) {
      set = native.fieldSet(specs.map((spec) => this.#request(spec)));
      this.#sets.set(cacheKey, set);
    }
    return set;
  }

  #request(spec: string): FieldRequest {
    const open = spec.indexOf('[');
    const name = open < 0 ? spec : spec.slice(0, open);
    const field = this.#byName.get(name);
    if (field === undefined) {
      throw new Error(`the plugin has no field ${name}`);
    }
    const { id, info } = field;
    const request: FieldRequest = { id, name, type: typeCodes[info.type], isList: info.isList ?? false };
    return open < 0 ? withoutArgument(request, info) : withArgument(request, info, spec, open);
  }
}

function withoutArgument(request: FieldRequest, info: FieldInfo): FieldRequest {
  if (info.arg?.isRequired) {
    throw new Error(`${info.name} requires an argument`);
  }
  return request;
}

function withArgument(request: FieldRequest, info: FieldInfo, spec: string, open: number): FieldRequest {
  const close = spec.indexOf(']', open);
  if (close < 0) {
    throw new Error(`${spec} lacks the closing bracket`);
  }
  const argument = spec.slice(open + 1, close);
  const { isIndex = false, isKey = false } = info.arg ?? {};
  if (!isIndex && !isKey) {
    throw new Error(`${info.name} takes no argument, not ${argument}`);
  }
  if (isIndex) {
    const index = parseIndex(argument);
    if (index !== undefined) {
      request.index = index;
    } else if (!isKey) {
      throw new Error(`${spec} needs a number without leading zeros as its argument`);
    }
  }
  if (isKey) {
    request.key = argument;
  }
  return request;
}

function parseIndex(argument: string): bigint | undefined {
  if (!/^(0|[1-9][0-9]*)$/.test(argument)) {
    return undefined;
  }
  const index = BigInt(argument);
  return index < 1n << 64n ? index : undefined;
}

/** A loaded plugin library. */
export class Plugin {
  readonly path: string;
  readonly #library: LibraryHandle;
  #catalogue: FieldCatalogue | undefined;

  /** @throws Error the file cannot be loaded or is no Falco plugin */
  constructor(path: string) {
    this.path = path;
    this.#library = native.load(path);
  }

  /** Full names of the plugin API's symbols that the library exports. */
  get symbols(): string[] {
    return native.symbols(this.#library);
  }

  name(): string {
    return this.#text('name');
  }

  description(): string {
    return this.#text('description');
  }

  contact(): string {
    return this.#text('contact');
  }

  version(): string {
    return this.#text('version');
  }

  requiredApiVersion(): string {
    return this.#text('requiredApiVersion');
  }

  /** 0 without an event source. */
  id(): number {
    return native.id(this.#library);
  }

  eventSource(): string {
    return native.text(this.#library, 'eventSource') ?? '';
  }

  fields(): FieldInfo[] {
    return JSON.parse(this.#text('fields')) as FieldInfo[];
  }

  /** The schema's text, and its parsed form where the plugin says that it is a JSON Schema; null without one. */
  initSchema(): { text: string; json: unknown } | null {
    const result = native.initSchema(this.#library);
    return result && { text: result.schema, json: result.type === 1 ? JSON.parse(result.schema) : undefined };
  }

  extractSources(): string[] {
    return JSON.parse(native.text(this.#library, 'extractSources') || '[]') as string[];
  }

  /** Asked without a state. libsinsp asks with one: see PluginState. */
  extractEventTypes(): number[] {
    return native.extractEventTypes(this.#library) ?? [];
  }

  /**
   * @param config undefined: what libsinsp passes without a configuration, `{}` where the plugin has a schema, else
   *   an empty text. null: a NULL pointer.
   * @param onLog is called with each message, after the call that logged it
   * @throws PluginError the plugin refused, with its message
   */
  init(config?: string | null, onLog?: (message: LogMessage) => void): PluginState {
    const text = config === undefined ? (this.initSchema()?.json === undefined ? '' : '{}') : config;
    try {
      return new PluginState(native.init(this.#library, text), this.fieldCatalogue(), onLog);
    } catch (error) {
      (error as PluginError).logs?.forEach((message) => onLog?.(message));
      throw error;
    }
  }

  /** @internal */
  fieldCatalogue(): FieldCatalogue {
    this.#catalogue ??= new FieldCatalogue(this.symbols.includes('plugin_get_fields') ? this.fields() : []);
    return this.#catalogue;
  }

  #text(name: TextName): string {
    const text = native.text(this.#library, name);
    if (text === null) {
      throw new Error(`${this.path} has no ${name}`);
    }
    return text;
  }
}

/** One initialised plugin. Everything throws after destroy(). */
export class PluginState {
  /** Everything logged so far. */
  readonly logs: LogMessage[] = [];
  readonly #state: StateHandle;
  readonly #catalogue: FieldCatalogue;
  readonly #onLog: ((message: LogMessage) => void) | undefined;

  /** @internal */
  constructor(state: StateHandle, catalogue: FieldCatalogue, onLog?: (message: LogMessage) => void) {
    this.#state = state;
    this.#catalogue = catalogue;
    this.#onLog = onLog;
    this.drain();
  }

  listOpenParams(): OpenParam[] {
    return JSON.parse(this.#call(() => native.listOpenParams(this.#state)) || '[]') as OpenParam[];
  }

  /** @throws PluginError the plugin refused, with its message */
  open(params: string): PluginInstance {
    const instance = this.#call(() => native.open(this.#state, params));
    return new PluginInstance(instance, this);
  }

  extractEventTypes(): number[] {
    return this.#call(() => native.stateExtractEventTypes(this.#state));
  }

  lastError(): string {
    return this.#call(() => native.lastError(this.#state));
  }

  eventToString(event: PluginEvent | EventHandle): string {
    return this.#call(() => native.eventToString(this.#state, handleOf(event)));
  }

  /**
   * @param fields `name`, `name[key]` or `name[index]`
   * @returns one entry per field, in their order
   * @throws PluginError the plugin failed, or answered in a way that would mislead or crash a host
   */
  extract(
    event: PluginEvent | EventHandle,
    fields: readonly string[],
    options: ExtractOptions = {},
  ): Extracted[] {
    const { separately = false, offsets = false } = options;
    const set = this.#catalogue.fieldSet(fields);
    const results = this.#call(() => native.extract(this.#state, handleOf(event), set, separately, offsets));
    return results.map((result, i) => ({ field: fields[i] ?? '', ...result }));
  }

  /** The values alone, by field. */
  values(
    event: PluginEvent | EventHandle,
    fields: readonly string[],
    options: ExtractOptions = {},
  ): Record<string, FieldValue> {
    return Object.fromEntries(this.extract(event, fields, options).map(({ field, value }) => [field, value]));
  }

  /** An event in the addon's own memory, as in the replay of a capture. */
  foreignEvent(payload: Buffer | string, options: ForeignOptions = {}): PluginEvent {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const { pluginId, ts, evtnum } = options;
    return this.#call(() => native.foreignEvent(this.#state, bytes, pluginId, ts, evtnum));
  }

  /** A whole event, header and all, that may be malformed but for the length in its header. */
  rawEvent(bytes: Buffer, options: { evtnum?: number } = {}): EventHandle {
    return this.#call(() => native.rawEvent(this.#state, bytes, options.evtnum));
  }

  extractForeign(
    payload: Buffer | string,
    fields: readonly string[],
    options: ForeignOptions & ExtractOptions = {},
  ): Extracted[] {
    return this.extract(this.foreignEvent(payload, options), fields, options);
  }

  metrics(): Metric[] {
    return this.#call(() => native.metrics(this.#state));
  }

  /** Closes what is open and destroys the state. May be called again. */
  destroy(): void {
    this.#call(() => native.destroy(this.#state));
  }

  /** @internal collects what the plugin has logged */
  drain(): void {
    for (const message of native.drainLogs(this.#state)) {
      this.logs.push(message);
      this.#onLog?.(message);
    }
  }

  #call<T>(call: () => T): T {
    try {
      return call();
    } finally {
      this.drain();
    }
  }
}

/** One opened source. Everything but close() throws after close(). */
export class PluginInstance {
  readonly #instance: InstanceHandle;
  readonly #state: PluginState;

  /** @internal */
  constructor(instance: InstanceHandle, state: PluginState) {
    this.#instance = instance;
    this.#state = state;
  }

  /** @throws PluginError libscap would refuse the batch: a malformed event, another plugin's id, no event at all */
  nextBatch(): Batch {
    try {
      return native.nextBatch(this.#instance);
    } finally {
      this.#state.drain();
    }
  }

  /** How much of a finite source is read; `percent` has two decimals. */
  progress(): { percent: number; text: string | null } {
    try {
      return native.progress(this.#instance);
    } finally {
      this.#state.drain();
    }
  }

  close(): void {
    native.close(this.#instance);
    this.#state.drain();
  }
}

/**
 * Loads, initialises, opens, reads, closes and destroys a plugin, all in a thread of its own.
 *
 * @throws PluginError what any of it throws
 */
export function runInThread(
  path: string,
  config: string | null,
  params: string,
  options: RunOptions = {},
): Promise<RunReport> {
  const { batches = 0, extract = [], maxIdle = 1000, rounds = 1 } = options;
  const fields = new Plugin(path).fieldCatalogue().fieldSet(extract);
  return native.runInThread(path, config, params, fields, batches, maxIdle, rounds);
}

function handleOf(event: PluginEvent | EventHandle): EventHandle {
  return 'ref' in event ? event.ref : event;
}
