// SPDX-License-Identifier: Apache-2.0
// init_config → where a source keeps its progress, and whether replicas take turns.
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
 * Progress for a source with these open_params, without white space around them. When it has a `problem`, which names
 * the key, it is only to be closed.
 */
export function progressFor(source: string, config: Config): Progress {
  const map = config.text(STATE_CONFIG_MAP);
  const folder = config.text(STATE_DIR);
  const leaseName = config.text(LEASE_NAME);
  if (map == '' && leaseName == '') return folder == '' ? new NoProgress() : inFolder(folder, source);
  const server = new ApiServer(config, (map == '' ? LEASE_NAME : STATE_CONFIG_MAP).name);
  const problem = problemOf(map, folder, leaseName, server);
  if (problem != '') return refused(problem);
  let lease: Lease | null = null;
  if (leaseName != '') lease = new Lease(server, leaseName, config.integer(LEASE_DURATION));
  if (map != '') return new ConfigMapProgress(server, map, source, lease);
  if (survivor.open == 0) {
    const what =
      'a replica that takes over begins where the configuration says, and what came before is not read';
    log(Severity.Warning, 'init_config: key "leaseName" without "stateConfigMap": ' + what);
  }
  return new NoProgress(lease);
}

function inFolder(folder: string, source: string): Progress {
  const name = 'progress-' + hexOf(hashOfText(source)) + '.checkpoint';
  const path = folder + (folder.endsWith('/') ? '' : '/') + name;
  const progress = new FileProgress(new Checkpoint(path, MAX_PROGRESS));
  const why = progress.problem;
  if (why != '') progress.problem = 'init_config: key "stateDir": cannot use ' + shownPath(path) + ': ' + why;
  return progress;
}

function refused(problem: string): Progress {
  const progress = new NoProgress();
  progress.epoch = 0;
  progress.problem = problem;
  return progress;
}

function problemOf(map: string, folder: string, lease: string, server: ApiServer): string {
  const names = 'must be the name of an object: lower case letters, digits, hyphens and dots';
  if (map != '' && !isObjectName(map)) return keyProblem(STATE_CONFIG_MAP) + names;
  if (lease != '' && !isObjectName(lease)) return keyProblem(LEASE_NAME) + names;
  if (map == '' && folder != '') {
    // Its files belong to one process: a second replica could not even open them.
    return (
      keyProblem(LEASE_NAME) + 'needs "stateConfigMap" for what is kept: "stateDir" is of one replica alone'
    );
  }
  return server.problem;
}

function keyProblem(option: Option): string {
  return 'init_config: key "' + option.name + '" ';
}
