// SPDX-License-Identifier: Apache-2.0
// The WASM in Node, called as native/plugin.c calls it.
import * as fs from 'node:fs';
import { Host } from './host';

const WASM = new URL('../../build/k8saudit.wasm', import.meta.url);
/** Bytes in front of an event's payload. */
export const EVENT_HEADER = 38;
/** Where the survivor region says what is being read: behind 64 counters and one number. */
const SUSPECT = 64 * 8 + 8;
/** See assembly/fields/extract.ts. */
const NOTHING_THERE = 1n;
const NO_INDEX = 0xffff_ffff_ffff_ffffn;

let compiled: WebAssembly.Module | undefined;

function wasmModule(): WebAssembly.Module {
  if (!fs.existsSync(WASM)) throw new Error('build/k8saudit.wasm is missing: run `npm run build` first');
  compiled ??= new WebAssembly.Module(fs.readFileSync(WASM));
  return compiled;
}

export interface FieldInfo {
  name: string;
  type: string;
  isList?: boolean;
  addOutput?: boolean;
  arg?: { isIndex?: boolean; isKey?: boolean; isRequired?: boolean };
  desc: string;
}

export interface Event {
  address: number;
  time: bigint;
  payload: string;
}

/** A typed value as its number, truth value, or address in hexadecimal digits. */
export type Scalar = string | bigint | boolean;
export type Value = Scalar | Scalar[] | null;

/** One instance of the plugin. */
export class Wasm {
  readonly exports: Record<string, (...args: (number | bigint)[]) => number | bigint>;
  private catalogue: FieldInfo[] | undefined;
  private needs: number[] | undefined;
  private places: number[] | undefined;
  /** The places that the current event has been found to lack. */
  private absent = new Set<number>();
  /** Those of the current event: see assembly/json/scan.ts. */
  private bodies = 0;

  constructor(readonly host: Host = new Host()) {
    const abort = (message: number, file: number, line: number, column: number): void => {
      throw new WebAssembly.RuntimeError(`abort at ${line}:${column} (${message}, ${file})`);
    };
    const instance = new WebAssembly.Instance(wasmModule(), { env: { abort }, host: host.imports });
    this.exports = instance.exports as typeof this.exports;
    host.memory = instance.exports.memory as WebAssembly.Memory;
    host.isReading = () => this.suspect() !== 0n;
  }

  get fields(): FieldInfo[] {
    this.catalogue ??= JSON.parse(this.text(this.exports.describeFields())) as FieldInfo[];
    return this.catalogue;
  }

  buffer(): Buffer {
    return Buffer.from(this.host.memory.buffer);
  }

  text(packed: number | bigint): string {
    const value = BigInt.asUintN(64, BigInt(packed));
    const at = Number(value & 0xffff_ffffn);
    return this.buffer().toString('utf8', at, at + Number(value >> 32n));
  }

  private putText(text: string | Buffer): number {
    const bytes = Buffer.from(text);
    const at = Number(this.exports.textSpace(bytes.length));
    bytes.copy(this.buffer(), at >>> 0);
    return bytes.length;
  }

  /** Throws with the plugin's message when the configuration is refused. */
  init(config = ''): this {
    if (this.exports.init(this.putText(config)) !== 1) throw new Error(this.text(this.exports.lastError()));
    return this;
  }

  /** Throws with the plugin's message when the parameters are refused. */
  open(params: string): this {
    if (this.exports.open(this.putText(params)) !== 1) throw new Error(this.text(this.exports.lastError()));
    return this;
  }

  close(): void {
    this.exports.close();
  }

  /** The events of one next_batch, or what it gave instead. */
  nextBatch(): Event[] | 'timeout' | 'end' {
    const count = Number(this.exports.nextBatch());
    if (count === -1) return 'timeout';
    if (count === -2) return 'end';
    const view = new DataView(this.host.memory.buffer);
    const pointers = Number(this.exports.batchPointers()) >>> 0;
    return Array.from({ length: count }, (_, i) => {
      const address = Number(view.getBigUint64(pointers + i * 8, true));
      const length = view.getUint32(address + 30, true);
      const from = address + EVENT_HEADER;
      const payload = this.buffer().toString('utf8', from, from + length);
      return { address, time: view.getBigUint64(address, true), payload };
    });
  }

  /** All events up to the end of a finite source. */
  readAll(): Event[] {
    const events: Event[] = [];
    for (;;) {
      const batch = this.nextBatch();
      if (batch === 'end') return events;
      if (batch !== 'timeout') events.push(...batch.map((event) => ({ ...event })));
    }
  }

  /** Makes an event of the last batch the current one. */
  select(event: Event): void {
    this.absent.clear();
    this.bodies = Number(this.exports.selectOwn(event.address));
    if (this.bodies < 0) throw new Error('not an event of the batch');
  }

  /** Makes a payload from elsewhere the current event. */
  selectForeign(payload: string | Buffer): void {
    const bytes = Buffer.from(payload);
    const at = Number(this.exports.foreignSpace(bytes.length)) >>> 0;
    bytes.copy(this.buffer(), at);
    this.absent.clear();
    this.bodies = Number(this.exports.selectForeign(bytes.length));
  }

  /** The value of a field, with its argument in brackets, of the current event. */
  extract(request: string): Value {
    return this.extractWithOffsets(request).value;
  }

  extractWithOffsets(request: string): { value: Value; offsets: { start: number; length: number }[] } {
    const { name, argument } = parseRequest(request);
    const id = this.fields.findIndex((field) => field.name === name);
    if (id < 0) throw new Error(`no field ${name}`);
    const field = this.fields[id];
    const key = field.arg?.isKey ? Buffer.from(argument ?? '') : Buffer.alloc(0);
    key.copy(this.buffer(), Number(this.exports.keySpace(key.length)) >>> 0);
    const index = field.arg?.isIndex && argument !== undefined ? BigInt(argument) : NO_INDEX;
    const packed = BigInt.asUintN(64, BigInt(this.exports.extract(id, index, key.length)));
    const count = Number(packed >> 32n);
    const at = Number(packed & 0xffff_ffffn);
    // native/plugin.c does not even ask then.
    this.needs ??= JSON.parse(this.text(this.exports.describeNeeds())) as number[];
    this.places ??= JSON.parse(this.text(this.exports.describePlaces())) as number[];
    if (count > 0 && ((this.needs[id] & ~this.bodies) !== 0 || this.absent.has(this.places[id]))) {
      throw new Error(`${request} has a value, though the event lacks the body or the place that it needs`);
    }
    if (packed === NOTHING_THERE) this.absent.add(this.places[id]);
    if (count === 0) return { value: null, offsets: [] };
    const view = new DataView(this.host.memory.buffer);
    const values = Array.from({ length: count }, (_, i) => this.scalar(field.type, view, at, i));
    const offsets = Array.from({ length: count }, (_, i) => ({
      start: view.getUint32(at - count * 8 + i * 4, true),
      length: view.getUint32(at - count * 4 + i * 4, true),
    }));
    return { value: field.isList ? values : values[0], offsets };
  }

  /** Value `i` of an answer at `at`: see assembly/fields/values.ts. */
  private scalar(type: string, view: DataView, at: number, i: number): Scalar {
    if (type === 'bool') return view.getUint32(at + i * 4, true) !== 0;
    if (type === 'ipaddr') {
      const from = Number(view.getBigUint64(at + i * 16 + 8, true));
      return this.buffer().toString('hex', from, from + view.getUint32(at + i * 16, true));
    }
    const word = view.getBigUint64(at + i * 8, true);
    return type === 'string' ? this.cString(Number(word)) : word;
  }

  summary(): string {
    return this.cString(Number(this.exports.summary()) >>> 0);
  }

  private cString(at: number): string {
    const buffer = this.buffer();
    return buffer.toString('utf8', at, buffer.indexOf(0, at));
  }

  /** The counters by metric name. */
  metrics(): Record<string, number> {
    const names: { name: string }[] = JSON.parse(this.text(this.exports.describeMetrics()));
    const at = Number(this.exports.survivorAddress()) >>> 0;
    const view = new DataView(this.host.memory.buffer);
    return Object.fromEntries(
      names.map(({ name }, i) => [name, Number(view.getBigUint64(at + i * 8, true))]),
    );
  }

  /** The counters that are not 0, without the gauges. */
  counts(): Record<string, number> {
    const all: { name: string; gauge: boolean }[] = JSON.parse(this.text(this.exports.describeMetrics()));
    const gauges = new Set(all.filter(({ gauge }) => gauge).map(({ name }) => name));
    const counters = Object.entries(this.metrics()).filter(
      ([name, count]) => count !== 0 && !gauges.has(name),
    );
    return Object.fromEntries(counters);
  }

  /** Size of the linear memory: bytes. It never gets smaller. */
  get memoryBytes(): number {
    return this.host.memory.buffer.byteLength;
  }

  /** What outlives a trap, as native/runtime.c copies it. */
  survivor(): Buffer {
    const at = Number(this.exports.survivorAddress()) >>> 0;
    return Buffer.from(this.buffer().subarray(at, at + Number(this.exports.survivorSize())));
  }

  /** The mark of the element that is being read, or 0: see assembly/survivor.ts. */
  private suspect(): bigint {
    const at = Number(this.exports.survivorAddress()) >>> 0;
    return new DataView(this.host.memory.buffer).getBigUint64(at + SUSPECT, true);
  }

  /** The instance that takes over after a trap of this one. */
  successor(config: string, params: string): Wasm {
    this.host.afterTrap();
    const region = this.survivor();
    const next = new Wasm(this.host);
    region.copy(next.buffer(), Number(next.exports.survivorAddress()) >>> 0);
    return next.init(config).open(params);
  }
}

/** `ka.uri.param[name]` → its name and argument. */
export function parseRequest(request: string): { name: string; argument?: string } {
  const bracket = request.indexOf('[');
  if (bracket < 0) return { name: request };
  return { name: request.slice(0, bracket), argument: request.slice(bracket + 1, -1) };
}
