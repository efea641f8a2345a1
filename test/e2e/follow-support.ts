// SPDX-License-Identifier: Apache-2.0
// A real libsinsp host that follows a file, and a writer that rotates it.
import { spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { hostCommand, pluginPath } from '../host/support.ts';
import { Workspace } from '../support/workspace.ts';
import { sleep } from './support.ts';

/** The host: it prints each event's auditID to a file, unbuffered, and may be killed and started again. */
export class FollowHost {
  private readonly workspace = new Workspace();
  private child: ChildProcess | undefined;
  messages = '';

  constructor(readonly params: string) {
    onTestFinished(() => void this.child?.kill('SIGKILL'));
  }

  private get output(): string {
    return join(this.workspace.path, 'events.jsonl');
  }

  /** Starts it. */
  start(): void {
    const [program = '', ...first] = hostCommand();
    const args = [...first, '--plugin', pluginPath(), '--open', this.params, '--fields', 'ka.auditid'];
    const output = fs.openSync(this.output, 'a');
    this.child = spawn(program, args, { stdio: ['ignore', output, 'pipe'] });
    fs.closeSync(output);
    this.child.stderr?.on('data', (part) => (this.messages += part));
  }

  /** Ends it and waits until it is gone. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the host is gone already: ${child?.exitCode} ${child?.signalCode}\n${this.messages}`);
    }
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  /** The auditIDs printed so far, in order. A line that a kill has cut is left out. */
  printed(): string[] {
    const text = fs.readFileSync(this.output, 'utf8');
    return [...text.matchAll(/"ka\.auditid":"([^"]+)"\}\}$/gm)].map((match) => match[1] ?? '');
  }

  /** Waits until so many different events are printed, at most a minute. */
  async until(count: number): Promise<void> {
    for (let i = 0; i < 600 && new Set(this.printed()).size < count; i++) await sleep(100);
  }
}

/** Writes events to a log and rotates it, as logrotate does. */
export class LogWriter {
  written = 0;
  readonly rotations = { rename: 0, copy: 0 };
  readonly file: string;
  private readonly workspace = new Workspace();

  constructor(private readonly keep = 5) {
    this.file = this.workspace.at('audit.log');
    fs.writeFileSync(this.file, '');
  }

  get state(): string {
    return this.workspace.at('state');
  }

  write(count: number): void {
    let text = '';
    for (let i = 0; i < count; i++) {
      text += `${JSON.stringify({
        kind: 'Event',
        auditID: `w${this.written++}`,
        stage: 'ResponseComplete',
        verb: 'get',
        stageTimestamp: '2024-05-01T12:00:00.000000Z',
        user: { username: 'system:serviceaccount:default:default', groups: ['system:authenticated'] },
        objectRef: { resource: 'pods', namespace: 'default', name: `pod-${this.written}` },
      })}\n`;
    }
    fs.appendFileSync(this.file, text);
  }

  private shift(): void {
    for (let i = this.keep; i >= 1; i--) {
      if (fs.existsSync(`${this.file}.${i}`)) fs.renameSync(`${this.file}.${i}`, `${this.file}.${i + 1}`);
    }
    fs.rmSync(`${this.file}.${this.keep + 1}`, { force: true });
  }

  rename(): void {
    this.shift();
    fs.renameSync(this.file, `${this.file}.1`);
    fs.writeFileSync(this.file, '');
    this.rotations.rename++;
  }

  copyTruncate(): void {
    this.shift();
    fs.copyFileSync(this.file, `${this.file}.1`);
    fs.truncateSync(this.file, 0);
    this.rotations.copy++;
  }

  get ids(): string[] {
    return Array.from({ length: this.written }, (_, i) => `w${i}`);
  }
}
