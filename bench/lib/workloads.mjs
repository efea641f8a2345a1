// SPDX-License-Identifier: Apache-2.0
// @ts-check
// The events that are measured, made into files of lines.
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { SEED, healthyDay } from '../../scripts/corpus/healthy.mjs';
import { repositoryRoot } from '../../scripts/lib/paths.mjs';
import { recipeHash } from '../../scripts/lib/stamp.mjs';
import { EventMaker } from './events.mjs';

/** Events in an EventList, as many as kube-apiserver sends at most. */
export const LIST = 400;

/**
 * What one line of a file is.
 *
 * @typedef {object} Line
 * @property {string | Buffer} text without a line break
 * @property {number} sound events that any plugin has to deliver from it
 */

/**
 * @typedef {object} Workload
 * @property {string} name
 * @property {string} title for the report
 * @property {'event' | 'line'} [unit] what a time is given for; a line where some lines are no events
 * @property {(maker: EventMaker, index: number) => Line} line
 * @property {number} [bytes] how many it takes until all that is typical of it was there once
 */

/**
 * A workload on disk.
 *
 * @typedef {object} Data
 * @property {string} name
 * @property {string} file its lines
 * @property {number} lines
 * @property {number} sound events that any plugin has to deliver
 * @property {number} bytes of the file
 */

/** @param {unknown} event @returns {Line} */
const one = (event) => ({ text: JSON.stringify(event), sound: 1 });

/** @param {EventMaker} maker @param {number} count @returns {Line} */
function list(maker, count) {
  const items = Array.from({ length: count }, () => JSON.stringify(maker.mixed()));
  const text = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${items.join(',')}]}`;
  return { text, sound: count };
}

/** Lines of the sample attack, each time with other ids. @returns {Workload['line']} */
function attackLines() {
  const lines = readFileSync(join(repositoryRoot, 'examples', 'attack.jsonl'), 'utf8')
    .trimEnd()
    .split('\n');
  return (maker, index) => ({
    text: lines[index % lines.length].replace(/"auditID":"[^"]*"/, `"auditID":"${maker.uid()}"`),
    sound: 1,
  });
}

/** Every third line is sound; the others are broken in one of these ways. @type {Workload['line']} */
function garbageLine(maker, index) {
  const { random } = maker;
  const text = JSON.stringify(maker.mixed());
  if (index % 3 === 0) return { text, sound: 1 };
  const middle = 1 + random.below(text.length - 1);
  const broken = [
    () => text.slice(0, middle),
    () => text.slice(middle),
    () => text.replace('"verb"', '"verb'),
    () => text.replaceAll(',', ';'),
    () => text.replace('"auditID"', '\u0001"auditID"'),
    () => JSON.stringify({ kind: 'Pod', apiVersion: 'v1', items: [1, 2, 3] }),
    () =>
      Buffer.from(
        Array.from({ length: 1 + random.below(4000) }, () => random.below(256)).filter((b) => b !== 10),
      ),
  ];
  return { text: random.pick(broken)(), sound: 0 };
}

/** @type {Workload[]} */
export const workloads = [
  { name: 'metadata', title: 'Metadata events', line: (maker) => one(maker.metadataOnly()) },
  { name: 'mixed', title: "mixed events of a cluster's day", line: (maker) => one(maker.mixed()) },
  { name: 'pods', title: 'pods created, RequestResponse', line: (maker) => one(maker.podCreated()) },
  {
    name: 'large-30k',
    title: 'large events',
    line: (maker) => ({ text: maker.listOfSize(30_000), sound: 1 }),
  },
  {
    name: 'large-250k',
    title: 'large events',
    line: (maker) => ({ text: maker.listOfSize(250_000), sound: 1 }),
  },
  { name: 'lists', title: `EventLists of ${LIST} mixed events`, line: (maker) => list(maker, LIST) },
  { name: 'attack', title: 'the sample attack log', line: attackLines() },
  { name: 'garbage', title: 'broken lines, every third one sound', unit: 'line', line: garbageLine },
];

/** Days of the healthy cluster that docs/day-in-the-life.md is about, one after the other. @returns {Workload['line']} */
function dayLines() {
  /** @type {ReturnType<ReturnType<typeof healthyDay>['written']>} */
  let lines = [];
  let first = 0;
  let seed = SEED;
  return (_, index) => {
    if (index === 0) [lines, first, seed] = [[], 0, SEED];
    if (index === first + lines.length) [lines, first] = [healthyDay(seed++).written(), index];
    return one(lines[index - first]?.event);
  };
}

/** Shows what is remembered of users and pods at its true price: how often pods are made decides it. @type {Workload} */
const day = { name: 'day', title: 'the day of a healthy cluster', line: dayLines(), bytes: 3_900_000 };

/** @param {string} name */
export function workload(name) {
  const found = [...workloads, day].find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no workload ${name}`);
  return found;
}

/** Events that are all of one size. @param {number} bytes @returns {Workload} */
export function sized(bytes) {
  return {
    name: `size-${bytes}`,
    title: `events of ${bytes} bytes`,
    line: (maker) => ({ text: maker.listOfSize(bytes), sound: 1 }),
  };
}

/** EventLists of a number of mixed events. @param {number} count @returns {Workload} */
export function listed(count) {
  return { name: `lists-${count}`, title: `EventLists of ${count}`, line: (maker) => list(maker, count) };
}

/**
 * Lines of a workload, the same ones each time, until they are as long together as wanted.
 *
 * @param {Workload} load
 * @param {number} bytes
 * @returns {Generator<Line>}
 */
export function* linesOf({ name, line }, bytes) {
  const seed = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, 0);
  const maker = new EventMaker(seed);
  for (let index = 0, length = 0; length < bytes; index++) {
    const made = line(maker, index);
    yield made;
    length += Buffer.byteLength(made.text) + 1;
  }
}

const CHUNK = 1 << 20;
/** What makes the events of `day`. */
const CORPUS = 'scripts/corpus';

/**
 * Writes a workload's file, unless it is there already.
 *
 * @param {Workload} load
 * @param {number} bytes about the size of the file
 * @param {string} folder of all workloads
 * @returns {Data}
 */
export function writeWorkload(load, bytes, folder) {
  const corpus = readdirSync(join(repositoryRoot, CORPUS), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.mjs'))
    .sort()
    .map((path) => join(CORPUS, path));
  const sources = ['bench/lib/events.mjs', 'bench/lib/workloads.mjs', 'examples/attack.jsonl', ...corpus];
  const contents = sources.map((path) => readFileSync(join(repositoryRoot, path), 'utf8'));
  const recipe = recipeHash([contents, load.name, bytes]);
  const place = join(folder, load.name);
  const note = join(place, 'made.json');
  try {
    const made = JSON.parse(readFileSync(note, 'utf8'));
    if (made.recipe === recipe) return made.data;
  } catch {
    // It is not there, or half made.
  }
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  const data = { name: load.name, file: join(place, 'events.jsonl'), lines: 0, sound: 0, bytes: 0 };
  const out = openSync(data.file, 'w');
  /** @type {Buffer[]} */
  let waiting = [];
  let length = 0;
  const flush = () => {
    writeSync(out, Buffer.concat(waiting));
    waiting = [];
    length = 0;
  };
  for (const { text, sound } of linesOf(load, bytes)) {
    const line = Buffer.concat([Buffer.from(text), Buffer.from('\n')]);
    waiting.push(line);
    length += line.length;
    data.lines++;
    data.sound += sound;
    data.bytes += line.length;
    if (length >= CHUNK) flush();
  }
  flush();
  closeSync(out);
  writeFileSync(note, JSON.stringify({ recipe, data }));
  return data;
}

/**
 * A folder in which a file is many times, as hard links, so that a source can read a lot that takes little room.
 *
 * @param {Data} data
 * @param {number} times
 * @returns {string} path of the folder
 */
export function repeated({ file }, times) {
  const folder = join(file, '..', `x${times}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (let i = 0; i < times; i++) linkSync(file, join(folder, `${String(i).padStart(6, '0')}.jsonl`));
  return folder;
}
