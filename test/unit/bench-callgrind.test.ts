// SPDX-License-Identifier: Apache-2.0
// What is read out of callgrind's profiles, and under which names.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseCallgrind } from '../../bench/lib/callgrind.mjs';
import { readableName } from '../../bench/lib/function-names.mjs';
import { repositoryRoot } from '../../scripts/lib/paths.mjs';

describe('a profile of callgrind', () => {
  // 5 + 7 + 11 + 13 in the plugin, 100 + 1000 in libc; what stands behind `calls=` is a callee's.
  const lines = [
    '# callgrind format',
    'version: 1',
    'cmd:  bench-host sourcing --plugin /p.so --open 1 2',
    'desc: Timerange: Basic block 0 - 25',
    'positions: line',
    'events: Ir',
    'summary: 1136',
    '',
    'ob=/p.so',
    'fl=???',
    'fn=w2c_k8saudit_assembly0x2Fjson0x2Fscan0x2Fscan',
    '0 5',
    'cob=/lib/libc.so.6',
    'cfi=memmove.S',
    'cfn=__memcpy_avx',
    'calls=3 12',
    '0 100',
    '0 7',
    '',
    'fn=w2c_k8saudit_assembly0x2Fjson0x2Fscan0x2Fscan.part.0',
    "cfn=plugin_open'2",
    'calls=1 0',
    '0 13',
    '0 11',
    '',
    "fn=plugin_open'2",
    '0 13',
    '',
    'ob=/lib/libc.so.6',
    'fl=memmove.S',
    'fn=__memcpy_avx',
    '12 40',
    'fi=other.h',
    '13 60',
    'fe=memmove.S',
    'fn=(below main)',
    '5 1000',
    '',
    'totals: 1136',
    '',
  ];
  const text = lines.join('\n');

  test('gives what each function of each object has executed itself', () => {
    const objects = parseCallgrind(text);
    expect([...objects.keys()]).toEqual(['/p.so', '/lib/libc.so.6']);
    expect(Object.fromEntries(objects.get('/p.so') ?? [])).toEqual({ 'json/scan scan': 23, plugin_open: 13 });
    expect(Object.fromEntries(objects.get('/lib/libc.so.6') ?? [])).toEqual({
      __memcpy_avx: 100,
      '(below main)': 1000,
    });
  });

  test('is refused when it is something else, or not whole', () => {
    expect(() => parseCallgrind('')).toThrow('no profile of callgrind');
    expect(() => parseCallgrind(text.replace('0 11', '0 12'))).toThrow('1136 instructions, its lines 1137');
    expect(() => parseCallgrind(lines.slice(0, 20).join('\n'))).toThrow('undefined instructions');
    expect(() => parseCallgrind(text.replace('events: Ir', 'events: Ir Dr'))).toThrow('Ir Dr');
  });
});

describe('the name of a function', () => {
  const names: [string, string][] = [
    ['w2c_k8saudit_assembly0x2Fjson0x2Fscan0x2Fscan', 'json/scan scan'],
    ['w2c_k8saudit_assembly0x2Faudit0x2Fpayload0x2FPayload0x23fill.part.0', 'audit/payload Payload#fill'],
    ['w2c_k8saudit_assembly0x2Fjson0x2Fdocument0x2FDocument0x2Eindex', 'json/document Document.index'],
    ['w2c_k8saudit_0x7Elib0x2Frt0x2Ftcms0x2F_0x5Fnew', '~lib/rt/tcms __new'],
    [
      'w2c_k8saudit_0x7Elib0x2Farray0x2FArray0x3Cassembly0x2Fjson0x2Fname0x2FName0x3E0x23_0x5Fget',
      '~lib/array Array<json/name/Name>#__get',
    ],
    ['wrap_w2c_k8saudit_assembly0x2Ffields0x2Ffield0x2FreadNodes', 'fields/field readNodes'],
    ['w2c_k8saudit_nextBatch', 'nextBatch'],
    ['w2c_k8saudit_0xC30xA9', 'é'],
    ['w2c_host_fileRead', 'w2c_host_fileRead'],
    ['plugin_next_batch', 'plugin_next_batch'],
    ['read_body.constprop.0.isra.0', 'read_body'],
    ['close_all.isra.0.cold', 'close_all'],
    ["walk.part.1'2", 'walk'],
    ['0x0000000000072060', '0x0000000000072060'],
  ];
  test.each(names)('%s', (symbol, name) => expect(readableName(symbol)).toBe(name));

  test('can be read for every function of the WASM', () => {
    const file = join(repositoryRoot, 'build', 'generated', 'k8saudit.c');
    if (!existsSync(file)) throw new Error('build/generated/k8saudit.c is missing: run npm run build first');
    const symbols = readFileSync(file, 'utf8').match(/^(static )?\w+ w2c_k8saudit_\w+(?=\()/gm) ?? [];
    const all = symbols.map((line) => readableName(line.split(' ').at(-1) ?? ''));
    expect(all).toContain('json/scan scan');
    expect(all.filter((name) => /0x|^f\d+$|w2c_/.test(name))).toEqual([]);
  });
});
