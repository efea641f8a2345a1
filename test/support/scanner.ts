// SPDX-License-Identifier: Apache-2.0
// The scanner alone: the plugin shows no tapes.
import { type Part, compileAssembly } from './assembly';
import { type Index, type Kind, type PlainNode, type Refusal, type Scan } from './plain-scan';

const NODE_SIZE = 24;

const ENTRY = `
  import { scan, scanError, scanErrorAt } from './json/scan';
  import { NODE_SIZE, Tape } from './json/tape';
  import { Block, PADDING } from './memory';

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

export class Scanner {
  private constructor(private readonly part: Part) {}

  static async make(): Promise<Scanner> {
    return new Scanner(await compileAssembly(ENTRY));
  }

  private ask(name: string, ...args: number[]): number {
    return Number(this.part.call[name](...args)) >>> 0;
  }

  /** As plainScan. */
  scan(text: Buffer, from: number, end: number, index: Index): Scan {
    const at = this.ask('space', text.length);
    text.copy(Buffer.from(this.part.memory.buffer), at);
    const behind = this.ask('run', from, end, index);
    if (behind === 0) {
      if (this.ask('tapeSize') !== 0) throw new Error('a refused text left nodes on the tape');
      return { refusal: this.ask('error') as Refusal, at: this.ask('errorAt') };
    }
    const tape = new DataView(this.part.memory.buffer, this.ask('tapeAddress'), this.ask('tapeSize'));
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
