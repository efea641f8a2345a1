// SPDX-License-Identifier: Apache-2.0
// The files that a followed path stands for: those that it names, and those that rotation made of them.
import { FileKind, FileStat } from '../host';
import { countText } from '../log';
import { NameFilter, readNames } from './directory';
import { isOlder, isWild, matches, originalName } from './glob';
import { encodePath, statPath } from './input';

/** Files that one look takes in, and names that it takes from a folder. */
const MAX_FOUND: i32 = 4096;
/** Folders with so few names are listed at every look; in larger ones only a change of the folder makes it due. */
const FEW: i32 = 64;
const ENOENT = -2;

export class Found {
  constructor(
    readonly path: string,
    /** Whether the followed path names it; otherwise rotation made it. */
    readonly isMatch: bool,
    /** The path that it was rotated away from, or its own. */
    readonly origin: string,
    readonly size: i64,
    /** Nanoseconds since the epoch: for the order only. */
    readonly modified: i64,
    readonly device: u64,
    readonly inode: u64,
  ) {}

  get isPacked(): bool {
    return this.path.endsWith('.gz');
  }
}

/** Takes the names that match. */
class Pattern extends NameFilter {
  constructor(private pattern: string) {
    super();
  }

  accepts(name: string): bool {
    return matches(this.pattern, name);
  }
}

/** Takes the names that match, or that rotation made of one that does. */
class Family extends NameFilter {
  constructor(
    private pattern: string,
    private isLiteral: bool,
  ) {
    super();
  }

  accepts(name: string): bool {
    const isMatch = this.isLiteral ? name == this.pattern : matches(this.pattern, name);
    return isMatch || originalName(name, this.pattern, this.isLiteral) != '';
  }
}

/** A folder that was listed, and when it had changed before. */
class Folder {
  readonly encoded: ArrayBuffer;
  error: i32 = 0;
  modified: i64 = 0;

  constructor(readonly path: string) {
    this.encoded = encodePath(path == '' ? '/' : path);
  }
}

export class Survey {
  /** The oldest first. */
  found: Found[] = [];
  folders: Folder[] = [];
  /** -errno of the last folder that could not be listed (one that is absent does not count), or 0. */
  error: i32 = 0;
  errorPath: string = '';
  /** A file that is none to follow: the checkpoint, which changes with every event. */
  excludedDevice: u64 = 0;
  excludedInode: u64 = 0;
  /** Whether there were more files than are taken in. */
  isTooMany: bool = false;
  /** Whether all folders could be listed: only then is a file gone that was not found. */
  isWhole: bool = true;
  private nameCount: i32 = 0;
  private byPath: Map<string, Found> = new Map<string, Found>();
  private byInode: Map<u64, i32> = new Map<u64, i32>();
  private parts: string[];
  private stat: FileStat = new FileStat();

  constructor(
    /** Absolute; a path that ends in a slash stands for the files in that folder. */
    readonly path: string,
    /** Whether the path is taken as it stands, wildcards or not. */
    readonly isSingle: bool,
  ) {
    this.parts = path.substring(1).split('/');
    if (path.endsWith('/')) this.parts[this.parts.length - 1] = '*';
  }

  /** What is at a path, as of the last `list`. */
  at(path: string): Found | null {
    return this.byPath.has(path) ? this.byPath.get(path) : null;
  }

  /** Whether a single path names something, be it readable or not. */
  get isThere(): bool {
    return statPath(encodePath(this.path), this.stat) != ENOENT;
  }

  /** Whether `list` may find something else than the last time. */
  isChanged(): bool {
    if (this.nameCount <= FEW) return true;
    for (let i = 0; i < this.folders.length; i++) {
      const folder = this.folders[i];
      const result = statPath(folder.encoded, this.stat);
      if (result != folder.error || (result == 0 && this.stat.modified != folder.modified)) return true;
    }
    return false;
  }

  list(): void {
    this.found = [];
    this.folders = [];
    this.byPath.clear();
    this.byInode.clear();
    this.error = 0;
    this.isTooMany = false;
    this.isWhole = true;
    this.nameCount = 0;
    this.expand('', 0);
    if (this.isTooMany) this.isWhole = false;
    this.found.sort(byAge);
  }

  private expand(folder: string, index: i32): void {
    const part = this.parts[index];
    if (index == this.parts.length - 1) {
      this.listFolder(folder, part);
    } else if (this.isSingle || !isWild(part)) {
      this.expand(folder + '/' + part, index + 1);
    } else {
      const names = this.namesIn(folder, new Pattern(part));
      for (let i = 0; i < names.length; i++) {
        const path = folder + '/' + names[i];
        if (statPath(encodePath(path), this.stat) == 0 && this.stat.kind == FileKind.Directory) {
          this.expand(path, index + 1);
        }
      }
    }
  }

  /** The names in a folder that `filter` takes. */
  private namesIn(path: string, filter: NameFilter): string[] {
    const names: string[] = [];
    const folder = new Folder(path);
    folder.error = statPath(folder.encoded, this.stat);
    folder.modified = this.stat.modified;
    this.folders.push(folder);
    filter.count = 0;
    const result = readNames(path, names, MAX_FOUND, filter);
    this.nameCount += filter.count;
    if (result < 0) this.isWhole = false;
    if (result < 0 && result != ENOENT) {
      this.error = result;
      this.errorPath = path == '' ? '/' : path;
    }
    if (names.length == MAX_FOUND) this.isTooMany = true;
    return names;
  }

  private listFolder(folder: string, pattern: string): void {
    const isLiteral = this.isSingle || !isWild(pattern);
    const names = this.namesIn(folder, new Family(pattern, isLiteral));
    // A folder that may be entered but not listed.
    if (isLiteral && !names.includes(pattern)) names.push(pattern);
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      const isMatch = isLiteral ? name == pattern : matches(pattern, name);
      const original = name == pattern ? '' : originalName(name, pattern, isLiteral);
      if (isMatch || original != '') this.add(folder, name, isMatch, original);
    }
  }

  private add(folder: string, name: string, isMatch: bool, original: string): void {
    const path = folder + '/' + name;
    const stat = this.stat;
    if (statPath(encodePath(path), stat) < 0 || stat.kind != FileKind.Regular) return;
    if (stat.inode == this.excludedInode && stat.device == this.excludedDevice) return;
    if (this.found.length == MAX_FOUND) {
      this.isTooMany = true;
      return;
    }
    countText();
    const origin = original == '' ? path : folder + '/' + original;
    const found = new Found(path, isMatch, origin, stat.size, stat.modified, stat.device, stat.inode);
    this.byPath.set(path, found);
    const before = this.byInode.has(stat.inode) ? this.byInode.get(stat.inode) : -1;
    if (before >= 0 && this.found[before].device == stat.device) {
      // Another name of the same file: the one that is followed counts.
      if (isMatch && original == '') this.found[before] = found;
      return;
    }
    this.byInode.set(stat.inode, this.found.length);
    this.found.push(found);
  }
}

function byAge(a: Found, b: Found): i32 {
  const isOlderA = isOlder(a.path, a.origin, a.modified, b.path, b.origin, b.modified);
  return isOlderA ? -1 : isOlder(b.path, b.origin, b.modified, a.path, a.origin, a.modified) ? 1 : 0;
}
