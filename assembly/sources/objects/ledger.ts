// SPDX-License-Identifier: Apache-2.0
// Which keys under a prefix are done: all up to one of them, and of those behind it the newest KEPT, in the order of keys.
// So an object that comes late, with a key among the newest, is still found: each listing begins behind `after`.
import { hashOfText } from '../../state/hash';

/** Keys that are remembered behind `after`: as many as S3 lists in a page, so that a look for new ones is one call. */
const KEPT: i32 = 1000;
/** Places for them, with some for a listing that has not come to the first one. */
const PLACES: i32 = KEPT + 8;
/** Bytes of a key. */
const MAX_KEY: i32 = 1024;

/** Bytes that `write` writes: bytes of `after`, keys, `after`, hashes. */
export const LEDGER_SIZE: u32 = 8 + MAX_KEY + PLACES * 8;

export class Ledger {
  /** All keys up to this one are done, or given up. */
  after: string = '';
  count: i32 = 0;
  private hashes: StaticArray<u64> = new StaticArray<u64>(PLACES);
  // The keys, as far as this process has seen them.
  private keys: string[] = [];
  /** The first of the kept ones that the listing has not come to. */
  private cursor: i32 = 0;

  clear(): void {
    this.after = '';
    this.count = 0;
    this.keys = [];
    this.cursor = 0;
  }

  /** A listing begins behind `after`. */
  rewind(): void {
    this.cursor = 0;
  }

  /** The listing has come to a key: whether it is done. Kept keys before it that were not listed are no more. */
  isDone(key: string): bool {
    const hash = hashOfText(key);
    for (let i = this.cursor; i < this.count; i++) {
      if (this.hashes[i] != hash) continue;
      this.remove(this.cursor, i);
      this.keys[this.cursor++] = key;
      return true;
    }
    return false;
  }

  /** The key that the listing has come to is done. `mayForget`: the oldest kept one makes room for it. */
  add(key: string, mayForget: bool): void {
    if (this.count == PLACES) this.remove(0, 1);
    const at = this.cursor++;
    memory.copy(this.place(at + 1), this.place(at), (this.count - at) * 8);
    this.hashes[at] = hashOfText(key);
    insert(this.keys, at, key);
    this.count++;
    while (mayForget && this.count > KEPT && this.keys[0] != '') {
      this.after = this.keys[0];
      this.remove(0, 1);
    }
  }

  /** The listing has ended. */
  end(): void {
    this.remove(this.cursor, this.count);
  }

  /** Removes kept keys from `from` to before `to`. */
  private remove(from: i32, to: i32): void {
    if (from == to) return;
    memory.copy(this.place(from), this.place(to), (this.count - to) * 8);
    this.keys.splice(from, to - from);
    this.count -= to - from;
    if (this.cursor >= to) this.cursor -= to - from;
    else if (this.cursor > from) this.cursor = from;
  }

  private place(index: i32): usize {
    return changetype<usize>(this.hashes) + index * 8;
  }

  /** Writes it to LEDGER_SIZE bytes. */
  write(out: usize): void {
    const length = String.UTF8.byteLength(this.after);
    store<u32>(out, length);
    store<u32>(out, this.count, 4);
    String.UTF8.encodeUnsafe(changetype<usize>(this.after), this.after.length, out + 8);
    memory.copy(out + 8 + MAX_KEY, this.place(0), this.count * 8);
  }

  /** Reads what `write` wrote; false when it is nothing of the kind. */
  read(from: usize): bool {
    this.clear();
    const length = load<u32>(from);
    const count = load<u32>(from, 4);
    if (length > u32(MAX_KEY) || count > u32(PLACES)) return false;
    this.after = String.UTF8.decodeUnsafe(from + 8, length);
    this.count = count;
    memory.copy(this.place(0), from + 8 + MAX_KEY, count * 8);
    for (let i = 0; i < this.count; i++) this.keys.push('');
    return true;
  }
}

function insert(keys: string[], at: i32, key: string): void {
  keys.push(key);
  for (let i = keys.length - 1; i > at; i--) keys[i] = keys[i - 1];
  keys[at] = key;
}
