// SPDX-License-Identifier: Apache-2.0
// A path in open_params: a file of JSON Lines, read once to its end.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { drain } from '../support/drive';
import { eventOfSize, idsOf, listText, names, shortEvent } from '../support/events';
import { Host } from '../support/host';
import { Wasm } from '../support/wasm';
import { Workspace, lines } from '../support/workspace';

const a = shortEvent('a');
const b = shortEvent('b');

/** Reads a file with this content to its end. */
function read(content: string | Buffer, config = '') {
  const path = new Workspace().write('audit.log', content);
  const wasm = new Wasm().init(config).open(path);
  const ids = idsOf(wasm.readAll());
  expect(wasm.nextBatch()).toBe('end');
  expect(wasm.host.openFiles).toBe(0);
  return { wasm, ids, metrics: wasm.metrics(), logs: wasm.host.logs.map(({ message }) => message) };
}

describe('plain files', () => {
  test.each([
    ['lines', `${a}\n${b}\n`, ['a', 'b']],
    ['no break behind the last line', `${a}\n${b}`, ['a', 'b']],
    ['one line', a, ['a']],
    ['CRLF', `${a}\r\n${b}\r\n`, ['a', 'b']],
    ['CRLF, no break behind the last line', `${a}\r\n${b}`, ['a', 'b']],
    ['empty lines', `\n\n${a}\n\n\r\n \t\n${b}\n\n`, ['a', 'b']],
    ['lists and arrays', `${listText([a, b])}\n[${a}]\n`, ['a', 'b', 'a']],
    ['several events in a line', `${a} ${b}\n${a}`, ['a', 'b', 'a']],
    ['nothing', '', []],
    ['a line break', '\n', []],
    ['white space', ' \n\t\r\n ', []],
  ])('%s', (_, content, ids) => {
    const result = read(content);
    expect(result.ids).toEqual(ids);
    expect(result.metrics).toMatchObject({
      events_received: ids.length,
      events_delivered: ids.length,
      bytes_received: content.length,
    });
    expect(result.logs).toEqual([]);
  });

  test('a line ends at every place of a block, and of what is read at once', () => {
    for (let length = 90; length < 160; length++) {
      expect(read(lines([eventOfSize(length, 'x'), a, b])).ids).toEqual(['x', 'a', 'b']);
    }
    for (let length = 262_144 - 70; length < 262_144 + 10; length += 7) {
      const config = '{"maxEventSize": 1000000}';
      expect(read(lines([eventOfSize(length, 'x'), a, b]), config).ids, `${length}`).toEqual(['x', 'a', 'b']);
    }
  });

  test('many lines, read in many pieces, in order', () => {
    const ids = names(20_000);
    const { ids: got, metrics } = read(
      lines(ids.map((id) => shortEvent(id, { userAgent: 'u'.repeat(Number(id.slice(1)) % 97) }))),
    );
    expect(got).toEqual(ids);
    expect(metrics).toMatchObject({ events_received: 20_000, events_delivered: 20_000 });
  });

  test('a cut line does not take what stands in the next one', () => {
    for (const cut of [
      '{"kind":"Event","auditID":"x","n":1',
      '{"kind":"Event","auditID":"x","l":[1',
      '[',
      '"',
      '{',
      'tru',
      '1',
    ]) {
      const { ids, metrics } = read(`${cut}\n${a}\n]}\n${b}\n`);
      const kept = cut.includes('auditID') ? ['x'] : [];
      expect(ids, cut).toEqual([...kept, 'a', 'b']);
      expect(metrics, cut).toMatchObject({ events_received: 4, events_delivered: 2 + kept.length });
    }
  });

  test('a last line that is cut is counted', () => {
    const { ids, metrics } = read(`${a}\n${b.slice(0, 20)}`);
    expect(ids).toEqual(['a']);
    expect(metrics).toMatchObject({ events_received: 2, events_dropped_without_id: 1 });
  });

  test('an event of a line keeps its own text', () => {
    const path = new Workspace().write('audit.log', `  ${a}  \r\n`);
    expect(new Wasm().init().open(path).readAll()[0].payload).toBe(a);
  });
});

describe('limits', () => {
  const config = '{"maxEventSize": 2000, "webhookMaxBatchSize": 4000}';

  test('an event above maxEventSize is made smaller and counted, the next ones come', () => {
    const { ids, metrics, logs } = read(
      lines([a, eventOfSize(2001, 'x'), eventOfSize(2000, 'y'), b]),
      config,
    );
    expect(ids).toEqual(['a', 'x', 'y', 'b']);
    expect(metrics).toMatchObject({ events_received: 4, events_salvaged: 1 });
    expect(logs).toEqual([
      expect.stringMatching(
        new RegExp(
          `^an event of 2001 bytes, above maxEventSize \\(2000\\) at byte ${a.length + 1} of ".*audit.log"; it is delivered`,
        ),
      ),
    ]);
  });

  test('a line above webhookMaxBatchSize is dropped and counted, the next ones come', () => {
    // The limit is of the line without its break, wherever the pieces that are read end.
    for (const [length, kept] of [
      [3999, 1],
      [4000, 1],
      [4001, 0],
      [300_000, 0],
      [600_000, 0],
    ]) {
      const line = `[${eventOfSize(1900, 'x')}${' '.repeat(length - 1902)}]`;
      expect(line).toHaveLength(length);
      for (const content of [lines([a, line, b]), `${a}\n${b}\n${line}`]) {
        const { ids, metrics, logs } = read(content, config);
        expect(
          ids.filter((id) => id === 'x'),
          `${length}`,
        ).toHaveLength(kept);
        expect(ids.filter((id) => id !== 'x')).toEqual(['a', 'b']);
        expect(metrics).toMatchObject({ events_received: 3, events_dropped_too_large: 1 - kept });
        expect(logs).toHaveLength(1 - kept);
        if (kept === 0)
          expect(logs[0]).toContain('is longer than 4000 bytes (webhookMaxBatchSize); it is dropped');
      }
    }
  });

  test('lines of 64 KiB and more are lines like any other', () => {
    const ids = ['p', 'q', 'r'];
    const content = lines([65_535, 65_536, 200_000].map((bytes, i) => eventOfSize(bytes, ids[i])));
    expect(read(content).ids).toEqual(ids);
  });

  test('an endless line costs no more memory than its limit', () => {
    const path = new Workspace().write('audit.log', `${'x'.repeat(40_000_000)}\n${a}\n`);
    const wasm = new Wasm().init(config).open(path);
    expect(idsOf(wasm.readAll())).toEqual(['a']);
    expect(wasm.memoryBytes).toBeLessThan(8_000_000);
  });
});

describe('gzip', () => {
  const text = lines(names(5000).map((id) => shortEvent(id)));

  test.each([
    ['one member', zlib.gzipSync(text)],
    ['two members', Buffer.concat([zlib.gzipSync(text.slice(0, 1000)), zlib.gzipSync(text.slice(1000))])],
    ['stored without compression', zlib.gzipSync(text, { level: 0 })],
  ])('%s', (_, content) => {
    const { ids, metrics, logs } = read(content);
    expect(ids).toEqual(names(5000));
    expect(metrics.bytes_received).toBe(text.length);
    expect(logs).toEqual([]);
  });

  test('a text that is far larger than its file', () => {
    const { ids } = read(zlib.gzipSync(`${' '.repeat(3_000_000)}\n${a}\n`.repeat(2)));
    expect(ids).toEqual(['a', 'a']);
  });

  test('an empty member', () => expect(read(zlib.gzipSync('')).ids).toEqual([]));

  test('data that breaks off: what came before is delivered, and it is said', () => {
    const content = zlib.gzipSync(text, { level: 0 });
    const { ids, logs, metrics } = read(content.subarray(0, content.length - 2000));
    expect(ids.length).toBeGreaterThan(4900);
    expect(ids).toEqual(names(ids.length));
    expect(logs).toContainEqual(
      expect.stringMatching(/^the gzip data of ".*audit.log" breaks off; what came before/),
    );
    expect(metrics.events_dropped_invalid_json).toBeLessThanOrEqual(1);
  });

  test('damaged data: what came before is delivered, and it is said and counted', () => {
    const content = zlib.gzipSync(text, { level: 0 });
    // The length of a stored block, in the middle.
    content.fill(0xff, 200_000, 330_000);
    const { ids, logs, metrics } = read(content);
    expect(ids.length).toBeGreaterThan(100);
    expect(ids).toEqual(names(ids.length));
    expect(logs).toContainEqual(
      expect.stringMatching(/^cannot read ".*audit.log": EIO; the rest of this file is not/),
    );
    expect(metrics.source_errors).toBe(1);
  });

  test('a file that only begins like gzip', () => {
    const { ids, metrics, logs } = read(Buffer.from('\x1f\x8bnothing', 'latin1'));
    expect(ids).toEqual([]);
    expect(metrics.source_errors).toBe(1);
    expect(logs).toHaveLength(1);
  });

  test('a file of one byte', () =>
    expect(read(Buffer.from([0x1f])).metrics.events_dropped_invalid_json).toBe(1));
});

describe('progress', () => {
  test('grows from 0 to 100 % and says how much there is', () => {
    const path = new Workspace().write('audit.log', lines(names(20_000).map((id) => shortEvent(id))));
    const wasm = new Wasm().init().open(path);
    const size = fs.statSync(path).size;
    expect([wasm.exports.progress(), wasm.text(wasm.exports.progressText())]).toEqual([
      0,
      `0.00 % of ${(Math.floor(size / 100_000) / 10).toFixed(1)} MB`,
    ]);
    const seen: number[] = [];
    while (wasm.nextBatch() !== 'end') seen.push(Number(wasm.exports.progress()));
    expect(seen).toEqual([...seen].sort((x, y) => x - y));
    expect(new Set(seen).size).toBeGreaterThan(3);
    expect(wasm.exports.progress()).toBe(10_000);
    expect(wasm.text(wasm.exports.progressText())).toMatch(/^100\.00 % of 1\.\d MB$/);
  });

  test('counts the compressed bytes of a gzip file', () => {
    const content = zlib.gzipSync(lines(names(20_000).map((id) => shortEvent(id))), { level: 0 });
    const wasm = new Wasm().init().open(new Workspace().write('audit.log.gz', content));
    wasm.nextBatch();
    expect(wasm.exports.progress()).toBeGreaterThan(0);
    expect(wasm.exports.progress()).toBeLessThan(9000);
    wasm.readAll();
    expect(wasm.exports.progress()).toBe(10_000);
  });

  test('is done at once for an empty file, and nothing without a source', () => {
    expect(new Wasm().init().open(new Workspace().write('empty', '')).exports.progress()).toBe(10_000);
    expect(new Wasm().init().exports.progress()).toBe(0);
  });

  test('stays below 100 % while a file grows under the reader', () => {
    const workspace = new Workspace();
    const path = workspace.write('audit.log', lines([a]));
    const wasm = new Wasm().init().open(path);
    workspace.append('audit.log', lines(names(5000).map((id) => shortEvent(id))));
    while (wasm.nextBatch() !== 'end') expect(Number(wasm.exports.progress())).toBeLessThanOrEqual(10_000);
  });
});

describe('failures', () => {
  function refusal(params: string, host = new Host()): string {
    try {
      new Wasm(host).init().open(params);
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error('it was opened');
  }

  test('a file that is not there', () => {
    expect(refusal('/nowhere/audit.log')).toBe('open_params: cannot open "/nowhere/audit.log": ENOENT');
  });

  test('a file that may not be read', () => {
    const path = new Workspace().write('audit.log', a);
    const host = new Host();
    host.failOpens.set('audit.log', os.constants.errno.EACCES);
    expect(refusal(path, host)).toBe(`open_params: cannot open "${path}": EACCES`);
    expect(host.openFiles).toBe(0);
  });

  test('what is neither file nor directory', () => {
    expect(refusal('/dev/null')).toBe('open_params: "/dev/null" is neither a regular file nor a directory');
  });

  test('a read that fails ends the file, with a message and a count', () => {
    const path = new Workspace().write('audit.log', lines(names(10_000).map((id) => shortEvent(id))));
    const wasm = new Wasm().init().open(path);
    expect(wasm.nextBatch()).toHaveLength(256);
    wasm.host.failReads = os.constants.errno.EIO;
    const { length } = wasm.readAll();
    expect(length).toBeGreaterThan(0);
    expect(length).toBeLessThan(9744);
    expect(wasm.metrics().source_errors).toBe(1);
    expect(wasm.host.logs).toEqual([
      { severity: 3, message: `cannot read "${path}": EIO; the rest of this file is not delivered` },
    ]);
  });

  test('a name with a question mark is a name, if there is such a file', () => {
    const path = new Workspace().write('audit?recursive=true', a);
    expect(idsOf(new Wasm().init().open(path).readAll())).toEqual(['a']);
  });

  test('a name with percent signs and spaces is taken as it stands', () => {
    const path = new Workspace().write('a b%20c%zz.log', a);
    expect(idsOf(new Wasm().init().open(path).readAll())).toEqual(['a']);
    expect(idsOf(new Wasm().init().open(` ${path}\n`).readAll())).toEqual(['a']);
  });
});

describe('open and close', () => {
  test('close in the middle lets go of the file; a next open reads it again', () => {
    const path = new Workspace().write(
      'audit.log',
      zlib.gzipSync(lines(names(600).map((id) => shortEvent(id)))),
    );
    const wasm = new Wasm().init().open(path);
    wasm.nextBatch();
    expect(wasm.host.openFiles).toBe(2);
    wasm.close();
    expect(wasm.host.openFiles).toBe(0);
    expect(wasm.nextBatch()).toBe('end');
    expect(idsOf(wasm.open(path).readAll())).toEqual(names(600));
  });

  test('opening and closing a thousand times takes no memory', () => {
    const path = new Workspace().write('audit.log', lines([a]));
    const wasm = new Wasm().init();
    const cycle = (): void => {
      expect(drain(wasm.open(path)).sizes).toEqual([1]);
      wasm.close();
    };
    for (let i = 0; i < 300; i++) cycle();
    const before = wasm.memoryBytes;
    for (let i = 0; i < 1000; i++) cycle();
    expect(wasm.memoryBytes).toBe(before);
  });

  test('without a source there is nothing to read', () => {
    const wasm = new Wasm().init();
    expect(wasm.nextBatch()).toBe('end');
    wasm.close();
    expect(wasm.text(wasm.exports.progressText())).toBe('');
  });
});
