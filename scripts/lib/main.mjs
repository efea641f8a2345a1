// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { realpathSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { UserError } from './errors.mjs';
import { endAll } from './run.mjs';

/**
 * Runs a script's work if the script was started, and not imported. Ctrl-C ends what it has started; a UserError is
 * printed without a stack and makes the exit status 1.
 *
 * @param {string} url `import.meta.url` of the script
 * @param {string} name what its messages begin with
 * @param {(args: string[]) => Promise<unknown>} work gets the arguments of the command line
 */
export async function runAsMain(url, name, work) {
  const [, script, ...args] = process.argv;
  if (script === undefined || url !== pathToFileURL(realpathSync(script)).href) return;
  process.once('SIGINT', () => {
    endAll();
    process.exit(130);
  });
  try {
    await work(args);
  } catch (error) {
    endAll();
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exitCode = 1;
  }
}
