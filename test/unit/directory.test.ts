// SPDX-License-Identifier: Apache-2.0
// A directory in open_params: its files one after the other, in the order in which they were written.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { idsOf, names, shortEvent } from '../support/events';
import { Host } from '../support/host';
import { Wasm } from '../support/wasm';
import { Workspace, lines } from '../support/workspace';

/** Reads a directory to its end: the auditIDs, and what is logged. */
function read(params: string, host = new Host()) {
  const wasm = new Wasm(host).init().open(params);
  const ids = idsOf(wasm.readAll());
  expect(host.openFiles).toBe(0);
  return { wasm, ids, messages: host.logs.map(({ message }) => message) };
}

const event = (id: string): string => lines([shortEvent(id)]);

describe('order', () => {
  test('by time of modification, then by name', () => {
    const workspace = new Workspace();
    for (const [name, modified] of [
      ['d', 300],
      ['b', 100],
      ['c', 100],
      ['a', 200],
      ['e', 50],
    ] as const) {
      workspace.write(`logs/${name}`, event(name), modified);
    }
    expect(read(workspace.at('logs')).ids).toEqual(['e', 'b', 'c', 'a', 'd']);
    expect(read(`${workspace.at('logs')}/`).ids).toEqual(['e', 'b', 'c', 'a', 'd']);
  });

  test('nanoseconds count', () => {
    const workspace = new Workspace();
    // 2^-20 s apart: the file system keeps it, and so must the order.
    for (const [name, part] of [
      ['x', 2],
      ['y', 0],
      ['z', 1],
    ] as const) {
      workspace.write(`logs/${name}`, event(name), 1_000_000 + part / 2 ** 20);
    }
    expect(read(workspace.at('logs')).ids).toEqual(['y', 'z', 'x']);
  });

  test('a last line without its break does not run into the next file', () => {
    const workspace = new Workspace();
    workspace.write('logs/1', shortEvent('a'));
    workspace.write('logs/2', `${shortEvent('b').slice(0, 20)}`);
    workspace.write('logs/3', shortEvent('c'));
    const { ids, wasm } = read(workspace.at('logs'));
    expect(ids).toEqual(['a', 'c']);
    expect(wasm.metrics()).toMatchObject({ events_received: 3, events_dropped_without_id: 1 });
  });

  test('plain and gzip, empty ones between', () => {
    const workspace = new Workspace();
    workspace.write('logs/1.gz', zlib.gzipSync(event('a')));
    workspace.write('logs/2', '');
    workspace.write('logs/3', event('b'));
    workspace.write('logs/4.gz', zlib.gzipSync(event('c')));
    const { ids, messages } = read(workspace.at('logs'));
    expect(ids).toEqual(['a', 'b', 'c']);
    expect(messages).toEqual([]);
  });

  test('many events in many files, over many batches', () => {
    const workspace = new Workspace();
    for (let i = 0; i < 20; i++)
      workspace.write(`logs/${i}`, lines(names(300, `f${i}-`).map((id) => shortEvent(id))));
    const { ids } = read(workspace.at('logs'));
    expect(ids).toEqual(Array.from({ length: 20 }, (_, i) => names(300, `f${i}-`)).flat());
  });
});

describe('what is listed', () => {
  function tree(): Workspace {
    const workspace = new Workspace();
    workspace.write('logs/a', event('a'));
    workspace.write('logs/sub/b', event('b'));
    workspace.write('logs/sub/deep/c', event('c'));
    workspace.write('logs/.hidden', event('hidden'));
    return workspace;
  }

  test.each([
    ['', ['a', 'hidden']],
    ['?recursive=false', ['a', 'hidden']],
    ['?recursive=true', ['a', 'b', 'c', 'hidden']],
  ])('logs%s', (query, ids) => expect(read(tree().at('logs') + query).ids).toEqual(ids));

  test('an empty directory ends at once, and that is told', () => {
    const workspace = new Workspace();
    fs.mkdirSync(workspace.at('logs'));
    const { ids, wasm, messages } = read(workspace.at('logs'));
    expect([ids, wasm.exports.progress()]).toEqual([[], 10_000]);
    expect(messages).toEqual([expect.stringMatching(/^no file to read in ".*logs"$/)]);
  });

  test('a link to a file outside is followed; one that leads nowhere is told', () => {
    const workspace = new Workspace();
    workspace.write('outside', event('a'));
    fs.mkdirSync(workspace.at('logs'));
    fs.symlinkSync(workspace.at('outside'), workspace.at('logs/link'));
    fs.symlinkSync(workspace.at('nowhere'), workspace.at('logs/dangling'));
    const { ids, messages } = read(workspace.at('logs'));
    expect(ids).toEqual(['a']);
    expect(messages).toEqual([`cannot look at "${workspace.at('logs/dangling')}": ENOENT; it is left out`]);
  });

  test('a file with two names is read once', () => {
    const workspace = new Workspace();
    workspace.write('logs/audit-1.log', event('a'));
    fs.symlinkSync('audit-1.log', workspace.at('logs/current.log'));
    fs.linkSync(workspace.at('logs/audit-1.log'), workspace.at('logs/hard.log'));
    expect(read(workspace.at('logs')).ids).toEqual(['a']);
  });

  test('links that lead back end, and nothing is read twice', () => {
    const workspace = new Workspace();
    workspace.write('logs/a', event('a'));
    fs.symlinkSync('.', workspace.at('logs/loop'));
    expect(read(`${workspace.at('logs')}?recursive=true`).ids).toEqual(['a']);
  });

  test('what is neither file nor directory is passed over', () => {
    const workspace = new Workspace();
    workspace.write('logs/a', event('a'));
    fs.symlinkSync('/dev/null', workspace.at('logs/null'));
    const { ids, messages } = read(workspace.at('logs'));
    expect([ids, messages]).toEqual([['a'], []]);
  });

  test('names with odd characters', () => {
    const workspace = new Workspace();
    for (const name of ['ä 中😀', 'a"b', 'c%20d', 'e?f=g', 'x'.repeat(255)])
      workspace.write(`logs/${name}`, event(name));
    expect(read(workspace.at('logs')).ids).toEqual(['ä 中😀', 'a"b', 'c%20d', 'e?f=g', 'x'.repeat(255)]);
  });
});

describe('failures', () => {
  test.each([1, 2, 3])(
    'a file that may not be read, the %i. of three: told, counted, the others are read',
    (place) => {
      const workspace = new Workspace();
      for (const name of ['1', '2', '3']) workspace.write(`logs/${name}`, event(name));
      const host = new Host();
      host.failOpens.set(`logs/${place}`, os.constants.errno.EACCES);
      const { ids, messages, wasm } = read(workspace.at('logs'), host);
      expect(ids).toEqual(['1', '2', '3'].filter((name) => name !== `${place}`));
      expect(messages).toEqual([
        `cannot open "${workspace.at(`logs/${place}`)}": EACCES; the rest of this file is not delivered`,
      ]);
      expect(wasm.metrics().source_errors).toBe(1);
      expect(wasm.exports.progress()).toBe(10_000);
    },
  );

  test('the only file may not be read: told and counted too', () => {
    const workspace = new Workspace();
    workspace.write('logs/only', event('a'));
    const host = new Host();
    host.failOpens.set('logs/only', os.constants.errno.EACCES);
    const { ids, messages, wasm } = read(workspace.at('logs'), host);
    expect(ids).toEqual([]);
    expect(messages).toEqual([expect.stringContaining('cannot open')]);
    expect(wasm.metrics().source_errors).toBe(1);
  });

  test('a file that is gone when its turn comes', () => {
    const workspace = new Workspace();
    for (const name of ['1', '2', '3']) workspace.write(`logs/${name}`, event(name));
    const wasm = new Wasm().init().open(workspace.at('logs'));
    fs.rmSync(workspace.at('logs/2'));
    expect(idsOf(wasm.readAll())).toEqual(['1', '3']);
    expect(wasm.host.logs).toHaveLength(1);
  });

  test('a file whose reading fails: the next one is read', () => {
    const workspace = new Workspace();
    workspace.write('logs/1', zlib.gzipSync(event('a')).subarray(0, 15));
    workspace.write('logs/2', Buffer.from('\x1f\x8b\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff', 'latin1'));
    workspace.write('logs/3', event('c'));
    const { ids, messages } = read(workspace.at('logs'));
    expect(ids).toEqual(['c']);
    expect(messages).toContainEqual(expect.stringMatching(/^the gzip data of ".*\/1" breaks off/));
    expect(messages).toContainEqual(expect.stringMatching(/^cannot read ".*\/2": EIO/));
  });

  test('a directory that cannot be listed', () => {
    expect(() => read('/nowhere?recursive=true')).toThrow('open_params: cannot open "/nowhere": ENOENT');
  });
});

describe('many files', () => {
  test('progress counts all of them', () => {
    const workspace = new Workspace();
    for (let i = 0; i < 4; i++) workspace.write(`logs/${i}`, lines(names(300).map((id) => shortEvent(id))));
    const wasm = new Wasm().init().open(workspace.at('logs'));
    const seen: string[] = [];
    for (let batch = wasm.nextBatch(); batch !== 'end'; batch = wasm.nextBatch()) {
      seen.push(wasm.text(wasm.exports.progressText()));
    }
    const percents = seen.map((text) => parseFloat(text));
    expect(percents).toEqual([...percents].sort((x, y) => x - y));
    expect(new Set(seen.map((text) => text.split(', ')[1]))).toEqual(
      new Set(['file 1 of 4', 'file 2 of 4', 'file 3 of 4', 'file 4 of 4']),
    );
    expect(wasm.text(wasm.exports.progressText())).toMatch(/^100\.00 % of 0\.\d MB, file 4 of 4$/);
  });

  test('three hundred files take no more memory than ten', () => {
    const workspace = new Workspace();
    for (let i = 0; i < 10; i++) workspace.write(`few/${i}`, event(`${i}`));
    for (let i = 0; i < 300; i++) workspace.write(`many/${i}`, event(`${i}`));
    const few = read(workspace.at('few')).wasm.memoryBytes;
    const many = read(workspace.at('many'));
    expect(many.ids).toHaveLength(300);
    // The list of the files itself: a path and numbers each.
    expect(many.wasm.memoryBytes).toBeLessThan(few + 4_000_000);
  });
});
