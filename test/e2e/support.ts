// SPDX-License-Identifier: Apache-2.0
// A real libsinsp host that serves the webhook, and clients that behave as kube-apiserver does.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Workspace } from '../support/workspace.ts';
import { hostCommand, pluginPath } from '../host/support.ts';

const PATH = '/k8s-audit';

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A port that nothing listens on, below the range that the system gives to clients. */
export async function freePort(): Promise<number> {
  for (let port = 21_000 + (process.pid % 5000); port < 30_000; port++) {
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new Error('no free port from 21000 to 30000');
}

/** The host: it prints each event's auditID to a file, unbuffered, and may be killed and started again. */
export class WebhookHost {
  private readonly workspace = new Workspace();
  private child: ChildProcess | undefined;

  constructor(readonly port: number) {
    onTestFinished(() => void this.child?.kill('SIGKILL'));
  }

  private get output(): string {
    return join(this.workspace.path, 'events.jsonl');
  }

  /** Starts it; it listens when this is done. */
  async start(): Promise<void> {
    const [program = '', ...first] = hostCommand();
    const url = `http://127.0.0.1:${this.port}${PATH}`;
    const args = [...first, '--plugin', pluginPath(), '--open', url, '--fields', 'ka.auditid'];
    const output = openSync(this.output, 'a');
    const child = spawn(program, args, { stdio: ['ignore', output, 'pipe'] });
    closeSync(output);
    this.child = child;
    let messages = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr?.on('data', (part) => {
        messages += part;
        if (messages.includes('listening for audit events')) resolve();
      });
      child.once('exit', () => reject(new Error(`the host ended: ${messages}`)));
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  /** Ends it and waits until it is gone. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the host is gone already: ${child?.exitCode} ${child?.signalCode}`);
    }
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  /** The auditIDs printed so far, in order. A line that a kill has cut is left out. */
  printed(): string[] {
    const text = readFileSync(this.output, 'utf8');
    return [...text.matchAll(/"ka\.auditid":"([^"]+)"\}\}$/gm)].map((match) => match[1] ?? '');
  }
}

/** One kube-apiserver: a kept connection, one request at a time, each sent again until it is answered 200. */
export class ApiServer {
  readonly acknowledged: string[] = [];
  retries = 0;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(readonly port: number) {
    onTestFinished(() => this.agent.destroy());
  }

  /** Sends an EventList until it is acknowledged, or `isOver` says so. */
  async send(ids: readonly string[], isOver: () => boolean = () => false): Promise<void> {
    const items = ids.map((auditID) => ({
      kind: 'Event',
      auditID,
      stage: 'ResponseComplete',
      verb: 'get',
      stageTimestamp: '2024-05-01T12:00:00.000000Z',
      user: { username: 'system:serviceaccount:default:default', groups: ['system:authenticated'] },
      objectRef: { resource: 'pods', namespace: 'default', name: auditID },
    }));
    const body = JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items });
    while (!isOver()) {
      const status = await this.post(body).catch(() => 0);
      if (status === 200) {
        this.acknowledged.push(...ids);
        return;
      }
      if (status >= 400 && status < 500 && status !== 429) throw new Error(`the webhook answered ${status}`);
      this.retries++;
      await sleep(20);
    }
  }

  private post(body: string): Promise<number> {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const options = {
      host: '127.0.0.1',
      port: this.port,
      path: PATH,
      method: 'POST',
      agent: this.agent,
      headers,
    };
    return new Promise((resolve, reject) => {
      const sent = request(options, (response) => {
        response.resume();
        response.on('error', reject);
        response.on('end', () => resolve(response.statusCode ?? 0));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }
}
