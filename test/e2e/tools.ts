// SPDX-License-Identifier: Apache-2.0
// Programs of others, compiled by Go at pinned versions: they are what users have.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { buildPaths, findCommand, repositoryRoot } from '../../scripts/lib/paths.mjs';

const { build } = buildPaths();
const goFolder = join(build, 'go');

/** Whatever Go fetches and compiles stays in the build folder, whose files anybody may remove; the user's own settings,
 * a workspace around the clone, and another toolchain have no part in it. */
export const goEnvironment = {
  ...process.env,
  CGO_ENABLED: '0',
  GOCACHE: join(goFolder, 'cache'),
  GOFLAGS: '-mod=readonly -modcacherw',
  GOMODCACHE: join(goFolder, 'modules'),
  GOPATH: goFolder,
  GOTOOLCHAIN: 'local',
  GOWORK: 'off',
};

export function required(command: string, advice: string): string {
  const path = findCommand(command);
  if (path === undefined) throw new Error(`${command} is missing: ${advice}`);
  return path;
}

/** The version of Go that falcoctl needs (test/e2e/tools/go.mod). */
const GO_FOR_TOOLS = [1, 25, 7];

/** Why falcoctl cannot be compiled here; undefined: it can. */
export function whyNoTools(): string | undefined {
  const go = findCommand('go');
  if (go === undefined) return 'there is no Go';
  const version = /go(\d+)\.(\d+)(?:\.(\d+))?/.exec(execFileSync(go, ['version'], { encoding: 'utf8' }));
  const numbers = version?.slice(1).map((part) => Number(part ?? 0)) ?? [];
  const at = GO_FOR_TOOLS.findIndex((number, i) => numbers[i] !== number);
  if (at < 0 || (numbers[at] ?? 0) > (GO_FOR_TOOLS[at] ?? 0)) return undefined;
  return `Go is ${numbers.join('.')}, but falcoctl needs ${GO_FOR_TOOLS.join('.')}`;
}

/** falcoctl, crane and cosign, as test/e2e/tools/go.mod pins them; gives the folder that has them. */
export function buildTools(): string {
  const folder = join(build, 'e2e', 'tools');
  mkdirSync(folder, { recursive: true });
  const programs = [
    'github.com/falcosecurity/falcoctl',
    'github.com/google/go-containerregistry/cmd/crane',
    'github.com/sigstore/cosign/v3/cmd/cosign',
  ];
  const go = required('go', `install Go ${GO_FOR_TOOLS.join('.')} or later`);
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags=-s -w'];
  execFileSync(go, ['build', ...flags, '-o', `${folder}/`, ...programs], {
    cwd: join(repositoryRoot, 'test', 'e2e', 'tools'),
    stdio: 'inherit',
    env: goEnvironment,
  });
  return folder;
}
