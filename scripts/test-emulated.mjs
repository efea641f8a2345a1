#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Runs the plugin tests on the other processor: its Node, the addon and the plugin compiled for it, in an emulator.
// usage: npm run test:emulated -- [test file …]   (default: all of test/plugin that can run there, see `notThere`)
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build } from './build.mjs';
import { UserError } from './lib/errors.mjs';
import { createLog } from './lib/log.mjs';
import { runAsMain } from './lib/main.mjs';
import { buildPaths, repositoryRoot } from './lib/paths.mjs';
import { ask, runOrFail } from './lib/run.mjs';
import { ensureSystem } from './lib/system.mjs';
import { otherTarget } from './lib/target.mjs';

/** Test files that need more than the processor, and what. */
export const notThere = {
  'bench-client.test.ts': 'tests the benchmark, whose programs are built for this machine',
  'bench-scanner.test.ts': 'the same',
  'bench.test.ts': 'the same',
  'fuzz.test.ts':
    'tests the fuzzer with the sanitizers; test/e2e/foreign.test.ts runs it on the other processor',
  'hostile.test.ts': 'needs the sanitizers, which want memory where the emulator has its own',
  'http-fuzz.test.ts': 'the same',
  'web.test.ts': 'the same',
  'no-memory.test.ts': 'limits the memory of the process, which is the emulator’s',
};

const log = createLog('emulated');
const paths = buildPaths();
const variants = ['release', 'small', 'drop-in'];

/**
 * @typedef {object} Place
 * @property {import('./lib/target.mjs').Target} target
 * @property {string} tree a copy of the repository, whose build/ has what was made for the other processor
 * @property {string} tools folder with Node and the commands below
 * @property {string} logFile
 */

/**
 * Copies what git knows, or would add, and links what is the same for all processors.
 *
 * @param {Place} place
 */
async function makeTree({ tree, target, logFile }) {
  const files = ask(['git', '-C', repositoryRoot, 'ls-files', '-co', '--exclude-standard']);
  if (files === undefined) throw new UserError('this is no git checkout: git ls-files says nothing');
  for (const file of files.split('\n').filter((each) => existsSync(join(repositoryRoot, each)))) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    cpSync(join(repositoryRoot, file), join(tree, file));
  }
  const made = join(tree, 'build');
  mkdirSync(made);
  for (const name of ['k8saudit.wasm', 'generated', 'sysroot', 'sysroot-include'])
    symlinkSync(join(paths.build, name), join(made, name));
  const own = join(paths.build, target.folder);
  for (const name of ['libk8saudit-ts.so', 'small', 'drop-in'])
    symlinkSync(join(own, name), join(made, name));
  const shared = join(repositoryRoot, '..', 'shared');
  if (existsSync(shared)) symlinkSync(shared, join(tree, '..', 'shared'));
  const what = 'install the npm packages for the other processor';
  const npm = ['npm', 'ci', '--no-audit', '--no-fund', '--ignore-scripts', `--cpu=${target.arch}`];
  await runOrFail([...npm, '--os=linux', '--libc=glibc'], { what, cwd: tree, logFile });
}

/**
 * @param {string} file
 * @param {string[]} lines of a shell script
 */
function writeScript(file, lines) {
  rmSync(file, { force: true });
  writeFileSync(file, `#!/bin/sh\n${lines.join('\n')}\n`);
  chmodSync(file, 0o755);
}

/**
 * Node for the other processor, and what makes programs of that processor run without the kernel's help.
 *
 * @param {Place} place
 * @returns {Promise<string>} path of a script that is Node
 */
async function makeTools({ target, tools, logFile }) {
  mkdirSync(join(tools, 'bin'), { recursive: true });
  for (const name of ['package.json', 'package-lock.json'])
    cpSync(join(repositoryRoot, 'test', 'e2e', 'node', name), join(tools, name));
  const npm = ['npm', 'ci', '--no-audit', '--no-fund', `--cpu=${target.arch}`, '--os=linux'];
  await runOrFail(npm, { what: 'install Node for the other processor', cwd: tools, logFile });
  const program = join(tools, 'node_modules', `node-linux-${target.arch}`, 'bin', 'node');
  const emulator = target.emulator.join(' ');
  const node = join(tools, 'node.sh');
  writeScript(node, [`exec ${emulator} "${program}" "$@"`]);
  // What tests start as "this Node" has to be the script.
  writeFileSync(join(tools, 'preload.mjs'), `process.execPath = ${JSON.stringify(node)};\n`);
  writeScript(join(tools, 'bin', 'gcc'), [
    '# Compiles for the other processor; in place of a program it leaves a script that runs it in the emulator.',
    `out='' shared='' previous=''`,
    'for each; do',
    '  [ "$previous" = -o ] && out=$each',
    '  [ "$each" = -shared ] && shared=1',
    '  previous=$each',
    'done',
    `${target.compiler} "$@" || exit`,
    'if [ -n "$shared" ] || [ -z "$out" ]; then exit; fi',
    'mv "$out" "$out.program"',
    `printf '#!/bin/sh\\nexec ${emulator} "%s.program" "$@"\\n' "$(realpath -s "$out")" >"$out"`,
    'chmod +x "$out"',
  ]);
  return node;
}

/**
 * The test addon, without node-gyp: it would ask this machine's Node for everything.
 *
 * @param {Place} place
 */
async function makeAddon({ target, tree, logFile }) {
  const modules = join(tree, 'node_modules');
  const sources = readdirSync(join(tree, 'native', 'addon')).filter((name) => name.endsWith('.cpp'));
  const folder = join(tree, 'build', 'addon');
  mkdirSync(folder);
  const flags = ['-shared', '-fPIC', '-O1', '-std=c++17', '-fvisibility=hidden', '-DNAPI_VERSION=8'];
  const include = ['node-addon-api', 'node-api-headers/include'].flatMap((name) => [
    '-I',
    join(modules, name),
  ]);
  await runOrFail(
    [
      ...[target.compilerCxx, ...flags, '-DNODE_ADDON_API_CPP_EXCEPTIONS', ...include],
      ...['-isystem', join(paths.sysrootInclude, 'falcosecurity')],
      ...['-o', join(folder, 'plugin_addon.node')],
      ...sources.map((name) => join(tree, 'native', 'addon', name)),
    ],
    { what: 'compile the test addon for the other processor', logFile },
  );
}

/**
 * Builds all that the tests need, and runs them.
 *
 * @param {string[]} files test files; none: all of test/plugin that can run there
 * @param {string} [report] path for vitest's report in JSON
 * @returns {Promise<number>} vitest's exit status
 * @throws {UserError} something is missing or does not compile
 */
export async function testEmulated(files, report) {
  const target = otherTarget();
  const logFile = join(paths.logs, 'emulated.log');
  // Not in build/: a test climbs from its folder to the root, which must not be far.
  const folder = mkdtempSync(join(tmpdir(), 'k8saudit-ts-emulated-'));
  try {
    const place = { target, tree: join(folder, 'tree'), tools: join(paths.build, 'emulated'), logFile };
    return await runTests(place, files, report);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {Place} place
 * @param {string[]} files
 * @param {string} [report]
 */
async function runTests(place, files, report) {
  const { target, logFile } = place;
  await ensureSystem(['emulator', 'test'], { log, logFile });
  await build(variants, target.arch);
  log(`preparing ${target.arch} …`);
  const node = await makeTools(place);
  await makeTree(place);
  await makeAddon(place);
  const all = readdirSync(join(place.tree, 'test', 'plugin'))
    .filter((name) => name.endsWith('.test.ts') && !(name in notThere))
    .map((name) => `test/plugin/${name}`);
  // An emulated test takes ten times as long.
  const patience = ['--testTimeout=600000', '--hookTimeout=600000'];
  const reporters = report ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`] : [];
  const vitest = join(place.tree, 'node_modules', 'vitest', 'vitest.mjs');
  const { status } = spawnSync(
    node,
    [vitest, 'run', ...patience, ...reporters, ...(files.length > 0 ? files : all)],
    {
      cwd: place.tree,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        PATH: `${join(place.tools, 'bin')}:${process.env['PATH']}`,
        NODE_OPTIONS: `--import ${join(place.tools, 'preload.mjs')}`,
        E2E: '',
      },
    },
  );
  return status ?? 1;
}

await runAsMain(import.meta.url, 'test-emulated', async (files) => {
  process.exitCode = await testEmulated(files, process.env['REPORT']);
});
