// SPDX-License-Identifier: Apache-2.0
// A real registry on loopback, and falcoctl, crane and cosign as somebody without any configuration runs them.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

import { freePort } from '../../scripts/soak/host.mjs';
import type { Workspace } from '../support/workspace.ts';
import { until } from './support.ts';
import { required } from './tools.ts';

/** A running `falcoctl artifact follow`. */
export interface Follower {
  /** What it has said so far. */
  text(): string;
  /** Waits until something holds; fails if falcoctl ends before. */
  until(holds: () => boolean): Promise<void>;
}

export interface Said {
  status: number | null;
  /** Standard output and error. */
  text: string;
}

/** Debian's docker-registry, with its files in the workspace; it ends with the test. */
export class Registry {
  private constructor(
    readonly host: string,
    private readonly folder: string,
  ) {}

  static async start(workspace: Workspace): Promise<Registry> {
    const program = required('docker-registry', 'install it with apt-get install docker-registry');
    const host = `127.0.0.1:${await freePort()}`;
    const folder = workspace.at('registry');
    const config = {
      version: '0.1',
      log: { level: 'error', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: folder } },
      http: { addr: host },
    };
    const child = spawn(program, ['serve', workspace.write('registry.json', JSON.stringify(config))], {
      stdio: 'ignore',
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`the registry ended with ${child.exitCode}`);
      return (await fetch(`http://${host}/v2/`).catch(() => undefined))?.ok === true;
    });
    return new Registry(host, folder);
  }

  /** The file in which the registry keeps a blob. */
  blobFile(digest: string): string {
    const [algorithm = '', hash = ''] = digest.split(':');
    const file = join(this.folder, 'docker/registry/v2/blobs', algorithm, hash.slice(0, 2), hash, 'data');
    if (!existsSync(file)) throw new Error(`the registry has no ${digest}`);
    return file;
  }
}

/** A machine with falcoctl: its home, configuration, and the folders that it installs into. */
export class Machine {
  readonly plugins: string;
  readonly rules: string;
  private readonly env: NodeJS.ProcessEnv;
  private readonly config: string;

  constructor(
    readonly workspace: Workspace,
    private readonly tools: string,
  ) {
    const folder = (name: string) => {
      mkdirSync(workspace.at(name), { recursive: true });
      return workspace.at(name);
    };
    this.plugins = folder('machine/plugins');
    this.rules = folder('machine/rules');
    folder('machine/state');
    this.env = { PATH: process.env['PATH'], HOME: folder('machine/home'), COSIGN_PASSWORD: '' };
    // No index of others: they are not on this machine.
    this.config = workspace.write('machine/falcoctl.yaml', 'indexes: []\n');
  }

  run(program: string, args: string[], more: NodeJS.ProcessEnv = {}): Said {
    const { status, stdout, stderr } = spawnSync(join(this.tools, program), args, {
      encoding: 'utf8',
      env: { ...this.env, ...more },
      timeout: 120_000,
    });
    return { status, text: stdout + stderr };
  }

  falcoctl(...args: string[]): Said {
    return this.run('falcoctl', ['--config', this.config, '--log-format', 'text', ...args]);
  }

  /** `falcoctl artifact install` into this machine's folders. */
  install(...args: string[]): Said {
    return this.falcoctl('artifact', 'install', '--plain-http', ...this.folders(), ...args);
  }

  folders(): string[] {
    const state = ['--state-dir', this.workspace.at('machine/state')];
    return ['--plugins-dir', this.plugins, '--rulesfiles-dir', this.rules, ...state];
  }

  /**
   * Starts `falcoctl artifact follow`, which looks every second; it ends with the test. `versions` is what Falco's web
   * server would say of itself.
   */
  async follow(artifact: string, versions: object): Promise<Follower> {
    const falco = createServer((_, response) => response.end(JSON.stringify(versions)));
    onTestFinished(() => void falco.close());
    await new Promise<void>((listening) => falco.listen(0, '127.0.0.1', listening));
    const url = `http://127.0.0.1:${(falco.address() as AddressInfo).port}/versions`;
    const temporary = this.workspace.at('machine/temporary');
    mkdirSync(temporary, { recursive: true });
    const args = ['artifact', 'follow', '--plain-http', '--every', '1s', '--startup-behavior', 'immediate'];
    const child = spawn(
      join(this.tools, 'falcoctl'),
      [
        ...['--config', this.config, '--log-format', 'text', ...args, '--falco-versions', url],
        ...['--tmp-dir', temporary, ...this.folders(), artifact],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: this.env },
    );
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (text += part));
    onTestFinished(() => void child.kill('SIGKILL'));
    return {
      text: () => text,
      until: (holds) =>
        until(() => {
          if (child.exitCode !== null) throw new Error(`falcoctl ended with ${child.exitCode}: ${text}`);
          return holds();
        }),
    };
  }

  installed(): string[] {
    return [this.plugins, this.rules].flatMap((folder) => readdirSync(folder)).sort();
  }

  read(name: string): Buffer {
    const file = [this.plugins, this.rules].map((folder) => join(folder, name)).find(existsSync);
    if (file === undefined) throw new Error(`${name} is not installed`);
    return readFileSync(file);
  }
}
