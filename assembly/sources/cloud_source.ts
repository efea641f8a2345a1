// SPDX-License-Identifier: Apache-2.0
import * as host from '../host';
import { Batch } from '../audit/batch';
import { Poll, Source } from './source';

/** A source that asks a service of a cloud. It never ends. */
export abstract class CloudSource extends Source {
  poll(batch: Batch, patience: i32): Poll {
    host.wait(0);
    this.work(batch);
    if (batch.count == 0 && !batch.isFull() && patience > 0) {
      host.wait(patience);
      this.work(batch);
    }
    return Poll.Open;
  }

  /** Takes what has come, asks for more, and fills the batch. */
  protected abstract work(batch: Batch): void;
}
