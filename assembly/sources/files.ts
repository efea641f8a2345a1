// SPDX-License-Identifier: Apache-2.0
// Files of JSON Lines (plain or gzip), read once from start to end, one after the other.
import { Batch } from '../audit/batch';
import { Config } from '../config/config';
import { Counter, counters } from '../counters';
import { Severity, log } from '../log';
import { survivor } from '../survivor';
import { encodePath, errnoText, shownPath } from './input';
import { LineSource } from './line_source';
import { Poll } from './source';

/** A file to read. */
export class FileEntry {
  constructor(
    public readonly path: string,
    /** Bytes, when the file was listed. */
    public readonly size: i64,
    /** Nanoseconds since the epoch. */
    public readonly modified: i64,
    public readonly device: u64,
    public readonly inode: u64,
  ) {}
}

export class Files extends LineSource {
  /** Why a single file cannot be opened, or an empty string; in a directory, such a file is passed over. */
  problem: string = '';
  // The file being read, or the count of the files when all are read.
  private current: i32 = 0;
  private total: i64 = 0;
  private doneBefore: i64 = 0; // bytes of the files before the current one

  constructor(
    private entries: FileEntry[],
    /** Whether the user named this file, and not its directory. */
    private isSingle: bool,
    config: Config,
  ) {
    super(config);
    for (let i = 0; i < entries.length; i++) this.total += entries[i].size;
    if (survivor.open != 0) this.resume();
    else this.openFrom(0);
  }

  /** Goes on after a trap. When the file is not there any more, everything is read again: rather twice. */
  private resume(): void {
    for (let i = 0; i < this.entries.length; i++) {
      const entry = this.entries[i];
      if (entry.device != survivor.first || entry.inode != survivor.second) continue;
      this.openFrom(i);
      if (this.current == i) this.goOnHere();
      return;
    }
    log(Severity.Warning, 'after an internal error the file is gone; all files are read again');
    this.openFrom(0);
  }

  private goOnHere(): void {
    const result = this.goOn();
    if (result == 0) return;
    this.complain('cannot go on reading', result);
    this.openFrom(this.current + 1);
  }

  /** Opens the first file from `index` on that can be opened. */
  private openFrom(index: i32): void {
    this.lines.input.close();
    this.lines.begin(0);
    this.forgetTrap();
    this.doneBefore = 0;
    for (let i = 0; i < index; i++) this.doneBefore += this.entries[i].size;
    for (this.current = index; this.current < this.entries.length; this.current++) {
      const entry = this.entries[this.current];
      this.setName(shownPath(entry.path));
      const result = this.lines.input.open(encodePath(entry.path), false);
      if (result == 0) return;
      if (this.isSingle) {
        this.problem = 'open_params: cannot open ' + this.lines.name + ': ' + errnoText(result);
      } else {
        this.complain('cannot open', result);
      }
      this.doneBefore += entry.size;
    }
  }

  private complain(what: string, error: i32): void {
    counters.add(Counter.SourceErrors, 1);
    const text = what + ' ' + this.lines.name + ': ' + errnoText(error);
    log(Severity.Error, text + '; the rest of this file is not delivered');
  }

  poll(batch: Batch, patience: i32): Poll {
    while (!batch.isFull()) {
      if (this.fillFromLine(batch)) continue;
      if (this.current == this.entries.length) return Poll.End;
      if (this.lines.next()) this.beginLine();
      else this.read(batch);
    }
    return Poll.Open;
  }

  /** Reads on in the current file, or leaves it. */
  private read(batch: Batch): void {
    if (this.lines.skipUnreadable()) {
      batch.end();
      return;
    }
    const count = this.lines.fill();
    if (count > 0) {
      batch.spend(count);
    } else if (count == 0 && this.lines.takeRest()) {
      this.beginLine();
    } else if (batch.count > 0) {
      // What the batch holds of this file is handed over first; the next poll comes here again.
      batch.end();
    } else {
      if (count < 0) this.complain('cannot read', count);
      else this.noteCut();
      this.openFrom(this.current + 1);
      if (this.current < this.entries.length) batch.end();
    }
  }

  private noteCut(): void {
    if (!this.lines.input.isCutOff) return;
    log(
      Severity.Warning,
      'the gzip data of ' + this.lines.name + ' breaks off; what came before is delivered',
    );
  }

  handOver(): void {
    // When all files are read, the end of the last one stays noted.
    if (this.current == this.entries.length) return;
    const entry = this.entries[this.current];
    this.noteLine(entry.device, entry.inode);
  }

  private done(): i64 {
    if (this.current == this.entries.length) return this.total;
    return min(this.doneBefore + this.lines.input.fileBytes, this.total);
  }

  progress(): u32 {
    return this.total == 0 ? 10000 : u32((f64(this.done()) / f64(this.total)) * 10000);
  }

  progressText(): string {
    const percent = this.progress();
    const decimals = (percent % 100).toString().padStart(2, '0');
    const tenths = this.total / 100_000;
    const size = (tenths / 10).toString() + '.' + (tenths % 10).toString() + ' MB';
    const number = min(this.current + 1, this.entries.length).toString();
    const which =
      this.entries.length == 1 ? '' : ', file ' + number + ' of ' + this.entries.length.toString();
    return (percent / 100).toString() + '.' + decimals + ' % of ' + size + which;
  }
}
