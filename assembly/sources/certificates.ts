// SPDX-License-Identifier: Apache-2.0
// What https:// needs: certificate, key, and the CA of the clients.
import * as host from '../host';
import { KEEP_TLS, TlsOptions } from '../host';
import { Config } from '../config/config';
import { CLIENT_CA, SSL_CERTIFICATE, SSL_KEY } from '../config/schema';
import { Counter, counters } from '../counters';
import { hostProblem } from '../host_text';
import { Severity, countText, log } from '../log';
import { shownPath } from './input';
import { WholeFile } from './whole_file';

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
/** Days before its end from which on a certificate is warned of, once a day. */
const WARN_DAYS: i64 = 7;
const NEVER: i64 = i64.MAX_VALUE;

export class Certificates {
  /** What was loaded last, until `close`; KEEP_TLS before that. */
  tls: i32 = KEEP_TLS;
  private certificate: WholeFile;
  private key: WholeFile | null = null;
  private clientCa: WholeFile | null = null;
  /** Nanoseconds since the Unix epoch; 0: not known. */
  private expires: i64 = 0;
  private warnedDay: i64 = NEVER;

  constructor(config: Config) {
    this.certificate = new WholeFile(SSL_CERTIFICATE, config.text(SSL_CERTIFICATE));
    const key = config.text(SSL_KEY);
    const clientCa = config.text(CLIENT_CA);
    if (key != '') this.key = new WholeFile(SSL_KEY, key);
    if (clientCa != '') this.clientCa = new WholeFile(CLIENT_CA, clientCa);
  }

  /** Makes a TLS handle of the files; an empty string, or what is wrong. `closeTls` is due when it is in use. */
  load(): string {
    let problem = this.certificate.load();
    if (problem == '' && this.key) problem = this.key!.load();
    if (problem == '' && this.clientCa) problem = this.clientCa!.load();
    if (problem == '') problem = this.makeTls();
    this.certificate.wipe();
    if (this.key) this.key!.wipe();
    if (this.clientCa) this.clientCa!.wipe();
    return problem;
  }

  private makeTls(): string {
    const options = new TlsOptions();
    const key = this.key ? this.key! : this.certificate;
    options.certificate = this.certificate.address;
    options.certificateLength = this.certificate.length;
    options.key = key.address;
    options.keyLength = key.length;
    if (this.clientCa) {
      options.clientCa = this.clientCa!.address;
      options.clientCaLength = this.clientCa!.length;
    }
    const tls = host.tlsOpen(changetype<usize>(options));
    if (tls < 0) {
      countText();
      return 'init_config: ' + this.names() + ': ' + hostProblem();
    }
    this.tls = tls;
    this.expires = host.tlsExpires(tls);
    this.certificate.use();
    if (this.key) this.key!.use();
    if (this.clientCa) this.clientCa!.use();
    return '';
  }

  /** The server has taken the handle over. */
  closeTls(): void {
    if (this.tls > 0) host.tlsClose(this.tls);
    this.tls = KEEP_TLS;
  }

  hasChanged(): bool {
    if (this.certificate.hasChanged()) return true;
    if (this.key && this.key!.hasChanged()) return true;
    return this.clientCa != null && this.clientCa!.hasChanged();
  }

  /** Shows how long the certificate is still good, and warns before it ends. */
  noteExpiry(): void {
    if (this.expires == 0) return;
    const left = this.expires - host.realtime();
    counters.set(Counter.CertificateExpiry, u64(max<i64>(left, 0) / SECOND));
    const day = left < 0 ? -1 : left / DAY;
    if (day >= WARN_DAYS || day == this.warnedDay) return;
    this.warnedDay = day;
    const when = left < 0 ? ' has ended' : ' ends in less than ' + (day + 1).toString() + ' days';
    log(
      Severity.Warning,
      'the certificate in ' + shownPath(this.certificate.path) + when + '; put a new one there',
    );
  }

  private names(): string {
    let names = this.certificate.name;
    if (this.key) names += ', ' + this.key!.name;
    if (this.clientCa) names += ', ' + this.clientCa!.name;
    return names;
  }
}
