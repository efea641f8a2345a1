// SPDX-License-Identifier: Apache-2.0
// The HTTP client of native/host alone: web_driver.c, with the sanitizers, and what it is told.
import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildPaths, repositoryRoot } from '../../scripts/lib/paths.mjs';

export const PHASE = { waiting: 0, body: 1, complete: 2, failed: 3 };
export const FAILURE = { none: 0, name: 1, connect: 2, tls: 3, time: 4, cut: 5, other: 6 };
const METHODS = ['GET', 'PUT', 'POST', 'PATCH', 'DELETE'];

export interface Outgoing {
  method?: string;
  url: string;
  headers?: string[];
  body?: string;
  authorities?: string;
  signing?: string;
  keyId?: string;
  secret?: string;
  window?: number;
  /** Milliseconds, as the others; the defaults are long. */
  connectTime?: number;
  totalTime?: number;
  idleTime?: number;
  isDirect?: boolean;
}

export interface Status {
  phase: number;
  status: number;
  failure: number;
  available: number;
}

/** Compiles the driver with native/host and what that stands on; its path. */
export function compileWebDriver(folder: string): string {
  const { deps, build, sysrootInclude } = buildPaths();
  const native = join(repositoryRoot, 'native');
  const host = join(native, 'host');
  const llhttp = join(deps, 'llhttp');
  const sources = [
    ...readdirSync(host)
      .filter((file) => file.endsWith('.c'))
      .map((file) => join(host, file)),
    ...['api.c', 'http.c', 'llhttp.c'].map((file) => join(llhttp, file)),
    join(native, 'wasm', 'wasm-rt.c'),
    join(repositoryRoot, 'test', 'plugin', 'web_driver.c'),
  ];
  const includes = [native, join(native, 'wasm'), host, join(build, 'generated')];
  const system = [join(deps, 'include'), llhttp, join(sysrootInclude, 'falcosecurity')];
  const output = join(folder, 'web-driver');
  execFileSync('gcc', [
    ...['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Werror', '-fno-strict-aliasing'],
    ...['-O1', '-g', '-fsanitize=address,undefined'],
    ...includes.flatMap((path) => ['-I', path]),
    ...system.flatMap((path) => ['-isystem', path]),
    ...['-o', output, ...sources],
    ...['libevent_core.a', 'libcurl.a'].map((file) => join(deps, 'lib', file)),
    ...['-l:libcares.a', '-l:libssl.a', '-l:libcrypto.a', '-l:libz.a', '-ldl', '-lpthread'],
  ]);
  if (!existsSync(output)) throw new Error(`${output} was not made`);
  return output;
}

/** A running driver. Each command waits for its answer. */
export class WebDriver {
  private readonly process: ChildProcessWithoutNullStreams;
  private readonly waiting: ((line: string) => void)[] = [];
  private readonly ended: Promise<number | null>;
  private complaint = '';

  constructor(program: string, environment: Record<string, string> = {}) {
    const env = {
      PATH: process.env['PATH'] ?? '',
      ASAN_OPTIONS: 'detect_leaks=1:exitcode=99',
      UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
      ...environment,
    };
    this.process = spawn(program, [], { env });
    createInterface({ input: this.process.stdout }).on('line', (line) => this.waiting.shift()?.(line));
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => (this.complaint += text));
    this.ended = new Promise((resolve) => this.process.once('close', resolve));
    void this.ended.then(() => {
      for (const resolve of this.waiting.splice(0)) resolve('');
    });
  }

  private ask(...parts: (string | number)[]): Promise<string> {
    const answer = new Promise<string>((resolve) => this.waiting.push(resolve));
    this.process.stdin.write(`${parts.join('\t')}\n`);
    return answer;
  }

  /** The handle, or the refusal: `-errno and words`. */
  async trySend(request: Outgoing): Promise<string> {
    const { method = 'GET', url, headers = [], body = '', authorities = '', signing = '' } = request;
    const { keyId = '', secret = '', window = 1 << 20, connectTime = 60_000, totalTime = 0 } = request;
    const texts = [
      url,
      headers.map((line) => `${line}\n`).join(''),
      body,
      authorities,
      signing,
      keyId,
      secret,
    ];
    const numbers = [window, connectTime, totalTime, request.idleTime ?? 0, request.isDirect ? 1 : 0];
    return this.ask('send', METHODS.indexOf(method), ...texts.map(escape), ...numbers);
  }

  async send(request: Outgoing): Promise<number> {
    const answer = await this.trySend(request);
    if (!/^\d+$/.test(answer)) throw new Error(`not sent: ${answer} ${this.complaint}`);
    return Number(answer);
  }

  async status(handle: number): Promise<Status> {
    const [phase = -1, status = -1, failure = -1, available = -1] = (await this.ask('status', handle))
      .split(' ')
      .map(Number);
    return { phase, status, failure, available };
  }

  /** Lets the loop run until something has news; how many things have. */
  async wait(milliseconds: number): Promise<number> {
    return Number(await this.ask('wait', milliseconds));
  }

  /** Waits until the status is as wanted. */
  async until(handle: number, isThere: (status: Status) => boolean): Promise<Status> {
    for (;;) {
      const status = await this.status(handle);
      if (isThere(status)) return status;
      if (status.phase >= PHASE.complete) throw new Error(`ended before: ${JSON.stringify(status)}`);
      await this.wait(100);
    }
  }

  end(handle: number): Promise<Status> {
    return this.until(handle, ({ phase }) => phase >= PHASE.complete);
  }

  /** Up to `capacity` bytes; a text of one line. */
  async read(handle: number, capacity = 200): Promise<string> {
    const line = await this.ask('read', handle, capacity);
    return line.slice(line.indexOf(' ') + 1);
  }

  async drain(handle: number, capacity: number): Promise<{ phase: number; bytes: number; sum: string }> {
    const [phase, bytes, sum = ''] = (await this.ask('drain', handle, capacity)).split(' ');
    return { phase: Number(phase), bytes: Number(bytes), sum };
  }

  /** The value of a header, or undefined. */
  async header(handle: number, name: string): Promise<string | undefined> {
    const line = await this.ask('header', handle, name);
    return line === '-' ? undefined : line.slice(1);
  }

  async environment(name: string): Promise<string | undefined> {
    const line = await this.ask('environment', name);
    return line === '-' ? undefined : line.slice(1);
  }

  async problem(handle: number): Promise<string> {
    return (await this.ask('problem', handle)).slice(1);
  }

  async close(handle: number): Promise<void> {
    await this.ask('close', handle);
  }

  async trap(): Promise<void> {
    await this.ask('trap');
  }

  /** Ends the driver, whatever is open. Fails when the sanitizers found something. */
  async finish(): Promise<void> {
    this.process.stdin.end();
    const code = await this.ended;
    if (code !== 0) throw new Error(`the driver ended with ${code}: ${this.complaint}`);
  }
}

function escape(text: string): string {
  const codes: Record<string, string> = { '\n': '\\n', '\t': '\\t', '\\': '\\\\', '\0': '\\0', '\r': '\\r' };
  return text.replaceAll(/[\n\t\\\0\r]/g, (one) => codes[one] ?? one);
}

/** FNV-1a, 64 bits, of a body that repeats `part`. */
export function sumOf(part: Buffer, times: number): string {
  let sum = 0xcbf29ce484222325n;
  for (let i = 0; i < times; i++) {
    for (const byte of part) sum = BigInt.asUintN(64, (sum ^ BigInt(byte)) * 0x100000001b3n);
  }
  return sum.toString(16).padStart(16, '0');
}
