#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// `npm run bench`: measures the plugin, and another one beside it if it is given. The parts are bench/lib/measures/*.mjs.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Bench, effort } from '../bench/lib/bench.mjs';
import { fillMarks } from '../bench/lib/documents.mjs';
import { HostFailure, buildBenchHost, runHost } from '../bench/lib/host.mjs';
import { allowedCpus, describeMachine } from '../bench/lib/machine.mjs';
import { drawPlots } from '../bench/lib/plot.mjs';
import { markdownSection, markdownTable, textSection, textTable } from '../bench/lib/report.mjs';
import { countVerdicts, judge, verdictTable } from '../bench/lib/targets.mjs';
import { build } from './build.mjs';
import { UserError } from './lib/errors.mjs';
import { createLog, startTimer } from './lib/log.mjs';
import { runAsMain } from './lib/main.mjs';
import { buildPaths, repositoryRoot } from './lib/paths.mjs';

/** @typedef {import('../bench/lib/bench.mjs').Candidate} Candidate */
/** @typedef {import('../bench/lib/report.mjs').Measure} Measure */
/** @typedef {import('../bench/lib/report.mjs').Section} Section */

const help = (/** @type {Measure[]} */ measures) => `usage: npm run bench -- [options]
  --against SO       a plugin to compare with, such as the official k8saudit
  --against-json SO  a second plugin for it, for the fields that it does not have, such as the official json
  --against-rules F  the rules that those two are asked by, such as the official k8s_audit_rules.yaml
  --plugin SO        measure this one, not build/libk8saudit-ts.so
  --only NAME,…      some parts: ${measures.map(({ name }) => name).join(', ')}
  --runs N           of each thing; the median counts (default 7, quick 3)
  --cpu N            run on this processor alone (default: the last one that may be used)
  --quick            small files and few runs: shows that it works, not how fast
  --json FILE        all numbers (default build/bench/report.json)
  --write-docs       put tables and plots into docs/, where those of these parts stand
`;

/** @returns {Promise<Measure[]>} in the order of the report */
async function findMeasures() {
  const folder = join(repositoryRoot, 'bench', 'lib', 'measures');
  const files = readdirSync(folder).filter((file) => file.endsWith('.mjs'));
  const modules = await Promise.all(files.map((file) => import(pathToFileURL(join(folder, file)).href)));
  return modules.map(({ measure }) => measure).sort((a, b) => a.order - b.order);
}

/** @param {string[]} args @param {Measure[]} measures */
function readArguments(args, measures) {
  const text = { type: /** @type {const} */ ('string') };
  const flag = { type: /** @type {const} */ ('boolean'), default: false };
  const options = {
    against: text,
    'against-json': text,
    'against-rules': text,
    plugin: text,
    only: text,
    runs: text,
    cpu: text,
    json: text,
    quick: flag,
    'write-docs': flag,
    help: flag,
  };
  try {
    const { values } = parseArgs({ args, options });
    const number = (/** @type {'runs' | 'cpu'} */ name, /** @type {number} */ least) => {
      const value = values[name];
      if (value === undefined) return undefined;
      if (!/^\d{1,6}$/.test(value) || Number(value) < least) {
        throw new Error(`--${name} wants a whole number from ${least} on, not '${value}'`);
      }
      return Number(value);
    };
    const only = values.only?.split(',') ?? measures.map(({ name }) => name);
    const unknown = only.find((name) => !measures.some((measure) => measure.name === name));
    if (unknown !== undefined) throw new Error(`there is no part '${unknown}'`);
    if (values['against-json'] !== undefined && values.against === undefined) {
      throw new Error('--against-json is a second plugin for the one that --against names');
    }
    const rules = values['against-rules'];
    if (rules !== undefined && values.against === undefined) {
      throw new Error('--against-rules are rules for the plugin that --against names');
    }
    if (rules !== undefined && !existsSync(rules)) throw new Error(`there are no rules ${rules}`);
    return { ...values, only, runs: number('runs', 1), cpu: number('cpu', 0) };
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error}\n${help(measures)}`);
  }
}

/**
 * @param {string} program
 * @param {Candidate['key']} key
 * @param {string} plugin
 * @param {string} [extractor]
 * @returns {Promise<Candidate>}
 */
async function candidate(program, key, plugin, extractor) {
  for (const path of [plugin, extractor]) {
    if (path !== undefined && !existsSync(path)) throw new UserError(`there is no plugin ${path}`);
  }
  try {
    const { plugin: name, version, fields } = await runHost(program, 'describe', { plugin });
    if (extractor !== undefined) await runHost(program, 'describe', { plugin: extractor });
    return { key, label: `${name} ${version}`, plugin, config: '', extractor, fields: fields ?? [] };
  } catch (error) {
    throw error instanceof HostFailure ? new UserError(error.message) : error;
  }
}

/**
 * @param {Candidate[]} all
 * @returns {Candidate[]} with labels that differ
 */
function withOwnLabels(all) {
  const [own, other] = all;
  if (other === undefined || own.label !== other.label) return all;
  return [own, { ...other, label: `${other.label} (the other)` }];
}

/**
 * Measures one part after the other, and prints each when it is done.
 *
 * @param {Bench} bench
 * @param {Measure[]} measures
 * @returns {Promise<Record<string, Section>>} by the measures' names
 */
async function measureAll(bench, measures) {
  /** @type {Record<string, Section>} */
  const sections = {};
  for (const { name, run } of measures) {
    const elapsed = startTimer();
    bench.log(`${name} …`);
    try {
      const section = await run(bench);
      sections[name] = section;
      bench.log(`${name} done in ${elapsed()}`);
      process.stdout.write(`\n${textSection(section)}\n\n`);
    } catch (error) {
      throw error instanceof HostFailure ? new UserError(`${name}: ${error.message}`) : error;
    }
  }
  return sections;
}

const documentPath = join(repositoryRoot, 'docs', 'performance.md');

/** Before minutes are spent: the document has a place for each part. @param {Measure[]} measures */
function checkDocument(measures) {
  try {
    fillMarks(readFileSync(documentPath, 'utf8'), Object.fromEntries(measures.map(({ name }) => [name, ''])));
  } catch (error) {
    throw new UserError(`docs/performance.md: ${error instanceof Error ? error.message : error}`);
  }
}

/** @param {string} path @param {string} content @param {(message: string) => void} log */
function write(path, content, log) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  log(`wrote ${relative(process.cwd(), path)}`);
}

/** @param {Record<string, string>} entries @returns {import('../bench/lib/report.mjs').Table} */
function entriesTable(entries) {
  return { head: ['machine', ''], rows: Object.entries(entries) };
}

await runAsMain(import.meta.url, 'bench', async (args) => {
  const measures = await findMeasures();
  const options = readArguments(args, measures);
  if (options.help) return process.stdout.write(help(measures));
  const log = createLog('bench');
  const chosen = measures.filter(({ name }) => options.only.includes(name));
  const isWhole = chosen.length === measures.length;
  if (options['write-docs']) checkDocument(chosen);
  const [built = ''] = options.plugin === undefined ? await build(['release']) : [resolve(options.plugin)];
  const program = await buildBenchHost(log);
  const cpu = options.cpu ?? allowedCpus().at(-1) ?? 0;
  const machine = describeMachine(cpu);
  const candidates = [await candidate(program, 'ours', built)];
  if (options.against !== undefined) {
    const second = options['against-json'];
    const extractor = second === undefined ? undefined : resolve(second);
    candidates.push(await candidate(program, 'other', resolve(options.against), extractor));
  }
  const amount = effort(options.quick, options.runs);
  const bench = new Bench({
    program,
    candidates: withOwnLabels(candidates),
    otherRules: options['against-rules'],
    effort: amount,
    cpu,
    log,
  });
  const header = entriesTable({
    ...machine,
    plugins: bench.candidates.map(({ label }) => label).join(', '),
    effort: `${amount.runs} runs of each${options.quick ? '; quick: not for figures that are shown to others' : ''}`,
  });
  process.stdout.write(`\n${textTable(header)}\n\n`);
  const sections = await measureAll(bench, chosen);
  const figures = Object.assign({}, ...Object.values(sections).map((section) => section.figures));
  const verdicts = judge(figures, {
    other: bench.other !== undefined,
    rules: bench.otherRules !== undefined,
  });
  process.stdout.write(`${textTable(verdictTable(verdicts))}\n\n${countVerdicts(verdicts)}\n\n`);
  if (bench.disturbed > 0.1) {
    const share = Math.round(bench.disturbed * 100);
    log(
      `the machine did other things in ${share} % of the runs: figures are too high, and their spread is wide`,
    );
  }

  const folder = join(buildPaths().build, 'bench');
  const report = {
    machine,
    candidates: bench.candidates.map(({ label }) => label),
    effort: amount,
    sections,
    verdicts,
  };
  write(resolve(options.json ?? join(folder, 'report.json')), `${JSON.stringify(report, null, 1)}\n`, log);
  const docs = options['write-docs'] ? join(repositoryRoot, 'docs') : folder;
  for (const [name, { plots, title }] of Object.entries(sections)) {
    if (plots !== undefined) write(join(docs, `performance-${name}.svg`), drawPlots(plots, title), log);
  }
  if (options['write-docs']) {
    const parts = Object.entries(sections).map(([name, section]) => [name, markdownSection(section)]);
    // Some parts alone do not say what was reached, nor where the others were measured.
    const whole = { machine: markdownTable(header), targets: markdownTable(verdictTable(verdicts)) };
    const all = { ...(isWhole ? whole : {}), ...Object.fromEntries(parts) };
    write(documentPath, fillMarks(readFileSync(documentPath, 'utf8'), all), log);
  }
  return undefined;
});
