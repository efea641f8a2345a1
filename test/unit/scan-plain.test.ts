// SPDX-License-Identifier: Apache-2.0
// The scanner against a plain one: the same tape, or the same refusal at the same place, for whole events and for what
// is left of them when bytes are changed, whatever is skipped. The scanner is compiled anew, so that it is the one in
// assembly/.
import * as fs from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { Index, plainScan } from '../support/plain-scan';
import { Random, stringText, valueText } from '../support/random';
import { Scanner } from '../support/scanner';

const INDEXES = [Index.All, Index.Event, Index.Members];
const PADDING = 64;

let scanner: Scanner;
beforeAll(async () => {
  scanner = await Scanner.make();
});

function lines(path: string): string[] {
  const text = fs.readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  return text.split('\n').filter((line) => line !== '');
}

const EVENTS = ['examples/attack.jsonl', 'native/fuzz/seeds.jsonl'].flatMap(lines);

/** JSON with white space wherever it may be. */
function spaced(random: Random, json: string): string {
  const space = (): string => random.pick(['', ' ', '\n', '\t\r\n ', ' '.repeat(17)]);
  return json.replace(/"(?:[^"\\]|\\.)*"|[{}[\],:]/gs, (token) => space() + token + space());
}

const SKIPPED = ['"requestObject"', '"responseObject"', '"items"', '"extra"'];

/** An event with members of any shape, and with bodies as the scanner skips them, at places where it has to and not. */
function madeUp(random: Random): string {
  const members = Array.from({ length: random.below(12) }, (_, i) => {
    const name = random.pick([...SKIPPED, '"\\u0069tems"', '"metadata"', `"m${i}"`]);
    return `${random.below(3) === 0 ? name : stringText(random, 3)}:${valueText(random, 4)}`;
  });
  const object = `{${members.join(',')}}`;
  return random.pick([object, `[${object},{"items":[${object}]}]`, `{"items":${object},"user":${object}}`]);
}

function check(text: Buffer, from = 0, end = text.length, what = ''): number {
  // The plain one sees the zeros that stand behind the text too.
  const padded = Buffer.concat([text, Buffer.alloc(PADDING)]);
  let refused = 0;
  for (const index of INDEXES) {
    const expected = plainScan(padded, from, end, index);
    const found = scanner.scan(text, from, end, index);
    // toEqual takes milliseconds for a tape, and there are very many.
    if (JSON.stringify(found) !== JSON.stringify(expected)) {
      expect(found, `${what}${JSON.stringify(text.toString('latin1', 0, 4000))}`).toEqual(expected);
    }
    if ('refusal' in expected) refused++;
  }
  return refused;
}

const TOKENS = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  'true',
  'nul',
  '-',
  '0',
  '1e',
  '.5',
  ' ',
  '\n',
  '\t',
  '\0',
];
const BYTES = [
  ...TOKENS,
  '\x1f',
  '\x7f',
  '\x80',
  '\xff',
  '\\u12',
  '\\"',
  '\\\\',
  '""',
  '":"',
  '","',
  'a'.repeat(40),
];

/** A text with one to three places changed. */
function mutated(random: Random, text: Buffer): Buffer {
  let bytes = text;
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(bytes.length + 1);
    const to = Math.min(bytes.length, at + random.pick([0, 1, 1, 1, 2, 16, 64, random.below(200)]));
    const insert = random.below(3) === 0 ? bytes.subarray(at, to) : Buffer.from(random.pick(BYTES), 'latin1');
    const behind = random.below(2) === 0 ? to : at;
    bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(behind)]);
  }
  return bytes;
}

describe('the same as the plain scanner', () => {
  test('the plain scanner is right itself', () => {
    const text = Buffer.from('{"a":[1,"x\\n"],"requestObject":{"b":2}} ');
    const scan = plainScan(text, 0, text.length, Index.Event);
    expect(scan).toEqual({
      behind: 39,
      nodes: [
        {
          keyStart: 0,
          keyEnd: 0,
          start: 0,
          end: 39,
          span: 5,
          kind: 6,
          keyEscaped: false,
          escaped: false,
          lazy: false,
        },
        {
          keyStart: 2,
          keyEnd: 3,
          start: 5,
          end: 14,
          span: 3,
          kind: 7,
          keyEscaped: false,
          escaped: false,
          lazy: false,
        },
        {
          keyStart: 0,
          keyEnd: 0,
          start: 6,
          end: 7,
          span: 1,
          kind: 2,
          keyEscaped: false,
          escaped: false,
          lazy: false,
        },
        {
          keyStart: 0,
          keyEnd: 0,
          start: 9,
          end: 12,
          span: 1,
          kind: 1,
          keyEscaped: false,
          escaped: true,
          lazy: false,
        },
        {
          keyStart: 16,
          keyEnd: 29,
          start: 31,
          end: 38,
          span: 1,
          kind: 6,
          keyEscaped: false,
          escaped: false,
          lazy: true,
        },
      ],
    });
  });

  test('events, also with white space between their tokens', () => {
    const random = new Random(1);
    for (const event of EVENTS) {
      expect(check(Buffer.from(event))).toBe(0);
      expect(check(Buffer.from(spaced(random, event)))).toBe(0);
    }
  });

  test('each start of an event, and each with the rest of the event behind its end', () => {
    for (const event of [EVENTS[0], EVENTS.at(-1) as string]) {
      const text = Buffer.from(event);
      for (let end = 0; end < text.length; end++) {
        expect(check(text.subarray(0, end))).toBe(3);
        expect(check(text, 0, end)).toBe(3);
      }
    }
  });

  test('each value of an event, from wherever it begins', () => {
    const text = Buffer.from(EVENTS[5]);
    for (let from = 0; from < text.length; from++) check(text, from);
  });

  test('2000 made-up events, and each with bytes changed', () => {
    const random = new Random(2);
    let refused = 0;
    for (let i = 0; i < 2000; i++) {
      const text = Buffer.from(madeUp(random));
      expect(check(text)).toBe(0);
      refused += check(mutated(random, text), 0, undefined, `${i}: `);
    }
    expect(refused).toBeGreaterThan(1500);
    expect(refused).toBeLessThan(5800);
  });

  test('20000 events with bytes changed', () => {
    const random = new Random(3);
    let refused = 0;
    for (let i = 0; i < 20_000; i++) {
      const text = mutated(random, Buffer.from(random.pick(EVENTS)));
      const end = random.below(4) === 0 ? random.below(text.length + 1) : text.length;
      refused += check(text, 0, end, `${i}: `);
    }
    expect(refused).toBeGreaterThan(15_000);
    expect(refused).toBeLessThan(59_000);
  });

  test('strings of every length at every place of a block, with every special byte at every place', () => {
    for (let length = 0; length <= 80; length++) {
      const text = `{"${'k'.repeat(length)}":"${'v'.repeat(length)}","n":[1,"${'w'.repeat(length)}"]}`;
      for (const special of ['\\n', '\\"', '\\', '\n', '\0', '"', '\x7f', '\\u00e9', '\\u00g9']) {
        for (const before of [0, 1, length - 1, length >> 1]) {
          const changed = text.replace(
            /([kvw])\1*/g,
            (run) => run.slice(0, before) + special + run.slice(before),
          );
          check(Buffer.from(changed));
        }
      }
      check(Buffer.from(text));
    }
  });

  test('strings and escapes wherever the part ends that is looked at ahead', () => {
    for (let length = 380; length <= 530; length++) {
      const tail =
        '"key":"value","":"","e":"\\"\\\\","n":1,"s" : "a","requestObject":{"x":"}"},"z":["b","c"]}';
      check(Buffer.from(`{"k":"${'a'.repeat(length)}",${tail}`));
      check(Buffer.from(`{"l":[${'1,'.repeat(length >> 1)}"${'v'.repeat(length % 60)}"],${tail}`));
    }
  });

  test('more nesting than is indexed, and brackets that do not match inside', () => {
    for (const depth of [1, 255, 256, 257, 300, 2000]) {
      for (const inside of ['', '"]"', '{"a":1}', '}', '\\"', '\\', '"\\\\"']) {
        check(Buffer.from('['.repeat(depth) + inside + ']'.repeat(depth)));
        check(Buffer.from(`${'{"a":'.repeat(depth)}[${inside}]${'}'.repeat(depth)}`));
      }
    }
  });

  test('one value more than a tape holds', () => {
    const list = (values: number): Buffer => Buffer.from(`[${Array(values).fill('1').join(',')}]`);
    expect(check(list(262_143))).toBe(0);
    expect(check(list(262_144))).toBe(3);
  });
});
