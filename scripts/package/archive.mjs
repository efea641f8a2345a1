// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Archives that come out the same to the byte wherever and whenever they are made of the same files.
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { runOrFail } from '../lib/run.mjs';
import { listFiles } from '../lib/stamp.mjs';
import { dirname, join } from 'node:path';

const EXECUTABLE = 0o755;
const PLAIN = 0o644;

/**
 * Packs the files of a folder, without folders, links, names of users or times of their own.
 *
 * @param {string} folder plain files only; their modes are set
 * @param {string} archive path of the .tar.gz
 * @param {{ epoch: number, logFile: string }} options `epoch`: the time of each file, in seconds since 1970
 * @throws {import('../lib/errors.mjs').UserError} tar or gzip failed
 */
export async function packFiles(folder, archive, { epoch, logFile }) {
  const files = listFiles(folder);
  for (const file of files) chmodSync(join(folder, file), file.endsWith('.so') ? EXECUTABLE : PLAIN);
  mkdirSync(dirname(archive), { recursive: true });
  rmSync(archive, { force: true });
  const owner = ['--owner=0', '--group=0', '--numeric-owner'];
  const fixed = ['--format=ustar', '--sort=name', `--mtime=@${epoch}`, ...owner];
  const argv = ['tar', '--create', ...fixed, '--use-compress-program=gzip -n -9'];
  await runOrFail([...argv, `--file=${archive}`, '-C', folder, ...files], {
    what: `pack ${archive}`,
    logFile,
    // GZIP and TAR_OPTIONS would change what comes out.
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
  });
}
