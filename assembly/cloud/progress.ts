// SPDX-License-Identifier: Apache-2.0
// Where a source of a cloud keeps how far Falco has come: in a file, or in the cluster itself. And whether it is this
// replica's turn to read at all.
import * as host from '../host';
import { Block } from '../memory';
import { Checkpoint } from '../state/checkpoint';
import { Lease } from './kubernetes/lease';

/** Bytes that may be kept: what fits into a ConfigMap with room to spare. */
export const MAX_PROGRESS: u32 = 256 * 1024;
/** What the end of a source may take for a last word to the API server: nanoseconds. */
export const END_TIME: i64 = 100_000_000;

/**
 * A source reads only while `epoch` is not 0. Whenever it changes, the source begins anew from what was kept, which
 * stands at `address` then; `length` 0: nothing was kept.
 */
export abstract class Progress {
  /** Why it cannot be used, or an empty string. */
  problem: string = '';
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

/** Nowhere: a restart, or another replica, begins where the configuration says. */
export class NoProgress extends Progress {
  /** With a lease, only who leads reads. */
  constructor(private lease: Lease | null = null) {
    super();
    if (!lease) this.epoch = 1;
  }

  turn(): void {
    const lease = this.lease;
    if (!lease) return;
    lease.turn();
    this.epoch = lease.term;
  }

  save(_blob: usize, _length: u32): void {}

  close(): void {
    const lease = this.lease;
    if (lease) lease.release(host.monotonic() + END_TIME);
  }
}
