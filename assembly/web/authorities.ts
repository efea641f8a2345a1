// SPDX-License-Identifier: Apache-2.0
// Where the machine keeps the certificates of the authorities that it trusts. Distributions differ, and the plugin
// runs on all of them.
import { FileKind, FileStat } from '../host';
import { environment } from '../host_text';
import { encodePath, statPath } from '../sources/input';

const PLACES: string[] = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Alpine, Wolfi: Falco's image
  '/etc/pki/tls/certs/ca-bundle.crt', // Fedora, RHEL, Amazon Linux
  '/etc/ssl/ca-bundle.pem', // SUSE
  '/etc/ssl/cert.pem', // Alpine, BSD
];

/** The path of a file with the machine's authorities, SSL_CERT_FILE first; empty when there is none. */
export function systemAuthorities(): string {
  const chosen = environment('SSL_CERT_FILE');
  if (chosen != '') return chosen;
  const stat = new FileStat();
  for (let i = 0; i < PLACES.length; i++) {
    if (statPath(encodePath(PLACES[i]), stat) == 0 && stat.kind == FileKind.Regular) return PLACES[i];
  }
  return '';
}
