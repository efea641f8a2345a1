// SPDX-License-Identifier: Apache-2.0
// What a release needs to agree on: the version, wherever it is repeated; the commands that workflows and documents name;
// the workflow that signs.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { repositoryRoot } from '../../scripts/lib/paths.mjs';
import { notesOf } from '../../scripts/release-notes.mjs';

const read = (file: string) => readFileSync(join(repositoryRoot, file), 'utf8');
const manifest = JSON.parse(read('package.json'));
const documents = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'examples/README.md'],
  ...readdirSync(join(repositoryRoot, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];
const workflows = readdirSync(join(repositoryRoot, '.github', 'workflows')).map(
  (file) => `.github/workflows/${file}`,
);

describe('the version of package.json', () => {
  test('is that of the lock file', () => {
    const lock = JSON.parse(read('package-lock.json'));
    expect([lock.version, lock.packages[''].version]).toEqual([manifest.version, manifest.version]);
  });

  test('has notes in the changelog, which can become those of the release', () => {
    const notes = notesOf(read('CHANGELOG.md'), manifest.version);
    expect(notes).toMatch(/^\S[^]+\S$/);
    expect(notes).not.toMatch(/^## /m);
    expect(notesOf('# Changes\n\n## 1.0.0 (today)\n\n- a\n\n## 0.9.0\n\n- b\n', '0.9.0')).toBe('- b');
    expect(notesOf('# Changes\n\n## 1.0.0 (today)\n\n- a\n\n## 0.9.0\n\n- b\n', '1.0.0')).toBe('- a');
    expect(notesOf('# Changes\n\n## 1.0.0\n', '1.0.0')).toBeUndefined();
    expect(notesOf('# Changes\n\n## 1.0.0\n\n- a\n', '1.0')).toBeUndefined();
  });

  test('is the one that documents tell users to install', () => {
    const told = documents.flatMap((file) =>
      [...read(file).matchAll(/k8saudit-ts(?:-rules)?[:-](\d+\.\d+\.\d+)/g)].map(
        (match) => `${file} ${match[1]}`,
      ),
    );
    expect(told.length).toBeGreaterThan(3);
    for (const each of told) expect(each).toMatch(new RegExp(` ${manifest.version.replaceAll('.', '\\.')}$`));
    expect(read('README.md')).toContain(`\nVersion ${manifest.version}.`);
  });
});

test.each([...documents, ...workflows])('%s names commands of npm that there are', (file) => {
  for (const [, name = ''] of read(file).matchAll(/npm run (?:-s |--silent )?([a-z][a-z0-9:-]*[a-z0-9])/g))
    expect(manifest.scripts, `npm run ${name}`).toHaveProperty([name]);
});

describe('the workflows', () => {
  test.each(workflows)(
    '%s is pinned to versions of what it uses, and may do no more than it says',
    (file) => {
      const { permissions, jobs } = parse(read(file));
      expect(permissions).toEqual({ contents: 'read' });
      for (const job of Object.values<{ steps: { uses?: string }[]; 'timeout-minutes': number }>(jobs)) {
        expect(job['timeout-minutes']).toBeGreaterThan(0);
        for (const { uses } of job.steps)
          if (uses !== undefined) expect(uses).toMatch(/^actions\/[a-z-]+@v\d+$/);
      }
    },
  );

  test('have the one whose signature the index asks for, and it runs for its tags', () => {
    const [, workflow = ''] = /\/\\\.(github\/workflows\/[a-z]+)\\\.yaml@/.exec(manifest.falco.signer) ?? [];
    const file = `.${workflow}.yaml`;
    expect(existsSync(join(repositoryRoot, file))).toBe(true);
    expect(parse(read(file)).on).toEqual({ push: { tags: ['v*'] } });
    const identity = `${manifest.falco.contact}/${file}@refs/tags/v${manifest.version}`;
    expect(identity).toMatch(new RegExp(manifest.falco.signer));
  });

  test('call scripts and files that there are', () => {
    for (const file of workflows)
      for (const [path] of read(file).matchAll(/\b(?:scripts|test)\/[\w./-]+|\.ci\/run/g))
        expect([path, existsSync(join(repositoryRoot, path))]).toEqual([path, true]);
  });
});
