// SPDX-License-Identifier: Apache-2.0
// What rotation does between two looks, while the plugin is down, and in the middle of a trap: nothing is lost, nothing
// comes twice.
import * as fs from 'node:fs';
import * as zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { driveThroughTraps } from '../support/drive';
import { names, shortEvent } from '../support/events';
import { Host } from '../support/host';
import { Random } from '../support/random';
import { RotatedLog as Log } from '../support/rotated-log';
import { lines } from '../support/workspace';

const event = (id: string): string => lines([shortEvent(id)]);

type Interruption = (log: Log) => void;
/** What may happen to the plugin while the log is rotated. */
const INTERRUPTIONS: [string, Interruption, Interruption][] = [
  ['between two looks', () => {}, () => {}],
  ['while it is down', (log) => log.kill(), (log) => log.start()],
  ['before a trap', () => {}, (log) => log.trap()],
];

describe.each(INTERRUPTIONS)('rotation %s', (_, before, after) => {
  function run(act: (log: Log) => void, query?: string, target?: string): { log: Log; ids: string[] } {
    const log = new Log(query, target).put('a', 'b').start();
    expect(log.next).toEqual(['a', 'b']);
    before(log);
    act(log);
    after(log);
    return { log, ids: log.next };
  }

  /** Runs it for a single path, a folder, and a glob. */
  function expectIds(act: (log: Log) => void, expected: string[]): void {
    for (const target of ['audit.log', '', 'a*.log', '*']) {
      const { log, ids } = run(act, '?from=start', target);
      expect(ids, target).toEqual(expected);
      expect(log.put('last').next, target).toEqual(['last']);
      expect(log.wasm.metrics().events_dropped_invalid_json, target).toBe(0);
    }
  }

  test('none', () => expectIds((log) => log.put('c'), ['c']));

  test('one rename', () => expectIds((log) => log.put('c').rename().put('d'), ['c', 'd']));

  test('three renames', () =>
    expectIds((log) => log.put('c').rename().put('d').rename().put('e').rename().put('f'), [...'cdef']));

  test('one copy and truncate, with unread rest', () =>
    expectIds((log) => log.put('c').copyTruncate().put('d'), ['c', 'd']));

  test('one copy and truncate, nothing written since', () =>
    expectIds((log) => log.put('c').copyTruncate(), ['c']));

  test('a truncation that has grown beyond the old end', () =>
    expectIds((log) => log.put('c').copyTruncate().put('d', 'e', 'f', 'g', 'h'), [...'cdefgh']));

  test('a truncation that has grown to the very same size', () =>
    expectIds((log) => log.copyTruncate().put('c', 'd'), ['c', 'd']));

  test('three copies and truncations', () =>
    expectIds(
      (log) => log.put('c').copyTruncate().put('d').copyTruncate().put('e').copyTruncate().put('f'),
      [...'cdef'],
    ));

  test('both kinds in turn', () =>
    expectIds(
      (log) =>
        log.put('c').rename().put('d').copyTruncate().put('e').rename().put('f').copyTruncate().put('g'),
      [...'cdefg'],
    ));

  test('a rename, then the old file compressed', () =>
    expectIds((log) => log.put('c').rename().put('d').pack('audit.log.1'), ['c', 'd']));

  test('a copy, then the copy compressed', () =>
    expectIds((log) => log.put('c').copyTruncate().put('d').pack('audit.log.1'), ['c', 'd']));

  test('two rotations, all compressed', () =>
    expectIds(
      (log) => log.put('c').rename().put('d').rename().put('e').pack('audit.log.1').pack('audit.log.2'),
      [...'cde'],
    ));

  test('the names that kube-apiserver gives', () =>
    expectIds(
      (log) => {
        log.put('c');
        fs.renameSync(log.file, log.at('log/audit-2024-05-01T12-00-00.000.log'));
        log.put('d');
        fs.renameSync(log.file, log.at('log/audit-2024-05-01T12-00-01.000.log'));
        log.put('e');
      },
      ['c', 'd', 'e'],
    ));

  test('a partial last line that is completed in the renamed file', () =>
    expectIds(
      (log) => {
        log.raw(shortEvent('c').slice(0, 20)).rename();
        fs.appendFileSync(`${log.file}.1`, `${shortEvent('c').slice(20)}\n`);
        log.put('d');
      },
      ['c', 'd'],
    ));

  test('a last line without its break, when the file was renamed', () =>
    expectIds((log) => log.raw(shortEvent('c')).rename().put('d'), ['c', 'd']));

  test('a last line without its break, when the file was copied and truncated', () =>
    expectIds((log) => log.raw(shortEvent('c')).copyTruncate().put('d'), ['c', 'd']));

  test('what was written to the renamed file behind the rotation', () => {
    const { log, ids } = run((log) => log.put('c').rename().put('d'));
    fs.appendFileSync(`${log.file}.1`, event('late'));
    expect([...ids, ...log.next]).toEqual(['c', 'd', 'late']);
  });

  test('old files that were there before are not read', () => {
    const log = new Log('');
    fs.writeFileSync(`${log.file}.1`, event('old'));
    fs.writeFileSync(`${log.file}.2.gz`, zlib.gzipSync(event('older')));
    fs.writeFileSync(log.at('log/other.log'), event('other'));
    log.put('before').start();
    expect(log.next).toEqual([]);
    before(log);
    log.put('a').rename().put('b').pack('audit.log.2');
    after(log);
    expect(log.next).toEqual(['a', 'b']);
  });

  test('a file that came while nothing was there', () => {
    const log = new Log('').start();
    expect(log.next).toEqual([]);
    before(log);
    log.put('a').rename().put('b');
    after(log);
    expect(log.next).toEqual(['a', 'b']);
  });
});

describe('a trap while an event is read', () => {
  const poison = (id: string): string => lines([shortEvent(id, { stageTimestamp: undefined })]);

  test.each([
    ['renamed', (log: Log) => log.rename()],
    ['copied and truncated', (log: Log) => log.copyTruncate()],
    ['renamed and compressed', (log: Log) => log.rename().pack('audit.log.1')],
  ])('in what is left of a file that was %s', (_, rotate) => {
    const host = new Host();
    host.poisoned = true;
    const log = new Log().put('a', 'b').start(host);
    expect(log.next).toEqual(['a', 'b']);
    log.put('c').raw(poison('p')).put('d');
    rotate(log).put('e').raw(poison('q')).put('f');
    const { ids, traps, finished } = driveThroughTraps(log.wasm, log.params);
    expect([finished, traps]).toEqual([true, 2]);
    expect(ids).toEqual(['c', 'd', 'e', 'f']);
  });
});

describe('between reading and looking', () => {
  test('a file that is truncated and written again while it is read: what was read is thrown away', () => {
    const log = new Log().put('a', 'b').start();
    expect(log.next).toEqual(['a', 'b']);
    const { host } = log.wasm;
    let times = 0;
    host.onRead = () => {
      if (++times === 1) log.copyTruncate().put('d', 'e', 'f', 'g', 'h');
    };
    log.put('c');
    expect(log.next).toEqual([...'cdefgh']);
    expect(times).toBeGreaterThan(1);
  });

  test('an empty file that gets content, is copied and truncated while it is read', () => {
    const log = new Log().raw('').start();
    const { host } = log.wasm;
    let times = 0;
    host.onRead = () => {
      if (++times === 2) log.copyTruncate().put('b', 'c');
    };
    log.put('a');
    expect(log.next.toSorted()).toEqual(['a', 'b', 'c']);
  });

  test.each([1, 2, 3])('a copy and truncation between a list and the comparison, at comparison %i', (at) => {
    const log = new Log().put('a', 'b').start();
    expect(log.next).toEqual(['a', 'b']);
    const { host } = log.wasm;
    let times = 0;
    host.onReadAt = () => {
      if (++times === at) log.copyTruncate().put('d', 'e', 'f');
    };
    log.put('c');
    const got = [...log.next, ...log.put('last').next, ...log.next];
    expect(times).toBeGreaterThanOrEqual(at);
    expect(got.toSorted()).toEqual(['c', 'd', 'e', 'f', 'last']);
  });

  test('a copy that grows while it is looked at is not taken for new content', () => {
    const log = new Log().put(...names(60, 'x')).start();
    expect(log.next).toEqual(names(60, 'x'));
    const text = fs.readFileSync(log.file);
    for (const size of [0, 10, 100, 2000, text.length]) {
      fs.writeFileSync(`${log.file}.1`, text.subarray(0, size));
      expect(log.next, `${size} bytes`).toEqual([]);
    }
    fs.truncateSync(log.file);
    expect(log.put('a').next).toEqual(['a']);
  });

  test.each(['xz', 'bz2', 'zst', 'lz4'])('by .%s is not taken for lines', (suffix) => {
    const log = new Log().put('a').start();
    expect(log.next).toEqual(['a']);
    log.rename().put('b');
    fs.writeFileSync(`${log.file}.2.${suffix}`, Buffer.from([0xfd, 0x37, 0x0a, 0x7a]));
    expect(log.next).toEqual(['b']);
    expect(log.wasm.counts()).toMatchObject({ events_received: 2 });
  });

  test('gzip data that is still being written is waited for', () => {
    const log = new Log().put('a').start();
    expect(log.next).toEqual(['a']);
    log.rename().put('b').rename().put('c');
    const packed = zlib.gzipSync(fs.readFileSync(`${log.file}.1`));
    fs.rmSync(`${log.file}.1`);
    fs.writeFileSync(`${log.file}.1.gz`, packed.subarray(0, 12));
    expect(log.next).toEqual(['c']);
    fs.writeFileSync(`${log.file}.1.gz`, packed);
    expect(log.next).toEqual(['b']);
  });

  test('a rotated file whose inode the new file gets is not taken for the old one', () => {
    const log = new Log().put('a').start();
    expect(log.next).toEqual(['a']);
    log.kill();
    const { ino } = fs.statSync(log.file);
    for (let i = 0; i < 50; i++) {
      log.pack('audit.log');
      fs.rmSync(log.at('log/audit.log.gz'));
      log.put('b');
      if (fs.statSync(log.file).ino === ino) break;
    }
    expect(log.start().next).toEqual(['b']);
  });
});

describe('what takes the place of a file', () => {
  test.each(['audit.log', '*'])(
    'a copy of it, as an editor saves: only what is added comes (%s)',
    (target) => {
      const log = new Log('?from=start', target).put('a', 'b').start();
      expect(log.next).toEqual(['a', 'b']);
      fs.copyFileSync(log.file, log.at('log/.swap'));
      fs.renameSync(log.at('log/.swap'), log.file);
      expect(log.next).toEqual([]);
      expect(log.put('c').next).toEqual(['c']);
      log.kill().put('d').start();
      expect(log.next).toEqual(['d']);
    },
  );

  test('a file that begins as the old one did, and goes on otherwise', () => {
    const log = new Log().raw('\n{"banner": 1}\n').put('a').start();
    expect(log.next).toEqual(['a']);
    log.rename().raw('\n{"banner": 1}\n');
    expect(log.next).toEqual([]);
    expect(log.put('b').next).toEqual(['b']);
  });

  test('a folder that cannot be listed for a while: what was read does not come again', () => {
    const log = new Log().put('a').rename().put('b').start();
    log.put('c').rename().put('d');
    expect(log.next).toEqual(['b', 'c', 'd']);
    fs.renameSync(log.at('log'), log.at('elsewhere'));
    for (let i = 0; i < 5; i++) {
      log.wasm.host.now += 3_000_000_000n;
      expect(log.next).toEqual([]);
    }
    fs.renameSync(log.at('elsewhere'), log.at('log'));
    log.wasm.host.now += 3_000_000_000n;
    expect(log.put('e').next).toEqual(['e']);
  });

  test('killed before the first batch: what is rotated meanwhile is not lost', () => {
    const log = new Log().put('a').start().kill();
    log.rename().put('b').rename().put('c').start();
    expect(log.next).toEqual(['a', 'b', 'c']);
  });
});

describe('a copy that is gone', () => {
  test('before what is left of it was read does not keep the new content waiting', () => {
    const log = new Log().put('a').start();
    expect(log.next).toEqual(['a']);
    log
      .put(...names(600, 'x'))
      .copyTruncate()
      .put('b');
    // The first batch of what the copy holds; then the process ends and the copy is removed.
    let batch = log.wasm.nextBatch();
    for (let i = 0; typeof batch === 'string' && i < 10; i++) batch = log.wasm.nextBatch();
    expect(batch).toHaveLength(256);
    log.wasm.nextBatch();
    log.kill();
    fs.rmSync(`${log.file}.1`);
    expect(log.start().next).toEqual(['b']);
    log.wasm.host.now += 3_000_000_000n;
    expect(log.put('c').next).toEqual(['c']);
    expect(log.wasm.host.logs.map(({ message }) => message).join('\n')).toMatch(/is gone; what it held/);
  });
});

describe('a storm', () => {
  test.each([[1], [2], [3], [4], [5], [6]])('rotations, restarts and traps at random, run %i', (seed) => {
    const random = new Random(seed);
    const log = new Log('?from=start', ['audit.log', '*'][seed % 2]).raw('').start();
    const written: string[] = [];
    const got: string[] = [];
    for (let round = 0; round < 150; round++) {
      const ids = names(random.below(6), `r${round}-`);
      written.push(...ids);
      log.put(...ids);
      const act = random.below(9);
      if (act === 0 && ids.length > 0) log.rename(4);
      else if (act === 1 && ids.length > 0) log.copyTruncate(4);
      else if (act === 2) log.trap();
      else if (act === 3) {
        got.push(...log.next);
        log.kill();
        log.start();
      } else if (act > 4) got.push(...log.next);
      if (round % 4 === 0) got.push(...log.next);
    }
    got.push(...log.next);
    expect(got.toSorted()).toEqual(written.toSorted());
    expect(log.wasm.metrics().events_dropped_invalid_json).toBe(0);
    // The kept generations, the file itself, and the checkpoint: no more files are held.
    expect(log.wasm.host.openFiles).toBeLessThan(12);
  });
});
