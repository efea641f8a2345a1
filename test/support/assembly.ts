// SPDX-License-Identifier: Apache-2.0
// Parts of assembly/ that the plugin does not export, compiled alone with the plugin's own options.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import type { Host } from './host';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Part {
  memory: WebAssembly.Memory;
  /** The exported functions, by name. */
  call: Record<string, (...args: (number | bigint)[]) => number | bigint>;
}

/** The plugin's own options; not its entry. */
function optionsOf(configuration: string): string[] {
  const { options } = JSON.parse(configuration) as { options: Record<string, unknown> };
  return Object.entries(options).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, String(value)],
  );
}

/**
 * What `source`, a module in assembly/, exports. It may import of assembly/ what asks nothing of the host, or, with a
 * `host`, anything.
 */
export async function compileAssembly(source: string, host?: Host): Promise<Part> {
  return instantiate(await compileModule(source), host);
}

/** The module alone, for several instances. */
export async function compileModule(source: string): Promise<WebAssembly.Module> {
  const entry = 'assembly/of-a-test.ts';
  const options = optionsOf(fs.readFileSync(path.join(ROOT, 'asconfig.json'), 'utf8'));
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main([entry, ...options, '--outFile', 'test.wasm'], {
    readFile: (name, folder) => {
      if (name === entry) return source;
      if (name === 'asconfig.json') return null;
      const file = path.resolve(ROOT, folder, name);
      return fs.existsSync(file) && fs.statSync(file).isFile() ? fs.readFileSync(file, 'utf8') : null;
    },
    writeFile: (name, contents) => {
      if (name === 'test.wasm') binary = contents as Uint8Array;
    },
    listFiles: () => null,
  });
  if (error !== null || binary === undefined)
    throw new Error(`the module does not compile: ${stderr.toString()}`);
  return new WebAssembly.Module(binary as BufferSource);
}

/** An instance with a memory of its own. */
export function instantiate(module: WebAssembly.Module, host?: Host): Part {
  const abort = (): void => {
    throw new WebAssembly.RuntimeError('abort');
  };
  const imports = { env: { abort }, ...(host === undefined ? {} : { host: host.imports }) };
  const instance = new WebAssembly.Instance(module, imports);
  const { memory, ...call } = instance.exports;
  if (host !== undefined) host.memory = memory as WebAssembly.Memory;
  return { memory: memory as WebAssembly.Memory, call: call as Part['call'] };
}

/** Source for a part that takes a text and gives one: the test calls `give`, the part `given()` and `pack(…)`. */
export const TEXTS = `
let held: ArrayBuffer = new ArrayBuffer(0);
function pack(text: string): u64 {
  held = String.UTF8.encode(text);
  return (u64(held.byteLength) << 32) | u64(changetype<usize>(held));
}
let space: usize = 0;
let length: u32 = 0;
export function room(size: u32): usize {
  if (space != 0) heap.free(space);
  length = size;
  space = heap.alloc(size + 64);
  memory.fill(space, 0, size + 64);
  return space;
}
function given(): string { return String.UTF8.decodeUnsafe(space, length); }
`;

/** Puts a text where `given` finds it. */
export function give(part: Part, text: string | Uint8Array): void {
  const bytes = Buffer.from(text);
  const at = Number(part.call.room(bytes.length));
  Buffer.from(part.memory.buffer).set(bytes, at);
}

/** The bytes that `pack` has made: a view into the memory. */
export function unpack(part: Part, packed: number | bigint): Buffer {
  const value = BigInt.asUintN(64, BigInt(packed));
  return Buffer.from(part.memory.buffer, Number(value & 0xffff_ffffn), Number(value >> 32n));
}
