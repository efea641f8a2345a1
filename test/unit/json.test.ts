// SPDX-License-Identifier: Apache-2.0
// The scanner against JSON.parse. Texts are looked at through events from elsewhere: what stands at the top level is
// scanned at once, what stands in requestObject is skipped first and scanned when a field asks for it.
import { beforeAll, describe, expect, test } from 'vitest';
import { Host } from '../support/host';
import { Random, stringText, valueText } from '../support/random';
import { type Value, Wasm } from '../support/wasm';

let wasm: Wasm;
beforeAll(() => {
  wasm = new Wasm(new Host()).init();
});

const HEAD = '{"kind":"Event","auditID":"x",';

/** The text of a value as a field shows it, worked out from JSON.parse. */
function shown(json: string): Value {
  const value: unknown = JSON.parse(json);
  if (value === null) return null;
  if (typeof value !== 'string') return compact(json);
  // A lone surrogate has no UTF-8, and a C string ends at its first NUL.
  return value.toWellFormed().split('\0')[0];
}

/** JSON without the white space between its tokens. */
function compact(json: string): string {
  return json.replace(/("(?:[^"\\]|\\.)*")|[ \t\r\n]+/gs, '$1');
}

/** What the fields of an event with this JSON show; null when it is no event. */
function extract(event: string | Buffer, field: string): Value {
  wasm.selectForeign(event);
  return wasm.extract(field);
}

const atTop = (json: string): Value => extract(`${HEAD}"verb":${json}}`, 'ka.verb');
const inBody = (json: string): Value =>
  extract(`${HEAD}"requestObject":{"data":${json}}}`, 'ka.req.configmap.obj');
const isAccepted = (event: string | Buffer): boolean => extract(event, 'ka.auditid') !== null;

/** Whether JSON.parse takes a text. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function expectSame(json: string): void {
  const expected = shown(json);
  expect(atTop(json), `at the top: ${json}`).toBe(expected);
  expect(inBody(json), `in a body: ${json}`).toBe(expected);
}

describe('valid texts', () => {
  test('the comparison itself is right', () => {
    expect(shown('"a\\u0041\\ud800\\u0000b"')).toBe('aA\ufffd');
    expect(shown(' { "a" : [ 1 , "x \\" y" ] } ')).toBe('{"a":[1,"x \\" y"]}');
    expect(atTop('"different"')).not.toBe(shown('"other"'));
  });

  test('2000 generated values', () => {
    const random = new Random(1);
    for (let i = 0; i < 2000; i++) expectSame(valueText(random, 5));
  });

  test('2000 generated strings', () => {
    const random = new Random(2);
    for (let i = 0; i < 2000; i++) expectSame(stringText(random, 30));
  });

  test.each([
    '0',
    '-0',
    '1',
    '-1',
    '10',
    '0.5',
    '-0.5',
    '1.25',
    '1e1',
    '1E1',
    '1e+1',
    '1e-1',
    '0e0',
    '1.5E-10',
    '1e999',
  ])('the number %s keeps its form', (number) =>
    expect([atTop(number), inBody(number)]).toEqual([number, number]),
  );

  test('strings of every length up to 130, plain and with an escape at every place of a block', () => {
    for (let length = 0; length <= 130; length++) {
      expectSame(`"${'a'.repeat(length)}"`);
      for (const escape of ['\\"', '\\\\', '\\u00e9', '\\n']) {
        expectSame(`"${'a'.repeat(length)}${escape}"`);
        expectSame(`"${'a'.repeat(length)}${escape}${'b'.repeat(70)}"`);
      }
    }
  });

  test('brackets and quotes in strings do not end a body, wherever a block ends', () => {
    for (let length = 0; length <= 130; length++) {
      for (const inside of ['}', ']', '{', '\\"}', '\\\\\\"]}', '"}'.replace('"', '\\"')]) {
        expect(inBody(`{"k":"${'a'.repeat(length)}${inside}","l":[{}]}`)).toBe(
          `{"k":"${'a'.repeat(length)}${inside}","l":[{}]}`,
        );
      }
    }
  });

  test('runs of backslashes over the ends of blocks', () => {
    for (let before = 0; before < 66; before++) {
      for (const run of [1, 2, 3, 4, 31, 32, 33, 63, 64, 65, 127, 128, 129]) {
        // An even run ends before the quote; an odd one escapes it, so that one more must follow.
        const text = `"${'a'.repeat(before)}${'\\'.repeat(run)}${run % 2 === 0 ? '' : '"}'}"`;
        expect(inBody(`{"k":${text},"l":"}"}`), `${before} + ${run}`).toBe(`{"k":${text},"l":"}"}`);
        expectSame(text);
      }
    }
  });

  test('white space of every kind and amount between tokens', () => {
    for (const space of [' ', '\t', '\n', '\r', ' '.repeat(17), '\n'.repeat(65)]) {
      const spaced = ['{', '"a"', ':', '[', '1', ',', '"b c"', ',', '{', '}', ']', '}'].join(space);
      expect([atTop(spaced), inBody(spaced)]).toEqual(['{"a":[1,"b c",{}]}', '{"a":[1,"b c",{}]}']);
    }
  });

  test('bytes that are no UTF-8 pass as they stand', () => {
    wasm.selectForeign(Buffer.from(`${HEAD}"verb":"a\xff\xc3("}`, 'latin1'));
    expect(wasm.extract('ka.verb')).toBe('a\ufffd\ufffd(');
  });
});

describe('invalid texts', () => {
  // prettier-ignore
  const bad = [
    '', '-', '+1', '01', '-01', '1.', '.5', '1e', '1e+', '1.e1', '0x1', 'NaN', 'Infinity', 'tru', 'truE', 'True', 'nul',
    'fals', 'undefined', "'a'", '"', '"a', '"\\', '"\\"', '"\\q"', '"\\u12"', '"\\u12g4"', '"\\U0041"', '"\n"', '"\t"',
    '"\x00"', '"\x1f"', '[', ']', '[1', '[1,', '[1,]', '[,1]', '[1 2]', '[1}', '{', '}', '{"a"', '{"a":', '{"a":}', '{"a":1',
    '{"a":1,', '{"a":1,}', '{,"a":1}', '{"a" 1}', '{"a":1 "b":2}', '{a:1}', '{1:1}', '{"a":1]', '1 2', '\u00a01', '/**/1', '1//',
  ];

  test.each(bad)('%j is refused at the top level, and hides the body', (json) => {
    expect(isJson(`[${json}]`) && json !== '').toBe(false);
    expect(isAccepted(`${HEAD}"verb":${json}}`)).toBe(false);
    expect(inBody(json)).toBeNull();
  });

  const sample =
    '{"kind":"Event","auditID":"x","verb":["a\\u00e9\\"",{"b":-1.5e+3,"c":[true,false,null,{}]},"0123456789abcdef"]}';
  const body = '{"metadata":{"name":"n\\\\"},"data":{"a":"b\\"}","n":[1,2.5,{"x":null}]},"z":[[],{}]}';

  test('every start of a text', () => {
    expect(isAccepted(sample)).toBe(true);
    for (let length = 0; length < sample.length; length++) {
      expect(isAccepted(sample.slice(0, length)), sample.slice(0, length)).toBe(false);
    }
  });

  const REPLACEMENTS = [...'"\\{}[],:0-.eat \n\t\x00\x1f\x7f', '\xff'];

  test('every byte of a text replaced: taken exactly when JSON.parse takes it', () => {
    let taken = 0;
    for (let at = 0; at < sample.length; at++) {
      for (const replacement of REPLACEMENTS) {
        const bytes = Buffer.from(sample, 'latin1');
        bytes[at] = replacement.charCodeAt(0);
        const text = bytes.toString('utf8');
        const event = (isJson(text) ? JSON.parse(text) : {}) as { kind?: string; auditID?: string };
        // Without a kind it may be a list's item; a kind that is another makes it no event.
        const isEvent = event.auditID !== undefined && (event.kind ?? 'Event') === 'Event';
        expect(isAccepted(bytes), text).toBe(isEvent);
        if (isEvent) taken++;
      }
    }
    expect(taken).toBeGreaterThan(300);
  });

  test('every byte of a body replaced: what JSON.parse takes is taken, else only a part that is JSON', () => {
    const head = `${HEAD}"requestObject":`;
    let taken = 0;
    let parts = 0;
    for (let at = 0; at < body.length; at++) {
      for (const replacement of REPLACEMENTS) {
        const bytes = Buffer.from(`${head}${body}}`, 'latin1');
        bytes[head.length + at] = replacement.charCodeAt(0);
        const text = bytes.toString('utf8');
        const data = isJson(text)
          ? (JSON.parse(text) as { requestObject: { data?: unknown } }).requestObject.data
          : undefined;
        const value = extract(bytes, 'ka.req.configmap.obj');
        if (!isJson(text) && value !== null) {
          // Another part of the body is broken.
          expect(isJson(value as string), text).toBe(true);
          parts++;
        } else if (data === undefined || data === null) {
          expect(value, text).toBeNull();
        } else {
          expect(JSON.parse(value as string), text).toEqual(data);
          taken++;
        }
      }
    }
    expect(taken).toBeGreaterThan(300);
    expect(parts).toBeGreaterThan(30);
  });

  test('500 generated values, each with one byte replaced', () => {
    const random = new Random(3);
    for (let i = 0; i < 500; i++) {
      const bytes = Buffer.from(`${HEAD}"verb":${valueText(random, 4)}}`);
      const at = HEAD.length + 7 + random.below(bytes.length - HEAD.length - 7);
      bytes[at] = random.pick(REPLACEMENTS).charCodeAt(0);
      const text = bytes.toString('utf8');
      expect(isAccepted(bytes), JSON.stringify(text)).toBe(isJson(text));
    }
  });

  test('something behind the event makes it no event; white space does not', () => {
    expect(isAccepted(`${HEAD}"verb":"get"} \r\n\t`)).toBe(true);
    expect(isAccepted(`${HEAD}"verb":"get"} x`)).toBe(false);
    expect(isAccepted(`${HEAD}"verb":"get"}}`)).toBe(false);
  });

  test('a body is checked only when somebody looks inside', () => {
    wasm.selectForeign(`${HEAD}"verb":"get","requestObject":{"data":tru}}`);
    expect(wasm.extract('ka.verb')).toBe('get');
    expect(wasm.extract('ka.req.configmap.obj')).toBeNull();
    wasm.selectForeign(`${HEAD}"verb":"get","requestObject":{"data":tru}`);
    expect(wasm.extract('ka.verb')).toBeNull();
  });

  test('so is what authenticators say of a user', () => {
    wasm.selectForeign(`${HEAD}"user":{"extra":{"a":tru},"username":"u"}}`);
    expect(wasm.extract('ka.user.name')).toBe('u');
    expect(wasm.extract('ka.value[/user/extra/a]')).toBeNull();
    expect(isAccepted(`${HEAD}"user":{"extra":{"a":true},"username":tru}}`)).toBe(false);
    expect(isAccepted(`${HEAD}"user":{"more":{"extra":{"a":tru}}}}`)).toBe(false);
  });

  test('the first of two members with the same key wins, at the top level and in a body', () => {
    expect(extract(`${HEAD}"verb":"first","verb":"second"}`, 'ka.verb')).toBe('first');
    expect(
      extract(
        `${HEAD}"requestObject":{"data":{"a":1},"data":{"b":2}},"requestObject":{}}`,
        'ka.req.configmap.obj',
      ),
    ).toBe('{"a":1}');
  });
});

describe('limits', () => {
  const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

  test('256 levels are looked into, what is deeper is there as a whole', () => {
    // The event is one level, and so is the body, which begins anew.
    expect(atTop(nested(255))).toBe(nested(255));
    expect(atTop(nested(100_000))).toBe(nested(100_000));
    expect(inBody(nested(255))).toBe(nested(255));
    expect(inBody(nested(100_000))).toBe(nested(100_000));
    expect(isAccepted(`${HEAD}"requestObject":{"data":${nested(100_000)}}}`)).toBe(true);
  });

  test('262144 values are taken, one more is not', () => {
    // The event, kind, auditID, the list itself.
    const list = (values: number): string => `[${Array(values).fill('1').join(',')}]`;
    expect(isAccepted(`${HEAD}"verb":${list(262_140)}}`)).toBe(true);
    expect(isAccepted(`${HEAD}"verb":${list(262_141)}}`)).toBe(false);
    // Each member of a body is on a tape of its own: here there is the list alone.
    expect(inBody(list(262_143))).toHaveLength(2 * 262_143 + 1);
    expect(inBody(list(262_144))).toBeNull();
  });

  test('20 MB of brackets are an error, not a crash', () => {
    expect(isAccepted('{"kind":"Event","auditID":"x","verb":' + '['.repeat(4_000_000))).toBe(false);
    expect(isAccepted('{"kind":"Event","auditID":"x","requestObject":' + '{"a":'.repeat(4_000_000))).toBe(
      false,
    );
    expect(atTop('"still here"')).toBe('still here');
  });
});
