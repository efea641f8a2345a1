// SPDX-License-Identifier: Apache-2.0
import { Source } from './source';

/** A source, or why there is none. */
export class Opened {
  source: Source | null = null;
  /** The kind of the source, for ka.provider. */
  provider: string = 'file';
  problem: string = '';
}
