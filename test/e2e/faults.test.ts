// SPDX-License-Identifier: Apache-2.0
// Faults of the machine: the webhook and the followed file go on, say what is wrong, and lose nothing acknowledged.
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { repositoryRoot } from '../../scripts/lib/paths.mjs';
import { Template } from '../../scripts/soak/events.mjs';
import type { LibsinspHost } from '../../scripts/soak/host.mjs';
import { Workspace } from '../support/workspace.ts';
import { PATH, freePort, lostEvents, makeClient, makeHost, secureWebhook, until } from './support.ts';
import { plain, repeat, talk } from './wire.ts';

/** The preloaded library of faults.c; nothing is wrong at first. */
class Faults {
  readonly env: NodeJS.ProcessEnv;
  private readonly file: string;
  private readonly state = new BigInt64Array(3);

  constructor(workspace: Workspace) {
    this.file = workspace.write('faults', Buffer.alloc(this.state.byteLength));
    const library = workspace.at('faults.so');
    const flags = ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-O1', '-fPIC', '-shared'];
    const source = join(repositoryRoot, 'test', 'e2e', 'faults.c');
    execFileSync('cc', [...flags, '-o', library, source, '-ldl'], { stdio: 'inherit' });
    this.env = { LD_PRELOAD: library, FAULTS: this.file };
  }

  set({ clockSeconds = 0, noNames = false, writeError = 0 }): void {
    this.state.set([BigInt(clockSeconds), BigInt(noNames), BigInt(writeError)]);
    // In place: the process has the file mapped.
    writeFileSync(this.file, Buffer.from(this.state.buffer), { flag: 'r+' });
  }
}

/** Room for one checkpoint of a followed file, which has 36 KiB. */
const DISK_KIBIBYTES = 64;

/**
 * A disk so small that it can be filled, in a mount namespace of its own: it is gone with the process that holds the
 * namespace, however the test ends. Root makes one as it is, others in a user namespace too.
 */
class SmallDisk {
  readonly path: string;
  /** What has to stand before a command that shall see the disk. */
  readonly prefix: string[];
  /** Where this process sees it. */
  private readonly outside: string;

  private constructor(path: string, holder: number, isRoot: boolean) {
    this.path = path;
    this.outside = `/proc/${holder}/root${path}`;
    const user = isRoot ? [] : ['--user', '--preserve-credentials'];
    this.prefix = ['nsenter', `--target=${holder}`, '--mount', ...user];
  }

  /** Call inside a test. */
  static async mount(workspace: Workspace): Promise<SmallDisk> {
    const path = workspace.at('disk');
    mkdirSync(path);
    const isRoot = process.getuid?.() === 0;
    const user = isRoot ? [] : ['--user', '--map-root-user'];
    const script = `mount -t tmpfs -o size=${DISK_KIBIBYTES}k tmpfs "$0" && echo mounted && exec cat`;
    const holder = spawn('unshare', ['--mount', ...user, 'sh', '-c', script, path]);
    onTestFinished(() => void holder.kill('SIGKILL'));
    let said = '';
    holder.stderr.on('data', (part) => (said += part));
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once('data', () => resolve());
      holder.once('error', reject);
      holder.once('close', () =>
        reject(new Error(`cannot mount a tmpfs (CAP_SYS_ADMIN is needed): ${said}`)),
      );
    });
    return new SmallDisk(path, holder.pid ?? 0, isRoot);
  }

  /** Takes all of its room but so many pages. */
  fill(pagesLeft: number): void {
    const { bavail, bsize } = statfsSync(this.outside);
    writeFileSync(join(this.outside, 'full'), Buffer.alloc((bavail - pagesLeft) * bsize));
    expect(statfsSync(this.outside).bavail).toBe(pagesLeft);
  }

  makeRoom(): void {
    rmSync(join(this.outside, 'full'));
  }
}

const HOUR = 3600;

describe('the webhook', () => {
  test('goes on when the wall clock is set back', async () => {
    const workspace = new Workspace();
    const faults = new Faults(workspace);
    const port = await freePort();
    const open = `http://127.0.0.1:${port}${PATH}`;
    const host = makeHost({ folder: workspace.path, open, env: faults.env });
    let arrived = '';
    host.onEvent = ({ fields, time }) => {
      if (fields['ka.auditid'] === 'timeless-0') arrived = time;
    };
    await host.start();
    const clients = [makeClient('kept', 50, { port }), makeClient('fresh', 50, { port }, false)];
    for (const hours of [0, -24, -48, 1]) {
      faults.set({ clockSeconds: hours * HOUR });
      for (let i = 0; i < 20; i++) for (const client of clients) await client.send();
    }
    // An event without a time gets the one of its arrival: the clock of the process is indeed another.
    faults.set({ clockSeconds: -24 * HOUR });
    const event =
      '{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"timeless-0","stage":"ResponseComplete"}';
    const head = `POST ${PATH} HTTP/1.1\r\nHost: falco\r\nContent-Type: application/json\r\n`;
    const request = `${head}Content-Length: ${event.length}\r\n\r\n${event}`;
    const { statuses } = await talk(plain(port), (socket) => void socket.write(request), 30_000, 1);
    expect(statuses).toEqual([200]);
    await host.end('SIGTERM');
    expect(Date.parse(arrived)).toBeLessThan(Date.now() - 23 * HOUR * 1000);
    expect(lostEvents(clients, host.delivered)).toEqual([]);
    expect(host.delivered.repeated).toBe(0);
    for (const { retries, acknowledged } of clients) {
      expect(retries).toBe(0);
      expect(acknowledged.total).toBe(4 * 20 * 50);
    }
  });

  test('goes on, and says so, when there are no descriptors left', async () => {
    const { workspace, open, config, target, port } = await secureWebhook();
    const prefix = ['prlimit', '--nofile=48'];
    const host = makeHost({ folder: workspace.path, open, config, prefix });
    await host.start();
    const kept = makeClient('kept', 50, target);
    await kept.send();
    let isOver = false;
    const holdOn = async (socket: Socket): Promise<void> => {
      await until(() => isOver);
      socket.destroy();
    };
    const flood = repeat(100, 100, () => talk(plain(port), holdOn, 600_000));
    // Said once a minute at most, however often it is tried.
    await until(() => /too many open files/i.test(host.messages));
    for (let i = 0; i < 50; i++) await kept.send();
    expect(kept.retries).toBe(0);
    isOver = true;
    const late = makeClient('late', 50, target);
    for (let i = 0; i < 10; i++) await late.send();
    await flood;
    const metrics = await host.metrics();
    await host.end('SIGTERM');
    expect(lostEvents([kept, late], host.delivered)).toEqual([]);
    expect(host.delivered.repeated).toBe(0);
    expect(metrics['traps']).toBe(0);
  });

  test('goes on when no name can be resolved any more', async () => {
    const workspace = new Workspace();
    const faults = new Faults(workspace);
    const port = await freePort();
    const host = makeHost({
      folder: workspace.path,
      open: `http://localhost:${port}${PATH}`,
      env: faults.env,
    });
    await host.start();
    faults.set({ noNames: true });
    const clients = [makeClient('kept', 50, { port }), makeClient('fresh', 50, { port }, false)];
    for (let i = 0; i < 20; i++) for (const client of clients) await client.send();
    await host.end('SIGTERM');
    expect(lostEvents(clients, host.delivered)).toEqual([]);
    // At a start nothing can be done without the name: that is said.
    await expect(host.start()).rejects.toThrow(/localhost/);
  });
});

/** Events in a batch at most. */
const BATCH = 256;

/** Appends events to a followed file, and waits until the host has delivered them. */
class DeliveredLines {
  written = 0;
  private readonly template = new Template('line', 100, 'lines');

  constructor(
    private readonly file: string,
    private readonly host: LibsinspHost,
  ) {}

  async write(): Promise<void> {
    appendFileSync(this.file, this.template.fill(this.written));
    this.written += this.template.count;
    await until(() => this.host.read().distinct === this.written);
  }
}

describe('the followed file', () => {
  test.each([
    ['is full', constants.errno.ENOSPC, /no space left/i],
    ['has become read-only', constants.errno.EROFS, /read-only file system/i],
    ['is broken', constants.errno.EIO, /input\/output error/i],
  ])('goes on, and says so, while the disk of the checkpoint %s', async (_, writeError, said) => {
    const workspace = new Workspace();
    const faults = new Faults(workspace);
    const log = workspace.write('audit.log', '');
    const checkpoint = workspace.at('audit.checkpoint');
    const host = makeHost({
      folder: workspace.path,
      open: `file://${log}?checkpoint=${checkpoint}`,
      env: faults.env,
    });
    await host.start();
    const lines = new DeliveredLines(log, host);
    const write = (): Promise<void> => lines.write();
    await write();
    faults.set({ writeError });
    await write();
    await until(() => said.test(host.messages));
    for (let i = 0; i < 20; i++) await write();
    // What is not noted becomes older and older.
    await until(async () => (await host.metrics())['checkpoint_age'] > 0);
    const full = await host.metrics();
    expect(full['checkpoint_errors']).toBeGreaterThan(0);
    expect(host.delivered.repeated).toBe(0);
    // As soon as it can be the checkpoint is written, and a restart repeats at most the batch in flight.
    faults.set({});
    await until(async () => (await host.metrics())['checkpoint_age'] === 0);
    await write();
    await host.end('SIGKILL');
    await host.start();
    await write();
    await host.end('SIGTERM');
    expect(host.delivered.distinct).toBe(lines.written);
    expect(host.delivered.repeated).toBeLessThanOrEqual(BATCH);
  });

  test('goes on, and keeps its checkpoint, when a real disk becomes full', async () => {
    const workspace = new Workspace();
    const disk = await SmallDisk.mount(workspace);
    const log = workspace.write('audit.log', '');
    const open = `file://${log}?checkpoint=${disk.path}/audit.checkpoint`;
    const host = makeHost({ folder: workspace.path, open, prefix: disk.prefix });
    await host.start();
    const lines = new DeliveredLines(log, host);
    await lines.write();
    disk.fill(0);
    for (let i = 0; i < 20; i++) await lines.write();
    // The room was taken when the checkpoint was made.
    await until(async () => (await host.metrics())['checkpoint_age'] === 0);
    expect((await host.metrics())['checkpoint_errors']).toBe(0);
    await host.end('SIGKILL');
    await host.start();
    await lines.write();
    await host.end('SIGTERM');
    expect(host.delivered.distinct).toBe(lines.written);
    expect(host.delivered.repeated).toBeLessThanOrEqual(BATCH);
  });

  test('says why it does not start when a real disk has no room for its checkpoint, and starts with room', async () => {
    const workspace = new Workspace();
    const disk = await SmallDisk.mount(workspace);
    const log = workspace.write('audit.log', '');
    const open = `file://${log}?checkpoint=${disk.path}/audit.checkpoint`;
    const host = makeHost({ folder: workspace.path, open, prefix: disk.prefix });
    // Too little room is no room, however often it is tried.
    for (const pagesLeft of [0, 5, 5]) {
      disk.fill(pagesLeft);
      await expect(host.start()).rejects.toThrow(/cannot use checkpoint .*no space left/i);
      disk.makeRoom();
    }
    await host.start();
    const lines = new DeliveredLines(log, host);
    await lines.write();
    await host.end('SIGTERM');
    expect(host.delivered.total).toBe(lines.written);
  });

  test('goes on when the folder of the checkpoint is removed', async () => {
    const workspace = new Workspace();
    const log = workspace.write('audit.log', '');
    const folder = workspace.at('state');
    const host = makeHost({
      folder: workspace.path,
      open: `file://${log}`,
      config: { stateDir: folder },
    });
    await host.start();
    const lines = new DeliveredLines(log, host);
    for (let i = 0; i < 20; i++) {
      if (i === 10) rmSync(folder, { recursive: true });
      await lines.write();
    }
    await host.end('SIGTERM');
    expect(host.delivered.repeated).toBe(0);
  });
});
