// SPDX-License-Identifier: Apache-2.0
// Clients of the webhook: whole requests by node:http, and bare bytes by node:net.
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { Reader, init } from './support.ts';

export const PATH = '/k8s-audit';

/** A webhook on a port that was free. */
export class Webhook extends Reader {
  readonly port: number;

  constructor(config?: string | object, variant: string = 'release', host = '127.0.0.1') {
    const state = init(config, variant);
    super(state, state.open(`http://${host}:0${PATH}`));
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

/** One request; rejects when the connection ends without an answer. */
export function post(port: number, body: Body, options: PostOptions = {}): Promise<Answer> {
  const { agent = false, method = 'POST', path = PATH, host = '127.0.0.1', chunks } = options;
  const headers: Record<string, string> = { 'Content-Type': 'application/json', ...options.headers };
  if (chunks === undefined && method === 'POST') headers['Content-Length'] = String(Buffer.byteLength(body));
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host, port, path, method, agent, headers }, (response) => {
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
    });
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
