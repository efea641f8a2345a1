// SPDX-License-Identifier: Apache-2.0
// The plugin under test, opened and driven; everything that a test opens is destroyed behind it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { variants } from '../../scripts/build.mjs';
import { buildPaths, repositoryRoot } from '../../scripts/lib/paths.mjs';
import {
  Plugin,
  type LogMessage,
  type PluginError,
  type PluginEvent,
  type PluginInstance,
  type PluginState,
} from '../support/plugin.ts';

export { repositoryRoot };

/** Falco's severities that the plugin uses. */
export const severity = { error: 3, warning: 4, notice: 5, info: 6, debug: 7 } as const;

/** The path of a built variant of scripts/build.mjs. */
export function pluginFile(variant: keyof typeof variants & string = 'release'): string {
  const path = join(buildPaths().build, variants[variant]?.output ?? variant);
  if (!existsSync(path)) throw new Error(`${path} is not there: run node scripts/build.mjs ${variant}`);
  return path;
}

const loaded = new Map<string, Plugin>();

/** A variant, loaded once. */
export function load(variant: string = 'release'): Plugin {
  let plugin = loaded.get(variant);
  if (plugin === undefined) {
    plugin = new Plugin(pluginFile(variant));
    loaded.set(variant, plugin);
  }
  return plugin;
}

/** A state of the plugin, destroyed when the test ends. */
export function init(config?: string | object | null, variant: string = 'release'): PluginState {
  const text = typeof config === 'object' && config !== null ? JSON.stringify(config) : config;
  const state = load(variant).init(text);
  onTestFinished(() => state.destroy());
  return state;
}

/** What a call throws. */
export function caught(call: () => unknown): PluginError {
  try {
    call();
  } catch (error) {
    return error as PluginError;
  }
  throw new Error('nothing was thrown');
}

/** The counters by name. */
export function metricsOf(state: PluginState): Record<string, number> {
  return Object.fromEntries(state.metrics().map(({ name, value }) => [name, Number(value)]));
}

export function payloadsOf(events: readonly PluginEvent[]): string[] {
  return events.map(({ payload }) => payload.toString());
}

/** The auditIDs of events. */
export function idsOf(events: readonly PluginEvent[]): string[] {
  return payloadsOf(events).map((text) => (JSON.parse(text) as { auditID: string }).auditID);
}

export function messagesOf(logs: readonly LogMessage[], level: number): string[] {
  return logs.filter((message) => message.severity === level).map(({ message }) => message);
}

/** A source that never ends gives a time-out for each call without events: after so many, nothing more is expected. */
const IDLE = 4;
/** Calls of nextBatch that wait for something that the test has caused; each waits up to 30 ms for an event. */
const PATIENCE = 1500;
/** Calls that any finite source of these tests needs at most. */
const MOST_CALLS = 20_000;

/** One opened source, and everything that it has delivered. */
export class Reader {
  readonly events: PluginEvent[] = [];
  readonly batches: PluginEvent[][] = [];
  ended = false;

  constructor(
    readonly state: PluginState,
    readonly instance: PluginInstance,
  ) {}

  /** One call, as Falco makes it; the events of the batch. */
  poll(): PluginEvent[] {
    const batch = this.instance.nextBatch();
    if (batch.rc === 'failure') throw new Error(`next_batch failed, which ends Falco: ${batch.error}`);
    this.ended = batch.rc === 'eof';
    if (batch.events.length > 0) this.batches.push(batch.events);
    this.events.push(...batch.events);
    return batch.events;
  }

  /** Calls until the end, or until nothing has come for a while; all events so far. */
  drain(): PluginEvent[] {
    for (let idle = 0; idle < IDLE && !this.ended; idle++) {
      if (this.poll().length > 0) idle = -1;
    }
    return this.events;
  }

  /** Calls until so many events have come in all; all of them. */
  read(count: number): PluginEvent[] {
    for (let calls = 0; this.events.length < count && calls < PATIENCE; calls++) this.poll();
    return this.events;
  }

  /** Calls until the end of a finite source; all events. */
  readToEnd(): PluginEvent[] {
    for (let calls = 0; !this.ended; calls++) {
      if (calls === MOST_CALLS) throw new Error(`no end after ${calls} calls`);
      this.poll();
    }
    return this.events;
  }

  /** Calls until a condition holds, letting Node's sockets work between two calls. */
  async until(what: string, condition: () => boolean): Promise<void> {
    for (let i = 0; !condition(); i++) {
      if (i === PATIENCE) throw new Error(`waited in vain for ${what}`);
      await breathe();
      this.poll();
      await breathe();
    }
  }

  /** Calls until a batch with events comes, and not once more. */
  async batch(): Promise<PluginEvent[]> {
    for (let calls = 0; calls < PATIENCE; calls++) {
      await breathe();
      const events = this.poll();
      if (events.length > 0) return events;
    }
    throw new Error('waited in vain for a batch');
  }

  /** Calls until a promise is settled; its value. */
  async settle<T>(what: string, promise: Promise<T>): Promise<T> {
    let isSettled = false;
    promise.then(
      () => (isSettled = true),
      () => (isSettled = true),
    );
    await this.until(what, () => isSettled);
    return promise;
  }

  /** Calls until so many events have come; all their auditIDs. */
  async delivered(count: number): Promise<string[]> {
    await this.until(`${count} events`, () => this.events.length >= count);
    return idsOf(this.events);
  }

  /** Some calls in which nothing is expected to happen. */
  async idle(calls = 3): Promise<void> {
    for (let i = 0; i < calls; i++) {
      await breathe();
      this.poll();
    }
    await breathe();
  }

  metrics(): Record<string, number> {
    return metricsOf(this.state);
  }
}

/** Lets Node handle what is due on its sockets. */
export async function breathe(turns = 4): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A source, opened for the test. */
export function open(params: string, config?: string | object, variant: string = 'release'): Reader {
  const state = init(config, variant);
  return new Reader(state, state.open(params));
}

/** The conformance events, or those of the examples where the former are absent. */
export function realEvents(): string[] {
  const shared = join(repositoryRoot, '..', 'shared', 'conformance', 'events.jsonl');
  const file = existsSync(shared) ? shared : join(repositoryRoot, 'examples', 'attack.jsonl');
  return readFileSync(file, 'utf8').trimEnd().split('\n');
}

/** Every field of the catalogue as it may be asked: keys and indexes where they are taken. */
export function allFields(plugin: Plugin): string[] {
  const keys: Record<string, string[]> = {
    'ka.uri.param': ['command', 'timeout'],
    'ka.req.volume.hostpath': ['/var/run*', '/'],
    'ka.req.binding.subject.has_name': ['x'],
    'ka.value': ['/objectRef/name', '/responseStatus', '/user/groups/0', '/nothing'],
  };
  return plugin.fields().flatMap(({ name, arg }) => {
    if (arg?.isKey) return (keys[name] ?? ['x']).map((key) => `${name}[${key}]`);
    return arg?.isIndex ? [name, `${name}[0]`, `${name}[1]`] : [name];
  });
}

/** Compiles a plugin in C; by default fixture_plugin.c, which does right and wrong on demand. */
export function compilePlugin(
  output: string,
  source = join(repositoryRoot, 'test/plugin/fixture_plugin.c'),
): void {
  const include = join(buildPaths().sysrootInclude, 'falcosecurity');
  const flags = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-fPIC', '-shared', '-isystem', include];
  execFileSync('gcc', [...flags, '-o', output, source]);
}

/** Compiles driver.c, for a sanitized plugin with the sanitizers, and gives the program's path. */
export function compileDriver(folder: string, sanitized = false, compiler = 'gcc'): string {
  const output = join(folder, sanitized ? 'driver-asan' : 'driver');
  const include = join(buildPaths().sysrootInclude, 'falcosecurity');
  const loader = join(repositoryRoot, 'native', 'loader');
  const flags = ['-std=gnu11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-O1', '-I', loader];
  if (sanitized) flags.push('-fsanitize=address,undefined', '-g');
  const sources = readdirSync(loader)
    .filter((file) => file.endsWith('.c'))
    .map((file) => join(loader, file));
  sources.push(join(repositoryRoot, 'test', 'plugin', 'driver.c'));
  execFileSync(compiler, [...flags, '-isystem', include, '-o', output, ...sources, '-ldl', '-lpthread']);
  return output;
}
