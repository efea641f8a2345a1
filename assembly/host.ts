// SPDX-License-Identifier: Apache-2.0
// What the WASM may ask of the world. native/host implements these in C, test/support/host.ts in Node.
//
// Shared rules: an address is an offset into the linear memory; the caller owns the memory it names, the
// callee neither keeps nor frees it. Texts are UTF-8 with a length, never NUL-terminated. A negative result
// is -errno (Linux numbers) unless the line says otherwise. No import calls back into the WASM.

// --- process ---

/** Native address of linear memory offset 0; constant for the life of an instance. 0 in Node. */
export declare function memoryBase(): u64;
/** Hands one message to Falco's logger. `severity` as in log.ts. */
export declare function log(severity: i32, text: usize, length: i32): void;
/** Wall clock: nanoseconds since the Unix epoch. */
export declare function realtime(): i64;
/** Steady clock: nanoseconds since an arbitrary start. */
export declare function monotonic(): i64;
/** Lets the event loop run until a request is complete, at most `milliseconds`; 0 only does what is due. */
export declare function wait(milliseconds: i32): void;
/** Writes the system's text for an errno to `out`; gives its length, at most `capacity`. */
export declare function errorText(errno: i32, out: usize, capacity: i32): i32;

// --- files (read only); a handle is a small positive number ---

/** Opens a regular file for reading; a handle, or -errno (a directory is -EISDIR). */
export declare function fileOpen(path: usize, length: i32): i32;
/** Reads up to `capacity` bytes at the handle's position; the count, 0 at the end, or -errno. */
export declare function fileRead(file: i32, out: usize, capacity: i32): i32;
/** Moves the position to `offset` bytes from the start; 0 or -errno. */
export declare function fileSeek(file: i32, offset: i64): i32;
/** Describes a path (symbolic links followed) as a FileStat at `out`; 0 or -errno. */
export declare function fileStat(path: usize, length: i32, out: usize): i32;
/** Describes an open file as a FileStat at `out`; 0 or -errno. */
export declare function fileStatOpen(file: i32, out: usize): i32;
export declare function fileClose(file: i32): void;
/** Opens a directory for listing; a handle, or -errno. Closed with dirClose. */
export declare function dirOpen(path: usize, length: i32): i32;
/** Writes the next entry's name ("." and ".." left out); its length, 0 at the end, or -errno. */
export declare function dirNext(dir: i32, out: usize, capacity: i32): i32;
export declare function dirClose(dir: i32): void;

/** What fileStat writes. */
export class FileStat {
  /** Bytes. */
  size: i64;
  /** Last modification: nanoseconds since the Unix epoch. */
  modified: i64;
  device: u64;
  inode: u64;
  /** FileKind. */
  kind: u32;
}

export const enum FileKind {
  Other = 0,
  Regular = 1,
  Directory = 2,
}

// --- gzip ---

/** Starts a gzip stream (members may follow each other); a handle, or -errno. */
export declare function inflateOpen(): i32;
/**
 * Inflates from `input` to `out`; writes the consumed input bytes (u32) to `consumed`. The bytes produced: when
 * they fill `capacity` there may be more, also without input; 0 means "feed more". -EIO for damaged data, after
 * what came before the damage.
 */
export declare function inflate(
  stream: i32,
  input: usize,
  inputLength: i32,
  out: usize,
  capacity: i32,
  consumed: usize,
): i32;
/** 1 when the stream stands at the end of a complete gzip member, else 0. */
export declare function inflateAtEnd(stream: i32): i32;
export declare function inflateClose(stream: i32): void;

// --- HTTP server ---
//
// Requests come complete. httpTake offers each of them once; after a trap the server is still there, and offers
// again every request that has no answer yet, so nothing is forgotten. An answer waits until httpRelease sends
// it: that is the acknowledgement after delivery. Refusals are sent at once.

/** Listens; a handle, or -errno. After a trap, the same address gives the server that still listens. */
export declare function httpListen(address: usize, addressLength: i32, port: i32, maxBody: i32): i32;
/** The port in use (for port 0). */
export declare function httpPort(server: i32): i32;
/** Describes the oldest request that was not offered yet as an HttpRequest at `out`; 1, or 0: there is none. */
export declare function httpTake(server: i32, out: usize): i32;
/** How many requests the server refused (4xx) without offering them, since the last call. */
export declare function httpRefused(server: i32): i32;
/** Copies the path without query to `out`; its whole length, which may be above `capacity`. */
export declare function httpPath(request: i32, out: usize, capacity: i32): i32;
/** Copies a header's value to `out`; its whole length, or -1 when it is absent. */
export declare function httpHeader(
  request: i32,
  name: usize,
  nameLength: i32,
  out: usize,
  capacity: i32,
): i32;
/** Copies the body to `out`; the bytes copied. The body stays until the request is answered. */
export declare function httpBody(request: i32, out: usize, capacity: i32): i32;
/** Sets the answer (405 gets an Allow header). `now` 1 sends it at the loop's next turn, 0 keeps it for httpRelease. */
export declare function httpAnswer(request: i32, status: i32, text: usize, textLength: i32, now: i32): void;
/** Sends the answers that were kept. */
export declare function httpRelease(server: i32): void;
/** Stops listening; requests without an answer get 503, so that their clients send them again. */
export declare function httpClose(server: i32): void;

/** What httpTake writes. */
export class HttpRequest {
  /** Names the request in the other calls; counts up from 1. */
  id: u32;
  /** HttpMethod. */
  method: u32;
  /** Bytes. */
  bodyLength: u32;
}

export const enum HttpMethod {
  Other = 0,
  Post = 1,
}
