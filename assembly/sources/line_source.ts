// SPDX-License-Identifier: Apache-2.0
// What the sources of lines share: one file at a time, the payload that its current line is, and how to go on in
// the file after a trap.
import { Batch } from '../audit/batch';
import { Payload } from '../audit/payload';
import { Config } from '../config/config';
import { MAX_EVENT_SIZE, WEBHOOK_MAX_BATCH_SIZE } from '../config/schema';
import { survivor } from '../survivor';
import { Lines } from './lines';
import { Source } from './source';

export abstract class LineSource extends Source {
  protected lines: Lines;
  protected payload: Payload = new Payload();
  // After a trap: whether the first line was handed over in part, and the element that was being read (see
  // Payload.dropTrapped).
  private isPart: bool = false;
  private trapped: u64 = 0;

  constructor(config: Config) {
    super();
    this.lines = new Lines(config.integer(WEBHOOK_MAX_BATCH_SIZE));
    this.payload.faults.maxEventSize = config.integer(MAX_EVENT_SIZE);
  }

  /** Says what the file is called in messages. */
  protected setName(name: string): void {
    this.lines.name = name;
    this.payload.faults.origin = name;
  }

  /** A file, or new content of it, begins: what a trap left to be done was about another. */
  protected forgetTrap(): void {
    this.isPart = false;
    this.trapped = 0;
  }

  /** Goes on in the file that was just opened, from what noteLine noted; 0 or -errno. */
  protected goOn(): i32 {
    const result = this.lines.input.skipTo(survivor.position);
    if (result < 0) return result;
    this.lines.begin(survivor.position, survivor.skipping != 0);
    this.lines.dropUnreadable(survivor.trapped);
    this.isPart = survivor.within != 0;
    this.trapped = survivor.trapped;
    return 0;
  }

  /** Makes the line that was found the payload. */
  protected beginLine(): void {
    this.payload.offset = this.lines.offset;
    this.payload.begin(this.lines.line, this.lines.length);
    this.payload.dropTrapped(this.trapped);
    if (this.isPart) this.payload.restore();
    this.isPart = false;
  }

  /** Puts the events of the current line into the batch; false when it has no more. */
  protected fillFromLine(batch: Batch): bool {
    if (this.payload.isDone()) return false;
    this.payload.fill(batch);
    return true;
  }

  /** Notes in the survivor region how far the file (0, 0: none) was handed over. */
  protected noteLine(device: u64, inode: u64): void {
    survivor.first = device;
    survivor.second = inode;
    survivor.skipping = u64(this.lines.isSkipping());
    if (!this.payload.isDone()) {
      survivor.position = this.payload.offset;
      this.payload.save();
    } else {
      survivor.position = this.lines.position();
      // What was noted before a trap stays while the payload was not begun again.
      if (!this.isPart) survivor.within = 0;
    }
  }

  ack(): void {}

  close(): void {
    this.lines.close();
  }
}
