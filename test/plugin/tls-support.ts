// SPDX-License-Identifier: Apache-2.0
// Certificates as openssl's command makes them, and clients that use them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Agent } from 'node:https';
import { PATH, Webhook, readAnswer, type Answer, type Body } from './webhook-support.ts';

/** What openssl's command says to `-subj` and the like. */
export interface CertificateOptions {
  /** Common name. */
  name?: string;
  /** For `subjectAltName`. */
  names?: string;
  /** Start and end, as YYYYMMDDHHMMSSZ. */
  from?: string;
  to?: string;
  /** Of whom it is; itself by default. */
  by?: Identity;
}

/** A certificate and its key: texts in PEM. */
export interface Identity {
  certificate: string;
  key: string;
}

/** A folder with an authority that makes certificates, removed with `close`. */
export class Authority {
  private readonly folder = mkdtempSync(join(tmpdir(), 'k8saudit-tls-'));
  private made = 0;

  constructor() {
    writeFileSync(join(this.folder, 'index'), '');
    writeFileSync(
      join(this.folder, 'ca.cnf'),
      '[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\n' +
        'policy=p\ncopy_extensions=copyall\nunique_subject=no\n[p]\ncommonName=supplied\n',
    );
  }

  /** Calls openssl in the folder; gives what it prints. */
  openssl(...args: string[]): string {
    return execFileSync('openssl', args, { cwd: this.folder, encoding: 'utf8', stdio: 'pipe' });
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), 'utf8');
  }

  /** Writes a text to a file; its path. */
  write(file: string, text: string): string {
    writeFileSync(join(this.folder, file), text);
    return join(this.folder, file);
  }

  make({ name = 'localhost', names, from, to, by }: CertificateOptions = {}): Identity {
    const id = String(this.made++);
    const extension = by === undefined ? ['-addext', 'basicConstraints=critical,CA:TRUE'] : [];
    if (names !== undefined) extension.push('-addext', `subjectAltName=${names}`);
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    this.openssl(
      'req',
      '-new',
      ...curve,
      '-keyout',
      `${id}.key`,
      '-out',
      `${id}.csr`,
      '-subj',
      `/CN=${name}`,
      ...extension,
    );
    const issuer =
      by === undefined
        ? ['-selfsign', '-keyfile', `${id}.key`]
        : [
            '-cert',
            this.write(`${id}.ca.pem`, by.certificate),
            '-keyfile',
            this.write(`${id}.ca.key`, by.key),
          ];
    const times = ['-startdate', from ?? '20200101000000Z', '-enddate', to ?? '20991231235959Z'];
    this.openssl(
      'ca',
      '-batch',
      '-config',
      'ca.cnf',
      '-notext',
      '-in',
      `${id}.csr`,
      '-out',
      `${id}.pem`,
      ...issuer,
      ...times,
    );
    return { certificate: this.read(`${id}.pem`), key: this.read(`${id}.key`) };
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface TlsPostOptions {
  client?: Identity;
  /** PEM of who must have signed the server's certificate. */
  ca: string;
  agent?: Agent;
  headers?: Record<string, string>;
  method?: string;
  path?: string;
}

/** One request over TLS; rejects when there is no answer. */
export function postTls(port: number, body: Body, options: TlsPostOptions): Promise<Answer> {
  const { client, ca, agent = false, method = 'POST', path = PATH } = options;
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    ...options.headers,
  };
  const identity = client === undefined ? {} : { cert: client.certificate, key: client.key };
  const target = {
    host: '127.0.0.1',
    servername: 'localhost',
    port,
    path,
    method,
    agent,
    headers,
    ca,
    ...identity,
  };
  return new Promise((resolve, reject) => {
    const request = httpsRequest(target, (response) => readAnswer(response, resolve, reject));
    request.on('error', reject);
    request.end(body);
  });
}

/** A webhook that speaks TLS. */
export class TlsWebhook extends Webhook {
  constructor(config: object, variant = 'release') {
    super(config, variant, '127.0.0.1', 'https');
  }

  exchangeTls(body: Body, options: TlsPostOptions): Promise<Answer> {
    return this.settle('an answer', postTls(this.port, body, options));
  }
}
