// SPDX-License-Identifier: Apache-2.0
// What stands in a ConfigMap for one source: how far it is, and who wrote that.
//
//   magic (8) · version (4) · length (4) · writer (8) · hash of these and of the blob (8) · blob
import { hashOf } from '../../state/hash';

const MAGIC: u64 = 0x47525038534b414b; // "KAKS8PRG"
const VERSION: u32 = 1;

@unmanaged
class Header {
  magic: u64;
  version: u32;
  length: u32;
  writer: u64;
  hash: u64;
}
export const KEPT_HEADER: u32 = offsetof<Header>();
/** The part of the header that its hash covers. */
const HASHED: u32 = KEPT_HEADER - 8;

export const enum Find {
  Good = 0,
  Damaged = 1,
  /** Another version of the plugin wrote it. */
  Foreign = 2,
}

/** Writes the header of the blob that stands behind it. */
export function seal(at: usize, length: u32, writer: u64): void {
  const header = changetype<Header>(at);
  header.magic = MAGIC;
  header.version = VERSION;
  header.length = length;
  header.writer = writer;
  header.hash = hash(at, length);
}

/** Looks at `size` bytes with at least KEPT_HEADER of memory. */
export function inspect(at: usize, size: u32): Find {
  const header = changetype<Header>(at);
  if (size < KEPT_HEADER || header.magic != MAGIC) return Find.Damaged;
  if (header.version != VERSION) return Find.Foreign;
  const isWhole = header.length == size - KEPT_HEADER && header.hash == hash(at, header.length);
  return isWhole ? Find.Good : Find.Damaged;
}

/** Who wrote what was found good. */
export function writerOf(at: usize): u64 {
  return changetype<Header>(at).writer;
}

function hash(at: usize, length: u32): u64 {
  return hashOf(at + KEPT_HEADER, length, hashOf(at, HASHED));
}
