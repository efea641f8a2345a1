// SPDX-License-Identifier: Apache-2.0
// The first bytes of a file, unpacked.
import * as host from '../host';
import { HEAD_SIZE, holdsLineBreak } from './places';
import { Input } from './input';

export class Head {
  readonly bytes: usize = heap.alloc(HEAD_SIZE);
  length: u32 = 0;
  /** Whether gzip data breaks off: more may come. */
  isCut: bool = false;
  private probe: Input = new Input();

  /** Whether these bytes tell this content from others. */
  get isTelling(): bool {
    return this.length == HEAD_SIZE || holdsLineBreak(this.bytes, this.length);
  }

  /** Reads it from an open file, whose position stays unless it is packed; 0 or -errno. */
  read(file: i32, isPacked: bool): i32 {
    this.length = 0;
    this.isCut = false;
    if (isPacked) return this.readPacked(file);
    const count = host.fileReadAt(file, 0, this.bytes, HEAD_SIZE);
    if (count < 0) return count;
    this.length = count;
    return 0;
  }

  private readPacked(file: i32): i32 {
    const result = this.probe.adopt(file, false);
    if (result < 0) return result;
    while (this.length < HEAD_SIZE) {
      const count = this.probe.read(this.bytes + this.length, i32(HEAD_SIZE - this.length));
      if (count <= 0) break;
      this.length += count;
    }
    this.isCut = this.probe.isCutOff;
    this.probe.release();
    return 0;
  }

  free(): void {
    heap.free(this.bytes);
  }
}
