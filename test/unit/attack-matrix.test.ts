// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { matrixDocument, OFF } from '../../scripts/attack-matrix.mjs';
import { MICROSOFT } from '../../scripts/attack-matrix/microsoft.mjs';
import { MITRE } from '../../scripts/attack-matrix/mitre.mjs';
import { repositoryRoot } from '../../scripts/lib/paths.mjs';
import { RULES } from '../../scripts/start/arguments.mjs';

const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8');
const tags = RULES.flatMap(
  (file) => parse(read(`rules/${file}`)) as { rule?: string; tags?: string[] }[],
).flatMap(({ tags = [] }) => tags);
const techniques = (matrix: typeof MITRE) => matrix.flatMap(({ techniques }) => techniques);

describe('docs/attack-matrix.md', () => {
  test('is what npm run attack-matrix writes', async () => {
    expect(read('docs/attack-matrix.md')).toBe(await matrixDocument());
  });

  test('has the techniques of both matrices, each with one name', () => {
    expect(MITRE.map(({ tactic }) => tactic)).toHaveLength(9);
    expect(MICROSOFT.map(({ tactic }) => tactic)).toHaveLength(10);
    for (const matrix of [MITRE, MICROSOFT]) {
      const names = new Map<string, string>();
      for (const { id, name } of techniques(matrix)) {
        expect(names.get(id) ?? name).toBe(name);
        names.set(id, name);
      }
    }
    // The ids go from 1 to 41; there is no 32.
    expect(new Set(techniques(MICROSOFT).map(({ id }) => id)).size).toBe(40);
  });

  test("knows each of Microsoft's techniques that a rule names", () => {
    const known = new Set(techniques(MICROSOFT).map(({ id }) => id));
    const named = tags.filter((tag) => tag.startsWith('MS-TA'));
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter((tag) => !known.has(tag))).toEqual([]);
  });

  test('says of each technique without a rule why audit logs do not show it', () => {
    const none = [...techniques(MITRE), ...techniques(MICROSOFT)].filter(({ id }) => !tags.includes(id));
    expect(none.length).toBeGreaterThan(0);
    for (const { id, blind } of none) expect(blind, id).toMatch(/\w+ \w+/);
  });

  test('marks the rules that are off by default as docs/rules.md does', () => {
    const off = read('docs/rules.md')
      .split('\n')
      .filter((line) => line.startsWith('| ') && line.includes('**off**'))
      .map((line) => line.split('|')[1]?.trim() ?? '');
    expect([...OFF, 'All K8s Audit Events'].sort()).toEqual(off.sort());
  });
});
