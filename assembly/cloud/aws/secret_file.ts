// SPDX-License-Identifier: Apache-2.0
// A token in a file that somebody else replaces from time to time: it is read for each use.
import { shownPath } from '../../sources/input';
import { WholeFile } from '../../sources/whole_file';
import { isHeaderText } from './credentials';

/** Bytes that a token may have; STS takes 20,000. */
export const MAX_TOKEN: i32 = 20_000;

export class SecretFile {
  /** Why the token cannot be used, or an empty string. */
  problem: string = '';

  constructor(private path: string) {}

  /** The token, or an empty string and `problem`. White space around it does not belong to it. */
  read(hasSpaces: bool = false): string {
    const file = new WholeFile(null, this.path);
    this.problem = file.load();
    const text = this.problem == '' ? String.UTF8.decodeUnsafe(file.address, file.length).trim() : '';
    file.wipe();
    if (this.problem != '' || isHeaderText(text, MAX_TOKEN, hasSpaces)) return text;
    this.problem = shownPath(this.path) + ' holds no token: it has white space only or in between';
    this.problem += ', characters that are not ASCII, or more than ' + MAX_TOKEN.toString() + ' of them';
    return '';
  }
}
