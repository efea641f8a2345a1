// SPDX-License-Identifier: Apache-2.0
// A file for what must last over the end of the process. One process has it at a time; somebody may remove it meanwhile.
import * as host from '../host';
import { FileStat } from '../host';
import { Counter, counters } from '../counters';
import { Reason, Severity, logLimited, mayLog } from '../log';
import { encodePath, errnoText, shownPath, statPath } from '../sources/input';

/** Between two waits for the disk, and between two attempts after a failure: nanoseconds. */
export const INTERVAL: i64 = 1_000_000_000;
const EIO = -5;
const EWOULDBLOCK = -11;

export class StateFile {
  /** Why it cannot be used, without its name; empty when it can. */
  problem: string = '';
  /** Which file it is. */
  device: u64 = 0;
  inode: u64 = 0;
  private file: i32 = 0;
  private encoded: ArrayBuffer;

  /** `kind` is what it is in messages, `loss` what a failure costs if Falco ends before it is made good. */
  constructor(
    readonly path: string,
    private kind: string,
    private loss: string,
  ) {
    this.encoded = encodePath(path);
  }

  get isOpen(): bool {
    return this.file != 0;
  }

  /** Opens it, or makes it with `size` zero bytes; false when it cannot be used: see `problem`. */
  open(size: i32): bool {
    const file = host.stateOpen(changetype<usize>(this.encoded), this.encoded.byteLength, size);
    if (file < 0) {
      this.problem = file == EWOULDBLOCK ? 'another process uses it' : errnoText(file);
      return false;
    }
    this.file = file;
    const stat = new FileStat();
    if (statPath(this.encoded, stat) == 0) {
      this.device = stat.device;
      this.inode = stat.inode;
    }
    return true;
  }

  /** Lets go of it, for this reason; gives false. */
  refuse(problem: string): bool {
    this.problem = problem;
    this.close();
    return false;
  }

  /** Reads up to `length` bytes at `offset`, with zeros for what is not there; the bytes that are, or -errno. */
  read(offset: i32, out: usize, length: i32): i32 {
    const count = host.stateRead(this.file, offset, out, length);
    memory.fill(out + max(count, 0), 0, length - max(count, 0));
    return count;
  }

  /** Lets go of it as `read` gave this: -errno, or fewer bytes than there have to be; gives false. */
  refuseRead(count: i32): bool {
    return this.refuse(errnoText(count < 0 ? count : EIO));
  }

  /** 0, or -errno. The kernel has it then: it lasts over a kill of the process. */
  write(offset: i32, bytes: usize, length: i32): i32 {
    return host.stateWrite(this.file, offset, bytes, length);
  }

  /** Waits for the disk; 0, or -errno. */
  sync(): i32 {
    return host.stateSync(this.file);
  }

  /** Whether this is still the file with the path. */
  isInPlace(): bool {
    const stat = new FileStat();
    if (statPath(this.encoded, stat) < 0) return false;
    return stat.device == this.device && stat.inode == this.inode;
  }

  /** Counts a failure and tells it: what could not be done, and why. */
  tellFailure(what: string, why: string): void {
    counters.add(Counter.CheckpointErrors, 1);
    if (!mayLog(Reason.Checkpoint)) return;
    const text = 'cannot ' + what + ' the ' + this.kind + ' ' + shownPath(this.path) + ': ' + why;
    const rest = '; events go on, but ' + this.loss + ' if Falco ends now; trying again';
    logLimited(Reason.Checkpoint, Severity.Error, text + rest);
  }

  /** What was written stays. */
  close(): void {
    if (this.file != 0) host.stateClose(this.file);
    this.file = 0;
  }
}
