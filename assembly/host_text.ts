// SPDX-License-Identifier: Apache-2.0
// Texts that the host gives.
import * as host from './host';
import { countText } from './log';
import { Block } from './memory';

/** Bytes of an environment variable's value; a longer one counts as not set. */
const MAX_VALUE: i32 = 8192;
/** Bytes of the host's words for a problem. */
const MAX_PROBLEM: i32 = 512;
const space = new Block();

/** The value of an environment variable, or an empty string. */
export function environment(name: string): string {
  countText();
  const key = String.UTF8.encode(name);
  const out = space.reserve(MAX_VALUE);
  const length = host.environmentText(changetype<usize>(key), key.byteLength, out, MAX_VALUE);
  return length < 0 || length > MAX_VALUE ? '' : String.UTF8.decodeUnsafe(out, length);
}

/** Why the host refused TLS files, an address or a request, or an empty string. */
export function hostProblem(): string {
  countText();
  const out = space.reserve(MAX_PROBLEM);
  return String.UTF8.decodeUnsafe(out, host.problemText(out, MAX_PROBLEM));
}
