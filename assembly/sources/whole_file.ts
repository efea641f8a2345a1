// SPDX-License-Identifier: Apache-2.0
// A small file that is read as a whole: a certificate, a key, a token. Kubernetes replaces such files while we run.
import * as host from '../host';
import { FileStat } from '../host';
import { Option } from '../config/schema';
import { countText } from '../log';
import { PADDING } from '../memory';
import { encodePath, errnoText, shownPath, statPath } from './input';

/** Bytes that such a file may have. */
const MAX_SIZE: i32 = 1024 * 1024;

export class WholeFile {
  /** Its bytes between `load` and `wipe`; PADDING bytes of no meaning may be read behind them. */
  address: usize = 0;
  length: i32 = 0;
  private encoded: ArrayBuffer;
  // The file that was taken into use, and the one that was read last.
  private used: FileStat = new FileStat();
  private read: FileStat = new FileStat();

  /** `option` is the key that names the file; null: something else does. */
  constructor(
    private option: Option | null,
    path: string,
  ) {
    this.encoded = encodePath(path);
    this.path = path;
  }

  readonly path: string;

  /** Key, if there is one, and path, for messages. */
  get name(): string {
    const option = this.option;
    return (option ? 'key "' + option.name + '": ' : '') + shownPath(this.path);
  }

  private problem(what: string): string {
    countText();
    return (this.option ? 'init_config: ' : '') + this.name + what;
  }

  /** Reads the file; an empty string, or what is wrong. `wipe` is due in any case. */
  load(): string {
    const file = host.fileOpen(changetype<usize>(this.encoded), this.encoded.byteLength);
    if (file < 0) return this.problem(' cannot be opened: ' + errnoText(file));
    let result = host.fileStatOpen(file, changetype<usize>(this.read));
    if (result >= 0) result = this.readAll(file);
    host.fileClose(file);
    if (result < 0) return this.problem(' cannot be read: ' + errnoText(result));
    if (this.length == 0) return this.problem(' is empty');
    if (this.length > MAX_SIZE) return this.problem(' has more than ' + MAX_SIZE.toString() + ' bytes');
    return '';
  }

  /** One piece of memory of the greatest size: to grow would leave copies of secrets behind. */
  private readAll(file: i32): i32 {
    this.wipe();
    this.address = heap.alloc(MAX_SIZE + 1 + PADDING);
    while (this.length <= MAX_SIZE) {
      const count = host.fileRead(file, this.address + this.length, MAX_SIZE + 1 - this.length);
      if (count <= 0) return count;
      this.length += count;
    }
    return 0;
  }

  /** Forgets the bytes. */
  wipe(): void {
    if (this.address == 0) return;
    memory.fill(this.address, 0, this.length);
    heap.free(this.address);
    this.address = 0;
    this.length = 0;
  }

  /** What was loaded is in use from now on. */
  use(): void {
    memory.copy(changetype<usize>(this.used), changetype<usize>(this.read), offsetof<FileStat>());
  }

  /** Whether another file is at the path now than the one in use, or it was written since, or it is gone. */
  hasChanged(): bool {
    const now = found;
    if (statPath(this.encoded, now) < 0) return true;
    const used = this.used;
    return (
      now.inode != used.inode ||
      now.device != used.device ||
      now.size != used.size ||
      now.modified != used.modified
    );
  }
}

/** What a look finds; one for all, because looks come often. */
const found = new FileStat();
