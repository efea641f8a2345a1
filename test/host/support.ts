// SPDX-License-Identifier: Apache-2.0
// Runs the libsinsp host and sysdig, both with the sysroot's own loader.
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { hostPaths, sysrootCommand } from '../../scripts/build-host.mjs';
import { buildPaths, repositoryRoot } from '../../scripts/lib/paths.mjs';
import type { FlatRule } from '../../scripts/rules/flatten.mjs';

export { repositoryRoot };

export interface Alert {
  time: string;
  evt_num: number;
  rule: string;
  priority: string;
  source: string;
  tags: string[];
  output: string;
  output_fields: Record<string, unknown>;
}

export interface FieldsLine {
  num: number;
  time: string;
  fields: Record<string, string | string[] | null>;
}

export interface Summary {
  ended: string;
  events: number;
  alerts: number;
  seconds: number;
  cpu_nanoseconds: number;
  rules: Record<string, number>;
}

/** What the host printed, sorted by kind, and how it ended. */
export interface HostRun {
  status: number | null;
  stderr: string;
  alerts: Alert[];
  fields: FieldsLine[];
  others: Record<string, unknown>[];
  summary: Summary | undefined;
}

/** A rule on the events of fixture_plugin.c. */
export function fixtureRule(name: string, condition: string, more: Partial<FlatRule> = {}): FlatRule {
  const fixed = {
    priority: 'Notice',
    source: 'fixture_source',
    output: 'text=%fix.text',
    tags: [],
    enabled: true,
  };
  return { rule: name, desc: '', condition, ...fixed, ...more };
}

/** Fails with what to do if a file that a test needs is not there. */
export function requireFile(path: string, how: string): string {
  if (!existsSync(path)) {
    throw new Error(`${path} is missing: ${how}`);
  }
  return path;
}

/** The command that runs the host; append its arguments. */
export function hostCommand(): string[] {
  const { program, loader } = hostPaths();
  requireFile(loader, 'run node scripts/bootstrap.mjs to get the sysroot');
  return sysrootCommand(requireFile(program, 'run node scripts/build-host.mjs to build the libsinsp host'));
}

/** The plugin of this repository. */
export function pluginPath(): string {
  return requireFile(join(buildPaths().build, 'libk8saudit-ts.so'), 'run npm run build to build the plugin');
}

/** Runs the host to its end. */
export function runHost(args: string[]): HostRun {
  const [program = '', ...first] = hostCommand();
  const { status, stdout, stderr } = spawnSync(program, [...first, ...args], {
    encoding: 'utf8',
    maxBuffer: 256 << 20,
    timeout: 60_000,
  });
  return { status, stderr, ...sortLines(stdout) };
}

const started = new Set<ChildProcess>();

/** Starts a program, with more environment, and leaves it running; endStarted ends it if the test does not. */
export function start(
  command: string[],
  more: NodeJS.ProcessEnv = {},
): ChildProcess & { stdout: Readable; stderr: Readable } {
  const [program = '', ...args] = command;
  const env = { ...process.env, ...more };
  const child = spawn(program, args, { cwd: repositoryRoot, stdio: ['ignore', 'pipe', 'pipe'], env });
  started.add(child);
  child.on('exit', () => started.delete(child));
  return child;
}

/** Ends what tests have started and not ended. */
export function endStarted(): void {
  for (const child of started) {
    child.kill('SIGKILL');
  }
}

/** Starts the host and leaves it running. */
export function startHost(args: string[], env: NodeJS.ProcessEnv = {}) {
  return start([...hostCommand(), ...args], env);
}

export function sortLines(stdout: string): Omit<HostRun, 'status' | 'stderr'> {
  const lines = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  return {
    alerts: lines.filter((line) => 'rule' in line),
    fields: lines.filter((line) => 'fields' in line),
    others: lines.filter((line) => !('rule' in line) && !('fields' in line) && !('summary' in line)),
    summary: lines.find((line) => 'summary' in line)?.summary,
  };
}

/** Runs sysdig with the plugin on a file and returns what it prints, one line an event. */
export function runSysdig(plugin: string, open: string, format: string): string {
  const program = requireFile(
    join(buildPaths().sysroot, 'usr', 'bin', 'sysdig'),
    'run node scripts/bootstrap.mjs to get the sysroot',
  );
  const [loader = '', ...first] = sysrootCommand(program);
  const args = ['-H', plugin, '-I', `${plugin}:${open}`, '-p', format];
  const { status, stdout, stderr } = spawnSync(loader, [...first, ...args], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (status !== 0) {
    throw new Error(`sysdig ended with ${status}: ${stderr}`);
  }
  return stdout;
}

/** A folder for a test's files; `remove` deletes it. */
export class Scratch {
  readonly path = mkdtempSync(join(tmpdir(), 'host-test-'));

  write(name: string, content: string | Buffer): string {
    const file = join(this.path, name);
    writeFileSync(file, content);
    return file;
  }

  rules(rules: Partial<FlatRule>[]): string {
    return this.write('rules.json', JSON.stringify(rules));
  }

  /** Compiles a C source into a shared object. */
  compile(name: string, source: string, ...more: string[]): string {
    const include = join(buildPaths().sysrootInclude, 'falcosecurity');
    requireFile(include, 'run node scripts/build-host.mjs, which links the headers');
    const output = join(this.path, name);
    const flags = ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-fPIC', '-shared', '-isystem', include];
    execFileSync('gcc', [...flags, ...more, '-o', output, source]);
    return output;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
