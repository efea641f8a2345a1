// SPDX-License-Identifier: Apache-2.0
// What outlives a trap. native/runtime.c copies this region from a dead instance's memory into the new one's
// before it opens the source again; it also reads the counters for plugin_get_metrics. It holds numbers only,
// never addresses, so a half-written heap cannot spoil it.

/** Counters at the start of the region, 8 bytes each: see counters.ts, which has a bit for each. */
export const COUNTERS = 64;

/** Set in `suspect` when not an element but the making of the payload at this offset (plus one) is suspect. */
export const WHOLE_PAYLOAD: u64 = 1 << 63;
/** Lists and arrays inside each other that are followed. */
export const MAX_NESTING: u32 = 8;

@unmanaged
export class Survivor {
  /** 1 while a source is open that may be gone on with. */
  open: u64;
  /** Offset plus one of the element being read; 0 when none is. */
  suspect: u64;
  /** Offset plus one of the element that the last trap was about; 0 when there is none. */
  trapped: u64;
  /** What is being read: a file's device and inode; the ids of the request handed over in part, and being read. */
  first: u64;
  second: u64;
  /** Where the payload that was handed over in part, or comes next, starts in it: bytes. */
  position: u64;
  /** How much of that payload was handed over, and in which arrays the walk was then: see payload.ts. */
  within: u64;
  nesting: u64;
  /** 1 when `position` is inside a line that is dropped up to its end. */
  skipping: u64;
  /** Tells this process from the other replicas while the source is open; 0: it was not needed yet. */
  replica: u64;

  opened(level: u32): u32 {
    return load<u32>(changetype<usize>(this) + offsetof<Survivor>() + level * 8);
  }

  behind(level: u32): u32 {
    return load<u32>(changetype<usize>(this) + offsetof<Survivor>() + level * 8, 4);
  }

  setOpened(level: u32, offset: u32): void {
    store<u32>(changetype<usize>(this) + offsetof<Survivor>() + level * 8, offset);
  }

  setBehind(level: u32, offset: u32): void {
    store<u32>(changetype<usize>(this) + offsetof<Survivor>() + level * 8, offset, 4);
  }
}

/** Bytes for the files that are followed: see sources/places.ts. */
export const PLACES_SIZE: i32 = 16 + 256 * 40;
/** Bytes for how far a log of CloudWatch was read: see cloud/logs/kept.ts. In the same place: one source is open. */
export const KEPT_SIZE: i32 = 40 + 8192 * 8;

const PLACES_AT: i32 = COUNTERS * 8 + offsetof<Survivor>() + MAX_NESTING * 8;
const REGION_SIZE: i32 = PLACES_AT + (PLACES_SIZE > KEPT_SIZE ? PLACES_SIZE : KEPT_SIZE);
const REGION = memory.data(REGION_SIZE, 8);
export const survivor = changetype<Survivor>(REGION + COUNTERS * 8);

/** Where PLACES_SIZE bytes for the files that are followed begin. */
export function placesAddress(): usize {
  return REGION + PLACES_AT;
}

/** Where KEPT_SIZE bytes for how far a log was read begin. */
export function keptAddress(): usize {
  return REGION + PLACES_AT;
}

/** Forgets everything but the counters: no source is open. */
export function forgetSource(): void {
  memory.fill(REGION + COUNTERS * 8, 0, REGION_SIZE - COUNTERS * 8);
}

export function survivorAddress(): usize {
  return REGION;
}

export function survivorSize(): u32 {
  return REGION_SIZE;
}
