// SPDX-License-Identifier: Apache-2.0
// file:// in open_params: a file that grows, and is rotated under the reader.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { describe, expect, test } from 'vitest';
import { drain } from '../support/drive';
import { eventOfSize, idsOf, names, shortEvent } from '../support/events';
import { Wasm } from '../support/wasm';
import { Workspace, lines } from '../support/workspace';

const event = (id: string): string => lines([shortEvent(id)]);

/** A followed file, and what can happen to it. */
class Followed extends Workspace {
  readonly file = this.at('audit.log');
  readonly wasm = new Wasm().init();

  open(query = ''): this {
    this.wasm.open(`file://${this.file}${query}`);
    return this;
  }

  put(text: string): this {
    fs.appendFileSync(this.file, text);
    return this;
  }

  /** Renames the file and makes a new, empty one. */
  rotate(to: string): this {
    fs.renameSync(this.file, this.at(to));
    return this.put('');
  }

  /** Lets a second pass, after which what failed is tried again. */
  later(): this {
    this.wasm.host.now += 1_000_000_000n;
    return this;
  }

  /** The auditIDs that have come. */
  get next(): string[] {
    return idsOf(drain(this.wasm).events);
  }
}

describe('where it begins', () => {
  test('at the end, by default and with from=end', () => {
    for (const query of ['', '?from=end']) {
      const followed = new Followed().put(event('old')).open(query);
      expect(followed.next).toEqual([]);
      expect(followed.put(event('a')).next).toEqual(['a']);
    }
  });

  test('at the start with from=start', () => {
    const followed = new Followed().put(event('old')).open('?from=start');
    expect(followed.next).toEqual(['old']);
    expect(followed.put(event('a')).next).toEqual(['a']);
  });

  test('a file that is not there yet is read from its start when it comes', () => {
    for (const query of ['', '?from=end', '?from=start']) {
      const followed = new Followed().open(query);
      expect(followed.next).toEqual([]);
      expect(followed.wasm.host.logs).toEqual([
        { severity: 5, message: `"${followed.file}" does not exist yet; waiting for it` },
      ]);
      expect(followed.put(event('a')).next).toEqual(['a']);
      expect(followed.wasm.metrics()).toMatchObject({ source_errors: 0, file_rotations: 0 });
    }
  });

  test('what comes between open and the first read is delivered', () => {
    const followed = new Followed().put(event('old')).open().put(event('a'));
    expect(followed.next).toEqual(['a']);
  });

  test('in the middle of a line, when the file ends in one: the rest of it is no event, and counted', () => {
    const followed = new Followed().put(shortEvent('old').slice(0, 20)).open();
    followed.put(`${shortEvent('old').slice(20)}\n${event('a')}`);
    expect(followed.next).toEqual(['a']);
    expect(followed.wasm.metrics()).toMatchObject({ events_received: 2, events_delivered: 1 });
  });

  test('gzip is not looked for: the file is taken as it stands', () => {
    const followed = new Followed().open();
    fs.writeFileSync(
      followed.file,
      Buffer.concat([Buffer.from([0x1f, 0x8b, 0x0a]), Buffer.from(event('a'))]),
    );
    expect(followed.next).toEqual(['a']);
  });
});

describe('growth', () => {
  test('nothing new is a time-out, after one wait of at most 30 ms', () => {
    const { wasm } = new Followed().put('').open();
    expect(wasm.nextBatch()).toBe('timeout');
    expect(wasm.host.waits).toEqual([30]);
  });

  test('what comes during the wait is delivered at once', () => {
    const followed = new Followed().put('').open();
    followed.wasm.host.onWait = () => followed.put(event('a'));
    expect(idsOf(followed.wasm.nextBatch() as never)).toEqual(['a']);
  });

  test('line by line, and many at once', () => {
    const followed = new Followed().put('').open();
    for (const id of names(20)) expect(followed.put(event(id)).next).toEqual([id]);
    expect(followed.put(lines(names(5000).map((id) => shortEvent(id)))).next).toEqual(names(5000));
    expect(followed.wasm.counts()).toMatchObject({ events_received: 5020, events_delivered: 5020 });
  });

  test('a line that comes byte by byte is delivered when its break comes, and once', () => {
    const followed = new Followed().put('').open();
    for (const byte of shortEvent('é')) expect(followed.put(byte).next).toEqual([]);
    expect(followed.put('\n').next).toEqual(['é']);
    expect(followed.put('\n').next).toEqual([]);
  });

  test('a long line in pieces', () => {
    const followed = new Followed();
    followed.wasm.init('{"maxEventSize": 2000000}');
    followed.put('').open();
    const text = `${eventOfSize(1_500_000, 'long')}\n${event('a')}`;
    for (let at = 0; at < text.length; at += 100_000) {
      expect(followed.wasm.nextBatch()).toBe('timeout');
      followed.put(text.slice(at, at + 100_000));
    }
    expect(followed.next).toEqual(['long', 'a']);
    expect(followed.wasm.metrics().bytes_received).toBe(text.length);
  });

  test('a line above the limit is dropped, counted once, and the next one comes', () => {
    const followed = new Followed();
    followed.wasm.init('{"maxEventSize": 2000, "webhookMaxBatchSize": 3000}');
    followed.put('').open();
    for (let i = 0; i < 10; i++) expect(followed.put('x'.repeat(1000)).next).toEqual([]);
    expect(followed.put(`\n${event('a')}`).next).toEqual(['a']);
    expect(followed.wasm.counts()).toMatchObject({ events_received: 2, events_dropped_too_large: 1 });
  });

  test('an idle file takes no memory', () => {
    const { wasm } = new Followed().put('').open();
    const poll = (times: number): number => {
      for (let i = 0; i < times; i++) wasm.nextBatch();
      return wasm.memoryBytes;
    };
    const before = poll(1000);
    expect(poll(10_000)).toBe(before);
  });

  test('waiting for a file takes no memory', () => {
    const { wasm } = new Followed().open();
    const poll = (times: number): number => {
      for (let i = 0; i < times; i++) wasm.nextBatch();
      return wasm.memoryBytes;
    };
    const before = poll(1000);
    expect(poll(10_000)).toBe(before);
  });
});

describe('rename and create', () => {
  test('the old file is read to its end, then the new one from its start', () => {
    const followed = new Followed().put(event('old')).open();
    followed.put(event('a')).rotate('audit.log.1').put(event('b'));
    expect(followed.next).toEqual(['a', 'b']);
    expect(followed.put(event('c')).next).toEqual(['c']);
    expect(followed.wasm.metrics().file_rotations).toBe(1);
    expect(followed.wasm.host.openFiles).toBe(1);
  });

  test('what is written to the old file behind the rename is read too', () => {
    const followed = new Followed().put('').open();
    expect(followed.put(event('a')).next).toEqual(['a']);
    fs.renameSync(followed.file, followed.at('audit.log.1'));
    followed.append('audit.log.1', event('b'));
    expect(followed.next).toEqual(['b']);
    followed.append('audit.log.1', event('c'));
    followed.put(event('d'));
    expect(followed.next).toEqual(['c', 'd']);
  });

  test('a last line without its break is whole when the file is left', () => {
    const followed = new Followed().put('').open();
    followed.put(event('a') + shortEvent('b'));
    expect(followed.next).toEqual(['a']);
    expect(followed.rotate('audit.log.1').put(event('c')).next).toEqual(['b', 'c']);
  });

  test('a last line that is cut is counted when the file is left', () => {
    const followed = new Followed().put('').open();
    followed.put(shortEvent('a').slice(0, 20));
    expect(followed.next).toEqual([]);
    expect(followed.rotate('audit.log.1').put(event('b')).next).toEqual(['b']);
    expect(followed.wasm.counts()).toMatchObject({ events_received: 2, events_dropped_without_id: 1 });
  });

  test('a last line that is completed behind the rename', () => {
    const followed = new Followed().put('').open();
    followed.put(shortEvent('a').slice(0, 30));
    expect(followed.next).toEqual([]);
    fs.renameSync(followed.file, followed.at('audit.log.1'));
    followed.append('audit.log.1', `${shortEvent('a').slice(30)}\n`);
    followed.put(event('b'));
    expect(followed.next).toEqual(['a', 'b']);
  });

  test('many rotations, many events: each once and in order', () => {
    const followed = new Followed().put('').open();
    const got: string[] = [];
    for (let i = 0; i < 10; i++) {
      followed.put(lines(names(400, `r${i}-`).map((id) => shortEvent(id))));
      if (i % 3 === 0) got.push(...followed.next);
      if (i % 2 === 0) got.push(...followed.rotate(`audit.log.${i}`).next);
    }
    got.push(...followed.next);
    expect(got).toEqual(Array.from({ length: 10 }, (_, i) => names(400, `r${i}-`)).flat());
  });

  test('the file disappears and comes back', () => {
    const followed = new Followed().put('').open();
    expect(followed.put(event('a')).next).toEqual(['a']);
    fs.renameSync(followed.file, followed.at('audit.log.1'));
    for (let i = 0; i < 3; i++) expect(followed.next).toEqual([]);
    expect(followed.put(event('b')).next).toEqual(['b']);
    expect(followed.wasm.metrics()).toMatchObject({ source_errors: 0, file_rotations: 1 });
  });

  test('the file is deleted and made anew, also smaller than it was', () => {
    const followed = new Followed().put(event('old')).put(event('older')).open();
    fs.rmSync(followed.file);
    expect(followed.next).toEqual([]);
    expect(followed.put(event('a')).next).toEqual(['a']);
  });

  test('a symbolic link that is turned to another file', () => {
    const followed = new Followed();
    followed.write('one.log', event('old'));
    followed.write('two.log', event('b'));
    fs.symlinkSync('one.log', followed.file);
    followed.open();
    followed.append('one.log', event('a'));
    expect(followed.next).toEqual(['a']);
    fs.rmSync(followed.file);
    fs.symlinkSync('two.log', followed.file);
    expect(followed.next).toEqual(['b']);
  });
});

describe('copy and truncate', () => {
  test('the new content is read from the start', () => {
    const followed = new Followed().put(event('old')).put(event('old')).open();
    expect(followed.put(event('a')).next).toEqual(['a']);
    fs.truncateSync(followed.file, 0);
    expect(followed.put(event('b')).next).toEqual(['b']);
    expect(followed.put(event('c')).next).toEqual(['c']);
    expect(followed.wasm.metrics().file_rotations).toBe(1);
  });

  test('truncated and not written to again', () => {
    const followed = new Followed().put(event('old')).open();
    fs.truncateSync(followed.file, 0);
    for (let i = 0; i < 3; i++) expect(followed.next).toEqual([]);
    expect(followed.wasm.metrics().file_rotations).toBe(1);
    expect(followed.put(event('a')).next).toEqual(['a']);
  });

  test('a whole last line without its break is not lost with the truncation', () => {
    const followed = new Followed().put('').open();
    expect(followed.put(event('a') + shortEvent('b')).next).toEqual(['a']);
    fs.truncateSync(followed.file, 0);
    expect(followed.put(event('c')).next).toEqual(['b', 'c']);
  });

  test('a cut last line is counted when it is truncated away', () => {
    const followed = new Followed().put('').open();
    expect(followed.put(event('a') + shortEvent('b').slice(0, 20)).next).toEqual(['a']);
    fs.truncateSync(followed.file, 0);
    expect(followed.put(event('c')).next).toEqual(['c']);
    expect(followed.wasm.counts()).toMatchObject({ events_received: 3, events_dropped_without_id: 1 });
  });
});

describe('failures', () => {
  test('a read that fails is tried again, with one message a minute and a count', () => {
    const followed = new Followed().put('').open().put(event('a'));
    const { wasm } = followed;
    wasm.host.failReads = os.constants.errno.EIO;
    for (let i = 0; i < 5; i++) expect(wasm.nextBatch()).toBe('timeout');
    expect(wasm.host.logs).toEqual([
      { severity: 3, message: `cannot read "${followed.file}": EIO; trying again` },
    ]);
    expect(wasm.metrics().source_errors).toBeGreaterThan(0);
    for (let i = 0; i < 100; i++) expect(wasm.nextBatch()).toBe('timeout');
    // 105 polls of 30 ms: tried again each second.
    expect(wasm.metrics().source_errors).toBeLessThan(12);
    expect(wasm.host.logs).toHaveLength(1);
    wasm.host.failReads = undefined;
    expect(followed.later().next).toEqual(['a']);
  });

  test('a new file that may not be read yet is tried again', () => {
    const followed = new Followed().put('').open();
    followed.rotate('audit.log.1').put(event('a'));
    followed.wasm.host.failOpens.set('audit.log', os.constants.errno.EACCES);
    for (let i = 0; i < 3; i++) expect(followed.next).toEqual([]);
    followed.wasm.host.failOpens.clear();
    expect(followed.later().next).toEqual(['a']);
    expect(followed.wasm.metrics().source_errors).toBeGreaterThan(0);
  });

  test('a file that may not be read at open is tried again, and read from where it was told', () => {
    const followed = new Followed().put(event('old'));
    followed.wasm.host.failOpens.set('audit.log', os.constants.errno.EACCES);
    followed.open('?from=start');
    expect(followed.next).toEqual([]);
    expect(followed.wasm.host.logs).toEqual([
      { severity: 3, message: `cannot open "${followed.file}": EACCES; trying again` },
    ]);
    followed.wasm.host.failOpens.clear();
    expect(followed.later().next).toEqual(['old']);
  });

  test('the directory is gone', () => {
    const followed = new Followed();
    fs.mkdirSync(followed.at('logs'));
    const file = followed.at('logs/audit.log');
    fs.writeFileSync(file, '');
    followed.wasm.open(`file://${file}`);
    fs.rmSync(path.dirname(file), { recursive: true });
    expect(followed.next).toEqual([]);
    fs.mkdirSync(path.dirname(file));
    fs.writeFileSync(file, event('a'));
    expect(followed.next).toEqual(['a']);
  });

  test('close lets go of the file', () => {
    const { wasm } = new Followed().put('').open();
    expect(wasm.host.openFiles).toBe(1);
    wasm.close();
    expect([wasm.host.openFiles, wasm.nextBatch()]).toEqual([0, 'end']);
  });
});

describe('a file that may not be read at first', () => {
  test.each([
    ['', ['later']],
    ['?from=start', ['before', 'later']],
  ])('is followed from where it was asked for once it may: %j', (query, expected) => {
    const followed = new Followed().put(event('before'));
    followed.wasm.host.failOpens.set('audit.log', os.constants.errno.EACCES);
    followed.open(query);
    expect(followed.next).toEqual([]);
    expect(followed.wasm.metrics().source_errors).toBeGreaterThan(0);
    followed.wasm.host.failOpens.clear();
    const first = followed.later().next;
    followed.put(event('later'));
    expect([...first, ...followed.next]).toEqual(expected);
  });
});
