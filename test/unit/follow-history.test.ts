// SPDX-License-Identifier: Apache-2.0
// Random histories of a log, its rotation and its reader, against a model of what must be delivered: each event at
// least once, and once alone but for those of the batch that a kill left unacknowledged. Where files get the inodes of
// others that were removed between two looks, which takes several rotations a second, some may come again; still none
// is lost.
import * as fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { idsOf, shortEvent } from '../support/events';
import { Random } from '../support/random';
import { RotatedLog } from '../support/rotated-log';

const SEEDS = Number(process.env['HISTORIES'] ?? 24);
const FIRST_SEED = Number(process.env['HISTORY'] ?? 1);
const STEPS = 120;
/** Enough for what is forgotten after a time to be forgotten. */
const LONG = 70_000_000_000n;

class History {
  readonly log: RotatedLog;
  readonly written: string[] = [];
  readonly got = new Map<string, number>();
  readonly mayRepeat = new Set<string>();
  readonly steps: string[] = [];
  private readonly random: Random;
  /** What was handed over and not acknowledged yet. */
  private inFlight: string[] = [];
  /** The rest of an event of which the start was written. */
  private rest = '';
  private rotations = 0;

  constructor(seed: number, reusesInodes: boolean) {
    this.random = new Random(seed);
    const target = this.random.pick(['audit.log', '', '*', 'audit*']);
    this.log = new RotatedLog('?from=start', target);
    this.log.reusesInodes = reusesInodes;
    fs.writeFileSync(this.log.file, '');
    this.log.start();
  }

  private id(): string {
    this.written.push(`e${this.written.length}`);
    return this.written.at(-1)!;
  }

  /** Writes whole events, some of them longer than a head. */
  append(): void {
    this.completeLine();
    for (let left = this.random.below(5); left > 0; left--) {
      const userAgent = 'u'.repeat(this.random.pick([0, 0, 1100]));
      this.log.raw(`${shortEvent(this.id(), { userAgent })}\n`);
    }
  }

  appendMany(): void {
    this.completeLine();
    for (let left = 300; left > 0; left--) this.log.put(this.id());
  }

  appendPart(): void {
    this.completeLine();
    const text = `${shortEvent(this.id(), { userAgent: 'u'.repeat(this.random.pick([0, 1500])) })}\n`;
    const cut = 1 + this.random.below(text.length - 1);
    this.log.raw(text.slice(0, cut));
    this.rest = text.slice(cut);
  }

  private completeLine(file = this.log.file): void {
    fs.appendFileSync(file, this.rest);
    this.rest = '';
  }

  rename(): void {
    if (fs.statSync(this.log.file).size === 0) return;
    this.log.rename(50);
    // The writer has the old file open until it is told of the new one.
    if (this.random.below(2) === 0) this.poll();
    this.completeLine(`${this.log.file}.1`);
  }

  /** As kube-apiserver does it. */
  renameWithTime(): void {
    if (fs.statSync(this.log.file).size === 0) return;
    this.completeLine();
    const time = String(this.rotations++).padStart(3, '0');
    fs.renameSync(this.log.file, this.log.at(`log/audit-2024-05-01T12-00-00.${time}.log`));
    if (this.random.below(2) === 0) this.poll();
    fs.writeFileSync(this.log.file, '');
  }

  copyTruncate(): void {
    if (fs.statSync(this.log.file).size === 0) return;
    this.completeLine();
    this.log.copyTruncate(50);
  }

  pack(): void {
    const plain = fs.readdirSync(this.log.at('log')).filter((name) => /\.\d+$|\d\.log$/.test(name));
    if (plain.length > 0) this.log.pack(this.random.pick(plain));
  }

  /** Removes rotated files, once all that was written was delivered and acknowledged. */
  remove(): void {
    this.settle();
    for (const name of fs.readdirSync(this.log.at('log'))) {
      if (name !== 'audit.log' && this.random.below(2) === 0) this.log.remove(name);
    }
  }

  private note(ids: string[]): void {
    for (const id of ids) this.got.set(id, (this.got.get(id) ?? 0) + 1);
    this.inFlight = ids;
  }

  poll(): void {
    const batch = this.log.wasm.nextBatch();
    this.note(typeof batch === 'string' ? [] : idsOf(batch));
  }

  pollTwice(): void {
    this.poll();
    this.poll();
  }

  /** Until everything is read that is there. */
  settle(): void {
    this.completeLine();
    for (let idle = 0; idle < 6; idle++) {
      this.poll();
      if (this.inFlight.length > 0) idle = -1;
    }
  }

  trap(): void {
    this.log.trap();
  }

  kill(): void {
    for (const id of this.inFlight) this.mayRepeat.add(id);
    this.inFlight = [];
    this.log.kill();
    // What happens while it is down.
    for (let left = this.random.below(3); left > 0; left--) {
      this.step(['append', 'rename', 'renameWithTime', 'copyTruncate', 'pack'], true);
    }
    this.log.start();
  }

  timePasses(): void {
    this.log.wasm.host.now += LONG;
  }

  step(acts: readonly Act[], isDown = false): void {
    const act = this.random.pick(acts);
    this.steps.push(isDown ? `${act} (down)` : act);
    if (!isDown) return this[act]();
    const { poll } = this;
    this.poll = () => {};
    this[act]();
    this.poll = poll;
  }
}

type Name = Exclude<keyof History, 'step'>;
type Act = { [K in Name]: History[K] extends () => void ? K : never }[Name];
const ACTS: Act[] = [
  ...(['append', 'append', 'append', 'append', 'appendPart', 'appendMany', 'poll', 'pollTwice'] as const),
  ...(['pollTwice', 'settle', 'rename', 'renameWithTime', 'copyTruncate', 'pack', 'remove'] as const),
  ...(['trap', 'kill', 'timePasses'] as const),
];

describe.each([
  ['inodes of its own for each file', false],
  ['inodes that are used again', true],
])('a random history with %s', (_, reusesInodes) => {
  test.each(Array.from({ length: SEEDS }, (_, i) => FIRST_SEED + i))('number %i', (seed) => {
    const history = new History(seed, reusesInodes);
    for (let i = 0; i < STEPS; i++) history.step(ACTS);
    history.settle();
    const told = (): string => history.steps.join(', ');
    const lost = history.written.filter((id) => !history.got.has(id));
    expect(lost, told()).toEqual([]);
    const repeated = [...history.got].filter(([id, count]) => count > 1 && !history.mayRepeat.has(id));
    if (!reusesInodes) expect(repeated, told()).toEqual([]);
    expect(history.log.wasm.metrics().events_dropped_invalid_json).toBe(0);
  });
});
