// SPDX-License-Identifier: Apache-2.0
// Two builds of the same sources in two folders give the same package, to the byte.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

import { buildPaths, repositoryRoot } from '../../scripts/lib/paths.mjs';
import { Workspace } from '../support/workspace.ts';

const EPOCH = '1700000000';

/** Packages what is in a folder; gives SHA256SUMS. */
function packIn(root: string): string {
  const out = join(root, 'build', 'e2e', 'reproducible');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts', 'package.mjs'), '--out', out],
    { cwd: root, encoding: 'utf8', env: { ...process.env, SOURCE_DATE_EPOCH: EPOCH } },
  );
  if (status !== 0) throw new Error(`it ended with ${status}: ${stdout}${stderr}`);
  return readFileSync(join(out, 'SHA256SUMS'), 'utf8');
}

test('a second clean build in another folder gives the same digests', () => {
  const root = new Workspace().at('another place/that has a longer name'.replaceAll(' ', '-'));
  mkdirSync(root, { recursive: true });
  const options = { cwd: repositoryRoot, encoding: 'utf8' } as const;
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], options);
  for (const file of files.split('\n').filter(Boolean)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    cpSync(join(repositoryRoot, file), join(root, file));
  }
  // What comes from npm's and Debian's archives is the same, verified by them. All that is made of it is made anew.
  symlinkSync(join(repositoryRoot, 'node_modules'), join(root, 'node_modules'));
  const from = buildPaths();
  const to = buildPaths(root);
  mkdirSync(to.stamps, { recursive: true });
  for (const name of ['packages.json', 'sysroot.json'])
    cpSync(join(from.stamps, name), join(to.stamps, name));
  symlinkSync(from.sysroot, to.sysroot);
  cpSync(from.sysrootInclude, to.sysrootInclude, { recursive: true, verbatimSymlinks: true });

  const sums = packIn(root);
  expect(sums.split('\n').length).toBeGreaterThan(15);
  expect(sums).toBe(packIn(repositoryRoot));
});
