// SPDX-License-Identifier: Apache-2.0
// What outlives a trap. native/plugin.c copies this region from a dead instance's memory into the new one's
// before it opens the source again; it also reads the counters for plugin_get_metrics. It holds numbers only,
// never addresses, so a half-written heap cannot spoil it.

/** Counters at the start of the region, 8 bytes each: see counters.ts. */
export const COUNTERS = 64;

@unmanaged
export class Survivor {
  /** 1 while a source is open that may be gone on with. */
  open: u64;
  /** Offset plus one of the element being read; 0 when none is. */
  suspect: u64;
  /** Offset plus one of the element that the last trap was about; 0 when there is none. */
  trapped: u64;
  /** What is being read: a file's device and inode, a request's id. */
  first: u64;
  second: u64;
  /** Where the payload that was last handed over, or begun, starts in it: bytes. */
  position: u64;
  /** How much of that payload was handed over: bytes. */
  within: u64;
}

const REGION = memory.data(COUNTERS * 8 + 64, 8);
export const survivor = changetype<Survivor>(REGION + COUNTERS * 8);

export function survivorAddress(): usize {
  return REGION;
}

export function survivorSize(): u32 {
  return COUNTERS * 8 + offsetof<Survivor>();
}
