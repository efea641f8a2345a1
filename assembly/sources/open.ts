// SPDX-License-Identifier: Apache-2.0
// open_params → source. To add a source, add its scheme here and to SUGGESTIONS.
import { FileKind, FileStat } from '../host';
import { Config } from '../config/config';
import { quoted } from '../fields/catalogue';
import { Severity, log } from '../log';
import { Listing } from './directory';
import { FileEntry, Files } from './files';
import { Follow } from './follow';
import { encodePath, errnoText, shownPath, statPath } from './input';
import { Source } from './source';
import { Url } from './url';
import { Webhook } from './webhook';

const FORMS =
  'a file or directory path, file:///path to follow a growing file, or http://host:port/path for the webhook';
/** Where the webhook listens when the URL has no path. */
const DEFAULT_PATH = '/k8s-audit';

/** A source, or why there is none. */
export class Opened {
  source: Source | null = null;
  problem: string = '';
}

export function openSource(params: string, config: Config): Opened {
  const opened = new Opened();
  const text = params.trim();
  const scheme = text.indexOf('://');
  if (text == '') {
    opened.problem = 'open_params is empty; it must be ' + FORMS;
  } else if (scheme < 0) {
    openPath(text, config, opened);
  } else {
    openUrl(text.substring(0, scheme).toLowerCase(), text.substring(scheme + 3), config, opened);
  }
  return opened;
}

function openUrl(scheme: string, rest: string, config: Config, opened: Opened): void {
  if (scheme == 'http') {
    openWebhook(new Url(rest, true), config, opened);
  } else if (scheme == 'file') {
    openFollow(new Url(rest, true), config, opened);
  } else if (scheme == 'https') {
    opened.problem = 'open_params: https:// is not served by this version; put a TLS proxy before http://';
  } else {
    opened.problem = 'open_params: scheme "' + scheme + '" is not supported; it must be ' + FORMS;
  }
}

function openWebhook(url: Url, config: Config, opened: Opened): void {
  url.refuseUnknown('are none');
  opened.problem = url.problem;
  if (opened.problem != '') return;
  const port = url.port < 0 ? 80 : url.port;
  const webhook = new Webhook(url.host, port, url.path == '' ? DEFAULT_PATH : url.path, config);
  opened.problem = webhook.problem;
  if (opened.problem == '') opened.source = webhook;
}

function openFollow(url: Url, config: Config, opened: Opened): void {
  const from = url.take('from');
  url.refuseUnknown('is from=start or from=end');
  opened.problem = url.problem;
  if (opened.problem != '') return;
  if (url.host != '' && url.host != 'localhost') {
    opened.problem =
      'open_params: file:// takes an absolute path, as in file:///var/log/kubernetes/audit.log';
  } else if (url.path == '' || url.path == '/') {
    opened.problem = 'open_params: file:// needs a path, as in file:///var/log/kubernetes/audit.log';
  } else if (from && from != 'start' && from != 'end') {
    opened.problem = 'open_params: from="' + from + '" must be start or end';
  } else if (kindOf(url.path) == FileKind.Directory) {
    opened.problem = 'open_params: "' + url.path + '" is a directory; file:// follows one file';
  } else {
    opened.source = new Follow(url.path, from == 'start', config);
  }
}

function kindOf(path: string): FileKind {
  const stat = new FileStat();
  return statPath(encodePath(path), stat) < 0 ? FileKind.Other : <FileKind>stat.kind;
}

function openPath(text: string, config: Config, opened: Opened): void {
  let path = text;
  let recursive = false;
  const stat = new FileStat();
  let result = statPath(encodePath(path), stat);
  const question = text.lastIndexOf('?');
  if (result < 0 && question >= 0) {
    // Not a file with a question mark in its name: parameters.
    path = text.substring(0, question);
    const url = new Url(text.substring(question), false);
    const value = url.take('recursive');
    url.refuseUnknown('is recursive=true or recursive=false');
    opened.problem = url.problem;
    if (opened.problem == '' && value && value != 'true' && value != 'false') {
      opened.problem = 'open_params: recursive="' + value + '" must be true or false';
    }
    if (opened.problem != '') return;
    recursive = value != null && value == 'true';
    result = statPath(encodePath(path), stat);
  }
  if (result < 0) {
    opened.problem = 'open_params: cannot open ' + shownPath(path) + ': ' + errnoText(result);
  } else if (stat.kind == FileKind.Directory) {
    openDirectory(path, recursive, config, opened);
  } else if (stat.kind == FileKind.Regular) {
    const entry = new FileEntry(path, stat.size, stat.modified, stat.device, stat.inode);
    const files = new Files([entry], true, config);
    opened.problem = files.problem;
    if (opened.problem == '') opened.source = files;
  } else {
    opened.problem = 'open_params: "' + path + '" is neither a regular file nor a directory';
  }
}

function openDirectory(path: string, recursive: bool, config: Config, opened: Opened): void {
  const listing = new Listing(path, recursive);
  if (listing.error < 0) {
    opened.problem = 'open_params: cannot list ' + shownPath(path) + ': ' + errnoText(listing.error);
  } else {
    if (listing.entries.length == 0) log(Severity.Warning, 'no file to read in ' + shownPath(path));
    opened.source = new Files(listing.entries, false, config);
  }
}

/** A form of open_params that may be offered. */
class Suggestion {
  constructor(
    public value: string,
    public description: string,
  ) {}
}

const SUGGESTIONS: Suggestion[] = [
  new Suggestion(
    'http://:9765/k8s-audit',
    "Webhook for kube-apiserver's --audit-webhook-config-file, on all addresses",
  ),
  new Suggestion(
    'file:///var/log/kubernetes/audit/audit.log',
    'Follow the log of kube-apiserver --audit-log-path',
  ),
  new Suggestion('file:///var/log/kubernetes/audit.log', 'Follow the audit log'),
  new Suggestion('file:///var/log/kube-apiserver/audit.log', 'Follow the audit log'),
  new Suggestion('file:///var/log/kube-audit/audit.log', 'Follow the audit log'),
];

/** plugin_list_open_params: the webhook, and the well-known audit logs that this machine has. */
export function openParamsJson(): string {
  const rows: string[] = [];
  for (let i = 0; i < SUGGESTIONS.length; i++) {
    const suggestion = SUGGESTIONS[i];
    const isFile = suggestion.value.startsWith('file://');
    if (isFile && kindOf(suggestion.value.substring(7)) != FileKind.Regular) continue;
    rows.push('{"value": ' + quoted(suggestion.value) + ', "desc": ' + quoted(suggestion.description) + '}');
    if (isFile) {
      const path = suggestion.value.substring(7);
      rows.push('{"value": ' + quoted(path) + ', "desc": "Read the audit log once, from start to end"}');
    }
  }
  return '[' + rows.join(', ') + ']';
}
