// SPDX-License-Identifier: Apache-2.0
// Replicas that take turns by a Lease and keep their progress in a ConfigMap, over simulated time, with clocks that
// differ, a network that loses and delays, and an API server that fails: never two read at once, and
// nothing is left out.
import { beforeAll, expect, test } from 'vitest';
import type { WebAnswer, WebCall } from '../support/host';
import { CONFIG_MAPS, LEASES } from '../support/kubernetes-objects';
import { etcdTimeout, tooManyRequests } from '../support/kubernetes-status';
import { Random } from '../support/random';
import { Account, Cluster, LEASE_PATH, MAP_PATH, Replica, compileReplica } from '../support/replica';

const STEP = 50;
const DURATION = 10;

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await compileReplica();
}, 300_000);

interface Faults {
  /** Parts of a thousand requests that go wrong in some way. */
  rate: number;
  /** Greatest milliseconds of one way to the API server and back. */
  latency: number;
}

/** A pod: its replica, and a source that hands out the numbers from 1 on. */
class Pod {
  replica: Replica;
  /** Of the source: the last number that Falco has. */
  position = 0;
  epoch = 0;
  pausedUntil = 0;
  cutUntil = 0;
  private starts = 0;

  constructor(
    private readonly world: World,
    private readonly name: string,
    private readonly rate: number,
    private readonly offset: number,
  ) {
    this.replica = this.start();
  }

  private start(number?: bigint): Replica {
    const { world } = this;
    const replica = new Replica(module, world.account, `${this.name}-${this.starts}`, (call) =>
      world.send(this, call),
    );
    replica.host.fillRandom = (bytes) => bytes.forEach((_, i) => (bytes[i] = world.random.below(256)));
    replica.host.now += BigInt(Math.round((this.offset + world.time * this.rate) * 1e6));
    if (number !== undefined) replica.number = number;
    const config = { leaseName: 'falco', leaseDuration: DURATION, stateConfigMap: 'progress' };
    expect(replica.open(config)).toBe('');
    return replica;
  }

  /** Killed, and started again; `isTrap`: only the plugin's instance is a new one. */
  restart(isTrap = false): void {
    if (!isTrap) this.starts++;
    this.replica = this.start(isTrap ? this.replica.number : undefined);
    this.epoch = 0;
  }

  get isPaused(): boolean {
    return this.world.time < this.pausedUntil;
  }

  get isReading(): boolean {
    return !this.isPaused && this.epoch !== 0;
  }

  toOwnTime(milliseconds: number): number {
    return milliseconds * this.rate;
  }

  pass(): void {
    const { world, replica } = this;
    replica.pass(this.toOwnTime(STEP));
    if (this.isPaused) return;
    // Falco has finished what it got before.
    if (this.epoch !== 0) replica.save(String(this.position));
    const epoch = replica.turn();
    if (epoch !== this.epoch) {
      this.epoch = epoch;
      if (epoch !== 0) this.begin();
    }
    for (let i = 0; this.epoch !== 0 && i < 50 && this.position < world.produced; i++)
      world.deliver(++this.position);
  }

  private begin(): void {
    this.position = Number(this.replica.kept === '' ? '0' : this.replica.kept);
    this.world.begins++;
    // Whatever was kept had been delivered.
    expect(this.position).toBeLessThanOrEqual(this.world.frontier);
  }
}

class World {
  time = 0;
  produced = 0;
  /** All numbers up to this one were delivered. */
  frontier = 0;
  begins = 0;
  readonly cluster = new Cluster();
  readonly account = new Account();
  readonly pods: Pod[] = [];
  readonly random: Random;
  private readonly delivered = new Set<number>();
  private landings: { at: number; land: () => void }[] = [];

  constructor(
    seed: number,
    pods: number,
    public faults: Faults,
  ) {
    this.random = new Random(seed);
    for (let i = 0; i < pods; i++) {
      const rate = 0.92 + this.random.below(17) / 100;
      this.pods.push(new Pod(this, `falco-${i}`, rate, this.random.below(86_400_000)));
    }
  }

  deliver(number: number): void {
    this.delivered.add(number);
    while (this.delivered.has(this.frontier + 1)) this.frontier++;
  }

  private after(milliseconds: number, land: () => void): void {
    this.landings.push({ at: this.time + milliseconds, land });
  }

  /** What becomes of a request: it reaches the server or not, now or much later, and the answer comes or not. */
  send(pod: Pod, call: WebCall): WebAnswer {
    const { random, faults } = this;
    const fault = random.below(1000) < faults.rate ? random.below(6) : -1;
    const way = () => random.below(faults.latency / 2 + 1);
    const [there, back] = [fault === 0 ? random.below(9000) : way(), way()];
    const isCut = this.time < pod.cutUntil || fault === 1;
    const answer: WebAnswer = {};
    const after = pod.toOwnTime(isCut ? random.below(5000) : there + back);
    const isLost = isCut || fault === 2 || after >= call.totalTime;
    if (isLost) Object.assign(answer, { failure: after >= call.totalTime ? 'time' : 'cut' });
    answer.after = Math.ceil(Math.min(after, call.totalTime));
    if (isCut) return answer;
    this.after(there, () => {
      const reply =
        fault === 3 ? etcdTimeout() : fault === 4 ? tooManyRequests() : this.cluster.respond(call);
      // The server may have done it, and say that it has not.
      if (fault === 5) this.fill(answer, etcdTimeout(), isLost);
      else this.fill(answer, reply, isLost);
    });
    return answer;
  }

  private fill(answer: WebAnswer, { status, headers, body }: WebAnswer, isLost: boolean): void {
    if (!isLost) Object.assign(answer, { status, headers, body });
  }

  step(): void {
    this.time += STEP;
    this.produced += 2;
    const due = this.landings.filter(({ at }) => at <= this.time).sort((a, b) => a.at - b.at);
    this.landings = this.landings.filter(({ at }) => at > this.time);
    for (const { land } of due) land();
    for (const pod of this.pods) pod.pass();
    const reading = this.pods.filter(({ isReading }) => isReading);
    if (reading.length > 1) expect.fail(`two read at ${this.time} ms: ${this.story()}`);
    if (this.time % 10_000 === 0) for (const { replica } of this.pods) replica.collect();
  }

  run(milliseconds: number): void {
    for (const end = this.time + milliseconds; this.time < end;) this.step();
  }

  /** Something happens that is not of the network. */
  disturb(): void {
    const { random } = this;
    const pod = random.pick(this.pods);
    const span = 200 + random.below(25_000);
    switch (random.below(9)) {
      case 0:
        return pod.restart();
      case 1:
        return pod.restart(true);
      case 2:
        return void (pod.pausedUntil = this.time + span);
      case 3:
      case 4:
        return void (pod.cutUntil = this.time + span);
      case 5:
        return this.cluster.remove(LEASES, 'falco', 'falco');
      case 6:
        return this.cluster.remove(CONFIG_MAPS, 'falco', 'progress');
      case 7:
        this.cluster.edit(LEASE_PATH, { metadata: { labels: { seen: String(this.time) } } });
        return;
      default:
        this.cluster.edit(MAP_PATH, { data: { other: String(this.time) } });
    }
  }

  /** Whether a request has not reached the API server yet. */
  get isBusy(): boolean {
    return this.landings.length > 0;
  }

  get reading(): Pod | undefined {
    return this.pods.find(({ isReading }) => isReading);
  }

  private story(): string {
    return this.pods.map(({ replica }) => replica.messages.slice(-5).join(' | ')).join('\n');
  }
}

const QUIET: Faults = { rate: 0, latency: 100 };

/** What is wrong after a while of faults and events: seeds 1, 2, … */
function storm(seed: number, pods: number): World {
  const world = new World(seed, pods, { rate: 30 + 10 * (seed % 20), latency: 400 });
  for (let i = 0; i < 12; i++) {
    world.run(1000 + world.random.below(12_000));
    world.disturb();
  }
  world.faults = QUIET;
  for (const pod of world.pods) Object.assign(pod, { pausedUntil: 0, cutUntil: 0 });
  world.run(60_000);
  return world;
}

test.each([2, 3])(
  'of %i replicas never two read at once, and nothing is left out',
  (pods) => {
    let begins = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const world = storm(seed, pods);
      // It comes to rest: one reads, and everything was delivered.
      expect(world.reading, `seed ${seed}`).toBeDefined();
      expect(world.produced - world.frontier, `seed ${seed}`).toBeLessThan(20);
      begins += world.begins;
    }
    // It was not one that read all the time.
    expect(begins).toBeGreaterThan(60);
  },
  600_000,
);

/** Until another pod than this one reads: milliseconds. */
function untilAnotherReads(world: World, pod: Pod): number {
  const from = world.time;
  while (world.reading === undefined || world.reading === pod) {
    world.step();
    if (world.time - from > 60_000) expect.fail('nobody takes over');
  }
  return world.time - from;
}

/** Two pods, one of which has read for a while. */
function settled(seed: number, latency = 400): { world: World; leader: Pod } {
  const world = new World(seed, 2, { rate: 0, latency });
  world.run(20_000 + world.random.below(10_000));
  const leader = world.reading;
  if (leader === undefined) throw new Error('nobody reads');
  return { world, leader };
}

test('when the one that reads falls silent, the other takes over within 15 s', () => {
  const times: number[] = [];
  for (let seed = 1; seed <= 40; seed++) {
    const { world, leader } = settled(seed);
    // Killed: nothing is said any more.
    leader.pausedUntil = Infinity;
    times.push(untilAnotherReads(world, leader));
    world.run(5000);
    expect(world.produced - world.frontier).toBeLessThan(20);
  }
  expect(Math.max(...times)).toBeLessThanOrEqual(15_000);
  expect(Math.min(...times)).toBeGreaterThan(5000);
});

test('cut off from the API server, it stops before the other takes over, and stands by when it is back', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { world, leader } = settled(seed);
    leader.cutUntil = world.time + 25_000;
    // `step` looks that they never read at once.
    expect(untilAnotherReads(world, leader)).toBeLessThanOrEqual(15_000);
    world.run(40_000);
    expect(world.reading === leader).toBe(false);
    expect(leader.replica.messages.join('\n')).toMatch(
      /leads no more, and does not read: it could not be renewed/,
    );
  }
});

test('one that ends gives the Lease up: the other reads at once, from where it was', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { world, leader } = settled(seed, 40);
    // With no request on its way; at the end there is no time for the simulated network.
    while (world.isBusy) world.step();
    leader.replica.host.onCall = (call) => world.cluster.respond(call);
    leader.replica.close();
    const { position } = leader;
    Object.assign(leader, { epoch: 0, pausedUntil: Infinity });
    expect(untilAnotherReads(world, leader)).toBeLessThanOrEqual(3000);
    const next = world.reading;
    // What Falco had was saved with the last word; what it was still at comes again.
    expect(Number(next?.replica.kept)).toBeGreaterThanOrEqual(position - 10);
  }
});

test('after a trap the same process goes on with its Lease', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { world, leader } = settled(seed);
    const from = world.time;
    leader.restart(true);
    while (world.reading === undefined) world.step();
    expect(world.reading === leader).toBe(true);
    expect(world.time - from).toBeLessThanOrEqual(3000);
  }
});
