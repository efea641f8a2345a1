// SPDX-License-Identifier: Apache-2.0
// Who may send events: TLS, client certificates and the token, taken anew from their files when these change.
import * as host from '../host';
import { Config } from '../config/config';
import { CLIENT_CA, CLIENT_NAMES, TOKEN_FILE } from '../config/schema';
import { Counter, counters } from '../counters';
import { Reason, Severity, log, logLimited, mayLog } from '../log';
import { Certificates } from './certificates';
import { ClientNames } from './client_names';
import { Endpoint } from './endpoint';
import { NO_TOKEN, Refusal, TOKEN_UNKNOWN } from './refusal';
import { keyed } from './routes';
import { Presented, Token } from './token';

/** Nanoseconds between two looks at the files. */
const LOOK_INTERVAL: i64 = 5_000_000_000;
const KEPT = '; what was in use before stays in use, and it is tried again';
const CLOSED = '; requests are answered 503 until it can be read';

export class Access {
  /** Why nobody can be let in, or an empty string. */
  problem: string = '';
  private certificates: Certificates | null = null;
  private names: ClientNames | null = null;
  private token: Token;
  private nextLook: i64 = 0;

  /** `isSuccessor` after a trap: what cannot be loaded just now is then loaded later. */
  constructor(endpoint: Endpoint, isSuccessor: bool, config: Config) {
    this.token = new Token(config);
    this.problem = contradiction(endpoint.isTls, config);
    if (this.problem == '') this.open(endpoint, isSuccessor, config);
  }

  private open(endpoint: Endpoint, isSuccessor: bool, config: Config): void {
    if (this.token.file && endpoint.isClear && !isSuccessor) {
      log(
        Severity.Warning,
        keyed(TOKEN_FILE.name) + ': over http:// everybody on the way can read the token',
      );
    }
    if (endpoint.isTls) this.certificates = new Certificates(config);
    if (config.text(CLIENT_CA) != '') this.names = new ClientNames(config);
    this.problem = this.certificates ? this.certificates!.load() : '';
    const problem = this.token.load();
    if (isSuccessor) {
      if (this.problem != '') warn(this.problem, KEPT);
      if (problem != '') warn(problem, CLOSED);
      this.problem = '';
    } else if (this.problem == '') {
      this.problem = problem;
    }
  }

  /** For HttpOptions. `started` is due when the server has it. */
  get tls(): i32 {
    return this.certificates ? this.certificates!.tls : 0;
  }

  /** The server listens. */
  started(): void {
    if (!this.certificates) return;
    this.certificates!.closeTls();
    this.certificates!.noteExpiry();
  }

  /** Null when the request whose head was offered may come in. */
  check(request: i32): Refusal | null {
    if (this.names) {
      const refusal = this.names!.check(request);
      if (refusal) return refusal;
    }
    if (!this.token.file) return null;
    const presented = this.token.check(request);
    if (presented == Presented.Right) return null;
    return presented == Presented.Wrong ? NO_TOKEN : TOKEN_UNKNOWN;
  }

  /** Takes changed files into use, when it is time to look at them. */
  look(server: i32): void {
    const now = host.monotonic();
    if (now < this.nextLook) return;
    this.nextLook = now + LOOK_INTERVAL;
    const certificates = this.certificates;
    if (certificates) {
      if (certificates.hasChanged()) this.reloadCertificates(certificates, server);
      certificates.noteExpiry();
    }
    const file = this.token.file;
    if (file && file.hasChanged()) reloaded(this.token.load(), 'the token');
  }

  private reloadCertificates(certificates: Certificates, server: i32): void {
    const problem = certificates.load();
    if (problem == '') {
      host.httpUseTls(server, certificates.tls);
      certificates.closeTls();
    }
    reloaded(problem, 'the certificate');
  }

  close(): void {
    this.token.free();
    if (this.names) this.names!.free();
    if (this.certificates) this.certificates!.closeTls();
    if (this.certificates) counters.set(Counter.CertificateExpiry, 0);
  }
}

/** What the configuration asks for and cannot have. */
function contradiction(isTls: bool, config: Config): string {
  const hasCa = config.text(CLIENT_CA) != '';
  const names = config.texts(CLIENT_NAMES);
  if (hasCa && !isTls) {
    return keyed(CLIENT_CA.name) + ' asks for client certificates, which only https:// can check';
  }
  if (names.length != 0 && !hasCa) {
    return keyed(CLIENT_NAMES.name) + ' needs clientCa, with which client certificates are checked';
  }
  if (names.includes('')) return keyed(CLIENT_NAMES.name) + ' holds an empty name';
  return '';
}

function reloaded(problem: string, what: string): void {
  if (problem != '') {
    warn(problem, KEPT);
    return;
  }
  counters.addAtOnce(Counter.CertificateReloads, 1);
  log(Severity.Info, what + ' has changed; the new one is in use');
}

function warn(problem: string, consequence: string): void {
  if (!mayLog(Reason.Certificate)) return;
  logLimited(Reason.Certificate, Severity.Warning, problem + consequence);
}
