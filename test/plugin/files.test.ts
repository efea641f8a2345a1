// SPDX-License-Identifier: Apache-2.0
// Files and directories, through the plugin and the real file system.
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { listText, names, shortEvent } from '../support/events.ts';
import { Workspace, lines } from '../support/workspace.ts';
import {
  caught,
  compileDriver,
  idsOf,
  init,
  load,
  messagesOf,
  open,
  payloadsOf,
  pluginFile,
  realEvents,
  severity,
} from './support.ts';

const three = lines(['a', 'b', 'c'].map((id) => shortEvent(id)));

describe('a file', () => {
  test('is read to its end, in order, each event with its bytes and its time', () => {
    const texts = realEvents();
    const reader = open(new Workspace().write('real.jsonl', lines(texts)));
    reader.drain();
    expect(reader.ended).toBe(true);
    const expected = texts.flatMap((text) => {
      const value = JSON.parse(text);
      return Array.isArray(value) ? value : value.kind === 'EventList' ? value.items : [value];
    });
    expect(payloadsOf(reader.events).map((text) => JSON.parse(text))).toEqual(expected);
    expect(reader.events.map(({ num }) => num)).toEqual(expected.map((_, i) => i + 1));
    reader.events.forEach(({ ts, tid, pluginId }, i) => {
      expect(Number(ts / 1_000_000n)).toBe(Date.parse(expected[i].stageTimestamp));
      expect(tid).toBe(2n ** 64n - 1n);
      expect(pluginId).toBe(load().id());
    });
    expect(reader.metrics()).toMatchObject({
      events_received: expected.length,
      events_delivered: expected.length,
      bytes_received: Buffer.byteLength(lines(texts)),
      traps: 0,
    });
  });

  test.each<[string, string, string[]]>([
    ['without a line break at its end', three.trimEnd(), ['a', 'b', 'c']],
    ['with empty lines and carriage returns', `\n\r\n${three.replaceAll('\n', '\r\n\n')}\n`, ['a', 'b', 'c']],
    ['that is empty', '', []],
    ['of one line with a list', listText([shortEvent('a'), shortEvent('b')]), ['a', 'b']],
    ['with bad lines between', `x\n${three}{"kind":\n${three}\0\n`, ['a', 'b', 'c', 'a', 'b', 'c']],
  ])('%s', (_, content, ids) => {
    const reader = open(new Workspace().write('a.jsonl', content));
    expect(idsOf(reader.drain())).toEqual(ids);
    expect(reader.ended).toBe(true);
  });

  test('ends for good: the next call gives the end again', () => {
    const reader = open(new Workspace().write('a.jsonl', three));
    reader.drain();
    for (let i = 0; i < 3; i++) expect(reader.instance.nextBatch()).toMatchObject({ rc: 'eof', events: [] });
  });

  test('with a name of odd characters', () => {
    const workspace = new Workspace();
    for (const name of ['ü €\u{1f600}', 'a b#c&d=e', '100%25', '-x', 'é?.log', '\'"', 'a\nb']) {
      const reader = open(workspace.write(name, three));
      expect(idsOf(reader.drain()), name).toEqual(['a', 'b', 'c']);
    }
  });

  test('by a symbolic link, a relative path, and with white space around', () => {
    const workspace = new Workspace();
    const file = workspace.write('a.jsonl', three);
    fs.symlinkSync(file, workspace.at('link'));
    for (const params of [workspace.at('link'), ` ${file} `, join('.', '..', '..', '..', '..', '..', file)]) {
      expect(idsOf(open(params).drain()), params).toEqual(['a', 'b', 'c']);
    }
  });

  test('that is cut or grows while it is read', () => {
    const workspace = new Workspace();
    const many = lines(names(20_000).map((id) => shortEvent(id)));
    const cut = open(workspace.write('cut.jsonl', many));
    cut.poll();
    fs.truncateSync(workspace.at('cut.jsonl'), 1000);
    cut.drain();
    expect(cut.ended).toBe(true);
    expect(idsOf(cut.events)).toEqual(names(20_000).slice(0, cut.events.length));

    const growing = open(workspace.write('grow.jsonl', many));
    growing.poll();
    workspace.append('grow.jsonl', three);
    expect(idsOf(growing.drain())).toEqual([...names(20_000), 'a', 'b', 'c']);
    expect(growing.instance.progress().percent).toBeLessThanOrEqual(100);
  });
});

describe('gzip', () => {
  const many = names(3000);
  const text = lines(many.map((id) => shortEvent(id, { userAgent: 'u'.repeat(300) })));

  test.each<[string, Buffer]>([
    ['one member', gzipSync(text)],
    ['not compressed inside', gzipSync(text, { level: 0 })],
    [
      'a member for every thousand bytes',
      Buffer.concat(text.match(/[^]{1,1000}/g)!.map((part) => gzipSync(part))),
    ],
    ['empty members between', Buffer.concat([gzipSync(''), gzipSync(text), gzipSync('')])],
  ])('%s, told by its content', (_, content) => {
    const reader = open(new Workspace().write('audit.log', content));
    expect(idsOf(reader.drain())).toEqual(many);
    expect(reader.ended).toBe(true);
    expect(reader.metrics().bytes_received).toBe(text.length);
    expect(reader.instance.progress().percent).toBe(100);
    expect(reader.state.logs).toEqual([]);
  });

  test('that breaks off gives what came before, and says so', () => {
    const whole = gzipSync(text, { level: 0 });
    const reader = open(new Workspace().write('audit.log.gz', whole.subarray(0, whole.length / 2)));
    const ids = idsOf(reader.drain());
    expect(ids.length).toBeGreaterThan(1000);
    expect(ids).toEqual(many.slice(0, ids.length));
    expect(messagesOf(reader.state.logs, severity.warning).join()).toMatch(
      /gzip data of .*audit\.log\.gz.* breaks off/,
    );
  });

  test.each<[string, (good: Buffer) => Buffer]>([
    [
      'a second member of an unknown kind',
      (good) => Buffer.concat([good, Buffer.from([0x1f, 0x8b, 9, 0, 0, 0])]),
    ],
    ['text behind it', (good) => Buffer.concat([good, Buffer.from('this is no gzip data')])],
    ['a wrong check sum', (good) => Buffer.concat([good.subarray(0, -8), Buffer.alloc(8, 0x55)])],
  ])('that is damaged (%s) gives what came before, counts an error and ends', (_, damage) => {
    const reader = open(new Workspace().write('audit.log.gz', damage(gzipSync(text))));
    expect(idsOf(reader.readToEnd())).toEqual(many);
    expect(reader.metrics().source_errors).toBe(1);
    expect(messagesOf(reader.state.logs, severity.error).join()).toMatch(/cannot read .*audit\.log\.gz/);
  });

  test('that is damaged in the middle ends without a crash', () => {
    const good = gzipSync(text);
    for (let at = 10; at < good.length; at += good.length >> 4) {
      const damaged = Buffer.from(good);
      damaged.fill(0xff, at, at + 32);
      open(new Workspace().write('audit.log.gz', damaged)).readToEnd();
    }
  });

  test('two bytes, or magic alone', () => {
    for (const bytes of [[0x1f, 0x8b], [0x1f, 0x8b, 8], [0x1f], [0x1f, 0x8b, 9, 0, 0, 0, 0, 0, 0, 0]]) {
      const reader = open(new Workspace().write('x', Buffer.from(bytes)));
      expect(reader.drain()).toEqual([]);
      expect(reader.ended).toBe(true);
    }
  });

  test('a small file that inflates to much is read in pieces', () => {
    const filler = `"${' '.repeat(1000)}"\n`;
    const bomb = gzipSync(Buffer.from(filler.repeat(60_000) + shortEvent('end')));
    expect(bomb.length).toBeLessThan(300_000);
    const reader = open(new Workspace().write('bomb.gz', bomb), {}, 'small');
    expect(idsOf(reader.readToEnd())).toEqual(['end']);
    expect(reader.metrics()).toMatchObject({ events_dropped_not_audit: 60_000, traps: 0 });
  });
});

describe('a directory', () => {
  test('is read by time of modification, then by name, gzip or not', () => {
    const workspace = new Workspace();
    workspace.write('logs/b.log', lines([shortEvent('third')]), 3000);
    workspace.write('logs/z.log.gz', gzipSync(lines([shortEvent('first')])), 1000);
    workspace.write('logs/a.log', lines([shortEvent('fourth')]), 4000);
    workspace.write('logs/y.log', lines([shortEvent('second-y')]), 2000);
    workspace.write('logs/x.log', lines([shortEvent('second-x')]), 2000);
    workspace.write('logs/empty.log', '', 2500);
    const expected = ['first', 'second-x', 'second-y', 'third', 'fourth'];
    for (const params of [
      workspace.at('logs'),
      `${workspace.at('logs')}/`,
      `${workspace.at('logs')}?recursive=false`,
    ]) {
      const reader = open(params);
      expect(idsOf(reader.drain()), params).toEqual(expected);
      expect(reader.ended).toBe(true);
    }
  });

  test('what is below it is read only with ?recursive=true', () => {
    const workspace = new Workspace();
    workspace.write('logs/top.log', lines([shortEvent('top')]), 1000);
    workspace.write('logs/one/two/deep.log', lines([shortEvent('deep')]), 2000);
    expect(idsOf(open(workspace.at('logs')).drain())).toEqual(['top']);
    expect(idsOf(open(`${workspace.at('logs')}?recursive=true`).drain())).toEqual(['top', 'deep']);
  });

  test('with what is no file in it: pipes, sockets, links to nowhere and to itself', async () => {
    const workspace = new Workspace();
    workspace.write('logs/good.log', lines([shortEvent('good')]));
    execFileSync('mkfifo', [workspace.at('logs/pipe')]);
    fs.symlinkSync('/nowhere/at/all', workspace.at('logs/dangling'));
    fs.symlinkSync(workspace.at('logs'), workspace.at('logs/self'));
    fs.symlinkSync('loop', workspace.at('logs/loop'));
    fs.symlinkSync('/dev/zero', workspace.at('logs/zero'));
    const server = createServer().listen(workspace.at('logs/socket'));
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const reader = open(workspace.at('logs'));
    expect(idsOf(reader.drain())).toEqual(['good']);
    expect(messagesOf(reader.state.logs, severity.warning)).toHaveLength(2);

    const recursive = open(`${workspace.at('logs')}?recursive=true`);
    expect(new Set(idsOf(recursive.drain()))).toEqual(new Set(['good']));
    expect(recursive.ended).toBe(true);
  });

  test('without a file ends at once', () => {
    const workspace = new Workspace();
    fs.mkdirSync(workspace.at('none'));
    const reader = open(workspace.at('none'));
    expect(reader.instance.nextBatch().rc).toBe('eof');
    expect(reader.instance.progress().percent).toBe(100);
  });

  test('a file that is gone when its turn comes is passed over, with a message', () => {
    const workspace = new Workspace();
    workspace.write('logs/1.log', lines([shortEvent('one')]));
    workspace.write('logs/2.log', lines([shortEvent('two')]));
    workspace.write('logs/3.log', lines([shortEvent('three')]));
    const reader = open(workspace.at('logs'));
    fs.rmSync(workspace.at('logs/2.log'));
    expect(idsOf(reader.drain())).toEqual(['one', 'three']);
    expect(reader.metrics().source_errors).toBe(1);
    expect(messagesOf(reader.state.logs, severity.error).join()).toMatch(
      /cannot open .*2\.log.*No such file/,
    );
  });

  test('of two thousand files leaves no file open', () => {
    const workspace = new Workspace();
    for (let i = 0; i < 2000; i++)
      workspace.write(`logs/${i}.log`, i % 2 === 0 ? lines([shortEvent(`e${i}`)]) : 'x\n');
    const before = fs.readdirSync('/proc/self/fd').length;
    const reader = open(workspace.at('logs'), {}, 'small');
    expect(idsOf(reader.readToEnd())).toEqual(names(2000).filter((_, i) => i % 2 === 0));
    expect(fs.readdirSync('/proc/self/fd').length).toBe(before);
    expect(reader.metrics().traps).toBe(0);
  });
});

describe('a followed file', () => {
  test('starts at its end, or at its start with ?from=start', () => {
    const workspace = new Workspace();
    const file = workspace.write('audit.log', lines([shortEvent('old')]));
    const fromEnd = open(`file://${file}`);
    const fromStart = open(`file://${file}?from=start`);
    expect(idsOf(fromEnd.drain())).toEqual([]);
    expect(idsOf(fromStart.drain())).toEqual(['old']);
    workspace.append('audit.log', lines([shortEvent('new')]));
    expect(idsOf(fromEnd.drain())).toEqual(['new']);
    expect(idsOf(fromStart.drain())).toEqual(['old', 'new']);
  });

  test('a line waits until it is whole', () => {
    const workspace = new Workspace();
    const file = workspace.write('audit.log', '');
    const reader = open(`file://${file}`);
    const text = shortEvent('slow');
    for (const byte of text) {
      workspace.append('audit.log', byte);
      if (byte === '"') expect(reader.poll()).toEqual([]);
    }
    expect(reader.poll()).toEqual([]);
    workspace.append('audit.log', '\n');
    expect(idsOf(reader.drain())).toEqual(['slow']);
  });

  test('that does not exist yet is waited for', () => {
    const workspace = new Workspace();
    const reader = open(`file://${workspace.at('later.log')}`);
    expect(reader.drain()).toEqual([]);
    workspace.write('later.log', three);
    expect(idsOf(reader.drain())).toEqual(['a', 'b', 'c']);
  });

  test('rotation by rename and create: nothing is lost or read twice, rests of lines included', () => {
    const workspace = new Workspace();
    const file = workspace.write('audit.log', '');
    const reader = open(`file://${file}`);
    const expected: string[] = [];
    for (let round = 0; round < 10; round++) {
      const [before, rest, after] = [`before${round}`, `rest${round}`, `after${round}`];
      workspace.append('audit.log', lines([shortEvent(before)]));
      if (round % 2 === 0) reader.read(expected.length + 1);
      workspace.append('audit.log', shortEvent(rest));
      if (round % 3 === 0) reader.poll();
      fs.renameSync(file, workspace.at(`audit-${round}.log`));
      if (round % 4 === 0) reader.poll();
      fs.writeFileSync(file, lines([shortEvent(after)]));
      expected.push(before, rest, after);
      expect(idsOf(reader.read(expected.length)), `round ${round}`).toEqual(expected);
    }
    expect(idsOf(reader.drain())).toEqual(expected);
    expect(reader.metrics()).toMatchObject({ file_rotations: 10, source_errors: 0 });
  });

  test('the old file is read on after the rename, as long as there is no new one', () => {
    const workspace = new Workspace();
    const file = workspace.write('audit.log', '');
    const reader = open(`file://${file}`);
    reader.poll();
    const old = fs.openSync(file, 'a');
    onTestFinished(() => fs.closeSync(old));
    fs.renameSync(file, workspace.at('old.log'));
    fs.writeSync(old, lines([shortEvent('late')]));
    expect(idsOf(reader.drain())).toEqual(['late']);
    fs.writeSync(old, lines([shortEvent('later')]));
    fs.writeFileSync(file, lines([shortEvent('new')]));
    expect(idsOf(reader.drain())).toEqual(['late', 'later', 'new']);
  });

  test('rotation by copy and truncate', () => {
    const workspace = new Workspace();
    const file = workspace.write('audit.log', three);
    const reader = open(`file://${file}?from=start`);
    expect(idsOf(reader.drain())).toEqual(['a', 'b', 'c']);
    fs.truncateSync(file, 0);
    reader.poll();
    workspace.append('audit.log', lines([shortEvent('d')]));
    expect(idsOf(reader.drain())).toEqual(['a', 'b', 'c', 'd']);
    expect(reader.metrics().file_rotations).toBe(1);
  });

  test('that is deleted, replaced by a directory, a pipe, and is back again', () => {
    const workspace = new Workspace();
    const file = workspace.write('audit.log', three);
    const reader = open(`file://${file}?from=start`);
    reader.drain();
    fs.rmSync(file);
    reader.poll();
    fs.mkdirSync(file);
    for (let i = 0; i < 3; i++) reader.poll();
    fs.rmdirSync(file);
    execFileSync('mkfifo', [file]);
    for (let i = 0; i < 3; i++) reader.poll();
    fs.rmSync(file);
    fs.writeFileSync(file, lines([shortEvent('back')]));
    expect(idsOf(reader.drain())).toEqual(['a', 'b', 'c', 'back']);
    expect(reader.ended).toBe(false);
  });

  test('in a world of many polls opens no file twice', () => {
    const workspace = new Workspace();
    const file = workspace.write('audit.log', three);
    const reader = open(`file://${file}`);
    reader.poll();
    const before = fs.readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 20; i++) {
      fs.renameSync(file, workspace.at('old.log'));
      fs.writeFileSync(file, lines([shortEvent(`r${i}`)]));
      reader.read(i + 1);
    }
    expect(idsOf(reader.events)).toEqual(names(20, 'r'));
    expect(fs.readdirSync('/proc/self/fd').length).toBe(before);
  });
});

describe('progress', () => {
  test('of a file rises to 100 %, in numbers and words', () => {
    const reader = open(new Workspace().write('a.jsonl', lines(names(30_000).map((id) => shortEvent(id)))));
    const seen = [reader.instance.progress().percent];
    while (!reader.ended) {
      reader.poll();
      const { percent, text } = reader.instance.progress();
      expect(text).toContain(`${percent.toFixed(2)} % of 2.`);
      seen.push(percent);
    }
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(100);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
    expect(new Set(seen).size).toBeGreaterThan(5);
  });

  test('of a directory counts its files', () => {
    const workspace = new Workspace();
    for (let i = 0; i < 4; i++) workspace.write(`logs/${i}.log`, three);
    const reader = open(workspace.at('logs'));
    expect(reader.instance.progress()).toMatchObject({
      percent: 0,
      text: expect.stringContaining('file 1 of 4'),
    });
    reader.drain();
    expect(reader.instance.progress()).toMatchObject({
      percent: 100,
      text: expect.stringContaining('file 4 of 4'),
    });
  });

  test('of a source without an end is 0', () => {
    const file = new Workspace().write('audit.log', three);
    expect(open(`file://${file}`).instance.progress()).toEqual({ percent: 0, text: '' });
    expect(open('http://127.0.0.1:0/').instance.progress()).toEqual({ percent: 0, text: '' });
  });
});

describe('open and close', () => {
  test('close in the middle, and open again: from the start, with nothing of before', () => {
    const workspace = new Workspace();
    const file = workspace.write('a.jsonl', lines(names(2000).map((id) => shortEvent(id))));
    const other = workspace.write('b.jsonl', three);
    const reader = open(file);
    expect(reader.poll().length).toBeGreaterThan(0);
    reader.instance.close();
    expect(() => reader.instance.nextBatch()).toThrow('closed');
    for (const [params, count] of [
      [other, 3],
      [file, 2000],
      [`file://${other}?from=start`, 3],
    ] as const) {
      const instance = reader.state.open(params);
      let events = 0;
      for (let calls = 0; events < count && calls < 100; calls++)
        events += instance.nextBatch().events.length;
      expect(events, params).toBe(count);
      instance.close();
    }
  });

  test('a second open is refused while one is there, and disturbs nothing', () => {
    const workspace = new Workspace();
    const reader = open(workspace.write('a.jsonl', three));
    const error = caught(() => reader.state.open(workspace.at('a.jsonl')));
    expect(error.message).toContain('open already');
    expect(error.rc).toBe('failure');
    expect(idsOf(reader.drain())).toEqual(['a', 'b', 'c']);
    reader.instance.close();
    reader.state.open(workspace.at('a.jsonl')).close();
  });

  test('a hundred times leaves no file open and no memory', () => {
    const workspace = new Workspace();
    const file = workspace.write('a.jsonl.gz', gzipSync(lines(names(1000).map((id) => shortEvent(id)))));
    const state = init({}, 'small');
    const before = fs.readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 100; i++) {
      const instance = state.open([file, `file://${file}`, workspace.path, 'http://127.0.0.1:0/'][i % 4]!);
      instance.nextBatch();
      instance.close();
    }
    // The event loop's own descriptors stay.
    expect(fs.readdirSync('/proc/self/fd').length).toBeLessThan(before + 5);
    expect(state.metrics().find(({ name }) => name === 'traps')?.value).toBe(0n);
  });
});

describe('what cannot be opened is refused with the path and the reason', () => {
  const workspace = () => new Workspace();
  test.each<[string, () => string, RegExp]>([
    ['nothing', () => '', /open_params is empty/],
    ['white space', () => ' \t ', /open_params is empty/],
    ['a missing file', () => '/nowhere/audit.log', /"\/nowhere\/audit\.log": No such file/],
    ['a file as a directory', () => `${workspace().write('a', 'x')}/b`, /Not a directory/],
    ['a device', () => '/dev/full', /"\/dev\/full" is neither a regular file nor a directory/],
    ['an endless device', () => '/dev/zero', /neither a regular file nor a directory/],
    ['a loop of links', () => loopOfLinks(), /Too many levels of symbolic links/],
    ['a name that is too long', () => `/${'x'.repeat(300)}`, /File name too long/],
    ['a path that is too long', () => '/x'.repeat(3000), /File name too long/],
    ['a pipe', () => pipe(), /neither a regular file nor a directory/],
    [
      'an unknown parameter',
      () => `${workspace().path}?recurse=true`,
      /unknown parameter "recurse".*recursive=true/,
    ],
    ['a wrong value', () => `${workspace().path}?recursive=1`, /recursive="1" must be true or false/],
    ['an empty checkpoint', () => `file://${workspace().path}?checkpoint=`, /path of a file or of a folder/],
    ['a relative path to follow', () => 'file://audit.log', /absolute path/],
    ['nothing to follow', () => 'file://', /needs a path/],
    ['a wrong start', () => 'file:///x?from=middle', /from="middle" must be start or end/],
    ['a broken escape', () => 'file:///x%2', /two hexadecimal digits/],
    ['an unknown scheme', () => 'ftp://bucket/x', /scheme "ftp" is not supported/],
  ])('%s', (_, params, message) => {
    const state = init();
    const error = caught(() => state.open(params()));
    expect(error.rc).toBe('failure');
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^open_params/);
    expect(state.lastError()).toBe(error.message);
    // A refusal is no end: the state goes on.
    expect(idsOf(collect(state.open(new Workspace().write('good.log', three))))).toEqual(['a', 'b', 'c']);
  });

  function collect(instance: ReturnType<ReturnType<typeof init>['open']>) {
    return instance.nextBatch().events;
  }

  function loopOfLinks(): string {
    const path = workspace().at('loop');
    fs.symlinkSync('loop', path);
    return path;
  }

  function pipe(): string {
    const path = workspace().at('pipe');
    execFileSync('mkfifo', [path]);
    return path;
  }

  test('what may not be read: refused by the name of the file', () => {
    const space = new Workspace();
    const file = space.write('secret.log', three);
    fs.chmodSync(file, 0);
    if (process.getuid?.() !== 0) {
      expect(caught(() => init().open(file)).message).toMatch(/secret\.log": Permission denied/);
      return;
    }
    // Root may read everything: another user tries.
    fs.chmodSync(space.path, 0o755);
    const plugin = space.at('plugin.so');
    fs.copyFileSync(pluginFile(), plugin);
    const run = spawnSync(compileDriver(space.path), [plugin, '{}', 'serve', file], {
      encoding: 'utf8',
      uid: 65534,
      gid: 65534,
      input: '',
    });
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(/^open: open_params: cannot open ".*secret\.log": Permission denied\n$/);
  });
});

describe('list_open_params', () => {
  test('is valid, begins with the webhook, and names only what is there', () => {
    const suggestions = init().listOpenParams();
    expect(suggestions[0]).toEqual({
      value: 'http://:9765/k8s-audit',
      desc: expect.stringMatching(/webhook/i),
    });
    for (const { value, desc } of suggestions) {
      expect(desc).toMatch(/^[A-Z].{8,}/);
      if (/^(http|eks):/.test(value)) continue;
      expect(fs.statSync(value.replace('file://', '')).isFile(), value).toBe(true);
    }
    expect(new Set(suggestions.map(({ value }) => value)).size).toBe(suggestions.length);
  });

  test('may be asked before, while and after a source is open', () => {
    const state = init();
    const expected = state.listOpenParams();
    const instance = state.open(new Workspace().write('a.jsonl', three));
    expect(state.listOpenParams()).toEqual(expected);
    expect(instance.nextBatch().events).toHaveLength(3);
    instance.close();
    for (let i = 0; i < 300; i++) expect(state.listOpenParams()).toEqual(expected);
  });
});
