// SPDX-License-Identifier: Apache-2.0
// Clients of the webhook: whole requests by node:http, and bare bytes by node:net.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { Agent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { Reader, init, pluginFile } from './support.ts';

export const PATH = '/k8s-audit';

/** A webhook on a port that was free. */
export class Webhook extends Reader {
  readonly port: number;

  constructor(config?: string | object, variant: string = 'release', host = '127.0.0.1', scheme = 'http') {
    const state = init(config, variant);
    super(state, state.open(`${scheme}://${host}:0${PATH}`));
    this.port = loggedPort(state.logs.map(({ message }) => message));
  }

  /** Sends a body and calls next_batch until the answer is there. */
  async exchange(body: Body, options: PostOptions = {}): Promise<Answer> {
    return this.settle('an answer', post(this.port, body, options));
  }

  client(): Client {
    return new Client(this.port);
  }
}

/** The port of `listening for audit events on http://…:PORT/…`. */
export function loggedPort(messages: readonly string[]): number {
  const found = messages.map((message) => /listening .*:(\d+)\//.exec(message)?.[1]).find((port) => port);
  if (found === undefined) throw new Error(`no message names the port: ${messages.join(' | ')}`);
  return Number(found);
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

export type Body = string | Buffer;

export interface PostOptions {
  agent?: Agent;
  method?: string;
  path?: string;
  host?: string;
  headers?: Record<string, string>;
  /** Sends this as chunks instead of a body with a length. */
  chunks?: Body[];
}

/** Gives the answer to `resolve` when all of it has come. */
export function readAnswer(
  response: IncomingMessage,
  resolve: (answer: Answer) => void,
  reject: (error: Error) => void,
): void {
  const parts: Buffer[] = [];
  response.on('data', (part: Buffer) => parts.push(part));
  response.on('error', reject);
  response.on('end', () =>
    resolve({
      status: response.statusCode ?? 0,
      headers: response.headers,
      text: Buffer.concat(parts).toString(),
    }),
  );
}

/** One request; rejects when the connection ends without an answer. */
export function post(port: number, body: Body, options: PostOptions = {}): Promise<Answer> {
  const { agent = false, method = 'POST', path = PATH, host = '127.0.0.1', chunks } = options;
  const headers: Record<string, string> = { 'Content-Type': 'application/json', ...options.headers };
  if (chunks === undefined && method === 'POST') headers['Content-Length'] = String(Buffer.byteLength(body));
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host, port, path, method, agent, headers }, (response) =>
      readAnswer(response, resolve, reject),
    );
    request.on('error', reject);
    for (const chunk of chunks ?? []) request.write(chunk);
    request.end(chunks === undefined && method === 'POST' ? body : undefined);
  });
}

/** An agent whose connections are kept, ended with the test. */
export function keepAlive(maxSockets = 1): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets });
  onTestFinished(() => agent.destroy());
  return agent;
}

/** The bytes of a POST. */
export function requestText(body: Body, headers: readonly string[] = [], start = `POST ${PATH}`): string {
  return (
    `${start} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
    headers.map((header) => `${header}\r\n`).join('') +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body.toString()}`
  );
}

/** A bare connection. */
export class Client {
  readonly socket: Socket;
  private parts: Buffer[] = [];
  /** Set when the other side has ended or reset the connection. */
  isClosed = false;

  constructor(port: number, host = '127.0.0.1') {
    this.socket = connect({ port, host, allowHalfOpen: true });
    this.socket.setNoDelay(true);
    this.socket.on('data', (part) => this.parts.push(part));
    this.socket.on('end', () => (this.isClosed = true));
    this.socket.on('close', () => (this.isClosed = true));
    this.socket.on('error', () => (this.isClosed = true));
    onTestFinished(() => {
      this.socket.destroy();
    });
  }

  send(bytes: Body): this {
    this.socket.write(bytes);
    return this;
  }

  /** Everything received so far. */
  get received(): string {
    return Buffer.concat(this.parts).toString('latin1');
  }

  /** The status of each answer so far. */
  get statuses(): number[] {
    return [...this.received.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map((match) => Number(match[1]));
  }
}

export interface ServeOptions {
  /** Shell commands in front of it. */
  limits?: string;
  variant?: string;
  config?: object;
  url?: string;
  environment?: Record<string, string>;
}

/** A serving driver.c, a process of its own that hangs or dies if the plugin does. */
export async function serveWith(driver: string, options: ServeOptions = {}): Promise<Served> {
  const { limits = '', variant = 'release', config = {}, url = `http://127.0.0.1:0${PATH}` } = options;
  const plugin = [driver, pluginFile(variant), JSON.stringify(config), 'serve', url];
  const env = { ...process.env, ...options.environment };
  const child = spawn('sh', ['-c', `${limits} exec "$@"`, 'sh', ...plugin], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env,
  });
  const served = new Served(child);
  await served.until('the port', () => /listening .*\n/.test(served.output));
  return served;
}

/** What a serving driver.c says. */
export class Served {
  output = '';
  errors = '';
  ended: string | undefined;

  constructor(readonly process: ChildProcessWithoutNullStreams) {
    process.stdout.on('data', (part) => (this.output += part));
    process.stderr.on('data', (part) => (this.errors = (this.errors + part).slice(0, 10_000)));
    process.on('exit', (code, signal) => (this.ended = signal ?? `status ${code}`));
    onTestFinished(() => void process.kill('SIGKILL'));
  }

  get port(): number {
    return loggedPort([this.output]);
  }

  get polls(): number {
    return this.output.split('\npoll').length - 1;
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    for (let i = 0; !condition(); i++) {
      if (i === 2000 || this.ended !== undefined) {
        throw new Error(
          `waited in vain for ${what}: ${this.ended ?? 'it runs'}; ${this.output.slice(-300)} ${this.errors}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Some calls of next_batch more. */
  async polled(calls: number): Promise<void> {
    const before = this.polls;
    await this.until(`${calls} more calls`, () => this.polls >= before + calls);
  }

  /** Ends it and says how it went. */
  async end(): Promise<string> {
    this.process.stdin.end();
    for (let i = 0; i < 1000 && this.ended === undefined; i++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    return this.ended ?? 'it hangs';
  }
}
