// SPDX-License-Identifier: Apache-2.0
// assembly/host.ts in Node, for the unit tests: the file system as it is, an HTTP server that tests fill by
// hand, and a clock that tests may set.
import * as crypto from 'node:crypto';
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
  /** The body does not come before `complete`. */
  isSlow?: boolean;
  /** The body comes in chunks: its length is not announced. */
  isChunked?: boolean;
  /** The names in the client's checked certificate, a line each; without it there is no certificate. */
  clientNames?: string;
}

/** What became of it. */
export interface FakeAnswer {
  status: number;
  text: string;
}

export interface QueuedRequest {
  id: number;
  request: FakeRequest;
  body: Buffer;
  phase: number;
  taken: boolean;
  maxBody: number;
  tag: number;
  answer?: FakeAnswer;
  sent: boolean;
}

/** A request that the plugin makes of a service. */
export interface WebCall {
  method: string;
  url: string;
  /** By name, in lower case. */
  headers: Record<string, string>;
  body: string;
  authorities: string;
  /** `aws:amz:REGION:SERVICE`, or an empty string: not signed. */
  signing: string;
  keyId: string;
  secret: string;
  window: number;
  connectTime: number;
  totalTime: number;
  idleTime: number;
  isDirect: boolean;
}

/** What becomes of it. */
export interface WebAnswer {
  /** 200 by default. */
  status?: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** There is no complete answer: why. What there is of a body has come before. */
  failure?: keyof typeof WEB_FAILURE;
  /** Milliseconds of the host's clock until it is there; what it is may be set until then. */
  after?: number;
}

interface OpenCall {
  answer: WebAnswer;
  /** Once it is due. */
  body?: Buffer;
  read: number;
  due: bigint;
}

/** How the plugin listens. */
export interface Listening {
  address: string;
  port: number;
  /** Which certificate new connections get, and which client CA; without TLS undefined. */
  tls: FakeTls | undefined;
  maxConnections: number;
  maxHead: number;
  maxHeld: number;
  headTime: number;
  requestTime: number;
  idleTime: number;
  mode: number;
}

/** What tlsOpen made of the files of `fakeCertificate` and its like. */
export interface FakeTls {
  certificate: string;
  expires: bigint;
  clientCa: string | undefined;
}

/** What stands for PEM in the unit tests: tlsOpen of this host reads it. `ends` is in seconds of the fake clock. */
export const fakeCertificate = (name: string, ends = 2_000_000_000): string =>
  `certificate ${name} ${ends}\n`;
export const fakeKey = (name: string): string => `key ${name}\n`;
export const fakeCa = (name: string): string => `ca ${name}\n`;

const NANOSECONDS = 1_000_000_000n;
const NEVER = 1n << 62n;
const PHASE = { head: 0, body: 1, tooLarge: 2, noRoom: 3 };
const METHODS = ['GET', 'HEAD', 'POST'];
const UNKNOWN_LENGTH = 0xffff_ffff;
const WEB_METHODS = ['GET', 'PUT', 'POST', 'PATCH', 'DELETE'];
const WEB_PHASE = { waiting: 0, body: 1, complete: 2, failed: 3 };
const WEB_FAILURE = { none: 0, name: 1, connect: 2, tls: 3, time: 4, cut: 5, other: 6 };
const KEEP_TLS = -1;

/** The numbers of HttpStatus, in its order. */
const STATUS = [
  'connections',
  'held',
  'accepted',
  'turnedAway',
  'madeRoom',
  'badRequests',
  'headsTooLarge',
  'timeouts',
  'tlsFailures',
  'acceptFailures',
  'left',
  'headsWithoutRoom',
] as const;
type FakeStatus = Record<(typeof STATUS)[number], number>;
const noStatus = (): FakeStatus => Object.fromEntries(STATUS.map((name) => [name, 0])) as FakeStatus;

/** A gzip stream: what came in, and how much of what is inflated from it was given out. */
interface Gunzip {
  input: Buffer;
  given: number;
  soFar?: { text: Buffer; damaged: boolean };
}

/** What a poisoned host throws in place of a trap inside the WASM. */
export class SimulatedTrap extends Error {}

const errnoOf = (error: unknown): number => -((error as NodeJS.ErrnoException).errno ?? -5);
const KIND = { other: 0, regular: 1, directory: 2 };

/** State files that another process holds. */
export const lockedStates = new Set<string>();

/** The imports of module `host` over one instance's memory. */
export class Host {
  readonly logs: LogLine[] = [];
  memory!: WebAssembly.Memory;
  /** Nanoseconds; advanced by tests. */
  now = 1_700_000_000_000_000_000n;
  /** Called by `wait`: what happens while the plugin waits. */
  onWait: (milliseconds: number) => void = () => {};
  readonly requests: QueuedRequest[] = [];
  listening: Listening | undefined;
  /** What httpStatus tells next; what has happened is then 0 again. */
  status = noStatus();
  /** Bytes that there is room for in the server. */
  room = Infinity;
  /** What httpFailureText gives. */
  failureText = '';
  /** TLS handles that are open, by number. */
  readonly tls = new Map<number, FakeTls>();
  /** Paths that are absolute in the plugin, and where tests have those files. */
  readonly redirects = new Map<string, string>();
  /** Makes the next fileRead calls fail with this errno. */
  failReads: number | undefined;
  /** Makes fileOpen fail with this errno for the paths that end so. */
  readonly failOpens = new Map<string, number>();
  /**
   * Reading the wall clock while an event is read ends like a trap. The plugin asks for it there when an event
   * carries no time, so such an event is one that cannot be read.
   */
  poisoned = false;
  /** Whether the plugin is reading an event: set by Wasm. */
  isReading: () => boolean = () => false;
  /** The random source. */
  fillRandom: (bytes: Buffer) => void = (bytes) => crypto.randomFillSync(bytes);
  /** What `wait` was called with, in milliseconds. */
  readonly waits: number[] = [];

  private readonly files = new Map<number, { fd: number; position: number }>();
  private readonly directories = new Map<number, fs.Dir>();
  private readonly streams = new Map<number, Gunzip>();
  private readonly states = new Map<number, number>();
  /** Whether there is inotify: then what happens in folders is told by `changed` alone. */
  canWatch = false;
  /** The folders that are watched. */
  readonly watched = new Set<string>();
  private watching = false;
  private hasChanged = false;
  /** Makes stateOpen, stateRead, stateWrite or stateSync fail with an errno. */
  failState: { open?: number; read?: number; write?: number; sync?: number } = {};
  /** Called before each fileRead: what happens to the file while it is read. */
  onRead: (() => void) | undefined;
  /** The same for fileReadAt. */
  onReadAt: (() => void) | undefined;
  /** Calls of fileStat and dirOpen: what looking costs. */
  looks = 0;
  stateWrites = 0;
  stateSyncs = 0;

  /** Something has changed in a watched folder. */
  changed(): void {
    this.hasChanged = true;
  }

  /** Environment variables, as far as the plugin sees any. */
  readonly environment = new Map<string, string>();
  /** The services: what becomes of a request. By default no name is known. */
  onCall: (call: WebCall) => WebAnswer = () => ({ failure: 'name' });
  /** Real servers instead of `onCall`: what becomes of a request is known later. */
  liveCall: ((call: WebCall) => Promise<WebAnswer>) | undefined;
  /** All requests so far. */
  readonly calls: WebCall[] = [];
  private readonly openCalls = new Map<number, OpenCall>();

  private nextHandle = 1;
  private nextRequest = 1;
  private problem = '';
  /** What was not offered yet. */
  private readonly offers: QueuedRequest[] = [];
  private readonly byId = new Map<number, QueuedRequest>();

  /** Puts a request into the server's queue; its answer appears in the returned object. */
  send(request: FakeRequest): QueuedRequest {
    const queued = {
      id: this.nextRequest++,
      request,
      body: Buffer.from(request.body),
      phase: PHASE.head,
      taken: false,
      maxBody: 0,
      tag: 0,
      sent: false,
    };
    this.requests.push(queued);
    this.byId.set(queued.id, queued);
    this.offers.push(queued);
    return queued;
  }

  /** Lets the body of a slow request come. */
  complete(queued: QueuedRequest): void {
    queued.request.isSlow = false;
    if (queued.phase !== PHASE.head) this.offers.push(queued);
  }

  /** What native/host does after a trap: handles close, unanswered requests are offered again. */
  afterTrap(): void {
    for (const { fd } of this.files.values()) fs.closeSync(fd);
    for (const directory of this.directories.values()) directory.closeSync();
    for (const fd of this.states.values()) fs.closeSync(fd);
    this.files.clear();
    this.directories.clear();
    this.streams.clear();
    this.tls.clear();
    this.states.clear();
    this.openCalls.clear();
    this.watching = false;
    this.watched.clear();
    this.offers.length = 0;
    const isOffered = ({ answer, phase, request }: QueuedRequest) =>
      !answer && (phase === PHASE.head || !request.isSlow);
    this.offers.push(...this.requests.filter(isOffered));
  }

  get openFiles(): number {
    const handles = [this.files, this.directories, this.streams, this.states, this.tls, this.openCalls];
    return handles.reduce((sum, { size }) => sum + size, 0);
  }

  private bytes(at: number, length: number): Buffer {
    return Buffer.from(this.memory.buffer, at >>> 0, length);
  }

  private text(at: number, length: number): string {
    return this.bytes(at, length).toString('utf8');
  }

  private pathAt(at: number, length: number): string {
    const path = this.text(at, length);
    return this.redirects.get(path) ?? path;
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
    const found = this.byId.get(id);
    if (!found) throw new Error(`no request ${id}`);
    return found;
  }

  readonly imports = {
    memoryBase: () => 0n,
    log: (severity: number, at: number, length: number) => {
      this.logs.push({ severity, message: this.text(at, length) });
    },
    realtime: () => {
      if (this.poisoned && this.isReading()) throw new SimulatedTrap('trap');
      return this.now;
    },
    monotonic: () => this.now,
    wait: (milliseconds: number) => {
      // No time passes where something has come already.
      if (this.offers.length === 0) this.now += BigInt(milliseconds) * 1_000_000n;
      this.waits.push(milliseconds);
      this.onWait(milliseconds);
    },
    environmentText: (at: number, length: number, out: number, capacity: number) => {
      const value = this.environment.get(this.text(at, length));
      return value === undefined ? -1 : this.put(value, out, capacity);
    },
    errorText: (errno: number, out: number, capacity: number) => {
      const name = Object.entries(os.constants.errno).find(([, number]) => number === errno)?.[0];
      return Math.min(this.put(name ?? `error ${errno}`, out, capacity), capacity);
    },

    fileOpen: (at: number, length: number) =>
      this.attempt(() => {
        const name = this.pathAt(at, length);
        for (const [end, errno] of this.failOpens) if (name.endsWith(end)) return -errno;
        if (fs.statSync(name).isDirectory()) return -os.constants.errno.EISDIR;
        return this.handle(this.files, { fd: fs.openSync(name, 'r'), position: 0 });
      }),
    fileRead: (handle: number, out: number, capacity: number) =>
      this.attempt(() => {
        if (this.failReads) return -this.failReads;
        const file = this.files.get(handle)!;
        this.onRead?.();
        const count = fs.readSync(file.fd, this.bytes(out, capacity), 0, capacity, file.position);
        file.position += count;
        return count;
      }),
    fileSeek: (handle: number, offset: bigint) => {
      this.files.get(handle)!.position = Number(offset);
      return 0;
    },
    fileStat: (at: number, length: number, out: number) =>
      this.attempt(() => {
        this.looks++;
        return this.writeStat(fs.statSync(this.pathAt(at, length), { bigint: true }), out);
      }),
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

    fileReadAt: (handle: number, offset: bigint, out: number, capacity: number) =>
      this.attempt(() => {
        if (this.failReads) return -this.failReads;
        const { fd } = this.files.get(handle)!;
        this.onReadAt?.();
        return fs.readSync(fd, this.bytes(out, capacity), 0, capacity, Number(offset));
      }),

    stateOpen: (at: number, length: number, size: number) =>
      this.attempt(() => {
        if (this.failState.open) return -this.failState.open;
        const name = this.text(at, length);
        if (lockedStates.has(name)) return -os.constants.errno.EWOULDBLOCK;
        if (!fs.existsSync(path.dirname(name))) fs.mkdirSync(path.dirname(name), { mode: 0o700 });
        const { O_RDWR, O_CREAT, O_NOFOLLOW } = fs.constants;
        const fd = fs.openSync(name, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
        if (fs.fstatSync(fd).size === 0) fs.writeSync(fd, Buffer.alloc(size), 0, size, 0);
        return this.handle(this.states, fd);
      }),
    stateRead: (handle: number, offset: number, out: number, capacity: number) =>
      this.attempt(() => {
        if (this.failState.read) return -this.failState.read;
        return fs.readSync(this.states.get(handle)!, this.bytes(out, capacity), 0, capacity, offset);
      }),
    stateWrite: (handle: number, offset: number, at: number, length: number) =>
      this.attempt(() => {
        const fd = this.states.get(handle)!;
        if (this.failState.write) {
          // As a full disk does: a part is written.
          fs.writeSync(fd, this.bytes(at, length >> 1), 0, length >> 1, offset);
          return -this.failState.write;
        }
        this.stateWrites++;
        fs.writeSync(fd, this.bytes(at, length), 0, length, offset);
        return 0;
      }),
    stateSync: () => {
      if (this.failState.sync) return -this.failState.sync;
      this.stateSyncs++;
      return 0;
    },
    stateClose: (handle: number) => {
      fs.closeSync(this.states.get(handle)!);
      this.states.delete(handle);
    },

    watchOpen: () => {
      if (!this.canWatch) return -os.constants.errno.ENOSYS;
      this.watching = true;
      return 1;
    },
    watchAdd: (_watch: number, at: number, length: number) => {
      if (!fs.existsSync(this.text(at, length))) return -os.constants.errno.ENOENT;
      this.watched.add(this.text(at, length));
      return 0;
    },
    watchTake: () => {
      const taken = this.watching && this.hasChanged;
      this.hasChanged = false;
      return taken ? 1 : 0;
    },
    watchClose: () => {
      this.watching = false;
      this.watched.clear();
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

    randomBytes: (out: number, length: number) => {
      this.fillRandom(this.bytes(out, length));
    },

    problemText: (out: number, capacity: number) => {
      return Math.min(this.put(this.problem, out, capacity), capacity);
    },
    tlsOpen: (at: number) => this.tlsOpen(at),
    tlsExpires: (tls: number) => this.tls.get(tls)!.expires,
    tlsClose: (tls: number) => {
      if (!this.tls.delete(tls)) throw new Error(`no TLS handle ${tls}`);
    },

    webSend: (at: number) => this.webSend(at),
    webStatus: (handle: number, out: number) => {
      const { answer, read } = this.openCall(handle);
      const isDue = this.isDue(handle);
      const body = this.bodyOf(handle);
      const failure = isDue && read === body.length ? WEB_FAILURE[answer.failure ?? 'none'] : 0;
      const last = failure === 0 ? WEB_PHASE.complete : WEB_PHASE.failed;
      const phase = !isDue ? WEB_PHASE.waiting : read < body.length ? WEB_PHASE.body : last;
      const status = phase === WEB_PHASE.waiting ? 0 : (answer.status ?? 200);
      this.putNumbers(out, [phase, status, failure, body.length - read]);
    },
    webRead: (handle: number, out: number, capacity: number) => {
      const call = this.openCall(handle);
      if (!this.isDue(handle)) return 0;
      const part = this.bodyOf(handle).subarray(call.read, call.read + capacity);
      call.read += part.length;
      return this.put(part, out, capacity);
    },
    webHeader: (handle: number, at: number, length: number, out: number, capacity: number) => {
      const wanted = this.text(at, length).toLowerCase();
      const headers = Object.entries(this.openCall(handle).answer.headers ?? {});
      const found = headers.find(([name]) => name.toLowerCase() === wanted);
      return found ? this.put(found[1], out, capacity) : -1;
    },
    webProblem: (handle: number, out: number, capacity: number) =>
      Math.min(this.put(`failed: ${this.openCall(handle).answer.failure}`, out, capacity), capacity),
    webClose: (handle: number) => {
      if (!this.openCalls.delete(handle)) throw new Error(`no request ${handle}`);
    },

    httpListen: (at: number) => this.httpListen(at),
    httpPort: () => this.listening!.port,
    httpUseTls: (_server: number, tls: number) => {
      this.listening!.tls = this.tls.get(tls)!;
    },
    httpTake: (_server: number, out: number) => {
      const next = this.offers.shift();
      if (!next) return 0;
      next.taken = true;
      const isUnknown = next.phase === PHASE.head && next.request.isChunked;
      const method = METHODS.indexOf(next.request.method ?? 'POST') + 1;
      const length = isUnknown ? UNKNOWN_LENGTH : next.body.length;
      this.putNumbers(out, [next.id, method, next.phase, length, next.tag]);
      return 1;
    },
    httpRead: (id: number, maxBody: number, tag: number) => {
      const request = this.request(id);
      const isTooMuch = request.body.length > this.room;
      if (isTooMuch && !request.request.isChunked) return -os.constants.errno.ENOBUFS;
      request.maxBody = maxBody;
      request.tag = tag;
      request.phase = request.body.length > maxBody ? PHASE.tooLarge : isTooMuch ? PHASE.noRoom : PHASE.body;
      if (!request.request.isSlow) this.offers.push(request);
      return 0;
    },
    httpText: (id: number, which: number, out: number, capacity: number) => {
      const { path = '/k8s-audit', clientNames } = this.request(id).request;
      const [before, behind] = path.split('?', 2);
      const text = [before, behind, clientNames][which];
      return text === undefined ? -1 : this.put(text, out, capacity);
    },
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
    httpStatus: (_server: number, out: number) => {
      this.putNumbers(
        out,
        STATUS.map((name) => this.status[name]),
      );
      this.status = { ...noStatus(), connections: this.status.connections, held: this.status.held };
    },
    httpFailureText: (_server: number, out: number, capacity: number) =>
      Math.min(this.put(this.failureText, out, capacity), capacity),
    httpClose: () => {
      this.listening = undefined;
    },
  };

  private putNumbers(out: number, numbers: readonly number[]): void {
    const view = new DataView(this.memory.buffer, out >>> 0, 4 * numbers.length);
    numbers.forEach((number, i) => view.setUint32(4 * i, number, true));
  }

  private numbersAt(at: number, count: number): number[] {
    const view = new DataView(this.memory.buffer, at >>> 0, 4 * count);
    return Array.from({ length: count }, (_, i) => view.getUint32(4 * i, true));
  }

  /** Refuses with a problem in words. */
  private refuse(problem: string, errno: number): number {
    this.problem = problem;
    return -errno;
  }

  private tlsOpen(at: number): number {
    const [certificateAt, certificateLength, keyAt, keyLength, caAt, caLength] = this.numbersAt(at, 6);
    const certificate = /^certificate (\w+) (\d+)$/m.exec(this.text(certificateAt, certificateLength));
    const key = /^key (\w+)$/m.exec(this.text(keyAt, keyLength));
    const ca = caLength === 0 ? undefined : /^ca (\w+)$/m.exec(this.text(caAt, caLength));
    if (!certificate) return this.refuse('no certificate in it', os.constants.errno.EINVAL);
    if (!key) return this.refuse('no key in it', os.constants.errno.EINVAL);
    if (key[1] !== certificate[1]) {
      return this.refuse('the key is of another certificate', os.constants.errno.EINVAL);
    }
    if (ca === null) return this.refuse('no CA in it', os.constants.errno.EINVAL);
    const expires = BigInt(certificate[2]) * NANOSECONDS;
    if (expires < this.now) return this.refuse('the certificate has ended', os.constants.errno.EINVAL);
    return this.handle(this.tls, { certificate: certificate[1], expires, clientCa: ca?.[1] });
  }

  private httpListen(at: number): number {
    const [addressAt, addressLength, port, tls, ...limits] = this.numbersAt(at, 11);
    const [maxConnections, maxHead, maxHeld, headTime, requestTime, idleTime, mode] = limits;
    if (port === 1) return this.refuse('EACCES', os.constants.errno.EACCES);
    const isKept = (tls | 0) === KEEP_TLS;
    if (isKept && !this.listening) return this.refuse('no server listens', os.constants.errno.EINVAL);
    this.listening = {
      address: this.text(addressAt, addressLength),
      port: port === 0 ? 40000 : port | 0,
      tls: isKept ? this.listening!.tls : this.tls.get(tls),
      ...{ maxConnections, maxHead, maxHeld, headTime, requestTime, idleTime, mode },
    };
    return 1;
  }

  private openCall(handle: number): OpenCall {
    const found = this.openCalls.get(handle);
    if (!found) throw new Error(`no request ${handle}`);
    return found;
  }

  private isDue(handle: number): boolean {
    return this.now >= this.openCall(handle).due;
  }

  /** What there is of the body: nothing before it is due. */
  private bodyOf(handle: number): Buffer {
    const call = this.openCall(handle);
    if (!this.isDue(handle)) return Buffer.alloc(0);
    return (call.body ??= Buffer.from(call.answer.body ?? ''));
  }

  private webSend(at: number): number {
    const [method, ...rest] = this.numbersAt(at, 20);
    const texts = Array.from({ length: 7 }, (_, i) => this.text(rest[2 * i], rest[2 * i + 1]));
    const [url, lines, body, authorities, signing, keyId, secret] = texts;
    const [window, connectTime, totalTime, idleTime, isDirect] = rest.slice(14);
    const headers = Object.fromEntries(
      lines
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const call: WebCall = {
      ...{ method: WEB_METHODS[method], url, headers, body, authorities, signing, keyId, secret },
      ...{ window, connectTime, totalTime, idleTime, isDirect: isDirect === 1 },
    };
    this.calls.push(call);
    if (this.liveCall) return this.sendLive(this.liveCall(call));
    const answer = this.onCall(call);
    const due = this.now + BigInt(answer.after ?? 0) * 1_000_000n;
    return this.handle(this.openCalls, { answer, read: 0, due });
  }

  private sendLive(promise: Promise<WebAnswer>): number {
    const open: OpenCall = { answer: {}, body: Buffer.alloc(0), read: 0, due: NEVER };
    const take = (answer: WebAnswer) => {
      Object.assign(open, { answer, body: Buffer.from(answer.body ?? ''), due: 0n });
    };
    promise.then(take, () => take({ failure: 'connect' }));
    return this.handle(this.openCalls, open);
  }

  private inflate(
    stream: Gunzip,
    input: number,
    length: number,
    out: number,
    capacity: number,
    consumed: number,
  ): number {
    new DataView(this.memory.buffer).setUint32(consumed, length, true);
    // Node has no synchronous streaming inflate: everything is inflated again, and what is new is given out.
    if (length > 0 || !stream.soFar) {
      stream.input = Buffer.concat([stream.input, this.bytes(input, length)]);
      stream.soFar = gunzipSoFar(stream.input);
    }
    const { text, damaged } = stream.soFar;
    const fresh = text.subarray(stream.given, stream.given + capacity);
    if (fresh.length === 0 && damaged) return -os.constants.errno.EIO;
    stream.given += fresh.length;
    return this.put(fresh, out, capacity);
  }
}

function isWholeGzip(input: Buffer): boolean {
  try {
    // Node takes no notice of what stands behind the last member, but for how many bytes it has read.
    const { engine } = zlib.gunzipSync(input, { info: true }) as unknown as { engine: zlib.Gunzip };
    return engine.bytesWritten === input.length;
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
