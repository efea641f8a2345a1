// SPDX-License-Identifier: Apache-2.0
// The files of a directory, in the order in which they were written.
import * as host from '../host';
import { FileKind, FileStat } from '../host';
import { Severity, countText, log } from '../log';
import { encodePath, errnoText, statPath } from './input';
import { FileEntry } from './files';

/** Files that are listed at most, and directories inside each other. */
const MAX_FILES = 100_000;
const MAX_DEPTH = 32;
const NAME_SIZE = 4096;

/** Says which names of a folder are wanted. */
export abstract class NameFilter {
  /** The names that were read, wanted or not. */
  count: i32 = 0;

  abstract accepts(name: string): bool;
}

/**
 * Appends the names in a folder that `filter` takes (without one, all), up to `limit` of them; 0 or -errno. The path
 * "" is the root.
 */
export function readNames(path: string, names: string[], limit: i32, filter: NameFilter | null = null): i32 {
  const bytes = encodePath(path == '' ? '/' : path);
  const dir = host.dirOpen(changetype<usize>(bytes), bytes.byteLength);
  if (dir < 0) return dir;
  const space = heap.alloc(NAME_SIZE);
  let length = host.dirNext(dir, space, NAME_SIZE);
  while (length > 0 && names.length < limit) {
    countText();
    const name = String.UTF8.decodeUnsafe(space, length);
    if (filter) filter.count++;
    if (!filter || filter.accepts(name)) names.push(name);
    length = host.dirNext(dir, space, NAME_SIZE);
  }
  heap.free(space);
  host.dirClose(dir);
  return min(length, 0);
}

/**
 * Lists the regular files below a directory by time of modification, then by path; `error` is -errno when
 * the directory itself cannot be read. What cannot be read inside is logged and left out. A file with
 * several names is listed once, and a link that leads back is not followed again.
 */
export class Listing {
  readonly entries: FileEntry[] = [];
  error: i32 = 0;
  // Device and inode of what was listed.
  private seen: Set<string> = new Set<string>();

  constructor(path: string, recursive: bool) {
    const top = path.endsWith('/') ? path.substring(0, path.length - 1) : path;
    const stat = new FileStat();
    if (statPath(encodePath(path), stat) == 0) this.isNew(stat);
    this.error = this.list(top, recursive, 0);
    this.entries.sort(byTime);
  }

  private list(path: string, recursive: bool, depth: i32): i32 {
    const names: string[] = [];
    const result = readNames(path, names, MAX_FILES);
    for (let i = 0; i < names.length; i++) this.add(path + '/' + names[i], recursive, depth);
    return result;
  }

  private add(path: string, recursive: bool, depth: i32): void {
    if (this.entries.length == MAX_FILES) return;
    const stat = new FileStat();
    const result = statPath(encodePath(path), stat);
    if (result < 0) {
      log(Severity.Warning, 'cannot look at "' + path + '": ' + errnoText(result) + '; it is left out');
    } else if (stat.kind == FileKind.Other || !this.isNew(stat)) {
      return;
    } else if (stat.kind == FileKind.Regular) {
      this.entries.push(new FileEntry(path, stat.size, stat.modified, stat.device, stat.inode));
      if (this.entries.length == MAX_FILES) {
        log(Severity.Warning, 'only the first ' + MAX_FILES.toString() + ' files are read');
      }
    } else if (recursive) {
      const error = depth == MAX_DEPTH ? -40 : this.list(path, true, depth + 1); // -ELOOP
      if (error < 0) log(Severity.Warning, 'cannot list "' + path + '": ' + errnoText(error));
    }
  }

  private isNew(stat: FileStat): bool {
    countText();
    const id = stat.device.toString() + ':' + stat.inode.toString();
    if (this.seen.has(id)) return false;
    this.seen.add(id);
    return true;
  }
}

function byTime(a: FileEntry, b: FileEntry): i32 {
  if (a.modified != b.modified) return a.modified < b.modified ? -1 : 1;
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
