// SPDX-License-Identifier: Apache-2.0
// Where a source keeps its progress, and whether replicas take turns, by the configuration.
import { Config } from '../config/config';
import { LEASE_DURATION, LEASE_NAME, Option, STATE_CONFIG_MAP, STATE_DIR } from '../config/schema';
import { Severity, log } from '../log';
import { shownPath } from '../sources/input';
import { Checkpoint } from '../state/checkpoint';
import { hashOfText, hexOf } from '../state/hash';
import { survivor } from '../survivor';
import { ApiServer, isObjectName } from './kubernetes/api_server';
import { ConfigMapProgress } from './kubernetes/config_map';
import { Lease } from './kubernetes/lease';
import { FileProgress, MAX_PROGRESS, NoProgress, Progress } from './progress';

/**
 * The progress of a source with these open_params, which tell it from others. When it has a `problem`, which names the
 * key, it is only to be closed.
 */
export function progressFor(source: string, config: Config): Progress {
  const key = 'progress-' + hexOf(hashOfText(source));
  const folder = config.text(STATE_DIR);
  if (config.text(STATE_CONFIG_MAP) != '' || config.text(LEASE_NAME) != '') return inCluster(key, config);
  return folder == '' ? new NoProgress() : inFolder(folder, key);
}

function inFolder(folder: string, key: string): Progress {
  const path = folder + (folder.endsWith('/') ? '' : '/') + key + '.checkpoint';
  const progress = new FileProgress(new Checkpoint(path, MAX_PROGRESS));
  const why = progress.problem;
  if (why != '') progress.problem = 'init_config: key "stateDir": cannot use ' + shownPath(path) + ': ' + why;
  return progress;
}

function inCluster(key: string, config: Config): Progress {
  const map = config.text(STATE_CONFIG_MAP);
  const name = config.text(LEASE_NAME);
  const problem = problemOf(map, name, config.text(STATE_DIR));
  if (problem != '') return refused(problem);
  const server = new ApiServer(config, (map == '' ? LEASE_NAME : STATE_CONFIG_MAP).name);
  if (server.problem != '') return refused(server.problem);
  let lease: Lease | null = null;
  if (name != '') lease = new Lease(server, name, config.integer(LEASE_DURATION));
  if (map != '') return new ConfigMapProgress(server, map, key, lease);
  if (survivor.open == 0) {
    const what =
      'a replica that takes over begins where the configuration says, not where the one before was';
    log(Severity.Warning, 'init_config: key "leaseName" without "stateConfigMap": ' + what);
  }
  return new NoProgress(lease);
}

function refused(problem: string): Progress {
  const progress = new NoProgress();
  progress.epoch = 0;
  progress.problem = problem;
  return progress;
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
