// SPDX-License-Identifier: Apache-2.0
// A log that is followed and rotated, as logrotate does it.
import * as fs from 'node:fs';
import * as zlib from 'node:zlib';
import { drain } from './drive';
import { idsOf, shortEvent } from './events';
import { Host } from './host';
import { Wasm } from './wasm';
import { Workspace, lines } from './workspace';

const events = (...ids: string[]): string => lines(ids.map((id) => shortEvent(id)));

/** A followed log, its writer, and a plugin that may be ended, started again, or trapped. */
export class RotatedLog extends Workspace {
  readonly file = this.at('log/audit.log');
  wasm!: Wasm;
  /**
   * Whether a file that is made may get the inode of one that was removed. Whether it does depends on who else makes files
   * at that moment.
   */
  reusesInodes = true;
  private removed = 0;

  constructor(
    private readonly query = '?from=start',
    private readonly target = 'audit.log',
  ) {
    super();
    fs.mkdirSync(this.at('log'));
  }

  get params(): string {
    const separator = this.query === '' ? '?' : '&';
    return `file://${this.at('log')}/${this.target}${this.query}${separator}checkpoint=${this.at('state')}`;
  }

  /** Starts a plugin: a new process, which knows only what the checkpoint holds. */
  start(host = new Host()): this {
    this.wasm = new Wasm(host).init().open(this.params);
    return this;
  }

  /** The process is killed: nothing is acknowledged that was not. */
  kill(): this {
    this.wasm.host.afterTrap();
    return this;
  }

  /** A trap outside of poll. */
  trap(): this {
    this.wasm = this.wasm.successor('', this.params);
    return this;
  }

  put(...ids: string[]): this {
    fs.appendFileSync(this.file, events(...ids));
    return this;
  }

  raw(text: string): this {
    fs.appendFileSync(this.file, text);
    return this;
  }

  /** logrotate's create: audit.log.1 → .2, audit.log → .1. */
  rename(keep = 9): this {
    this.shift(keep);
    fs.renameSync(this.file, `${this.file}.1`);
    fs.writeFileSync(this.file, '');
    return this;
  }

  /** logrotate's copytruncate. */
  copyTruncate(keep = 9): this {
    this.shift(keep);
    fs.copyFileSync(this.file, `${this.file}.1`);
    fs.truncateSync(this.file, 0);
    return this;
  }

  private shift(keep: number): void {
    for (let i = keep; i >= 1; i--) {
      for (const end of ['', '.gz']) {
        const from = `${this.file}.${i}${end}`;
        if (fs.existsSync(from)) fs.renameSync(from, `${this.file}.${i + 1}${end}`);
      }
    }
  }

  remove(name: string): this {
    const file = this.at(`log/${name}`);
    // A second name elsewhere keeps the inode.
    if (!this.reusesInodes) fs.linkSync(file, this.at(`removed-${this.removed++}`));
    fs.rmSync(file);
    return this;
  }

  /** Compresses a rotated file under a new inode, as gzip does. */
  pack(name: string): this {
    const file = this.at(`log/${name}`);
    fs.writeFileSync(`${file}.gz`, zlib.gzipSync(fs.readFileSync(file)));
    return this.remove(name);
  }

  get next(): string[] {
    return idsOf(drain(this.wasm).events);
  }
}
