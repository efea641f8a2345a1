// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Certificates made by the openssl program, for tests and the soak: an authority, and what it signs.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../lib/errors.mjs';
import { findCommand } from '../lib/paths.mjs';

/**
 * A certificate and its key, as files and as PEM texts.
 *
 * @typedef {object} Pair
 * @property {string} certificateFile
 * @property {string} keyFile
 * @property {string} certificate
 * @property {string} key
 */

// Not the system's configuration: it would make an authority of each certificate.
const CONFIGURATION = `[req]
distinguished_name = subject
[subject]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[server]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
[client]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = clientAuth
`;

/** A certificate authority whose files lie in a folder of its own. */
export class Authority {
  #configuration;
  #count = 0;

  /**
   * @param {string} folder is made
   * @param {string} name the authority's common name
   * @throws {UserError} there is no openssl program
   */
  constructor(folder, name) {
    if (findCommand('openssl') === undefined) {
      throw new UserError('the openssl program is missing: install it (Debian: apt-get install openssl)');
    }
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    this.#configuration = join(folder, 'openssl.cnf');
    writeFileSync(this.#configuration, CONFIGURATION);
    this.pair = this.#make('authority', name, []);
  }

  /**
   * Signs a new certificate for a new key.
   *
   * @param {'server' | 'client'} use
   * @param {string} name its common name
   * @returns {Pair}
   */
  issue(use, name) {
    const { certificateFile, keyFile } = this.pair;
    return this.#make(use, name, ['-CA', certificateFile, '-CAkey', keyFile]);
  }

  /**
   * @param {'authority' | 'server' | 'client'} use
   * @param {string} name
   * @param {string[]} signer
   * @returns {Pair}
   */
  #make(use, name, signer) {
    const base = join(this.folder, `${use}-${this.#count++}`);
    const [certificateFile, keyFile] = [`${base}.crt`, `${base}.key`];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
    const what = ['-config', this.#configuration, '-extensions', use, '-subj', `/CN=${name}`, '-days', '30'];
    const args = ['req', '-x509', ...key, ...what, ...signer, '-out', certificateFile];
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    return {
      certificateFile,
      keyFile,
      certificate: readFileSync(certificateFile, 'utf8'),
      key: readFileSync(keyFile, 'utf8'),
    };
  }
}

/**
 * A folder of files as kubelet mounts a Secret: each name is a link through `..data`, which is itself a link to a
 * folder that is never changed; a rotation makes a new folder and renames a new link over `..data`.
 */
export class SecretVolume {
  #generation = 0;

  /**
   * @param {string} folder is made
   * @param {Record<string, string>} files content by name
   */
  constructor(folder, files) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    this.replace(files);
    for (const name of Object.keys(files)) symlinkSync(join('..data', name), join(folder, name));
  }

  /** @param {string} name */
  at(name) {
    return join(this.folder, name);
  }

  /** @param {Record<string, string>} files content by name; the same names as before */
  replace(files) {
    const last = `..generation-${this.#generation}`;
    const next = `..generation-${++this.#generation}`;
    mkdirSync(this.at(next));
    for (const [name, content] of Object.entries(files)) writeFileSync(join(this.at(next), name), content);
    symlinkSync(next, this.at('..data_tmp'));
    renameSync(this.at('..data_tmp'), this.at('..data'));
    rmSync(this.at(last), { recursive: true, force: true });
  }
}
