// SPDX-License-Identifier: Apache-2.0
// Folders and globs: which files they stand for, and what following many of them costs.
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { drain } from '../support/drive';
import { idsOf, names, shortEvent } from '../support/events';
import { Host } from '../support/host';
import { Wasm } from '../support/wasm';
import { Workspace, lines } from '../support/workspace';

const event = (id: string): string => lines([shortEvent(id)]);

class Folder extends Workspace {
  wasm!: Wasm;

  open(pattern: string, host = new Host()): this {
    this.wasm = new Wasm(host).init().open(`file://${this.path}/${pattern}`);
    return this;
  }

  put(name: string, id = name): this {
    fs.mkdirSync(path.dirname(this.at(name)), { recursive: true });
    fs.appendFileSync(this.at(name), event(id));
    return this;
  }

  get next(): string[] {
    const ids: string[] = [];
    for (let more = idsOf(drain(this.wasm).events); more.length > 0; more = idsOf(drain(this.wasm).events)) {
      ids.push(...more);
    }
    return ids;
  }
}

describe('what a pattern stands for', () => {
  const FILES = [
    'a.log',
    'b.log',
    'c.txt',
    '.hidden.log',
    'x1.log',
    'x22.log',
    'sub/a.log',
    'sub2/b.log',
    'l[1].log',
  ];

  test.each([
    ['*.log', ['a.log', 'b.log', 'x1.log', 'x22.log', 'l[1].log']],
    ['*', ['a.log', 'b.log', 'c.txt', 'x1.log', 'x22.log', 'l[1].log']],
    ['', ['a.log', 'b.log', 'c.txt', 'x1.log', 'x22.log', 'l[1].log']],
    ['%3F.log', ['a.log', 'b.log']],
    ['[a-b].log', ['a.log', 'b.log']],
    ['[!a].log', ['b.log']],
    ['[^a].log', ['b.log']],
    ['x[0-9].log', ['x1.log']],
    ['x*2*.log', ['x22.log']],
    ['**g', ['a.log', 'b.log', 'x1.log', 'x22.log', 'l[1].log']],
    ['.*', ['.hidden.log']],
    ['sub*/*.log', ['sub/a.log', 'sub2/b.log']],
    ['sub%3F/*', ['sub2/b.log']],
    ['sub/', ['sub/a.log']],
    ['sub', ['sub/a.log']],
    ['*/a.log', ['sub/a.log']],
    // A file of this very name is meant.
    ['l[1].log', ['l[1].log']],
    ['nothing*', []],
    ['[', []],
  ])('%s', (pattern, expected) => {
    const folder = new Folder();
    for (const name of FILES) folder.put(name);
    folder.open(`${pattern}?from=start`);
    expect(folder.next.toSorted()).toEqual(expected.toSorted());
    expect(folder.wasm.metrics().files_followed).toBe(expected.length);
  });

  test('files that come later are read from their start, from=end or not', () => {
    const folder = new Folder().put('a.log', 'old').open('*.log');
    expect(folder.next).toEqual([]);
    expect(folder.put('b.log').put('a.log').put('c.txt').next.toSorted()).toEqual(['a.log', 'b.log']);
    expect(folder.wasm.metrics().file_rotations).toBe(0);
  });

  test('a folder that comes later', () => {
    const folder = new Folder().open('new/');
    expect(folder.next).toEqual([]);
    expect(folder.put('new/a').next).toEqual(['new/a']);
  });

  test('compressed files: read with from=start, of no interest with from=end', () => {
    for (const [query, expected] of [
      ['?from=start', ['a', 'z']],
      ['', []],
    ] as const) {
      const folder = new Folder();
      folder.write('1.gz', zlib.gzipSync(event('z')));
      folder.put('a').open(query);
      expect(folder.next.toSorted()).toEqual(expected);
    }
  });

  test('the oldest file is read first, and a batch is of one file', () => {
    const folder = new Folder();
    for (const [i, name] of ['z', 'b', 'm'].entries()) folder.write(name, event(`${i}`));
    folder.open('?from=start');
    const { events, sizes } = drain(folder.wasm);
    expect([idsOf(events), sizes]).toEqual([
      ['0', '1', '2'],
      [1, 1, 1],
    ]);
  });

  test('a file that is removed before it is read keeps nobody waiting', () => {
    const folder = new Folder();
    for (const name of names(80)) folder.put(name);
    folder.open('');
    for (const name of names(80)) folder.put(name, `new-${name}`);
    // Not all are kept open: of these, one that is removed cannot be read any more.
    for (const name of names(20)) fs.rmSync(folder.at(name));
    const got = folder.next;
    expect(got).toEqual(
      expect.arrayContaining(
        names(80)
          .slice(20)
          .map((name) => `new-${name}`),
      ),
    );
    expect(new Set(got).size).toBe(got.length);
  });

  test('a file with two names is read once', () => {
    const folder = new Folder().put('a');
    fs.linkSync(folder.at('a'), folder.at('b'));
    fs.symlinkSync('a', folder.at('c'));
    expect(folder.open('?from=start').next).toEqual(['a']);
  });

  test('the checkpoint is no log, also when it lies in the folder', () => {
    const folder = new Folder().put('a');
    folder.open(`?from=start&checkpoint=${folder.at('state')}`);
    expect(folder.next).toEqual(['a']);
    expect(folder.wasm.metrics()).toMatchObject({ events_received: 1, files_followed: 1 });
  });
});

describe('many files', () => {
  test('each event of 200 files comes once, with few open', () => {
    const folder = new Folder();
    for (const name of names(200)) folder.put(name);
    folder.open('?from=start');
    expect(folder.next.toSorted()).toEqual(names(200).toSorted());
    for (const name of names(200)) folder.put(name, `again-${name}`);
    expect(folder.next.toSorted()).toEqual(names(200, 'again-e').toSorted());
    expect(folder.wasm.host.openFiles).toBeLessThanOrEqual(64);
  });

  test('more than can be followed: it is said, and the newest are followed', () => {
    const folder = new Folder();
    for (const name of names(300)) folder.write(name, event(`old-${name}`));
    folder.open('');
    expect(folder.next).toEqual([]);
    expect(folder.wasm.host.logs.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^more files in .* than can be followed \(256\)/),
    ]);
    expect(folder.put('e299', 'new').next).toEqual(['new']);
    expect(folder.wasm.metrics().files_followed).toBe(256);
  });

  test('a file among thousands of others is found', () => {
    const folder = new Folder();
    for (const name of names(4500)) fs.writeFileSync(folder.at(`other-${name}`), '');
    folder.put('audit.log', 'a');
    folder.open('audit.*?from=start');
    expect(folder.next).toEqual(['a']);
    fs.renameSync(folder.at('audit.log'), folder.at('audit.log.1'));
    fs.appendFileSync(folder.at('audit.log.1'), event('b'));
    expect(folder.put('audit.log', 'c').next).toEqual(['b', 'c']);
    expect(folder.wasm.host.logs.filter(({ message }) => message.startsWith('more files'))).toEqual([]);
  });

  test('a file that always has more does not keep the others waiting for ever', () => {
    const folder = new Folder().put('busy').put('quiet').open('');
    const { host } = folder.wasm;
    const busy = lines(names(3000, 'b').map((id) => shortEvent(id)));
    const got: string[] = [];
    host.onRead = () => fs.appendFileSync(folder.at('busy'), busy);
    folder.put('quiet', 'q');
    for (let i = 0; i < 2000 && !got.includes('q'); i++) {
      const batch = folder.wasm.nextBatch();
      if (typeof batch !== 'string') got.push(...idsOf(batch));
    }
    expect(got).toContain('q');
  });

  test('rotated for years: old files leave the table, none comes again', () => {
    const folder = new Folder().put('audit.log', 'start').open('audit.log?from=start');
    const got = folder.next;
    for (let i = 0; i < 400; i++) {
      fs.renameSync(folder.at('audit.log'), folder.at(`audit.log-2024${String(i).padStart(4, '0')}`));
      got.push(...folder.put('audit.log', `r${i}`).next);
    }
    expect(got).toEqual(['start', ...names(400, 'r')]);
    folder.wasm = folder.wasm.successor('', `file://${folder.path}/audit.log?from=start`);
    expect(folder.next).toEqual([]);
    expect(folder.put('audit.log', 'last').next).toEqual(['last']);
  });

  test('an idle folder takes no memory', () => {
    const folder = new Folder();
    for (const name of names(50)) folder.put(name);
    folder.open('');
    const poll = (times: number): number => {
      for (let i = 0; i < times; i++) folder.wasm.nextBatch();
      return folder.wasm.memoryBytes;
    };
    const before = poll(300);
    expect(poll(1500)).toBe(before);
  });

  test('opened and closed again and again, it takes no memory', () => {
    const folder = new Folder().put('a');
    const wasm = new Wasm().init();
    const cycle = (times: number): number => {
      for (let i = 0; i < times; i++) {
        wasm.open(`file://${folder.path}/?from=start&checkpoint=${folder.at('state')}`);
        wasm.nextBatch();
        wasm.close();
      }
      return wasm.memoryBytes;
    };
    const before = cycle(100);
    expect(cycle(500)).toBe(before);
    expect(wasm.host.openFiles).toBe(0);
  });
});

describe('watching', () => {
  function watchedFolder(): { folder: Folder; host: Host } {
    const host = new Host();
    host.canWatch = true;
    const folder = new Folder().put('audit.log', 'old').open('audit.log', host);
    expect([...host.watched]).toEqual([folder.path]);
    return { folder, host };
  }

  test('what has changed is read when it is told', () => {
    const { folder, host } = watchedFolder();
    expect(folder.next).toEqual([]);
    folder.put('audit.log', 'a');
    host.changed();
    expect(folder.next).toEqual(['a']);
  });

  test('nothing is looked at until something changes, but once a second', () => {
    const { folder, host } = watchedFolder();
    expect(folder.next).toEqual([]);
    const before = host.looks;
    for (let i = 0; i < 1000; i++) folder.wasm.nextBatch();
    // 1000 polls of 30 ms are half a minute.
    expect(host.looks - before).toBeLessThan(200);
  });

  test('a change that nobody told of is found within a second', () => {
    const { folder } = watchedFolder();
    expect(folder.next).toEqual([]);
    folder.put('audit.log', 'a');
    const got: string[] = [];
    for (let i = 0; i < 36; i++) {
      const batch = folder.wasm.nextBatch();
      if (typeof batch !== 'string') got.push(...idsOf(batch));
    }
    expect(got).toEqual(['a']);
  });

  test('after a trap it is watched again; close ends it', () => {
    const { folder, host } = watchedFolder();
    folder.wasm = folder.wasm.successor('', `file://${folder.path}/audit.log`);
    expect([...host.watched]).toEqual([folder.path]);
    folder.wasm.close();
    expect([...host.watched]).toEqual([]);
    expect(host.openFiles).toBe(0);
  });
});
