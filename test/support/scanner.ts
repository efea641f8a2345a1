// SPDX-License-Identifier: Apache-2.0
// The scanner alone, in a WASM of its own with the options of asconfig.json: the plugin's shows no tapes.
import * as fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { type Index, type Kind, type PlainNode, type Refusal, type Scan } from './plain-scan';

const root = fileURLToPath(new URL('../..', import.meta.url));
const NODE_SIZE = 24;

const ENTRY = `
  import { scan, scanError, scanErrorAt } from './assembly/json/scan';
  import { NODE_SIZE, Tape } from './assembly/json/tape';
  import { Block, PADDING } from './assembly/memory';

  const text = new Block();
  const tape = new Tape();

  export function space(length: u32): usize {
    memory.fill(text.reserve(length + PADDING), 0, length + PADDING);
    return text.address;
  }

  /** Appends to a tape that holds something already. */
  export function run(from: u32, end: u32, index: i32): u32 {
    tape.reserve(NODE_SIZE);
    tape.top = NODE_SIZE;
    const at = text.address;
    const behind = scan(at, at + from, at + end, tape, index);
    return behind == 0 ? 0 : u32(behind - at);
  }

  export function tapeAddress(): usize { return tape.address + NODE_SIZE; }
  export function tapeSize(): u32 { return tape.top - NODE_SIZE; }
  export function error(): u32 { return scanError; }
  export function errorAt(): u32 { return u32(scanErrorAt - text.address); }
`;

async function compile(): Promise<Uint8Array<ArrayBuffer>> {
  const { options } = JSON.parse(fs.readFileSync(join(root, 'asconfig.json'), 'utf8')) as {
    options: Record<string, unknown>;
  };
  const flags = Object.entries(options).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, String(value)],
  );
  let binary: Uint8Array | undefined;
  const args = ['scanner.ts', '--config', 'none', '--baseDir', root, '--outFile', 'scanner.wasm', ...flags];
  const { error, stderr } = await asc.main(args, {
    readFile: (name, base) => {
      if (name === 'scanner.ts') return ENTRY;
      const path = join(base, name);
      return fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : null;
    },
    writeFile: (_name, contents) => {
      binary = contents as Uint8Array;
    },
  });
  if (error !== null || binary === undefined)
    throw new Error(`the scanner does not compile: ${stderr.toString()}`);
  return Uint8Array.from(binary);
}

type Exports = Record<string, (...args: number[]) => number>;

export class Scanner {
  private constructor(
    private readonly exports: Exports,
    private readonly memory: WebAssembly.Memory,
  ) {}

  static async make(): Promise<Scanner> {
    const abort = (): void => {
      throw new WebAssembly.RuntimeError('abort');
    };
    const { instance } = await WebAssembly.instantiate(await compile(), { env: { abort } });
    return new Scanner(instance.exports as Exports, instance.exports.memory as WebAssembly.Memory);
  }

  /** As plainScan. */
  scan(text: Buffer, from: number, end: number, index: Index): Scan {
    const { exports } = this;
    const at = exports.space(text.length) >>> 0;
    text.copy(Buffer.from(this.memory.buffer), at);
    const behind = exports.run(from, end, index);
    if (behind === 0) {
      if (exports.tapeSize() !== 0) throw new Error('a refused text left nodes on the tape');
      return { refusal: exports.error() as Refusal, at: exports.errorAt() };
    }
    const tape = new DataView(this.memory.buffer, exports.tapeAddress() >>> 0, exports.tapeSize());
    const nodes: PlainNode[] = [];
    for (let node = 0; node < tape.byteLength; node += NODE_SIZE) {
      nodes.push({
        keyStart: tape.getUint32(node, true),
        keyEnd: tape.getUint32(node + 4, true),
        start: tape.getUint32(node + 8, true),
        end: tape.getUint32(node + 12, true),
        span: tape.getUint32(node + 16, true) / NODE_SIZE,
        kind: tape.getUint8(node + 20) as Kind,
        keyEscaped: tape.getUint8(node + 21) === 1,
        escaped: tape.getUint8(node + 22) === 1,
        lazy: tape.getUint8(node + 23) === 1,
      });
    }
    return { nodes, behind };
  }
}
