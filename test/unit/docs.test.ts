// SPDX-License-Identifier: Apache-2.0
// The documents against the code: what they name exists, and what exists is named.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fieldsDocument } from '../../scripts/docs.mjs';
import { repositoryRoot } from '../../scripts/lib/paths.mjs';

const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8');

function generated(name: string): string {
  const path = join(repositoryRoot, 'build', 'generated', name);
  if (!existsSync(path)) throw new Error(`build/generated/${name} is missing: run npm run build first`);
  return readFileSync(path, 'utf8');
}

/** Every Markdown file of the repository, relative to it. */
function documents(folder = repositoryRoot): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return /^(build|node_modules|\.git)$/.test(entry.name) ? [] : documents(path);
    return entry.name.endsWith('.md') ? [relative(repositoryRoot, path)] : [];
  });
}

const files = documents();
const withoutBlocks = (text: string): string => text.replace(/^\s*```[^]*?^\s*```$/gm, '');
const withoutCode = (text: string): string => withoutBlocks(text).replace(/`[^`\n]*`/g, '');

/** The cells of a table's rows, without their padding; `from` is text before the table. */
function tableRows(text: string, from: string): string[][] {
  const start = text.indexOf(from);
  expect(start, from).toBeGreaterThanOrEqual(0);
  const lines = text.slice(start).split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const rows = lines.slice(first + 2);
  const count = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, count).map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The texts in backticks. */
const codes = (text: string): string[] =>
  [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].map(([, code]) => code);

describe('docs/fields.md', () => {
  const catalogue = generated('fields.json');

  test('is what npm run docs:fields writes', async () => {
    expect(read('docs/fields.md')).toBe(await fieldsDocument(catalogue));
  });

  test('has each field once, with its description', () => {
    const fields = JSON.parse(catalogue) as { name: string; desc: string }[];
    const rows = read('docs/fields.md')
      .split('\n')
      .filter((line) => line.startsWith('| `ka.'));
    expect(fields.length).toBeGreaterThan(99);
    expect(rows).toHaveLength(fields.length);
    for (const { name, desc } of fields) {
      expect(
        rows.filter((row) => row.startsWith(`| \`${name}\` `) && row.includes(desc)),
        name,
      ).toHaveLength(1);
    }
  });
});

describe('docs/configuration.md', () => {
  interface Definition {
    type: string;
    default?: unknown;
    minimum?: number;
    maximum?: number;
  }
  const { properties } = JSON.parse(generated('schema.json')) as { properties: Record<string, Definition> };
  const text = read('docs/configuration.md');
  const used = tableRows(text, '## init_config');
  const ignored = tableRows(text, '### Keys of the official plugins');
  const typeNames: Record<string, string> = {
    integer: 'number',
    boolean: 'boolean',
    string: 'string',
    array: 'strings',
    object: 'map of strings',
  };

  test('has every key, in both spellings, and no other', () => {
    const named = [...used, ...ignored].flatMap(([key]) => codes(key));
    expect(named.toSorted()).toEqual(Object.keys(properties).toSorted());
  });

  test.each(used)('%s: type, range and default', (keys, type, range, initial) => {
    for (const key of codes(keys)) {
      const definition = properties[key];
      expect(type).toBe(typeNames[definition.type]);
      const isNumber = definition.type === 'integer';
      expect(range).toBe(isNumber ? `${definition.minimum} to ${definition.maximum}` : '');
      const { default: value } = definition;
      expect(initial).toBe(isNumber ? String(value) : `\`${JSON.stringify(value)}\``);
    }
  });

  test.each(ignored)('%s has no meaning: type', (keys, type) => {
    for (const key of codes(keys)) {
      expect(type).toBe(typeNames[properties[key].type]);
      expect(properties[key].default).toBeUndefined();
    }
  });
});

test('docs/metrics.md has every metric, and no other', () => {
  const metrics = (JSON.parse(generated('metrics.json')) as { name: string }[]).map(({ name }) => name);
  const rows = tableRows(read('docs/metrics.md'), '| metric');
  expect(rows.flatMap(([name]) => codes(name))).toEqual(metrics);
});

describe('docs/architecture.md', () => {
  const bounds = tableRows(read('docs/architecture.md'), '## Bounds');

  test('lists many bounds', () => {
    expect(bounds.length).toBeGreaterThan(30);
  });

  test.each(bounds)('the bound on %s: %s is %s', (_, constant, value, where) => {
    const target = /\]\(([^)]+)\)/.exec(where)?.[1] ?? '';
    const [[name], [literal]] = [codes(constant), codes(value)];
    const escaped = (text: string): string =>
      text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/, /g, ',\\s+');
    const forms = [
      `const ${name}(: \\w+)? = ${escaped(literal)};`,
      `^#define ${name} ${escaped(literal)}$`,
      `"${name}": ${escaped(literal)},?$`,
      `const ${name} = integer\\(\\s*'\\w+',\\s+${escaped(literal)},`,
    ];
    const found = new RegExp(forms.join('|'), 'm').test(read(join('docs', target)));
    expect(found, `${name} = ${literal} in ${target}`).toBe(true);
  });
});

test('docs/dependencies.md has every npm package with its version', () => {
  const { devDependencies } = JSON.parse(read('package.json')) as { devDependencies: Record<string, string> };
  const rows = tableRows(read('docs/dependencies.md'), '## From npm');
  const named = rows.map(([name, version]) => [codes(name)[0], version] as const);
  expect(Object.fromEntries(named)).toEqual(devDependencies);
  for (const [name, , licence] of rows) {
    const manifest = `node_modules/${codes(name)[0]}/package.json`;
    expect(licence, manifest).toBe((JSON.parse(read(manifest)) as { license: string }).license);
  }
});

describe('links', () => {
  /** The anchors of a file's headings, as GitHub makes them. */
  function anchors(path: string): string[] {
    const headings = withoutBlocks(read(path)).matchAll(/^#+ (.+)$/gm);
    return [...headings].map(([, heading]) =>
      heading
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
  }

  test('there are documents', () => {
    expect(files).toEqual(expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/rules.md']));
  });

  test.each(files)('of %s lead somewhere', (file) => {
    for (const [, target] of withoutCode(read(file)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path, anchor] = target.split('#');
      const goal =
        path === '' ? file : relative(repositoryRoot, resolve(repositoryRoot, dirname(file), path));
      expect(existsSync(join(repositoryRoot, goal)), `${file}: ${target}`).toBe(true);
      if (anchor !== undefined) {
        expect(statSync(join(repositoryRoot, goal)).isFile(), `${file}: ${target}`).toBe(true);
        expect(anchors(goal), `${file}: ${target}`).toContain(anchor);
      }
    }
  });

  test('each page of docs/ is reached from the README', () => {
    for (const file of files.filter((name) => name.startsWith('docs/'))) {
      expect(read('README.md')).toContain(`](${file})`);
    }
  });
});

describe('what the documents tell to type', () => {
  const { scripts, engines } = JSON.parse(read('package.json')) as {
    scripts: Record<string, string>;
    engines: { node: string };
  };

  test.each(files)('%s: npm scripts exist', (file) => {
    const named = [...read(file).matchAll(/npm (?:run ([a-z][a-z0-9:-]*)|(start|test)\b)/g)];
    for (const [, run, short] of named) expect(Object.keys(scripts)).toContain(run ?? short);
  });

  test('the README names each npm script', () => {
    for (const name of Object.keys(scripts)) {
      const command = name === 'start' || name === 'test' ? `npm ${name}` : `npm run ${name}`;
      expect(codes(read('README.md'))).toContain(command);
    }
  });

  test.each(files)('%s: scripts that node runs exist', (file) => {
    for (const [, script] of read(file).matchAll(/node (scripts\/[\w./-]+\.mjs)/g)) {
      expect(existsSync(join(repositoryRoot, script)), script).toBe(true);
    }
  });

  test('the README asks for the Node that package.json asks for', () => {
    expect(read('README.md')).toContain(`Node ${engines.node.replace('>=', '')}`);
  });
});
