// SPDX-License-Identifier: Apache-2.0
// What the benchmark prints: tables, what has to be reached, and the parts of a document.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { fillMarks } from '../../bench/lib/documents.mjs';
import { readCpuList } from '../../bench/lib/machine.mjs';
import {
  markdownSection,
  markdownTable,
  textSection,
  textTable,
  type Measure,
} from '../../bench/lib/report.mjs';
import { countVerdicts, judge, targets, verdictTable, type Verdict } from '../../bench/lib/targets.mjs';
import { repositoryRoot } from '../../scripts/lib/paths.mjs';

const table = {
  head: ['what', 'time', 'who'],
  rows: [
    ['a', '1.50 µs', 'x'],
    ['longer', 'fails', 'y|z'],
  ],
};

describe('a table', () => {
  test('has numbers flush right on a terminal', () => {
    expect(textTable(table).split('\n')).toEqual([
      'what       time  who',
      '------  -------  ---',
      'a       1.50 µs  x',
      'longer    fails  y|z',
    ]);
  });

  test('is one that prettier leaves as it is in Markdown', async () => {
    const { format } = await import('prettier');
    const text = `${markdownTable(table)}\n`;
    expect(text).toContain('y\\|z');
    expect(await format(text, { parser: 'markdown' })).toBe(text);
  });

  test('may have rows that are shorter than its head', () => {
    expect(textTable({ head: ['a', 'b'], rows: [['1']] })).toContain('1');
    expect(markdownTable({ head: ['a', 'b'], rows: [['1']] }).split('\n')[2]).toBe('| 1   |     |');
  });
});

test('a section has its tables and its notes', () => {
  const section = { title: 'Load', tables: [table], notes: ['n1', 'n2'], figures: {}, raw: null };
  expect(textSection(section)).toMatch(/^== Load\n\nwhat[^]*\n\n\* n1\n\* n2$/);
  expect(markdownSection(section)).toMatch(/^\| what[^]*\n\n- n1\n- n2$/);
});

describe('what must be reached', () => {
  const all = { other: true, rules: true };
  const none = { other: false, rules: false };
  const find = (verdicts: Verdict[], figure: string): Verdict => {
    const index = targets.findIndex((target) => target.figure === figure);
    expect(index, figure).toBeGreaterThanOrEqual(0);
    return verdicts[index];
  };

  test('is reached at its bound, and not beyond it', () => {
    const at = judge({ 'sourcing.mixed.ratio': 10, load: 5e6, 'extraction.more': 30 }, all);
    expect(find(at, 'sourcing.mixed.ratio')).toMatchObject({ result: 'reached', target: 'at least 10×' });
    expect(find(at, 'load')).toMatchObject({ result: 'reached', figure: '5.00 ms', target: 'at most 5 ms' });
    const beyond = judge({ 'sourcing.mixed.ratio': 9.99, load: 5.01e6, 'extraction.more': 30.1 }, all);
    for (const figure of ['sourcing.mixed.ratio', 'load', 'extraction.more']) {
      expect(find(beyond, figure).result).toBe('not reached');
    }
  });

  test('says why something was not measured', () => {
    const verdicts = judge({}, none);
    expect(verdicts.every(({ result }) => result === 'not measured')).toBe(true);
    expect(find(verdicts, 'inline.mixed.ratio').why).toContain('--against');
    expect(find(verdicts, 'replay.ratio').why).toContain('--against-rules');
    expect(find(verdicts, 'load').why).toBe('part load');
    expect(find(judge({}, all), 'inline.mixed.ratio').why).toBe('part inline');
  });

  test('has each row of the table, and what each figure is called once', () => {
    expect(new Set(targets.map(({ figure }) => figure)).size).toBe(targets.length);
    const { head, rows } = verdictTable(judge({ load: 1e6 }, none));
    expect(head).toEqual(['must be reached', 'target', 'figure', 'result']);
    expect(rows).toHaveLength(targets.length);
    expect(rows).toContainEqual(['load: dlopen and init', 'at most 5 ms', '1.00 ms', 'reached']);
  });

  test('is counted', () => {
    const verdicts = judge({ load: 1, 'extraction.again': 100 }, all);
    expect(countVerdicts(verdicts)).toBe(`1 reached, 1 not reached, ${targets.length - 2} not measured`);
  });
});

describe('a document', () => {
  const text =
    'before\n\n<!-- bench: a -->\n\nold\n\n<!-- bench end -->\n\nbetween\n\n<!-- bench: b -->\n<!-- bench end -->\n';

  test('gets the parts between their marks, and again the same', () => {
    const filled = fillMarks(text, { a: 'A', b: 'B' });
    expect(filled).toBe(
      'before\n\n<!-- bench: a -->\n\nA\n\n<!-- bench end -->\n\nbetween\n\n<!-- bench: b -->\n\nB\n\n<!-- bench end -->\n',
    );
    expect(fillMarks(filled, { a: 'A', b: 'B' })).toBe(filled);
    expect(fillMarks(filled, { b: 'C' })).toBe(filled.replace('\nB\n', '\nC\n'));
  });

  test('without a place for a part is not changed in silence', () => {
    expect(() => fillMarks(text, { c: 'C' })).toThrow(/bench: c/);
  });
});

test('the processors that may be used', () => {
  expect(readCpuList('0')).toEqual([0]);
  expect(readCpuList('0-2,5,7-8')).toEqual([0, 1, 2, 5, 7, 8]);
});

describe('the parts of the benchmark', () => {
  const folder = join(repositoryRoot, 'bench', 'lib', 'measures');
  const files = readdirSync(folder).filter((file) => file.endsWith('.mjs'));

  test('have names that differ, a place in the report, and one in docs/performance.md', async () => {
    const modules = await Promise.all(files.map((file) => import(pathToFileURL(join(folder, file)).href)));
    const measures = modules.map(({ measure }) => measure as Measure);
    const names = measures.map(({ name }) => name);
    expect(new Set(names).size).toBe(files.length);
    expect(new Set(measures.map(({ order }) => order)).size).toBe(files.length);
    const document = readFileSync(join(repositoryRoot, 'docs', 'performance.md'), 'utf8');
    for (const name of ['machine', 'targets', ...names]) {
      expect(fillMarks(document, { [name]: 'here' }), name).toContain(`<!-- bench: ${name} -->\n\nhere\n`);
    }
  });
});
