// SPDX-License-Identifier: Apache-2.0
// Where a cloud source keeps its progress, and whether replicas take turns, by the configuration.
import { Config } from '../config/config';
import { LEASE_DURATION, LEASE_NAME, Option, STATE_CONFIG_MAP, STATE_DIR } from '../config/schema';
import { Severity, log } from '../log';
import { shownPath } from '../sources/input';
import { Checkpoint } from '../state/checkpoint';
import { hexOf } from '../state/hash';
import { survivor } from '../survivor';
import { ApiServer, isObjectName } from './kubernetes/api_server';
import { ConfigMapProgress } from './kubernetes/config_map';
import { Lease } from './kubernetes/lease';
import { FileProgress, MAX_PROGRESS, NoProgress, Progress } from './progress';

/** Progress, or why there is none. */
export class OpenedProgress {
  progress: Progress | null = null;
  /** Names the key. */
  problem: string = '';
}

/**
 * The path of a file for the state of a source in stateDir; an empty string when there is no stateDir, or a ConfigMap has
 * the progress: what is in a folder then is of another time, or of another replica.
 */
export function statePath(kind: string, owner: u64, ending: string, config: Config): string {
  const folder = config.text(STATE_DIR);
  if (folder == '' || config.text(STATE_CONFIG_MAP) != '') return '';
  return folder + (folder.endsWith('/') ? '' : '/') + keyOf(kind, owner) + ending;
}

/** What a source's progress is kept under: plain characters. */
function keyOf(kind: string, owner: u64): string {
  return kind + '-' + hexOf(owner);
}

/** `kind` is a word for the name of the file, or of the ConfigMap's key; `owner` tells the source from others. */
export function openProgress(kind: string, owner: u64, config: Config): OpenedProgress {
  const opened = new OpenedProgress();
  const path = statePath(kind, owner, '.checkpoint', config);
  if (config.text(STATE_CONFIG_MAP) != '' || config.text(LEASE_NAME) != '') {
    openInCluster(keyOf(kind, owner), config, opened);
  } else if (path == '') {
    opened.progress = new NoProgress();
  } else {
    const file = new FileProgress(new Checkpoint(path, MAX_PROGRESS));
    if (file.problem == '') opened.progress = file;
    else opened.problem = unusable(path, file.problem);
  }
  return opened;
}

function openInCluster(key: string, config: Config, opened: OpenedProgress): void {
  const map = config.text(STATE_CONFIG_MAP);
  const name = config.text(LEASE_NAME);
  opened.problem = problemOf(map, name, config.text(STATE_DIR));
  if (opened.problem != '') return;
  const server = new ApiServer(config, (map == '' ? LEASE_NAME : STATE_CONFIG_MAP).name);
  opened.problem = server.problem;
  if (opened.problem != '') return;
  let lease: Lease | null = null;
  if (name != '') lease = new Lease(server, name, config.integer(LEASE_DURATION));
  if (map != '') {
    opened.progress = new ConfigMapProgress(server, map, key, lease);
    return;
  }
  opened.progress = new NoProgress(lease);
  if (survivor.open != 0) return;
  const what = 'a replica that takes over begins where the configuration says, not where the one before was';
  log(Severity.Warning, 'init_config: key "leaseName" without "stateConfigMap": ' + what);
}

function problemOf(map: string, lease: string, folder: string): string {
  if (map != '' && !isObjectName(map)) return badName(STATE_CONFIG_MAP);
  if (lease != '' && !isObjectName(lease)) return badName(LEASE_NAME);
  if (map != '' || folder == '') return '';
  // Its files are of one process: a second replica could not even open them.
  const needs = '" needs "stateConfigMap" for what is kept: "stateDir" is of one replica alone';
  return 'init_config: key "' + LEASE_NAME.name + needs;
}

function badName(option: Option): string {
  const names = '" must be the name of an object: lower case letters, digits, hyphens and dots';
  return 'init_config: key "' + option.name + names;
}

/** The refusal of a state file. */
export function unusable(path: string, problem: string): string {
  return 'init_config: key "stateDir": cannot use ' + shownPath(path) + ': ' + problem;
}
