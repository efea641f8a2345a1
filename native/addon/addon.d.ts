// SPDX-License-Identifier: Apache-2.0
// What the addon exports, and the values that pass. test/support/plugin.ts makes classes of it.

declare const handleKind: unique symbol;
export type Handle<Kind extends string> = { readonly [handleKind]: Kind };
export type LibraryHandle = Handle<'library'>;
export type StateHandle = Handle<'state'>;
export type InstanceHandle = Handle<'instance'>;
export type EventHandle = Handle<'event'>;
export type FieldSetHandle = Handle<'fields'>;

/** ip addresses and networks are a Buffer of 4 or 16 bytes; uint64, reltime and abstime (ns) are a bigint. */
export type Scalar = string | bigint | boolean | Buffer;
/** null: the field has no value. A list field that has values is always an array. */
export type FieldValue = null | Scalar | Scalar[];

/** Where a value is in the event: bytes from the start of the event's header. Both 0: nowhere. */
export interface ValueOffset {
  start: number;
  length: number;
}

export interface LogMessage {
  /** 1 (fatal) … 8 (trace) */
  severity: number;
  component: string | null;
  message: string;
}

export interface Metric {
  name: string;
  monotonic: boolean;
  valueType: 'u32' | 's32' | 'u64' | 's64' | 'd' | 'f' | 'i';
  /** a bigint for u64 and s64 */
  value: number | bigint;
}

/** An event with its own copy of the payload; the plugin's memory behind `ref` is valid until the next batch. */
export interface PluginEvent {
  ref: EventHandle;
  /** as libsinsp numbers them: 1, 2, … in each opened instance */
  num: number;
  /** nanoseconds since 1970 */
  ts: bigint;
  tid: bigint;
  type: number;
  nparams: number;
  /** bytes, with the header */
  len: number;
  pluginId: number;
  payload: Buffer;
}

export interface Batch {
  rc: 'success' | 'timeout' | 'eof' | 'failure' | 'not-supported';
  events: PluginEvent[];
  /** the plugin's message, with rc `failure` */
  error?: string;
}

export interface RunReport {
  batches: number;
  events: number;
  timeouts: number;
  payloadBytes: number;
  values: number;
  /** events whose extraction the plugin refused */
  failures: number;
  /** hash over all payloads and values: equal for equal results in equal order */
  digest: string;
  /** the last round ended with the end of the source */
  eof: boolean;
  metrics: Metric[];
  logs: LogMessage[];
}

/** What the addon throws: `rc` is the plugin's return code; `logs` is there when plugin_init failed. */
export interface PluginError extends Error {
  rc?: Batch['rc'];
  logs?: LogMessage[];
}

export interface FieldRequest {
  id: number;
  name: string;
  type: number;
  isList: boolean;
  key?: string;
  index?: bigint;
}

export type TextName =
  | 'name'
  | 'description'
  | 'contact'
  | 'version'
  | 'requiredApiVersion'
  | 'eventSource'
  | 'fields'
  | 'extractSources';

export interface Addon {
  load(path: string): LibraryHandle;
  symbols(library: LibraryHandle): string[];
  text(library: LibraryHandle, name: TextName): string | null;
  id(library: LibraryHandle): number;
  initSchema(library: LibraryHandle): { type: number; schema: string } | null;
  extractEventTypes(library: LibraryHandle): number[] | null;
  init(library: LibraryHandle, config: string | null): StateHandle;
  drainLogs(state: StateHandle): LogMessage[];
  destroy(state: StateHandle): void;
  stateExtractEventTypes(state: StateHandle): number[];
  listOpenParams(state: StateHandle): string;
  lastError(state: StateHandle): string;
  metrics(state: StateHandle): Metric[];
  open(state: StateHandle, params: string): InstanceHandle;
  close(instance: InstanceHandle): void;
  nextBatch(instance: InstanceHandle): Batch;
  progress(instance: InstanceHandle): { percent: number; text: string | null };
  foreignEvent(
    state: StateHandle,
    payload: Buffer,
    pluginId?: number,
    ts?: bigint,
    evtnum?: number,
  ): PluginEvent;
  rawEvent(state: StateHandle, bytes: Buffer, evtnum?: number): EventHandle;
  eventToString(state: StateHandle, event: EventHandle): string;
  fieldSet(requests: FieldRequest[]): FieldSetHandle;
  extract(
    state: StateHandle,
    event: EventHandle,
    fields: FieldSetHandle,
    separately: boolean,
    offsets: boolean,
  ): { value: FieldValue; offsets: ValueOffset[] | null }[];
  runInThread(
    path: string,
    config: string | null,
    params: string,
    fields: FieldSetHandle,
    batches: number,
    maxIdle: number,
    rounds: number,
  ): Promise<RunReport>;
}
