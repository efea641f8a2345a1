// SPDX-License-Identifier: Apache-2.0
// What small servers that play somebody else's share: they note what they are asked, and fail as a test says.
import type { IncomingMessage, ServerResponse } from 'node:http';

import { LoopbackServer, readBody, type ServerIdentity } from './server.ts';

/** A request that came. */
export interface Asked {
  /** Milliseconds since 1970. */
  time: number;
  method: string;
  path: string;
  query: URLSearchParams;
  /** Names in lower case; repeated ones joined by commas. */
  headers: Record<string, string>;
  body: string;
}

export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body: string;
}

/** What happens instead of an answer: a reply; no answer ever; the connection is cut, before or after it is done; a delay. */
export type Failure = Reply | 'hang' | 'cut' | 'cut-after' | { delay: number };

interface Scripted {
  matches: (asked: Asked) => boolean;
  failure: Failure;
  left: number;
}

/** Stand-ins keep as many requests, the newest. */
const MAX_REQUESTS = 20_000;

/** A server on loopback that answers as a class above it says. */
export abstract class StandIn {
  readonly requests: Asked[] = [];
  private readonly server: LoopbackServer;
  private readonly script: Scripted[] = [];

  constructor(identity?: ServerIdentity) {
    this.server = new LoopbackServer((request, response) => void this.serve(request, response), identity);
  }

  /** `http://127.0.0.1:PORT` or `https://…` */
  get url(): string {
    return this.server.url;
  }

  /** Begins to listen; after `close`, on the same port as before. */
  async open(): Promise<this> {
    await this.server.open();
    return this;
  }

  /** Cuts all connections and listens no more. */
  close(): Promise<void> {
    return this.server.close();
  }

  /** The next `count` requests fail that match: all of them, or those of a method and a path (`'PUT /latest'`: the start). */
  fail(failure: Failure, count = 1, start = ''): void {
    const matches = ({ method, path }: Asked) => `${method} ${path}`.startsWith(start);
    this.script.push({ matches, failure, left: count });
  }

  /** What it answers when nothing fails. */
  protected abstract answer(asked: Asked): Reply;

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const asked = await readAsked(request);
      if (this.requests.push(asked) > MAX_REQUESTS) this.requests.shift();
      await this.reply(asked, this.failureOf(asked), response);
    } catch (error) {
      // A client that has gone sees nothing of this; a mistake in a stand-in is seen in the client's error.
      if (!response.headersSent) write(response, { status: 500, body: `the stand-in failed: ${error}` });
    }
  }

  private failureOf(asked: Asked): Failure | undefined {
    const at = this.script.findIndex(({ matches }) => matches(asked));
    const scripted = this.script[at];
    if (scripted !== undefined && --scripted.left === 0) this.script.splice(at, 1);
    return scripted?.failure;
  }

  private async reply(asked: Asked, failure: Failure | undefined, response: ServerResponse): Promise<void> {
    if (failure === 'hang') return;
    if (failure === 'cut') return void response.socket?.destroy();
    if (typeof failure === 'object' && 'status' in failure) return write(response, failure);
    const answer = this.answer(asked);
    if (failure === 'cut-after') return void response.socket?.destroy();
    if (failure !== undefined) await new Promise((resolve) => setTimeout(resolve, failure.delay));
    write(response, answer);
  }
}

function write(response: ServerResponse, { status, headers = {}, body }: Reply): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
}

async function readAsked(request: IncomingMessage): Promise<Asked> {
  const { method = '', url = '' } = request;
  const [path = '', query = ''] = url.split('?', 2);
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)]);
  const body = (await readBody(request)).toString();
  const time = Date.now();
  return {
    time,
    method,
    path,
    query: new URLSearchParams(query),
    headers: Object.fromEntries(headers),
    body,
  };
}

/** A reply in JSON. */
export function jsonReply(status: number, content: object, headers: Record<string, string> = {}): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(content),
  };
}
