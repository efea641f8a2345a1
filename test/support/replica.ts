// SPDX-License-Identifier: Apache-2.0
// One replica's progress (assembly/cloud) alone, in a host of its own: without a source, tests play one.
import { TEXTS, compileModule, give, instantiate, unpack, type Part } from './assembly';
import { Host, type WebAnswer, type WebCall } from './host';
import { KubernetesApi } from './kubernetes';
import { CONFIG_MAPS, LEASES, type KubernetesObject } from './kubernetes-objects';
import type { Reply } from './stand-in';
import { Workspace } from './workspace';

const SOURCE = `
import { NoProgress, Progress } from './cloud/progress';
import { progressFor } from './cloud/progress_for';
import { Config, readConfig } from './config/config';
import { counters } from './counters';
import { survivor } from './survivor';

${TEXTS}
const config = new Config();
export function configure(): u64 { return pack(readConfig(space, length, config)); }

let progress: Progress = new NoProgress();
export function open(): u64 {
  progress = progressFor(String.UTF8.decodeUnsafe(space, length), config);
  return pack(progress.problem);
}
export function turn(): u32 { progress.turn(); return progress.epoch; }
export function epoch(): u32 { return progress.epoch; }
export function kept(): u64 { return (u64(progress.length) << 32) | u64(progress.address); }
export function save(): void { progress.save(space, length); }
export function close(): void { progress.close(); }
export function counter(index: i32): u64 { counters.commit(); return counters.get(index); }
export function replica(): u64 { return survivor.replica; }
export function setReplica(number: u64): void { survivor.replica = number; }
export function collect(): void { __collect(); }
`;

export const compileReplica = (): Promise<WebAssembly.Module> => compileModule(SOURCE);

/** Of assembly/counters.ts. */
export const COUNTER = { checkpointAge: 27, checkpointWrites: 28, checkpointErrors: 29, leading: 50 };

export const TOKEN = 'header.payload.signature';
export const USER = 'system:serviceaccount:falco:falco';
export const ENVIRONMENT = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount/';

/** The files of a pod's service account, in a workspace. */
export class Account {
  private readonly workspace = new Workspace();

  constructor() {
    for (const [name, text] of [
      ['token', `${TOKEN}\n`] as const,
      ['ca.crt', 'ca'] as const,
      ['namespace', 'falco'] as const,
    ])
      this.write(name, text);
  }

  write(name: string, text: string): void {
    this.workspace.write(name, text);
  }

  at(name: string): string {
    return this.workspace.at(name);
  }

  mount(host: Host): void {
    for (const name of ['token', 'ca.crt', 'namespace'])
      host.redirects.set(ACCOUNT + name, this.workspace.at(name));
  }
}

/** The stand-in for the API server without a socket. */
export class Cluster extends KubernetesApi {
  constructor() {
    super({ tokens: { [TOKEN]: USER, admin: 'admin' } });
  }

  /** What it answers to a request of the plugin. */
  respond({ method, url, headers, body }: WebCall): Reply {
    const { pathname, searchParams } = new URL(url);
    return this.answer({ time: 0, method, path: pathname, query: searchParams, headers, body });
  }

  get lease(): KubernetesObject | undefined {
    return this.read(LEASES, 'falco', 'falco');
  }

  get map(): KubernetesObject | undefined {
    return this.read(CONFIG_MAPS, 'falco', 'progress');
  }

  /** Does something as somebody else, who may do everything; PATCH is a merge patch. */
  ask(method: 'POST' | 'PATCH', path: string, object: object): Reply {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const headers = { authorization: 'Bearer admin', 'content-type': type };
    return this.answer({
      time: 0,
      method,
      path,
      query: new URLSearchParams(),
      headers,
      body: JSON.stringify(object),
    });
  }

  edit(path: string, patch: object): Reply {
    return this.ask('PATCH', path, patch);
  }
}

export const LEASE_PATH = '/apis/coordination.k8s.io/v1/namespaces/falco/leases/falco';
export const MAP_PATH = '/api/v1/namespaces/falco/configmaps/progress';

export class Replica {
  readonly host = new Host();
  private readonly part: Part;

  /** `name` is the pod's. */
  constructor(
    module: WebAssembly.Module,
    account: Account,
    readonly name: string,
    onCall: (call: WebCall) => WebAnswer,
  ) {
    this.part = instantiate(module, this.host);
    account.mount(this.host);
    this.host.onCall = onCall;
    for (const [key, value] of Object.entries({ ...ENVIRONMENT, HOSTNAME: name }))
      this.host.environment.set(key, value);
  }

  private give(bytes: Buffer | string): void {
    give(this.part, bytes);
  }

  private bytes(packed: number | bigint): Buffer {
    return unpack(this.part, packed);
  }

  /** An empty string, or why it cannot be opened. */
  open(config: object, source = 'eks://prod'): string {
    this.give(JSON.stringify(config));
    const problem = this.bytes(this.part.call.configure()).toString();
    if (problem !== '') return problem;
    this.give(source);
    return this.bytes(this.part.call.open()).toString();
  }

  /** One poll; the epoch after it. */
  turn(): number {
    return Number(this.part.call.turn());
  }

  get epoch(): number {
    return Number(this.part.call.epoch());
  }

  /** What was kept when the epoch began. */
  get kept(): string {
    return this.bytes(this.part.call.kept()).toString('latin1');
  }

  save(blob: string | Buffer): void {
    this.give(blob);
    this.part.call.save();
  }

  close(): void {
    this.part.call.close();
  }

  counter(name: keyof typeof COUNTER): number {
    return Number(this.part.call.counter(COUNTER[name]));
  }

  /** What tells the process from others over a trap. */
  get number(): bigint {
    return BigInt(this.part.call.replica());
  }

  set number(number: bigint) {
    this.part.call.setReplica(number);
  }

  collect(): void {
    this.part.call.collect();
  }

  /** Its clock goes on. */
  pass(milliseconds: number): void {
    this.host.now += BigInt(Math.round(milliseconds * 1e6));
  }

  /** Turns each `step` of its clock for so long. */
  run(milliseconds: number, step = 50): void {
    for (let passed = 0; passed < milliseconds; passed += step) {
      this.pass(step);
      this.turn();
    }
  }

  get messages(): string[] {
    return this.host.logs.map(({ message }) => message);
  }
}
