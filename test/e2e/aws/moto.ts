// SPDX-License-Identifier: Apache-2.0
// moto's server, which plays CloudWatch Logs, S3, SQS, SNS and STS: installed once into a virtual environment under
// build/, from exact versions with checksums, and started on loopback.
//
// What it does otherwise than AWS, found with 5.2.5; AwsProxy (proxy.ts) mends what the sources depend on:
// - It checks no signature and no permission, and knows the service by the credential scope in Authorization alone: a
//   request without one is taken for S3's. Each connection is closed after its answer.
// - FilterLogEvents ignores logStreamNamePrefix, lists stream by stream unless the request says interleaved, bounds a
//   page by 10,000 events but not by 1 MB, writes "nextToken": null on the last page, and answers an unknown token with
//   an empty page. Event ids are small numbers in order of arrival, unique in the server. Filter patterns in braces
//   match everything. Every page looks at all events: with 200,000 of 1 KB a page takes some tenths of a second.
//   startTime and endTime are inclusive, as in AWS. A page token names its last event, so events that arrive between
//   pages shift nothing, but those before that event are missed by this listing, as in AWS.
// - PutLogEvents wants events in order of time, at most 14 days old and 2 hours ahead, as AWS does; it answers with what
//   it rejected. Bounds on a batch are not checked.
// - S3's notices escape the slashes of a key too (%2F), where S3 leaves them, and have no sequencer. ListObjectsV2 counts
//   MaxKeys and goes on behind a key as S3 does; a continuation token is the server's own.
// - SQS keeps its word: long polls wait, hidden messages come back, a message received too often goes to the dead-letter
//   queue, an unknown receipt handle is refused. Queues' URLs name the server itself, not a proxy before it.
// - STS gives credentials to whoever asks, for any token; they are good for ever, whatever their expiration.
// - Everything is kept in memory, and gone when it ends.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

import { UserError } from '../../../scripts/lib/errors.mjs';
import { buildPaths, repositoryRoot } from '../../../scripts/lib/paths.mjs';
import { ask, run, runOrFail } from '../../../scripts/lib/run.mjs';
import { isFresh, readStamp, recipeHash, writeStamp } from '../../../scripts/lib/stamp.mjs';
import { freePort } from '../../../scripts/soak/host.mjs';
import { sleep } from '../support.ts';

const { build, logs, stamps } = buildPaths();
const folder = join(build, 'e2e', 'moto');
const stampFile = join(stamps, 'moto.json');
const logFile = join(logs, 'moto-install.log');
const requirements = join(repositoryRoot, 'test', 'e2e', 'aws', 'requirements.txt');
/** The Python that has moto and boto3. */
export const motoPython = join(folder, 'bin', 'python');
const program = join(folder, 'bin', 'moto_server');

/** The account that everything in moto belongs to. */
export const MOTO_ACCOUNT = '123456789012';

/**
 * Installs moto, unless it is there.
 *
 * @returns why it cannot be had here, because pip does not reach its registry; undefined: it is installed
 * @throws {UserError} anything else is wrong, such as a checksum
 */
export async function installMoto(): Promise<string | undefined> {
  const python = ask(['python3', '--version']) ?? 'none';
  const recipe = recipeHash({ python, requirements: readFileSync(requirements, 'utf8') });
  if (isFresh(readStamp(stampFile), recipe, [motoPython, program])) return undefined;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(build, { recursive: true });
  const what = 'make a virtual environment of Python (Debian: apt-get install python3-venv)';
  await runOrFail(['python3', '-m', 'venv', folder], { what, logFile });
  const options = ['--disable-pip-version-check', '--require-hashes', '--only-binary', ':all:'];
  const { code, output } = await run([motoPython, '-m', 'pip', 'install', ...options, '-r', requirements], {
    logFile,
  });
  if (code !== 0) {
    if (isRegistryAway(output)) return 'pip does not reach its registry, so there is no moto';
    throw new UserError(`cannot install moto: pip ended with ${code}; its output is in ${logFile}`);
  }
  writeStamp(stampFile, { recipe, versions: { python }, files: [] });
  return undefined;
}

/** Whether pip failed because it does not reach its registry, by what it said; a wrong checksum is another matter. */
export function isRegistryAway(output: string): boolean {
  const isAway = /\(from versions: none\)|Max retries exceeded|Read timed out|connection broken by/.test(
    output,
  );
  return isAway && !output.includes('DO NOT MATCH THE HASHES');
}

/** `installMoto` for a test file that is nothing without moto: says loudly that it is left out, and for what reason. */
export async function whyNoMoto(what: string): Promise<string | undefined> {
  const reason = await installMoto();
  if (reason !== undefined) process.stderr.write(`!!! ${reason}: ${what} NOT tested\n`);
  return reason;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('connect', () => socket.destroy());
    socket.on('error', () => resolve(false));
  });
}

/** A running server; its log is `build/log/moto-PORT.log`. */
export class Moto {
  private constructor(
    /** `http://127.0.0.1:PORT` or `https://…` */
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  /**
   * Starts it on a free port and waits until it answers.
   *
   * @param identity files of a certificate and its key: it speaks HTTPS; undefined: HTTP
   * @throws {Error} it ended at once
   */
  static async start(identity?: { certificateFile: string; keyFile: string }): Promise<Moto> {
    const port = await freePort();
    const tls = identity === undefined ? [] : ['-c', identity.certificateFile, '-k', identity.keyFile];
    const log = join(logs, `moto-${port}.log`);
    mkdirSync(logs, { recursive: true });
    const output = openSync(log, 'w');
    const child = spawn(program, ['-H', '127.0.0.1', '-p', String(port), ...tls], {
      stdio: ['ignore', output, output],
      // Neither the user's settings for AWS nor those for moto.
      env: { PATH: process.env['PATH'], AWS_DEFAULT_REGION: 'eu-west-1' },
    });
    closeSync(output);
    process.once('exit', () => void child.kill('SIGKILL'));
    const moto = new Moto(`${identity === undefined ? 'http' : 'https'}://127.0.0.1:${port}`, child);
    while (!(await isListening(port))) {
      if (child.exitCode !== null) throw new Error(`moto ended with ${child.exitCode}: see ${log}`);
      await sleep(50);
    }
    return moto;
  }

  /** Ends it; what it had is gone. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await ended;
  }
}
