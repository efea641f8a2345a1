// SPDX-License-Identifier: Apache-2.0
// open_params → source. To add a source, add its scheme here and to SUGGESTIONS.
import { FileKind, FileStat } from '../host';
import { Config } from '../config/config';
import { STATE_DIR } from '../config/schema';
import { quoted } from '../fields/catalogue';
import { Severity, log } from '../log';
import { Checkpoint } from '../state/checkpoint';
import { hashOfText, hexOf } from '../state/hash';
import { CLOUD_FORMS, isCloud, openCloud } from './open_cloud';
import { Listing } from './directory';
import { Endpoint } from './endpoint';
import { FileEntry, Files } from './files';
import { Follow } from './follow';
import { isWild } from './glob';
import { encodePath, errnoText, shownPath, statPath } from './input';
import { Opened } from './opened';
import { MAX_BLOB } from './places';
import { Survey } from './survey';
import { Url } from './url';
import { Webhook } from './webhook';

const FORMS =
  'a file or directory path, file:///path to follow a growing file, for the webhook http://host:port/path, ' +
  'https://host:port/path or unix:///path/to.sock, or for a cloud ' +
  CLOUD_FORMS;

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
  if (scheme == 'http' || scheme == 'https' || scheme == 'unix') {
    openWebhook(new Endpoint(scheme, rest), config, opened);
  } else if (scheme == 'file') {
    openFollow(new Url(rest, true), config, opened);
  } else if (isCloud(scheme)) {
    openCloud(scheme, rest, config, opened);
  } else {
    opened.problem = 'open_params: scheme "' + scheme + '" is not supported; it must be ' + FORMS;
  }
}

function openWebhook(endpoint: Endpoint, config: Config, opened: Opened): void {
  opened.provider = 'webhook';
  opened.problem = endpoint.problem;
  if (opened.problem != '') return;
  const webhook = new Webhook(endpoint, config);
  opened.problem = webhook.problem;
  if (opened.problem == '') opened.source = webhook;
}

function openFollow(url: Url, config: Config, opened: Opened): void {
  const from = url.take('from');
  const checkpointPath = url.take('checkpoint');
  url.refuseUnknown('are from=start, from=end and checkpoint=PATH');
  opened.problem = url.problem;
  if (opened.problem != '') return;
  if (url.host != '' && url.host != 'localhost') {
    opened.problem =
      'open_params: file:// takes an absolute path, as in file:///var/log/kubernetes/audit.log';
  } else if (url.path == '' || url.path == '/') {
    opened.problem = 'open_params: file:// needs a path, as in file:///var/log/kubernetes/audit.log';
  } else if (from && from != 'start' && from != 'end') {
    opened.problem = 'open_params: from="' + from + '" must be start or end';
  } else if (checkpointPath != null && checkpointPath == '') {
    opened.problem = 'open_params: checkpoint="" must be the path of a file or of a folder';
  } else {
    const kind = kindOf(url.path);
    const isFolder = kind == FileKind.Directory;
    const path = isFolder && !url.path.endsWith('/') ? url.path + '/' : url.path;
    // A file whose name only looks like a pattern is that file.
    const isSingle = kind == FileKind.Regular || (!path.endsWith('/') && !isWild(path));
    // Whether the folder is there already, and is known to be one, does not matter.
    const owner = hashOfText('file://' + (path.endsWith('/') ? path.substring(0, path.length - 1) : path));
    if (checkpointPath != null && isSameFile(checkpointPath, url.path)) {
      opened.problem =
        'open_params: checkpoint=' + shownPath(checkpointPath) + ' is the file that is followed';
      return;
    }
    const checkpoint = checkpointFor(checkpointPath, owner, config);
    const follow = new Follow(new Survey(path, isSingle), from == 'start', checkpoint, owner, config);
    if (follow.problem == '') {
      opened.source = follow;
    } else {
      const key = checkpointPath
        ? 'open_params: cannot use checkpoint '
        : 'init_config: key "stateDir": cannot use ';
      opened.problem = key + shownPath(checkpoint!.path) + ': ' + follow.problem;
      follow.close();
    }
  }
}

/** The checkpoint in `path` (a file, or a folder), or in stateDir; null when neither is given. */
function checkpointFor(path: string | null, owner: u64, config: Config): Checkpoint | null {
  let file = config.text(STATE_DIR);
  if (path) file = path;
  if (file == '') return null;
  const isFolder = !path || kindOf(file) == FileKind.Directory;
  if (isFolder) file += (file.endsWith('/') ? '' : '/') + 'file-' + hexOf(owner) + '.checkpoint';
  return new Checkpoint(file, MAX_BLOB);
}

/** Whether two paths are, or would be, the same file. */
function isSameFile(a: string, b: string): bool {
  if (a == b) return kindOf(a) != FileKind.Directory;
  const first = new FileStat();
  const second = new FileStat();
  if (statPath(encodePath(a), first) < 0 || statPath(encodePath(b), second) < 0) return false;
  const isSame = first.device == second.device && first.inode == second.inode;
  return isSame && first.kind != FileKind.Directory;
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
  new Suggestion('eks://CLUSTER', 'Audit log of the EKS cluster of this name, from CloudWatch Logs'),
  new Suggestion(
    'file:///var/log/kubernetes/audit/audit.log',
    'Follow the log of kube-apiserver --audit-log-path',
  ),
  new Suggestion('file:///var/log/kubernetes/audit.log', 'Follow the audit log'),
  new Suggestion('file:///var/log/kube-apiserver/audit.log', 'Follow the audit log'),
  new Suggestion('file:///var/log/kube-audit/audit.log', 'Follow the audit log'),
];

/** plugin_list_open_params: the webhook, a cluster of EKS, and the well-known audit logs that this machine has. */
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
