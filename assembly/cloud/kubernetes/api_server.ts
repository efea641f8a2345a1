// SPDX-License-Identifier: Apache-2.0
// Where the API server of the cluster is, and who we are for it: by default the pod's own cluster and service account.
import { Config } from '../../config/config';
import {
  KUBERNETES_CA_FILE,
  KUBERNETES_NAMESPACE,
  KUBERNETES_TOKEN_FILE,
  KUBERNETES_URL,
  Option,
} from '../../config/schema';
import { FileKind, FileStat } from '../../host';
import { environment } from '../../host_text';
import { countText } from '../../log';
import { encodePath, shownPath, statPath } from '../../sources/input';
import { tokenFault, trimmedEnd } from '../../sources/token';
import { WholeFile } from '../../sources/whole_file';
import { systemAuthorities } from '../../web/authorities';

/** Where a pod has its service account. */
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount/';
const MAX_NAME = 253;
const MAX_LABEL = 63;

export class ApiServer {
  /** Why there is none, naming the key; empty when there is one. */
  problem: string = '';
  /** Without a slash at its end. */
  url: string = '';
  namespace: string = '';
  /** Path of the certificates that the server's must lead to. */
  authorities: string = '';
  /** Within the cluster: no proxy leads there. */
  isDirect: bool = false;
  /** Why the last `authorization` gave nothing, or an empty string. */
  tokenProblem: string = '';
  private token: WholeFile | null = null;

  /** `wanted` is the key for which an API server is needed. */
  constructor(config: Config, wanted: string) {
    this.problem = this.findUrl(config.text(KUBERNETES_URL), wanted);
    if (this.problem == '') this.problem = this.findNamespace(config.text(KUBERNETES_NAMESPACE));
    if (this.problem == '') this.problem = this.findToken(config.text(KUBERNETES_TOKEN_FILE));
    this.findAuthorities(config.text(KUBERNETES_CA_FILE));
  }

  private findUrl(given: string, wanted: string): string {
    const key = 'init_config: key "kubernetesUrl" ';
    if (given != '') {
      const isUrl = given.startsWith('https://') || given.startsWith('http://');
      if (!isUrl || given.includes('@') || given.includes('?') || given.includes('#')) {
        return key + 'must be http://host:port or https://host:port';
      }
      this.url = given.endsWith('/') ? given.substring(0, given.length - 1) : given;
      return '';
    }
    const name = environment('KUBERNETES_SERVICE_HOST');
    const port = environment('KUBERNETES_SERVICE_PORT');
    if (name == '') {
      const why = 'KUBERNETES_SERVICE_HOST is not set, so that this is no pod of a cluster; ';
      return 'init_config: key "' + wanted + '" needs an API server: ' + why + 'set "kubernetesUrl"';
    }
    const host = name.includes(':') && !name.startsWith('[') ? '[' + name + ']' : name;
    this.url = 'https://' + host + (port == '' ? '' : ':' + port);
    this.isDirect = true;
    return '';
  }

  private findNamespace(given: string): string {
    this.namespace = given != '' ? given : fileText(KUBERNETES_NAMESPACE, ACCOUNT + 'namespace');
    if (isLabel(this.namespace, 0, this.namespace.length)) return '';
    const key = 'init_config: key "kubernetesNamespace" ';
    if (this.namespace != '')
      return key + 'must be the name of a namespace: lower case letters, digits and hyphens';
    return key + 'is missing, and there is no ' + ACCOUNT + 'namespace';
  }

  /** Over http:// the pod's own token is not sent: anybody could read it. */
  private findToken(given: string): string {
    const path = given != '' ? given : ACCOUNT + 'token';
    const isExpected = given != '' || this.isDirect;
    if (!isExpected && (!isFile(path) || this.url.startsWith('http://'))) return '';
    this.token = new WholeFile(KUBERNETES_TOKEN_FILE, path);
    this.authorization();
    if (this.tokenProblem == '') return '';
    const hint = given == '' ? '; does the pod have automountServiceAccountToken: false?' : '';
    return this.tokenProblem + hint;
  }

  private findAuthorities(given: string): void {
    const own = ACCOUNT + 'ca.crt';
    this.authorities = given != '' ? given : isFile(own) ? own : systemAuthorities();
  }

  /** The value of an Authorization header, read anew because tokens change; or an empty string: there is none. */
  authorization(): string {
    const file = this.token;
    this.tokenProblem = '';
    if (!file) return '';
    let value = '';
    let problem = file.load();
    if (problem == '') {
      const end = trimmedEnd(file.address, file.address + file.length);
      const fault = tokenFault(file.address, end);
      if (fault == '') value = 'Bearer ' + String.UTF8.decodeUnsafe(file.address, end - file.address);
      else problem = 'init_config: ' + file.name + fault;
    }
    file.wipe();
    countText();
    this.tokenProblem = problem;
    return value;
  }

  /** Where the token is read, for messages. */
  get tokenName(): string {
    const file = this.token;
    return file ? 'the token in ' + shownPath(file.path) : 'a request without a token';
  }
}

/** Whether a text may name an object: a DNS subdomain (RFC 1123). */
export function isObjectName(name: string): bool {
  if (name.length > MAX_NAME) return false;
  let from = 0;
  for (let at = 0; at <= name.length; at++) {
    if (at < name.length && name.charCodeAt(at) != 0x2e) continue;
    if (!isLabelText(name, from, at)) return false;
    from = at + 1;
  }
  return true;
}

function isLabel(name: string, from: i32, end: i32): bool {
  return end - from <= MAX_LABEL && isLabelText(name, from, end);
}

/** Lower case letters, digits and, not at an end, hyphens. */
function isLabelText(name: string, from: i32, end: i32): bool {
  if (from == end) return false;
  for (let at = from; at < end; at++) {
    const char = name.charCodeAt(at);
    const isPlain = (char >= 0x61 && char <= 0x7a) || (char >= 0x30 && char <= 0x39);
    if (!isPlain && (char != 0x2d || at == from || at == end - 1)) return false;
  }
  return true;
}

function isFile(path: string): bool {
  const stat = new FileStat();
  return statPath(encodePath(path), stat) == 0 && stat.kind == FileKind.Regular;
}

/** The text of a small file without white space around it; empty when it cannot be read. */
function fileText(option: Option, path: string): string {
  const file = new WholeFile(option, path);
  const text = file.load() == '' ? String.UTF8.decodeUnsafe(file.address, file.length).trim() : '';
  file.wipe();
  return text;
}
