// SPDX-License-Identifier: Apache-2.0
// A file that grows (`file://`), followed across rotation: by renaming and creating, and by copying and
// truncating. A line without its line break waits until it is whole.
import * as host from '../host';
import { FileStat } from '../host';
import { Batch } from '../audit/batch';
import { Config } from '../config/config';
import { Counter, counters } from '../counters';
import { Reason, Severity, log, logLimited, mayLog } from '../log';
import { survivor } from '../survivor';
import { encodePath, errnoText, statPath } from './input';
import { LineSource } from './line_source';
import { Poll } from './source';

const ENOENT = -2;

export class Follow extends LineSource {
  private encodedPath: ArrayBuffer;
  private atPath: FileStat = new FileStat();
  // Set once the path is seen to name another file: what the old one still holds is read first.
  private isRotated: bool = false;
  // Set until a file that is to be followed from its end was opened.
  private isEndWanted: bool = false;

  constructor(
    private path: string,
    fromStart: bool,
    config: Config,
  ) {
    super(config);
    const name = '"' + path + '"';
    this.encodedPath = encodePath(path);
    this.setName(name);
    if (survivor.open != 0) this.resume();
    else this.start(fromStart);
  }

  private start(fromStart: bool): void {
    const result = this.open();
    if (result == ENOENT) log(Severity.Notice, '"' + this.path + '" does not exist yet; waiting for it');
    // A file that comes later is new, and read from its start; one that may not be read yet is not.
    this.isEndWanted = !fromStart && result != ENOENT;
    if (result == 0) this.goToWantedEnd();
  }

  private goToWantedEnd(): void {
    if (this.isEndWanted) this.goTo(this.lines.input.stat.size);
    this.isEndWanted = false;
  }

  /** Goes on after a trap, in the same file if it is still there under its path, else from the new one's start. */
  private resume(): void {
    if (this.open() < 0) return;
    const stat = this.lines.input.stat;
    const isSame = stat.device == survivor.first && stat.inode == survivor.second;
    if (!isSame || u64(stat.size) < survivor.position) {
      // 0, 0: there was no file before.
      if (survivor.second != 0)
        log(Severity.Warning, 'after an internal error "' + this.path + '" is another file');
      return;
    }
    const result = this.goOn();
    if (result < 0) this.complain('read', result);
  }

  private open(): i32 {
    const result = this.lines.input.open(this.encodedPath, true);
    this.isRotated = false;
    this.lines.begin(0);
    if (result < 0 && result != ENOENT) this.complain('open', result);
    return result;
  }

  private goTo(offset: i64): void {
    const result = this.lines.input.skipTo(offset);
    if (result < 0) this.complain('read', result);
    else this.lines.begin(offset);
  }

  private complain(what: string, error: i32): void {
    counters.add(Counter.SourceErrors, 1);
    if (!mayLog(Reason.Read)) return;
    const text = 'cannot ' + what + ' "' + this.path + '": ' + errnoText(error) + '; trying again';
    logLimited(Reason.Read, Severity.Error, text);
  }

  poll(batch: Batch, patience: i32): Poll {
    this.read(batch);
    if (batch.count == 0 && !batch.isFull() && patience > 0) {
      host.wait(patience);
      this.read(batch);
    }
    return Poll.Open;
  }

  private read(batch: Batch): void {
    while (!batch.isFull()) {
      if (this.fillFromLine(batch)) continue;
      if (this.lines.next()) this.beginLine();
      else if (!this.readOn(batch)) return;
    }
  }

  /** Reads what is there; false when there is nothing to do now. */
  private readOn(batch: Batch): bool {
    if (!this.lines.input.isOpen()) {
      if (this.open() < 0) return false;
      this.goToWantedEnd();
      batch.end();
      return true;
    }
    if (this.lines.skipUnreadable()) {
      batch.end();
      return true;
    }
    const count = this.lines.fill();
    if (count > 0) {
      batch.spend(count);
      return true;
    }
    if (count < 0) {
      this.complain('read', count);
      return false;
    }
    if (!this.isRotated) return this.checkPath(batch);
    this.leaveOldFile(batch);
    return true;
  }

  /** The old file is at its end and the path names another one: a last line without a break is whole now. */
  private leaveOldFile(batch: Batch): void {
    if (this.lines.takeRest()) {
      this.beginLine();
    } else if (batch.count == 0) {
      this.lines.input.close();
      this.forgetTrap();
      this.open();
      batch.end();
    } else {
      // What the batch holds of the old file is handed over first; the next poll comes here again.
      batch.end();
    }
  }

  /** Looks whether the path names another file, or the file got shorter; true when there is more to read. */
  private checkPath(batch: Batch): bool {
    const result = statPath(this.encodedPath, this.atPath);
    if (result < 0) {
      if (result != ENOENT) this.complain('look at', result);
      return false;
    }
    const input = this.lines.input;
    if (this.atPath.device != input.stat.device || this.atPath.inode != input.stat.inode) {
      // What was written between our last read and the rename is read before the file is left.
      this.noteRotation('was replaced');
      this.isRotated = true;
      return true;
    }
    if (this.atPath.size < input.fileBytes) {
      if (this.lines.takeRest()) {
        // The line without a break was copied away with the rest: no more of it will come.
        this.beginLine();
        return true;
      }
      if (batch.count > 0) {
        batch.end();
        return true;
      }
      this.noteRotation('was truncated');
      this.forgetTrap();
      this.goTo(0);
      batch.end();
      return true;
    }
    return false;
  }

  private noteRotation(what: string): void {
    counters.add(Counter.Rotations, 1);
    if (!mayLog(Reason.Rotation)) return;
    logLimited(Reason.Rotation, Severity.Info, '"' + this.path + '" ' + what + '; following the new content');
  }

  handOver(): void {
    const input = this.lines.input;
    const isOpen = input.isOpen();
    this.noteLine(isOpen ? input.stat.device : 0, isOpen ? input.stat.inode : 0);
  }
}
