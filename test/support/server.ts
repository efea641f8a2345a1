// SPDX-License-Identifier: Apache-2.0
// HTTP servers on loopback for tests: with or without TLS, on a port that stays the same over a restart.
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** Certificate and key as texts in PEM. */
export interface ServerIdentity {
  certificate: string;
  key: string;
}

/** A server that can be closed, with all of its connections, and opened again. */
export class LoopbackServer {
  private server: Server | undefined;
  private chosen = 0;

  /** `identity`: speaks TLS with it; undefined: plain HTTP. */
  constructor(
    private readonly listener: RequestListener,
    readonly identity?: ServerIdentity,
  ) {}

  /** Where it listens; 0 before the first `open`. */
  get port(): number {
    return this.chosen;
  }

  /** `http://127.0.0.1:PORT` or `https://…`, without a slash at its end. */
  get url(): string {
    return `${this.identity === undefined ? 'http' : 'https'}://127.0.0.1:${this.port}`;
  }

  /** Listens, on the port that it had before if it had one. */
  async open(): Promise<this> {
    const { identity } = this;
    const server =
      identity === undefined
        ? createServer(this.listener)
        : createSecureServer({ cert: identity.certificate, key: identity.key }, this.listener);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.chosen, '127.0.0.1', resolve);
    });
    this.server = server;
    this.chosen = (server.address() as AddressInfo).port;
    return this;
  }

  /** Cuts every connection and listens no more. */
  async close(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
}

/**
 * The body of a request.
 *
 * @throws {Error} it has more than `limit` bytes, or the connection broke
 */
export async function readBody(request: IncomingMessage, limit = 64 << 20): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > limit) throw new Error(`a body of more than ${limit} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
