// SPDX-License-Identifier: Apache-2.0
// What is told about followed files.
import { Counter, counters } from '../counters';
import { Reason, Severity, log, logLimited, mayLog } from '../log';
import { errnoText, shownPath } from './input';
import { MAX_PLACES, Place } from './places';
import { Tail } from './tail';

/** Counts a rotation, and tells it. */
export function noteRotation(path: string, what: string): void {
  counters.add(Counter.Rotations, 1);
  if (!mayLog(Reason.Rotation)) return;
  logLimited(Reason.Rotation, Severity.Info, shownPath(path) + ' ' + what + '; following the new content');
}

/** A file is gone of which not all was read. */
export function tellLost(folder: string, place: Place): void {
  if (!mayLog(Reason.Missing)) return;
  const which = 'a file that was followed in ' + shownPath(folder) + ' (inode ';
  const rest = ') is gone; what it held behind byte ' + place.offset.toString() + ' is not delivered';
  logLimited(Reason.Missing, Severity.Warning, which + place.inode.toString() + rest);
}

/** A single path names nothing any more; told once. */
export function tellMissing(tail: Tail): void {
  if (!tail.isLive) return;
  tail.isLive = false;
  counters.add(Counter.Rotations, 1);
  if (!mayLog(Reason.Missing)) return;
  const text = shownPath(tail.origin) + ' is gone; waiting for it to come back';
  logLimited(Reason.Missing, Severity.Notice, text);
}

export function tellTooMany(folder: string): void {
  if (!mayLog(Reason.Missing)) return;
  const text = 'more files in ' + shownPath(folder) + ' than can be followed (';
  const rest = '); some are not read: name fewer of them, or remove old ones';
  logLimited(Reason.Missing, Severity.Error, text + MAX_PLACES.toString() + rest);
}

/** Counts a failure with a file, and tells it. */
export function complain(what: string, path: string, error: i32): void {
  counters.add(Counter.SourceErrors, 1);
  if (!mayLog(Reason.Read)) return;
  const text = 'cannot ' + what + ' ' + shownPath(path) + ': ' + errnoText(error) + '; trying again';
  logLimited(Reason.Read, Severity.Error, text);
}

/** A single path names nothing yet. */
export function tellWaiting(path: string): void {
  log(Severity.Notice, shownPath(path) + ' does not exist yet; waiting for it');
}
