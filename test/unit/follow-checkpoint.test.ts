// SPDX-License-Identifier: Apache-2.0
// The checkpoint: what it is written to, when, and what happens when that goes wrong.
import * as fs from 'node:fs';
import * as os from 'node:os';
import { describe, expect, onTestFinished, test } from 'vitest';
import { drain } from '../support/drive';
import { idsOf, names, shortEvent } from '../support/events';
import { lockedStates } from '../support/host';
import { Wasm } from '../support/wasm';
import { Workspace, lines } from '../support/workspace';

const { ENOSPC, EIO, EACCES } = os.constants.errno;
const SECOND = 1_000_000_000n;
const SLOT = 12_288;
const SLOTS = 3;

class Run extends Workspace {
  readonly file = this.write('audit.log', '');
  readonly state = this.at('state');
  wasm = new Wasm();

  start(config = '', query = `?from=start&checkpoint=${this.state}`, file = this.file): this {
    this.wasm = new Wasm().init(config).open(`file://${file}${query}`);
    return this;
  }

  put(...ids: string[]): this {
    fs.appendFileSync(this.file, lines(ids.map((id) => shortEvent(id))));
    return this;
  }

  kill(): this {
    this.wasm.host.afterTrap();
    return this;
  }

  get next(): string[] {
    return idsOf(drain(this.wasm).events);
  }

  drain(): this {
    drain(this.wasm);
    return this;
  }

  get metrics(): Record<string, number> {
    return this.wasm.metrics();
  }

  get messages(): string[] {
    return this.wasm.host.logs.map(({ message }) => message);
  }

  refusal(config?: string, query?: string, file?: string): string {
    try {
      this.start(config, query, file);
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error('it was opened');
  }

  /** Changes the file of the checkpoint. */
  damage(change: (bytes: Buffer) => void, file = this.state): this {
    const bytes = fs.readFileSync(file);
    change(bytes);
    fs.writeFileSync(file, bytes);
    return this;
  }
}

describe('a restart', () => {
  test('goes on exactly there, whatever from= says', () => {
    const run = new Run().put('a', 'b').start();
    expect(run.next).toEqual(['a', 'b']);
    for (const [i, from] of ['end', 'start', 'end'].entries()) {
      run.kill().put(`c${i}`);
      run.start('', `?from=${from}&checkpoint=${run.state}`);
      expect(run.next, from).toEqual([`c${i}`]);
    }
  });

  test('delivers what was handed over but not acknowledged again, and nothing else', () => {
    const run = new Run().put(...names(600)).start();
    expect(idsOf(run.wasm.nextBatch() as never)).toHaveLength(256);
    run.kill().start();
    expect(run.next).toEqual(names(600));
    run.kill().put('x').start();
    expect(idsOf(run.wasm.nextBatch() as never)).toEqual(['x']);
    run.kill().start();
    expect(run.next).toEqual(['x']);
  });

  test('close does not acknowledge: Falco may have stopped in the middle of the batch', () => {
    const run = new Run().put('a').start();
    expect(idsOf(run.wasm.nextBatch() as never)).toEqual(['a']);
    run.wasm.close();
    expect(run.wasm.host.openFiles).toBe(0);
    expect(run.start().next).toEqual(['a']);
    run.wasm.close();
    expect(run.start().next).toEqual([]);
  });

  test('in the middle of a line that is dropped because it is too long', () => {
    const config = '{"maxEventSize": 2000, "webhookMaxBatchSize": 3000}';
    const run = new Run();
    fs.appendFileSync(run.file, 'x'.repeat(10_000));
    expect(run.start(config).next).toEqual([]);
    run.kill();
    fs.appendFileSync(run.file, `${shortEvent('part of the line')}\n${shortEvent('a')}\n`);
    expect(run.start(config).next).toEqual(['a']);
    expect(run.metrics.events_dropped_too_large).toBe(0);
  });

  test('a clock that was set back does not matter', () => {
    const run = new Run().put('a').start();
    expect(run.next).toEqual(['a']);
    run.kill().put('b');
    fs.renameSync(run.file, `${run.file}.1`);
    run.put('c');
    fs.utimesSync(run.file, 1000, 1000);
    fs.utimesSync(`${run.file}.1`, 2000, 2000);
    expect(run.start().next).toEqual(['b', 'c']);
  });

  test('the file is gone: it is said, and what comes is read', () => {
    const run = new Run().put('a').start();
    expect(run.next).toEqual(['a']);
    run.kill();
    fs.rmSync(run.file);
    run.start();
    expect(run.next).toEqual([]);
    run.wasm.host.now += 3n * SECOND;
    expect(run.next).toEqual([]);
    expect(run.messages.join('\n')).toMatch(
      /inode \d+\) is gone; what it held behind byte \d+ is not delivered/,
    );
    expect(run.put('b').next).toEqual(['b']);
  });
});

describe('where it is', () => {
  /** The checkpoints of files in a folder; what is remembered of users and pods stands beside them. */
  const checkpoints = (folder: string): string[] =>
    fs.readdirSync(folder).filter((name) => !name.startsWith('known-'));

  test('in stateDir, which is made, one file for each path', () => {
    const run = new Run().put('a');
    const dir = run.at('made');
    const config = JSON.stringify({ stateDir: dir });
    expect(run.start(config, '?from=start').next).toEqual(['a']);
    expect(checkpoints(dir)).toEqual([expect.stringMatching(/^file-[0-9a-f]{16}\.checkpoint$/)]);
    expect(fs.statSync(dir).mode & 0o777).toBe(0o700);
    expect(fs.statSync(`${dir}/${checkpoints(dir)[0]}`).mode & 0o777).toBe(0o600);
    run.kill().put('b');
    expect(run.start(config, '?from=start').next).toEqual(['b']);
    run.kill();
    const other = run.write('other.log', lines([shortEvent('o')]));
    expect(run.start(config, '?from=start', other).next).toEqual(['o']);
    expect(checkpoints(dir)).toHaveLength(2);
  });

  test('checkpoint= comes before stateDir, and may be a folder', () => {
    const run = new Run().put('a');
    fs.mkdirSync(run.at('folder'));
    const config = JSON.stringify({ state_dir: run.at('unused') });
    expect(run.start(config, `?from=start&checkpoint=${run.at('folder')}`).next).toEqual(['a']);
    expect(fs.readdirSync(run.at('folder'))).toHaveLength(1);
    expect(checkpoints(run.at('unused'))).toEqual([]);
  });
});

describe('when it is written', () => {
  test('at each acknowledgement that changes something; the disk is waited for once a second', () => {
    const run = new Run().start();
    const { host } = run.wasm;
    run.drain();
    const before = host.stateWrites;
    const syncs = host.stateSyncs;
    for (let i = 0; i < 50; i++) {
      expect(run.put(`e${i}`).next).toEqual([`e${i}`]);
    }
    expect(host.stateWrites - before).toBe(50);
    // 50 drains of four idle polls of 30 ms are six seconds.
    expect(host.stateSyncs - syncs).toBeGreaterThan(3);
    expect(host.stateSyncs - syncs).toBeLessThan(10);
    expect(run.metrics.checkpoint_writes).toBe(host.stateWrites);
    const idle = host.stateWrites;
    for (let i = 0; i < 200; i++) run.wasm.nextBatch();
    const idleSyncs = host.stateSyncs;
    for (let i = 0; i < 200; i++) run.wasm.nextBatch();
    expect([host.stateWrites, host.stateSyncs]).toEqual([idle, idleSyncs]);
    expect(run.metrics.checkpoint_age).toBe(0);
  });

  test('no fewer than two other states are kept: one of the disk, one of the kernel', () => {
    const run = new Run().start();
    for (let i = 0; i < 20; i++) run.put(`e${i}`).drain();
    run.kill();
    const bytes = fs.readFileSync(run.state);
    expect(bytes).toHaveLength(SLOTS * SLOT);
    const sequences = Array.from({ length: SLOTS }, (_, i) => Number(bytes.readBigUInt64LE(i * SLOT + 16)));
    expect(Math.max(...sequences)).toBeGreaterThanOrEqual(20);
    expect(new Set(sequences).size).toBe(SLOTS);
  });
});

/** The number of the slot that was written last. */
function newestSlot(bytes: Buffer): number {
  const sequences = Array.from({ length: SLOTS }, (_, i) => Number(bytes.readBigUInt64LE(i * SLOT + 16)));
  return sequences.indexOf(Math.max(...sequences));
}

describe('damage', () => {
  test.each([
    ['a byte of the blob', (bytes: Buffer, at: number) => (bytes[at + 60]! ^= 1)],
    ['the sequence', (bytes: Buffer, at: number) => (bytes[at + 23]! ^= 0x80)],
    ['the length', (bytes: Buffer, at: number) => (bytes[at + 15]! ^= 0xff)],
    ['half of it not written', (bytes: Buffer, at: number) => bytes.fill(0, at + 50, at + SLOT)],
  ])('to the newest state, %s: the one before counts', (_, change) => {
    const run = new Run().start();
    expect(run.put('a').next).toEqual(['a']);
    expect(run.put('b').next).toEqual(['b']);
    run.kill().damage((bytes) => change(bytes, newestSlot(bytes) * SLOT));
    expect(run.start().next).toEqual(['b']);
    expect(run.messages).toEqual([]);
  });

  test('to all states: it is said, and begun anew', () => {
    const run = new Run().put('a').start();
    expect(run.next).toEqual(['a']);
    run.kill().damage((bytes) => {
      for (let slot = 0; slot < SLOTS; slot++) bytes[slot * SLOT + 60]! ^= 1;
    });
    expect(run.start().next).toEqual(['a']);
    expect(run.messages).toEqual([
      expect.stringMatching(/^the checkpoint ".*state" is damaged \(\d of 3 copies/),
    ]);
    expect(run.metrics.checkpoint_errors).toBe(1);
    run.kill().put('b');
    expect(run.start().next).toEqual(['b']);
  });

  test('every byte of the file, one after the other: never a crash, never a loss', () => {
    const run = new Run().start();
    expect(run.put('a').next).toEqual(['a']);
    expect(run.put('b').next).toEqual(['b']);
    run.kill();
    const whole = fs.readFileSync(run.state);
    const at = newestSlot(whole) * SLOT;
    const length = whole.readUInt32LE(at + 12);
    for (let i = at + 12; i < at + 32 + length; i++) {
      run.damage((bytes) => {
        whole.copy(bytes);
        bytes[i]! ^= 0x10;
      });
      expect(run.start().next, `byte ${i - at}`).toEqual(['b']);
      run.kill();
    }
  });

  test('a file that was cut', () => {
    const run = new Run().put('a').start();
    expect(run.next).toEqual(['a']);
    run.kill();
    fs.truncateSync(run.state, 40);
    const ids = run.start().next;
    expect(ids).toEqual(['a']);
  });
});

describe('what is refused', () => {
  test('a file that is none', () => {
    const run = new Run();
    fs.writeFileSync(run.state, 'root:x:0:0:root:/root:/bin/bash\n');
    expect(run.refusal()).toBe(
      `open_params: cannot use checkpoint "${run.state}": it is no checkpoint of this plugin`,
    );
    expect(fs.readFileSync(run.state, 'utf8')).toBe('root:x:0:0:root:/root:/bin/bash\n');
    expect(run.wasm.host.openFiles).toBe(0);
  });

  test('one of another version, or of another path', () => {
    const run = new Run().put('a').start();
    expect(run.next).toEqual(['a']);
    run.kill();
    const other = run.write('other.log', '');
    expect(run.refusal('', undefined, other)).toContain('it belongs to another path');
    run.damage((bytes) => {
      for (let slot = 0; slot < SLOTS; slot++) bytes[slot * SLOT + 8] = 9;
    });
    expect(run.refusal()).toContain('it was written by another version');
  });

  test('one that another process uses', () => {
    const run = new Run();
    lockedStates.add(run.state);
    onTestFinished(() => void lockedStates.delete(run.state));
    expect(run.refusal()).toBe(`open_params: cannot use checkpoint "${run.state}": another process uses it`);
  });

  test('one that cannot be read', () => {
    const { file, state } = new Run();
    const wasm = new Wasm().init('');
    wasm.host.failState = { read: os.constants.errno.EPERM };
    expect(() => wasm.open(`file://${file}?checkpoint=${state}`)).toThrow(
      `open_params: cannot use checkpoint "${state}": EPERM`,
    );
    expect(wasm.host.openFiles).toBe(0);
  });

  test('the file that is followed, be it there or not', () => {
    const run = new Run();
    const missing = run.at('later.log');
    for (const file of [run.file, missing]) {
      expect(run.refusal('', `?checkpoint=${file}`, file)).toBe(
        `open_params: checkpoint="${file}" is the file that is followed`,
      );
    }
    expect([fs.readFileSync(run.file, 'utf8'), fs.existsSync(missing)]).toEqual(['', false]);
  });

  test('a folder that is missing, by the name of its key', () => {
    const run = new Run();
    const deep = run.at('no/such/folder');
    expect(run.refusal('', `?checkpoint=${deep}/file`)).toBe(
      `open_params: cannot use checkpoint "${deep}/file": ENOENT`,
    );
    expect(run.refusal(JSON.stringify({ stateDir: deep }), '')).toMatch(
      /^init_config: key "stateDir": cannot use ".*\.checkpoint": ENOENT$/,
    );
  });
});

describe('failures later', () => {
  test('what the disk did not take is written again, also when nothing new comes', () => {
    const run = new Run().start();
    const { host } = run.wasm;
    host.failState = { sync: EIO };
    expect(run.put('a').next).toEqual(['a']);
    host.now += SECOND;
    run.drain();
    const before = host.stateWrites;
    host.failState = {};
    host.now += SECOND;
    run.drain();
    expect(host.stateWrites).toBe(before + 1);
    host.now += SECOND;
    run.drain();
    expect([host.stateWrites, run.metrics.checkpoint_age]).toEqual([before + 1, 0]);
  });

  test.each([
    ['a full disk', { write: ENOSPC }, 'write', 'ENOSPC'],
    ['an error of the disk', { sync: EIO }, 'sync', 'EIO'],
  ])('%s: events go on, it is said, counted, and made good', (_, failure, what, name) => {
    const run = new Run().start();
    expect(run.put('a').next).toEqual(['a']);
    const { host } = run.wasm;
    host.failState = failure;
    host.now += SECOND;
    for (let i = 0; i < 40; i++) expect(run.put(`e${i}`).next).toEqual([`e${i}`]);
    expect(run.metrics.checkpoint_errors).toBeGreaterThan(1);
    // 40 drains of four polls of 30 ms: about once a second.
    expect(run.metrics.checkpoint_errors).toBeLessThan(10);
    expect(run.metrics.checkpoint_age).toBeGreaterThan(2);
    expect(run.messages).toEqual([
      `cannot ${what} the checkpoint "${run.state}": ${name}; events go on, but come again if Falco ends now; trying again`,
    ]);
    host.failState = {};
    host.now += SECOND;
    run.drain();
    host.now += SECOND;
    run.drain();
    expect(run.metrics.checkpoint_age).toBe(0);
    run.kill().put('z');
    expect(run.start().next).toEqual(['z']);
  });

  test('a write that fails in the middle leaves the state before', () => {
    const run = new Run().start();
    expect(run.put('a').next).toEqual(['a']);
    run.wasm.host.failState = { write: ENOSPC };
    for (let i = 0; i < 20; i++) {
      run.wasm.host.now += SECOND;
      run.put(`e${i}`).drain();
    }
    run.kill();
    expect(run.start().next).toEqual(names(20));
  });

  test('it is removed: it is made again', () => {
    const run = new Run().start();
    expect(run.put('a').next).toEqual(['a']);
    fs.rmSync(run.state);
    run.wasm.host.now += SECOND;
    for (let i = 0; i < 3; i++) {
      run.put(`e${i}`).drain();
      run.wasm.host.now += 2n * SECOND;
    }
    expect(run.messages[0]).toContain('it was removed or replaced');
    run.drain();
    run.kill().put('z');
    expect(run.start().next).toEqual(['z']);
  });

  test('after a trap it cannot be opened: following goes on, and it is tried again', () => {
    const run = new Run().start();
    expect(run.put('a').next).toEqual(['a']);
    run.wasm.host.failState = { open: EACCES };
    run.wasm = run.wasm.successor('', `file://${run.file}?from=start&checkpoint=${run.state}`);
    expect(run.put('b').next).toEqual(['b']);
    expect(run.messages.at(-1)).toContain('cannot open the checkpoint');
    run.wasm.host.failState = {};
    run.wasm.host.now += 2n * SECOND;
    run.drain();
    run.kill().put('c');
    expect(run.start().next).toEqual(['c']);
  });
});
