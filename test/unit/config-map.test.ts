// SPDX-License-Identifier: Apache-2.0
// Progress in a ConfigMap: what is written and when, whose it is, and what becomes of it when things go wrong.
import { beforeAll, describe, expect, test } from 'vitest';
import type { WebAnswer, WebCall } from '../support/host';
import { CONFIG_MAPS } from '../support/kubernetes-objects';
import { Account, Cluster, MAP_PATH, Replica, compileReplica } from '../support/replica';

const MINUTE = 60_000;
const MAX_PROGRESS = 256 * 1024;
const ALONE = { stateConfigMap: 'progress' };
const LED = { ...ALONE, leaseName: 'falco' };
let module: WebAssembly.Module;

beforeAll(async () => {
  module = await compileReplica();
}, 300_000);

class World {
  readonly cluster = new Cluster();
  private readonly account = new Account();

  replica(
    name: string,
    onCall: (call: WebCall) => WebAnswer = (call) => this.cluster.respond(call),
  ): Replica {
    return new Replica(module, this.account, name, onCall);
  }

  /** One that reads. */
  reader(config: object = ALONE, source = 'eks://prod', name = 'falco-a'): Replica {
    const replica = this.replica(name);
    expect(replica.open(config, source)).toBe('');
    replica.run('leaseName' in config ? 12_000 : 500);
    expect(replica.epoch).toBe(1);
    return replica;
  }

  /** What another one that begins now finds. */
  found(config: object = ALONE, source = 'eks://prod'): string {
    const replica = this.replica('falco-z');
    replica.open(config, source);
    replica.run('leaseName' in config ? 40_000 : 2000);
    expect(replica.epoch).toBe(1);
    return replica.kept;
  }

  get keys(): string[] {
    return Object.keys((this.cluster.map?.['binaryData'] ?? {}) as object);
  }

  value(): Buffer {
    return Buffer.from(this.cluster.map?.['binaryData'][this.keys[0] ?? ''], 'base64');
  }

  /** Puts something in the place of the kept value. */
  spoil(value: unknown): void {
    const { map } = this.cluster;
    if (map === undefined) throw new Error('there is no ConfigMap');
    const changed = { ...map, binaryData: { [this.keys[0] ?? '']: value } };
    this.broken = (call) =>
      call.method === 'GET' && call.url.includes('configmaps')
        ? { body: JSON.stringify(changed) }
        : this.cluster.respond(call);
  }
  broken: (call: WebCall) => WebAnswer = () => ({ status: 500 });
}

const of = (replica: Replica, method: string) =>
  replica.host.calls.filter((call) => call.method === method && call.url.includes('configmaps'));
const warnings = (replica: Replica) => replica.host.logs.filter(({ severity }) => severity <= 4);

describe('what is kept', () => {
  test('a first start makes the ConfigMap, and reads when it is there', () => {
    const world = new World();
    const replica = world.reader();
    expect(replica.kept).toBe('');
    const { map } = world.cluster;
    expect(map?.['metadata'].labels).toEqual({ 'app.kubernetes.io/managed-by': 'k8saudit-ts' });
    expect(map?.['metadata'].annotations['k8saudit-ts/about']).toMatch(
      /^How far the sources of the Falco plugin/,
    );
    expect(world.keys).toEqual([expect.stringMatching(/^progress-[0-9a-f]{16}$/)]);
    expect(replica.host.calls.map(({ method }) => method)).toEqual(['GET', 'POST']);
    expect(replica.host.waits).toEqual([]);
    expect(replica.messages).toEqual([]);
  });

  test.each([0, 1, 2, 3, 1000, MAX_PROGRESS])('%i bytes, to the byte', (size) => {
    const world = new World();
    const replica = world.reader();
    const blob = Buffer.from(Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 255));
    replica.save(Buffer.from('before'));
    replica.run(10_000);
    replica.save(blob);
    replica.run(10_000);
    expect(replica.counter('checkpointAge')).toBe(0);
    expect(world.found()).toBe(blob.toString('latin1'));
  });

  test('at most each 5 s, the newest; and nothing when nothing has changed', () => {
    const world = new World();
    const replica = world.reader();
    for (let i = 0; i < 1200; i++) {
      replica.save(`position ${i}`);
      replica.run(50);
    }
    const patches = of(replica, 'PATCH').length;
    expect(patches).toBeGreaterThanOrEqual(11);
    expect(patches).toBeLessThanOrEqual(13);
    for (let i = 0; i < 1200; i++) {
      replica.save('position 1199');
      replica.run(50);
    }
    expect(of(replica, 'PATCH').length).toBeLessThanOrEqual(patches + 1);
    expect(replica.counter('checkpointWrites')).toBe(of(replica, 'PATCH').length + 1);
    expect(world.found()).toBe('position 1199');
  });

  test('is written at once at the end, if the API server answers, and never waited for longer than 100 ms', () => {
    const world = new World();
    const replica = world.reader(LED);
    replica.save('the last');
    replica.close();
    expect(replica.host.openFiles).toBe(0);
    expect(world.cluster.lease?.['spec'].holderIdentity).toBeUndefined();
    expect(world.found(LED)).toBe('the last');

    for (const answer of [{ after: 60_000 }, { failure: 'cut' } as const, { status: 503 }]) {
      const silent = new World().reader(LED);
      silent.save('the last');
      silent.host.onCall = () => answer;
      silent.close();
      expect(silent.host.waits.reduce((sum, wait) => sum + wait, 0)).toBeLessThanOrEqual(100);
      expect(silent.host.openFiles).toBe(0);
      expect(silent.messages.join('\n')).toContain('the last progress could not be saved to key "progress-');
    }
  });

  test('beside what others keep there', () => {
    const world = new World();
    const first = world.reader(ALONE, 'eks://one', 'falco-a');
    const second = world.reader(ALONE, 'eks://two', 'falco-b');
    for (let i = 0; i < 1000; i++) {
      for (const [name, replica] of [['one', first] as const, ['two', second] as const]) {
        replica.save(`${name} ${i}`);
        replica.run(50);
      }
      if (i % 100 === 0) world.cluster.edit(MAP_PATH, { data: { note: String(i) } });
    }
    first.run(10_000);
    second.run(10_000);
    expect([first.epoch, second.epoch]).toEqual([1, 1]);
    expect([...warnings(first), ...warnings(second)]).toEqual([]);
    expect(world.found(ALONE, 'eks://one')).toBe('one 999');
    expect(world.found(ALONE, 'eks://two')).toBe('two 999');
    expect(world.cluster.map?.['data']).toEqual({ note: '900' });
    expect(world.keys).toHaveLength(2);
  });

  test('more than there is room for is not, and is told', () => {
    const world = new World();
    const replica = world.reader();
    replica.save('good');
    replica.run(10_000);
    replica.save(Buffer.alloc(MAX_PROGRESS + 1));
    replica.run(10_000);
    expect(replica.messages.at(-1)).toContain(`cannot hold ${MAX_PROGRESS + 1} bytes of progress`);
    expect(world.found()).toBe('good');
  });
});

describe('whose it is', () => {
  test('another process wrote it: reading goes on from there', () => {
    const world = new World();
    const first = world.reader(ALONE, 'eks://prod', 'falco-a');
    first.save('first');
    first.run(10_000);
    const second = world.replica('falco-b');
    second.open(ALONE);
    second.run(500);
    expect(second.kept).toBe('first');
    second.save('second');
    second.run(10_000);
    first.save('first, later');
    first.run(10_000);
    expect([first.epoch, first.kept]).toEqual([2, 'second']);
    expect(first.messages.at(-1)).toMatch(
      /^key "progress-[0-9a-f]{16}" of ConfigMap "falco\/progress" was written by another process; reading goes on from what that one kept; do several replicas read the same\? Then they need a "leaseName"$/,
    );
  });

  test('what a deposed leader sends comes too late: the one after it has made it its own before it reads', () => {
    const world = new World();
    const first = world.reader(LED);
    first.save('first');
    first.run(10_000);
    let late: WebCall | undefined;
    first.host.onCall = (call) => {
      if (call.method === 'PATCH' && call.url.includes('configmaps')) late = call;
      return { after: MINUTE };
    };
    first.save('late');
    while (late === undefined) first.run(50);
    const second = world.replica('falco-b');
    second.open(LED);
    second.run(20_000);
    expect([second.epoch, second.kept]).toEqual([1, 'first']);
    expect(world.cluster.respond(late).status).toBe(409);
    second.save('second');
    second.run(10_000);
    expect(second.epoch).toBe(1);
    expect(world.found(LED)).toBe('second');
  });

  test('or it comes just in time, and the one after it begins from there', () => {
    const world = new World();
    const first = world.reader(LED);
    let late: WebCall | undefined;
    first.host.onCall = (call) => {
      if (call.method === 'PATCH' && call.url.includes('configmaps')) late = call;
      return { after: MINUTE };
    };
    first.save('late');
    while (late === undefined) first.run(50);
    let landed = 0;
    const second = world.replica('falco-b', (call) => {
      const answer = world.cluster.respond(call);
      if (late !== undefined && call.method === 'GET' && call.url.includes('configmaps')) {
        landed = world.cluster.respond(late).status;
        late = undefined;
      }
      return answer;
    });
    second.open(LED);
    second.run(20_000);
    expect(landed).toBe(200);
    expect([second.epoch, second.kept]).toEqual([1, 'late']);
  });

  test('who leads no more saves nothing', () => {
    const world = new World();
    const replica = world.reader(LED);
    world.cluster.edit(
      MAP_PATH.replace(/api.*/, 'apis/coordination.k8s.io/v1/namespaces/falco/leases/falco'),
      {
        spec: { holderIdentity: 'falco-b' },
      },
    );
    replica.run(4000);
    expect(replica.epoch).toBe(0);
    const before = of(replica, 'PATCH').length;
    replica.save('no more');
    replica.run(5000);
    replica.close();
    expect(of(replica, 'PATCH').length).toBe(before);
    expect(world.value().toString()).not.toContain('no more');
  });

  test('an answer that was lost does not make our own look like that of another', () => {
    const world = new World();
    const replica = world.reader();
    let lost = 0;
    replica.host.onCall = (call) => {
      const answer = world.cluster.respond(call);
      return call.method === 'PATCH' && lost++ < 3 ? { failure: 'cut' } : answer;
    };
    for (let i = 0; i < 1000; i++) {
      replica.save(`position ${i}`);
      replica.run(50);
    }
    replica.run(10_000);
    expect(lost).toBeGreaterThan(3);
    expect(replica.epoch).toBe(1);
    expect(warnings(replica).filter(({ message }) => message.includes('another process'))).toEqual([]);
    expect(world.found()).toBe('position 999');
  });
});

describe('what goes wrong', () => {
  test('the ConfigMap, or the key, is removed: it comes again with the newest', () => {
    const world = new World();
    const replica = world.reader();
    replica.save('one');
    replica.run(10_000);
    world.cluster.remove(CONFIG_MAPS, 'falco', 'progress');
    replica.save('two');
    replica.run(10_000);
    expect([replica.epoch, world.found()]).toEqual([1, 'two']);
    // That one has written its own name there; this is a new start.
    const other = new World();
    const next = other.reader();
    other.cluster.edit(MAP_PATH, { binaryData: null });
    next.save('three');
    next.run(10_000);
    expect([next.epoch, other.found()]).toEqual([1, 'three']);
  });

  test('without the API server events go on, and are saved when it is back', () => {
    const world = new World();
    const replica = world.reader();
    replica.host.onCall = () => ({ failure: 'connect' });
    for (let i = 0; i < 3000; i++) {
      replica.save(`position ${i}`);
      expect(replica.epoch).toBe(1);
      replica.run(50);
    }
    expect(replica.counter('checkpointErrors')).toBeGreaterThan(5);
    expect(replica.counter('checkpointErrors')).toBeLessThan(40);
    expect(replica.counter('checkpointAge')).toBeGreaterThan(100);
    const told = replica.messages;
    expect(told.length).toBeGreaterThanOrEqual(2);
    expect(told.length).toBeLessThanOrEqual(4);
    expect(told[0]).toBe(
      'cannot patch ConfigMap "falco/progress": failed: connect; events go on, but come again if Falco ends now; ' +
        'trying again',
    );
    replica.host.onCall = (call) => world.cluster.respond(call);
    replica.run(MINUTE);
    expect([replica.epoch, replica.counter('checkpointAge'), world.found()]).toEqual([1, 0, 'position 2999']);
  });

  test('what was kept is not known: nothing is read until it is', () => {
    const world = new World();
    world.reader().save('unsaved');
    const replica = world.replica('falco-b', () => ({ status: 503, headers: { 'retry-after': '2' } }));
    expect(replica.open(ALONE)).toBe('');
    replica.run(MINUTE);
    expect(replica.epoch).toBe(0);
    expect(replica.messages[0]).toBe(
      'cannot get ConfigMap "falco/progress": HTTP status 503; what was read before is not known, so nothing is ' +
        'read; trying again',
    );
    replica.host.onCall = (call) => world.cluster.respond(call);
    replica.run(31_000);
    expect(replica.epoch).toBe(1);
  });

  test.each<[string, (value: Buffer) => unknown, string]>([
    ['a bit of it', (value) => (value.writeUInt8(value.readUInt8(33) ^ 1, 33), value.toString('base64')), ''],
    ['its end', (value) => value.subarray(0, -1).toString('base64'), ''],
    ['all of it', () => '', ''],
    ['its code', () => '!!!!', ''],
    ['its type', () => 7, ''],
    ['its type, too', () => ({ a: [1] }), ''],
    ['its size', () => Buffer.alloc(400_000).toString('base64'), ''],
    ['nothing', (value) => value.toString('base64'), 'kept'],
    ['how it is written', (value) => value.toString('base64').replaceAll('A', '\\u0041'), 'kept'],
  ])('%s is damaged: it starts anew, and says so', (_, damage, kept) => {
    const world = new World();
    const first = world.reader();
    first.save('kept');
    first.run(10_000);
    const damaged = damage(world.value());
    world.spoil(damaged);
    const replica = world.replica('falco-b', (call) => {
      const answer = world.broken(call);
      return { ...answer, body: String(answer.body).replaceAll('\\\\u', '\\u') };
    });
    replica.open(ALONE);
    replica.run(1000);
    expect([replica.epoch, replica.kept]).toEqual([1, kept]);
    const isDamage = kept === '' && typeof damaged === 'string';
    expect(replica.messages.some((message) => message.includes('is damaged; starting anew'))).toBe(isDamage);
    replica.save('new');
    replica.run(10_000);
    expect(world.found()).toBe('new');
  });

  test('another version of the plugin wrote it: it is left alone, and nothing is read', () => {
    const world = new World();
    const first = world.reader();
    first.save('kept');
    first.run(10_000);
    const value = world.value();
    value.writeUInt32LE(2, 8);
    world.cluster.edit(MAP_PATH, { binaryData: { [world.keys[0] ?? '']: value.toString('base64') } });
    const replica = world.replica('falco-b');
    replica.open(ALONE);
    replica.run(MINUTE);
    expect(replica.epoch).toBe(0);
    expect(replica.messages[0]).toContain(
      'was written by another version of the plugin; remove the key to begin anew',
    );
    expect(of(replica, 'PATCH')).toEqual([]);
    world.cluster.edit(MAP_PATH, { binaryData: { [world.keys[0] ?? '']: null } });
    replica.run(MINUTE);
    expect([replica.epoch, replica.kept]).toEqual([1, '']);
  });

  test.each([
    [
      'may not be changed',
      'patch',
      /HTTP status 403: .*resources: \["configmaps"\], verbs: \[get, create, patch\]/,
    ],
    ['may not be made', 'create', /HTTP status 403: .*apiGroups: \[""\], resources: \["configmaps"\]/],
  ])('it %s: reading goes on without', (_, verb, message) => {
    const world = new World();
    if (verb === 'patch') world.reader().close();
    world.cluster.deny(verb, 'configmaps');
    const replica = world.replica('falco-b');
    replica.open(ALONE);
    replica.run(MINUTE);
    expect(replica.epoch).toBe(1);
    expect(replica.messages[0]).toMatch(message);
    replica.save('at last');
    world.cluster.permit(verb, 'configmaps');
    replica.run(MINUTE);
    expect([replica.epoch, world.found()]).toEqual([1, 'at last']);
  });

  test('it may not be read: nothing is read, and the rule that is missing is told', () => {
    const world = new World();
    world.cluster.deny('get', 'configmaps');
    const replica = world.replica('falco-b');
    replica.open(ALONE);
    replica.run(MINUTE);
    expect(replica.epoch).toBe(0);
    expect(replica.messages[0]).toMatch(/needs apiGroups: \[""\], resources: \["configmaps"\]/);
  });

  test('others have filled it: reading goes on, and is told', () => {
    const world = new World();
    const replica = world.reader();
    world.cluster.edit(MAP_PATH, { data: { much: 'x'.repeat((1 << 20) - 200) } });
    replica.save(Buffer.alloc(10_000));
    replica.run(10_000);
    expect(replica.epoch).toBe(1);
    expect(replica.messages[0]).toMatch(
      /HTTP status 422: .*Too long: .*; events go on, but come again if Falco ends/,
    );
  });

  test('a conflict again and again is not answered by a flood', () => {
    const world = new World();
    const replica = world.reader();
    replica.host.onCall = (call) => (call.method === 'PATCH' ? { status: 409 } : world.cluster.respond(call));
    replica.save('never');
    const before = replica.host.calls.length;
    replica.run(MINUTE);
    expect(replica.epoch).toBe(1);
    expect(replica.host.calls.length - before).toBeLessThan(40);
  });

  test.each<[string, WebAnswer]>([
    ['no JSON', { body: '<html>' }],
    ['no object', { body: '[]' }],
    ['a version that is none', { body: '{"metadata":{"resourceVersion":"a b"}}' }],
    ['binaryData that is none', { body: '{"metadata":{"resourceVersion":"7"},"binaryData":[1]}' }],
    ['too much', { body: ' '.repeat((2 << 20) + 1) }],
  ])('%s comes as the answer to all: nothing is read, or without what was kept', (name, answer) => {
    const world = new World();
    const replica = world.replica('falco-b', () => answer);
    replica.open(ALONE);
    replica.run(MINUTE);
    // Where the answer to the change is good, too, it was taken.
    expect(replica.epoch).toBe(name.startsWith('binaryData') ? 1 : 0);
    expect(replica.messages.length).toBeLessThanOrEqual(2);
  });
});
