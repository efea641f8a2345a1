// SPDX-License-Identifier: Apache-2.0
// Where a source of a cloud keeps how far Falco has come: in a file, or in the cluster itself. And whether it is this
// replica's turn to read at all.
import { Checkpoint } from '../state/checkpoint';
import { Block } from '../memory';

/** Bytes that may be kept: what fits into a ConfigMap with room to spare. */
export const MAX_PROGRESS: u32 = 256 * 1024;

/**
 * A source reads only while `epoch` is not 0. Whenever it changes, the source begins anew from what was kept, which
 * stands at `address` then; `length` 0: nothing was kept.
 */
export abstract class Progress {
  /** 0: what was kept is not known yet, or another replica reads. */
  epoch: u32 = 0;
  length: u32 = 0;
  protected kept: Block = new Block();

  get address(): usize {
    return this.kept.address;
  }

  /** Goes on with what takes time; called in each poll, before anything is read. */
  abstract turn(): void;
  /** Falco has come this far. Called at each acknowledgement; what takes time is done later, the newest counts. */
  abstract save(blob: usize, length: u32): void;
  abstract close(): void;
}

/** In a file; see state/checkpoint.ts. */
export class FileProgress extends Progress {
  /** Why the file cannot be used, or an empty string. */
  problem: string = '';

  constructor(private checkpoint: Checkpoint) {
    super();
    this.kept.reserve(MAX_PROGRESS);
    const length = checkpoint.open() ? checkpoint.load(this.kept.address) : -1;
    if (length < 0) {
      this.problem = checkpoint.problem;
    } else {
      this.length = length;
      this.epoch = 1;
    }
  }

  turn(): void {}

  save(blob: usize, length: u32): void {
    this.checkpoint.save(blob, length);
  }

  close(): void {
    this.checkpoint.free();
    this.kept.free();
  }
}

/** Nowhere: a restart begins where the configuration says. */
export class NoProgress extends Progress {
  constructor() {
    super();
    this.epoch = 1;
  }

  turn(): void {}
  save(_blob: usize, _length: u32): void {}
  close(): void {}
}
