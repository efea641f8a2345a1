#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// `npm run budget`: counts the plugin's instructions and holds them against bench/budgets.json.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import {
  compareCounts,
  compareTools,
  compilerOf,
  findDifferences,
  growth,
  makeBudgets,
  REMEMBERING_LIMIT,
  rememberingShare,
  TOLERANCE,
} from '../bench/lib/budgets.mjs';
import { findValgrind } from '../bench/lib/callgrind.mjs';
import { HostFailure, buildBenchHost } from '../bench/lib/host.mjs';
import { Counter, cases } from '../bench/lib/instructions.mjs';
import { textTable } from '../bench/lib/report.mjs';
import { build, symbolsFile } from './build.mjs';
import { parseCommandLine } from './lib/command-line.mjs';
import { UserError } from './lib/errors.mjs';
import { createLog, startTimer } from './lib/log.mjs';
import { runAsMain } from './lib/main.mjs';
import { repositoryRoot } from './lib/paths.mjs';
import { ask } from './lib/run.mjs';

/** @typedef {import('../bench/lib/budgets.mjs').Budgets} Budgets */
/** @typedef {import('../bench/lib/budgets.mjs').Counted} Counted */

const help = `usage: npm run budget [-- --update]
  --update   write bench/budgets.json anew
`;

const file = join(repositoryRoot, 'bench', 'budgets.json');
const shown = relative(repositoryRoot, file);
const log = createLog('budget');

/** @param {string} valgrind @returns {Record<string, string>} */
function toolVersions(valgrind) {
  const { devDependencies } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'));
  const { assemblyscript, wabt } = devDependencies;
  return {
    architecture: process.arch,
    assemblyscript,
    compiler: compilerOf(ask(['cc', '--version'])),
    valgrind: ask([valgrind, '--version'])?.replace('valgrind-', '') ?? 'unknown',
    wabt,
  };
}

/** @param {boolean} isReplaced they are made anew @returns {Budgets | undefined} undefined: there are none */
function readBudgets(isReplaced) {
  if (!existsSync(file)) {
    if (isReplaced) return undefined;
    throw new UserError(`there is no ${shown}: npm run budget -- --update writes it`);
  }
  try {
    const { madeWith, cases: all } = JSON.parse(readFileSync(file, 'utf8'));
    const isWhole = Object.values(all).every(
      ({ instructions, functions }) => instructions > 0 && typeof functions === 'object',
    );
    if (typeof madeWith === 'object' && isWhole) return { madeWith, cases: all };
  } catch {
    // Said below.
  }
  if (isReplaced) return undefined;
  throw new UserError(`${shown} is damaged: git checkout ${shown}, or npm run budget -- --update`);
}

/**
 * @param {string} valgrind
 * @param {string} program
 * @returns {Promise<Map<string, Counted>>} by the cases' names
 */
async function countAll(valgrind, program) {
  const counter = new Counter({ valgrind, program, plugin: symbolsFile });
  /** @type {Map<string, Counted>} */
  const counted = new Map();
  for (const each of cases) {
    const { name, unit, tolerance } = each;
    counted.set(name, { unit, tolerance, count: await counter.count(each) });
  }
  return counted;
}

/** @param {Map<string, Counted>} counted @param {Budgets | undefined} budgets */
function table(counted, budgets) {
  const format = (/** @type {number} */ value) => value.toLocaleString('en', { maximumFractionDigits: 1 });
  const percent = (/** @type {number} */ value) => `${value.toFixed(1).replace(/^-(0\.0)$/, '$1')} %`;
  const rows = [...counted].map(([name, { unit, count }]) => {
    const budget = budgets?.cases[name]?.instructions;
    return [
      name,
      unit,
      budget === undefined ? '–' : format(budget),
      format(count.instructions),
      budget === undefined ? '–' : percent(growth(budget, count.instructions)),
      format(count.libc),
    ];
  });
  return textTable({ head: ['case', 'for each', 'budget', 'now', 'change', 'in libc besides'], rows });
}

/** @param {Budgets} budgets @param {Map<string, Counted>} counted @param {string[]} toolNotes */
function check(budgets, counted, toolNotes) {
  const { failures, notes } = compareCounts(budgets.cases, counted);
  for (const note of toolNotes) log(note);
  for (const note of notes) log(note);
  if (notes.length > 0) log(`npm run budget -- --update keeps what was won; commit ${shown} with its reason`);
  if (failures.length > 0) {
    throw new UserError(
      [
        `${failures.length} of the budgets of instructions are not kept; at most ${TOLERANCE} % more is allowed:`,
        ...failures.map((failure) => `  ${failure}`),
        'Make it cheaper. If it is worth its price, or the case is new: npm run budget -- --update, and commit',
        `${shown} together with the change; the message says why.`,
      ].join('\n'),
    );
  }
}

/** @param {Map<string, Counted>} counted */
function checkRemembering(counted) {
  const [day, mixed] = ['day', 'mixed'].map((load) => rememberingShare(counted, load));
  const shares = `${day.toFixed(2)} % of sourcing on the healthy day, and ${mixed.toFixed(1)} % with mixed events`;
  log(`what is remembered of users and pods costs ${shares}`);
  if (!(day <= REMEMBERING_LIMIT)) {
    throw new UserError(
      `that is more than the ${REMEMBERING_LIMIT} % that it may cost on the healthy day: make assembly/state cheaper`,
    );
  }
}

/** @param {string[]} args */
function readArguments(args) {
  const flag = { type: /** @type {const} */ ('boolean'), default: false };
  return parseCommandLine({ args, options: { update: flag, help: flag } }, help).values;
}

await runAsMain(import.meta.url, 'budget', async (args) => {
  const { update, help: isHelp } = readArguments(args);
  if (isHelp) return process.stdout.write(help);
  const elapsed = startTimer();
  const budgets = readBudgets(update);
  await build(['release']);
  const program = await buildBenchHost(log);
  const valgrind = await findValgrind(log);
  const tools = toolVersions(valgrind);
  const { failure, notes } = compareTools(budgets?.madeWith ?? tools, tools);
  if (failure !== undefined && !update) {
    throw new UserError(
      `${failure}. Check where the same compiler is, as CI does; or, if the project changes its compiler, make them anew: npm run budget -- --update`,
    );
  }
  log('counting, a minute or less …');
  try {
    const counted = await countAll(valgrind, program);
    process.stdout.write(`\n${table(counted, budgets)}\n\n`);
    checkRemembering(counted);
    if (update) {
      log('counting again …');
      const [difference] = findDifferences(counted, await countAll(valgrind, program));
      if (difference !== undefined) throw new UserError(`${difference}, so it can have no budget`);
      writeFileSync(file, `${JSON.stringify(makeBudgets(counted, tools), null, 2)}\n`);
      log(`wrote ${shown}; its commit says why`);
    } else if (budgets !== undefined) {
      check(budgets, counted, notes);
    }
    log(`done in ${elapsed()}`);
  } catch (error) {
    throw error instanceof HostFailure ? new UserError(error.message) : error;
  }
  return undefined;
});
