// SPDX-License-Identifier: Apache-2.0
// What the scanner has to find in a text, byte by byte and without any trick: the measure for assembly/json/scan.ts.
// One function for each kind of value; the text is a Buffer with zeros, or more text, behind `end`.

/** ScanError in assembly/json/scan.ts. */
export enum Refusal {
  UnexpectedByte = 1,
  UnexpectedEnd = 2,
  InvalidEscape = 3,
  ControlCharacter = 4,
  TooManyValues = 6,
}

/** Kind in assembly/json/tape.ts. */
export enum Kind {
  String = 1,
  Number = 2,
  True = 3,
  False = 4,
  Null = 5,
  Object = 6,
  Array = 7,
}

/** Index in assembly/json/scan.ts: what is skipped. */
export enum Index {
  All = 0,
  Event = 1,
  Members = 2,
}

/** Node in assembly/json/tape.ts; `span` in nodes. */
export interface PlainNode {
  keyStart: number;
  keyEnd: number;
  start: number;
  end: number;
  span: number;
  kind: Kind;
  keyEscaped: boolean;
  escaped: boolean;
  lazy: boolean;
}

export type Scan = { nodes: PlainNode[]; behind: number } | { refusal: Refusal; at: number };

const MAX_DEPTH = 256;
const MAX_NODES = 256 * 1024;
const BODIES = ['requestObject', 'responseObject', 'items'];
const LITERALS: [string, Kind][] = [
  ['true', Kind.True],
  ['false', Kind.False],
  ['null', Kind.Null],
];

class Refused extends Error {
  constructor(
    readonly refusal: Refusal,
    readonly at: number,
  ) {
    super();
  }
}

interface Key {
  start: number;
  end: number;
  escaped: boolean;
}

const NO_KEY: Key = { start: 0, end: 0, escaped: false };

class Scanner {
  readonly nodes: PlainNode[] = [];

  constructor(
    private readonly text: Buffer,
    public at: number,
    private readonly end: number,
    private readonly index: Index,
  ) {}

  private get char(): string {
    return String.fromCharCode(this.text[this.at] ?? 0);
  }

  private refuse(refusal: Refusal, at = this.at): never {
    if (at >= this.end) throw new Refused(Refusal.UnexpectedEnd, this.end);
    throw new Refused(refusal, at);
  }

  private skipSpace(): void {
    while (' \t\r\n'.includes(this.char)) this.at++;
  }

  private expect(char: string): void {
    if (this.char !== char) this.refuse(Refusal.UnexpectedByte);
    this.at++;
  }

  value(key: Key, depth: number, inObject: boolean): void {
    this.skipSpace();
    if (this.nodes.length === MAX_NODES) this.refuse(Refusal.TooManyValues);
    const node: PlainNode = {
      keyStart: key.start,
      keyEnd: key.end,
      start: this.at,
      end: 0,
      span: 1,
      kind: Kind.Null,
      keyEscaped: key.escaped,
      escaped: false,
      lazy: false,
    };
    const index = this.nodes.push(node) - 1;
    if (this.char === '"') {
      const { start, end, escaped } = this.string();
      Object.assign(node, { kind: Kind.String, start, end, escaped });
      return;
    }
    if (this.char === '{' || this.char === '[') {
      node.kind = this.char === '{' ? Kind.Object : Kind.Array;
      node.lazy = inObject && this.isSkipped(this.text.toString('latin1', key.start, key.end), depth);
      if (node.lazy || depth === MAX_DEPTH) this.skipContainer();
      else this.members(node.kind === Kind.Object, depth + 1);
    } else {
      node.kind = this.atom();
    }
    node.end = this.at;
    node.span = this.nodes.length - index;
  }

  private isSkipped(key: string, depth: number): boolean {
    if (this.index === Index.Members) return depth === 1;
    if (this.index === Index.All) return false;
    return depth === 1 ? BODIES.includes(key) : depth === 2 && key === 'extra';
  }

  private members(inObject: boolean, depth: number): void {
    const closing = inObject ? '}' : ']';
    this.at++;
    this.skipSpace();
    if (this.char === closing) {
      this.at++;
      return;
    }
    for (;;) {
      this.value(inObject ? this.key() : NO_KEY, depth, inObject);
      this.skipSpace();
      if (this.char === closing) {
        this.at++;
        return;
      }
      this.expect(',');
    }
  }

  private key(): Key {
    this.skipSpace();
    if (this.char !== '"') this.refuse(Refusal.UnexpectedByte);
    const key = this.string();
    this.skipSpace();
    this.expect(':');
    return key;
  }

  private string(): Key {
    const start = ++this.at;
    let escaped = false;
    for (; this.char !== '"'; this.at++) {
      if (this.char < ' ') this.refuse(Refusal.ControlCharacter);
      if (this.char !== '\\') continue;
      const rest = this.text.toString('latin1', this.at, this.at + 6);
      const escape = /^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.exec(rest);
      if (escape === null) this.refuse(Refusal.InvalidEscape);
      escaped = true;
      this.at += escape[0].length - 1;
    }
    const end = this.at++;
    if (end >= this.end) this.refuse(Refusal.UnexpectedEnd);
    return { start, end, escaped };
  }

  private atom(): Kind {
    if (/[-0-9]/.test(this.char)) {
      this.number();
      return Kind.Number;
    }
    for (const [literal, kind] of LITERALS) {
      if (this.text.toString('latin1', this.at, this.at + literal.length) !== literal) continue;
      this.at += literal.length;
      return kind;
    }
    this.refuse(Refusal.UnexpectedByte);
  }

  private number(): void {
    if (this.char === '-') this.at++;
    if (this.char === '0') this.at++;
    else this.digits();
    if (this.char === '.') {
      this.at++;
      this.digits();
    }
    if (!/[eE]/.test(this.char)) return;
    this.at++;
    if (/[-+]/.test(this.char)) this.at++;
    this.digits();
  }

  private digits(): void {
    if (!/[0-9]/.test(this.char)) this.refuse(Refusal.UnexpectedByte);
    while (/[0-9]/.test(this.char)) this.at++;
  }

  /** Goes behind the bracket that closes the one here; the grammar inside does not matter. */
  private skipContainer(): void {
    let depth = 0;
    let inString = false;
    let isEscaped = false;
    for (; this.at < this.end; this.at++) {
      const char = this.char;
      const wasEscaped: boolean = isEscaped;
      isEscaped = char === '\\' && !wasEscaped;
      if (char === '"' && !wasEscaped) inString = !inString;
      if (inString) continue;
      if (char === '{' || char === '[') depth++;
      if (char === '}' || char === ']') depth--;
      if (depth === 0) {
        this.at++;
        return;
      }
    }
    this.refuse(Refusal.UnexpectedEnd);
  }

  run(): Scan {
    try {
      this.value(NO_KEY, 0, false);
      if (this.at > this.end) this.refuse(Refusal.UnexpectedEnd);
      return { nodes: this.nodes, behind: this.at };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { refusal: error.refusal, at: error.at };
    }
  }
}

/** Scans the value at `from`; what stands behind `end` may be seen, but must not be part of it. */
export function plainScan(text: Buffer, from: number, end: number, index: Index): Scan {
  return new Scanner(text, from, end, index).run();
}
