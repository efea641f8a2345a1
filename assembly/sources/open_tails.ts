// SPDX-License-Identifier: Apache-2.0
// The files of the tails that are kept open: those that grow, so that nothing of them is lost when they are renamed or
// removed. There are only so many; the one that was idle for the longest time is closed for another.
import * as host from '../host';
import { FileStat } from '../host';
import { Place } from './places';
import { Tail } from './tail';

/** Files that are kept open. */
const MAX_OPEN: i32 = 64;
const ENOENT = -2;
const EMFILE = -24;

export abstract class OpenTails {
  readonly tails: Tail[] = [];
  /** The tail whose file is being read, and must stay open. */
  pinned: Tail | null = null;
  protected stat: FileStat = new FileStat();
  private openCount: i32 = 0;

  /** Whether `stat` was filled from the file of this place. */
  protected isStatOf(place: Place): bool {
    return this.stat.device == place.device && this.stat.inode == place.inode;
  }

  /** Opens a tail's file if it is not open; 0 or -errno (-ENOENT also when its path names another file now). */
  open(tail: Tail): i32 {
    tail.usedAt = host.monotonic();
    if (tail.file != 0) return 0;
    const file = this.openPath(tail.encoded, tail);
    if (file < 0) return file;
    const result = host.fileStatOpen(file, changetype<usize>(this.stat));
    if (result < 0 || !this.isStatOf(tail.place)) {
      host.fileClose(file);
      return result < 0 ? result : ENOENT;
    }
    this.adopt(tail, file);
    return 0;
  }

  /** Takes over an open file as a tail's. */
  protected adopt(tail: Tail, file: i32): void {
    tail.file = file;
    this.openCount++;
  }

  /** Opens a path, and closes another tail's file for it if there must not be more; a handle or -errno. */
  protected openPath(path: ArrayBuffer, except: Tail | null): i32 {
    if (this.openCount >= MAX_OPEN) this.closeIdle(except);
    const file = host.fileOpen(changetype<usize>(path), path.byteLength);
    if (file != EMFILE || !this.closeIdle(except)) return file;
    return host.fileOpen(changetype<usize>(path), path.byteLength);
  }

  /** Closes the file that was not read from for the longest time. */
  private closeIdle(except: Tail | null): bool {
    let idle: Tail | null = null;
    for (let i = 0; i < this.tails.length; i++) {
      const tail = this.tails[i];
      if (tail.file == 0 || tail === except || tail === this.pinned) continue;
      // One that is gone from its folder could not be opened again: it comes last.
      if (idle == null || (tail.isSeen == idle.isSeen ? tail.usedAt < idle.usedAt : tail.isSeen)) idle = tail;
    }
    if (idle) this.close(idle);
    return idle != null;
  }

  close(tail: Tail): void {
    if (tail.file == 0) return;
    host.fileClose(tail.file);
    tail.file = 0;
    this.openCount--;
  }
}
