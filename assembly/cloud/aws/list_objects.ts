// SPDX-License-Identifier: Apache-2.0
// A page of ListObjectsV2: keys in their order, and where the next page begins.
import { countText } from '../../log';
import { decodePercent } from '../../sources/url';
import { XmlCursor } from '../../web/xml';

/** Keys of a page: S3 gives no more. */
const MAX_KEYS: i32 = 1000;
/** Bytes of a key, as S3 has it. */
const MAX_KEY: i32 = 1024;

export class KeyPage {
  keys: string[] = [];
  /** Bytes of each object. */
  sizes: i64[] = [];
  /** For the next page; empty: this is the last one. */
  token: string = '';

  /** Takes an answer; what is wrong with it, or an empty string: then nothing was taken. */
  read(text: usize, length: u32): string {
    this.clear();
    const problem = this.parse(text, length);
    if (problem != '') this.clear();
    return problem;
  }

  clear(): void {
    this.keys = [];
    this.sizes = [];
    this.token = '';
  }

  private parse(text: usize, length: u32): string {
    const cursor = new XmlCursor(text, length);
    if (!cursor.next() || cursor.name != 'ListBucketResult') return 'the answer is no list of objects';
    let isEncoded = false;
    let isTruncated = false;
    while (cursor.next()) {
      const name = cursor.name;
      if (cursor.depth == 1 && name == 'EncodingType') isEncoded = cursor.text() == 'url';
      else if (cursor.depth == 1 && name == 'IsTruncated') isTruncated = cursor.text() == 'true';
      else if (cursor.depth == 1 && name == 'NextContinuationToken') this.token = cursor.text();
      else if (cursor.depth == 2 && name == 'Key') this.keys.push(cursor.text());
      else if (cursor.depth == 2 && name == 'Size') this.sizes.push(I64.parseInt(cursor.text()));
      if (this.keys.length > MAX_KEYS) return 'the answer has more keys than a page may have';
    }
    if (cursor.isBroken) return 'the answer is no whole XML';
    if (this.sizes.length != this.keys.length) return 'the answer has keys without a size';
    if (!isTruncated) this.token = '';
    else if (this.token == '') return 'the answer names no next page';
    return this.decode(isEncoded);
  }

  private decode(isEncoded: bool): string {
    for (let i = 0; i < this.keys.length; i++) {
      const key = isEncoded ? decodedKey(this.keys[i]) : this.keys[i];
      if (key == '') return 'the answer has a key that is not encoded as it should be';
      if (String.UTF8.byteLength(key) > MAX_KEY) return 'the answer has a key that is too long';
      this.keys[i] = key;
    }
    return '';
  }
}

/** A key as it stands in a URL's query: `+` is a space. Empty when it is no such text. */
export function decodedKey(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  countText();
  const bytes = String.UTF8.encode(text.replaceAll('+', ' '));
  const at = changetype<usize>(bytes);
  const length = decodePercent(at, bytes.byteLength);
  return length < 0 ? '' : String.UTF8.decodeUnsafe(at, length);
}
