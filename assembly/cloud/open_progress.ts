// SPDX-License-Identifier: Apache-2.0
// Where a cloud source keeps its progress, by the configuration.
import { Config } from '../config/config';
import { STATE_DIR } from '../config/schema';
import { shownPath } from '../sources/input';
import { Checkpoint } from '../state/checkpoint';
import { hexOf } from '../state/hash';
import { FileProgress, MAX_PROGRESS, NoProgress, Progress } from './progress';

/** Progress, or why there is none. */
export class OpenedProgress {
  progress: Progress | null = null;
  problem: string = '';
}

/** The path of a file for the state of a source in stateDir, or an empty string when there is no stateDir. */
export function statePath(kind: string, owner: u64, ending: string, config: Config): string {
  const folder = config.text(STATE_DIR);
  return folder == '' ? '' : folder + (folder.endsWith('/') ? '' : '/') + kind + '-' + hexOf(owner) + ending;
}

/** `kind` is a word for the file's name; `owner` tells the source from others. */
export function openProgress(kind: string, owner: u64, config: Config): OpenedProgress {
  const opened = new OpenedProgress();
  const path = statePath(kind, owner, '.checkpoint', config);
  if (path == '') {
    opened.progress = new NoProgress();
    return opened;
  }
  const file = new FileProgress(new Checkpoint(path, MAX_PROGRESS));
  if (file.problem == '') opened.progress = file;
  else opened.problem = unusable(path, file.problem);
  return opened;
}

/** The refusal of a state file. */
export function unusable(path: string, problem: string): string {
  return 'init_config: key "stateDir": cannot use ' + shownPath(path) + ': ' + problem;
}
