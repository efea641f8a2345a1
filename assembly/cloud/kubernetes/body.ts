// SPDX-License-Identifier: Apache-2.0
// The body of a request, put together in memory of its own: a ConfigMap's is long, and would be much garbage.
import { base64Length, toBase64 } from '../../json/base64';
import { countText } from '../../log';
import { Block } from '../../memory';

export class Body {
  length: u32 = 0;
  private bytes: Block = new Block();

  get address(): usize {
    return this.bytes.address;
  }

  clear(): void {
    this.length = 0;
  }

  add(text: string): void {
    countText();
    const size = String.UTF8.byteLength(text);
    const out = this.bytes.reserve(this.length + size) + this.length;
    String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, out);
    this.length += size;
  }

  addBase64(from: usize, length: u32): void {
    const out = this.bytes.reserve(this.length + base64Length(length)) + this.length;
    this.length += toBase64(from, length, out);
  }

  free(): void {
    this.bytes.free();
    this.length = 0;
  }
}
