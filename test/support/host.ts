// SPDX-License-Identifier: Apache-2.0
// assembly/host.ts in Node, for the unit tests: the file system as it is, an HTTP server that tests fill by
// hand, and a clock that tests may set.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as zlib from 'node:zlib';

export interface LogLine {
  severity: number;
  message: string;
}

/** A request that a test puts before the plugin. */
export interface FakeRequest {
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  body: string | Buffer;
}

/** What became of it. */
export interface FakeAnswer {
  status: number;
  text: string;
}

interface QueuedRequest {
  id: number;
  request: FakeRequest;
  body: Buffer;
  taken: boolean;
  answer?: FakeAnswer;
  sent: boolean;
}

/** A gzip stream: what came in, and how much of what is inflated from it was given out. */
interface Gunzip {
  input: Buffer;
  given: number;
}

/** What a poisoned host throws in place of a trap inside the WASM. */
export class SimulatedTrap extends Error {}

const errnoOf = (error: unknown): number => -((error as NodeJS.ErrnoException).errno ?? -5);
const KIND = { other: 0, regular: 1, directory: 2 };

/** The imports of module `host` over one instance's memory. */
export class Host {
  readonly logs: LogLine[] = [];
  memory!: WebAssembly.Memory;
  /** Nanoseconds; advanced by tests. */
  now = 1_700_000_000_000_000_000n;
  /** Called by `wait`: what happens while the plugin waits. */
  onWait: (milliseconds: number) => void = () => {};
  readonly requests: QueuedRequest[] = [];
  listening: { address: string; port: number; maxBody: number } | undefined;
  /** Makes the next fileRead calls fail with this errno. */
  failReads: number | undefined;
  /** Makes fileOpen fail with this errno for the paths that end so. */
  readonly failOpens = new Map<string, number>();
  /**
   * Reading the wall clock ends like a trap. The plugin asks for it while it takes in an event that carries no
   * time, so such an event is one that cannot be read.
   */
  poisoned = false;
  /** What `wait` was called with, in milliseconds. */
  readonly waits: number[] = [];

  private readonly files = new Map<number, { fd: number; position: number }>();
  private readonly directories = new Map<number, fs.Dir>();
  private readonly streams = new Map<number, Gunzip>();
  private nextHandle = 1;
  private nextRequest = 1;

  /** Puts a request into the server's queue; its answer appears in the returned object. */
  send(request: FakeRequest): QueuedRequest {
    const queued = {
      id: this.nextRequest++,
      request,
      body: Buffer.from(request.body),
      taken: false,
      sent: false,
    };
    this.requests.push(queued);
    return queued;
  }

  /** What native/host does after a trap: handles close, unanswered requests are offered again. */
  afterTrap(): void {
    for (const { fd } of this.files.values()) fs.closeSync(fd);
    for (const directory of this.directories.values()) directory.closeSync();
    this.files.clear();
    this.directories.clear();
    this.streams.clear();
    for (const request of this.requests) if (!request.answer) request.taken = false;
  }

  get openFiles(): number {
    return this.files.size + this.directories.size + this.streams.size;
  }

  private bytes(at: number, length: number): Buffer {
    return Buffer.from(this.memory.buffer, at >>> 0, length);
  }

  private text(at: number, length: number): string {
    return this.bytes(at, length).toString('utf8');
  }

  private put(data: Buffer | string, out: number, capacity: number): number {
    const buffer = Buffer.from(data);
    buffer.copy(this.bytes(out, Math.min(capacity, buffer.length)), 0, 0, Math.min(capacity, buffer.length));
    return buffer.length;
  }

  private handle<T>(table: Map<number, T>, value: T): number {
    table.set(this.nextHandle, value);
    return this.nextHandle++;
  }

  private writeStat(stat: fs.BigIntStats, out: number): number {
    const view = new DataView(this.memory.buffer, out >>> 0, 40);
    view.setBigInt64(0, stat.size, true);
    view.setBigInt64(8, stat.mtimeNs, true);
    view.setBigUint64(16, stat.dev, true);
    view.setBigUint64(24, stat.ino, true);
    const kind = stat.isFile() ? KIND.regular : stat.isDirectory() ? KIND.directory : KIND.other;
    view.setUint32(32, kind, true);
    return 0;
  }

  private attempt(action: () => number): number {
    try {
      return action();
    } catch (error) {
      return -errnoOf(error);
    }
  }

  private request(id: number): QueuedRequest {
    const found = this.requests.find((request) => request.id === id);
    if (!found) throw new Error(`no request ${id}`);
    return found;
  }

  readonly imports = {
    memoryBase: () => 0n,
    log: (severity: number, at: number, length: number) => {
      this.logs.push({ severity, message: this.text(at, length) });
    },
    realtime: () => {
      if (this.poisoned) throw new SimulatedTrap('trap');
      return this.now;
    },
    monotonic: () => this.now,
    wait: (milliseconds: number) => {
      this.now += BigInt(milliseconds) * 1_000_000n;
      this.waits.push(milliseconds);
      this.onWait(milliseconds);
    },
    errorText: (errno: number, out: number, capacity: number) => {
      const name = Object.entries(os.constants.errno).find(([, number]) => number === errno)?.[0];
      return Math.min(this.put(name ?? `error ${errno}`, out, capacity), capacity);
    },

    fileOpen: (at: number, length: number) =>
      this.attempt(() => {
        const name = this.text(at, length);
        for (const [end, errno] of this.failOpens) if (name.endsWith(end)) return -errno;
        if (fs.statSync(name).isDirectory()) return -os.constants.errno.EISDIR;
        return this.handle(this.files, { fd: fs.openSync(name, 'r'), position: 0 });
      }),
    fileRead: (handle: number, out: number, capacity: number) =>
      this.attempt(() => {
        if (this.failReads) return -this.failReads;
        const file = this.files.get(handle)!;
        const count = fs.readSync(file.fd, this.bytes(out, capacity), 0, capacity, file.position);
        file.position += count;
        return count;
      }),
    fileSeek: (handle: number, offset: bigint) => {
      this.files.get(handle)!.position = Number(offset);
      return 0;
    },
    fileStat: (at: number, length: number, out: number) =>
      this.attempt(() => this.writeStat(fs.statSync(this.text(at, length), { bigint: true }), out)),
    fileStatOpen: (handle: number, out: number) =>
      this.attempt(() => this.writeStat(fs.fstatSync(this.files.get(handle)!.fd, { bigint: true }), out)),
    fileClose: (handle: number) => {
      fs.closeSync(this.files.get(handle)!.fd);
      this.files.delete(handle);
    },
    dirOpen: (at: number, length: number) =>
      this.attempt(() => this.handle(this.directories, fs.opendirSync(this.text(at, length)))),
    dirNext: (handle: number, out: number, capacity: number) =>
      this.attempt(() => {
        const entry = this.directories.get(handle)!.readSync();
        return entry ? this.put(path.basename(entry.name), out, capacity) : 0;
      }),
    dirClose: (handle: number) => {
      this.directories.get(handle)!.closeSync();
      this.directories.delete(handle);
    },

    inflateOpen: () => this.handle(this.streams, { input: Buffer.alloc(0), given: 0 }),
    inflate: (
      handle: number,
      input: number,
      length: number,
      out: number,
      capacity: number,
      consumed: number,
    ) => this.inflate(this.streams.get(handle)!, input, length, out, capacity, consumed),
    inflateAtEnd: (handle: number) => (isWholeGzip(this.streams.get(handle)!.input) ? 1 : 0),
    inflateClose: (handle: number) => {
      this.streams.delete(handle);
    },

    httpListen: (at: number, length: number, port: number, maxBody: number) => {
      if (port === 1) return -os.constants.errno.EACCES;
      this.listening = { address: this.text(at, length), port: port || 40000, maxBody };
      return 1;
    },
    httpPort: () => this.listening!.port,
    httpRefused: () => 0,
    httpTake: (_server: number, out: number) => {
      const next = this.requests.find((request) => !request.taken && !request.answer);
      if (!next) return 0;
      next.taken = true;
      const view = new DataView(this.memory.buffer, out >>> 0, 12);
      view.setUint32(0, next.id, true);
      view.setUint32(4, (next.request.method ?? 'POST') === 'POST' ? 1 : 0, true);
      view.setUint32(8, next.body.length, true);
      return 1;
    },
    httpPath: (id: number, out: number, capacity: number) =>
      this.put(this.request(id).request.path ?? '/k8s-audit', out, capacity),
    httpHeader: (id: number, at: number, length: number, out: number, capacity: number) => {
      const headers = this.request(id).request.headers ?? { 'Content-Type': 'application/json' };
      const wanted = this.text(at, length).toLowerCase();
      const found = Object.entries(headers).find(([name]) => name.toLowerCase() === wanted);
      return found ? this.put(found[1], out, capacity) : -1;
    },
    httpBody: (id: number, out: number, capacity: number) =>
      Math.min(this.put(this.request(id).body, out, capacity), capacity),
    httpAnswer: (id: number, status: number, at: number, length: number, now: number) => {
      const request = this.request(id);
      request.answer = { status, text: this.text(at, length) };
      request.sent = now === 1;
    },
    httpRelease: () => {
      for (const request of this.requests) if (request.answer) request.sent = true;
    },
    httpClose: () => {
      this.listening = undefined;
    },
  };

  private inflate(
    stream: Gunzip,
    input: number,
    length: number,
    out: number,
    capacity: number,
    consumed: number,
  ): number {
    new DataView(this.memory.buffer).setUint32(consumed, length, true);
    stream.input = Buffer.concat([stream.input, this.bytes(input, length)]);
    // Node has no synchronous streaming inflate: everything is inflated again, and what is new is given out.
    const { text, damaged } = gunzipSoFar(stream.input);
    const fresh = text.subarray(stream.given, stream.given + capacity);
    if (fresh.length === 0 && damaged) return -os.constants.errno.EIO;
    stream.given += fresh.length;
    return this.put(fresh, out, capacity);
  }
}

function isWholeGzip(input: Buffer): boolean {
  try {
    zlib.gunzipSync(input);
    return true;
  } catch {
    return false;
  }
}

/** What the start of a gzip file holds, up to where it breaks off or is damaged. */
function gunzipSoFar(input: Buffer): { text: Buffer; damaged: boolean } {
  const inflate = (length: number) =>
    zlib.gunzipSync(input.subarray(0, length), { finishFlush: zlib.constants.Z_SYNC_FLUSH });
  try {
    return { text: input.length === 0 ? input : inflate(input.length), damaged: false };
  } catch {
    // The longest start that inflates: damage makes every longer one fail.
    let good = 0;
    let bad = input.length;
    let text: Buffer = Buffer.alloc(0);
    while (bad - good > 1) {
      const middle = (good + bad) >> 1;
      try {
        text = inflate(middle);
        good = middle;
      } catch {
        bad = middle;
      }
    }
    return { text, damaged: true };
  }
}
