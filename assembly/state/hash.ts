// SPDX-License-Identifier: Apache-2.0
// FNV-1a, 64 bits: tells contents from each other and finds damage.
//
// It is not keyed, and need not be: who can choose the bytes that are hashed is who writes the log file or the
// checkpoint, and is trusted to say what is in there (docs/security.md). Whoever merely causes audit events
// has no hold on the start of a file: random auditIDs and times stand in it.

/** The hash of nothing; `hashOf` goes on from it. */
export const HASH_BASIS: u64 = 0xcbf29ce484222325;
const PRIME: u64 = 0x100000001b3;

/** The hash of what `hash` stands for and `length` more bytes. */
export function hashOf(bytes: usize, length: u32, hash: u64 = HASH_BASIS): u64 {
  for (let i: u32 = 0; i < length; i++) hash = (hash ^ load<u8>(bytes + i)) * PRIME;
  return hash;
}

export function hashOfText(text: string): u64 {
  const bytes = String.UTF8.encode(text);
  return hashOf(changetype<usize>(bytes), bytes.byteLength);
}

/** 16 hexadecimal digits. */
export function hexOf(hash: u64): string {
  return hash.toString(16).padStart(16, '0');
}
