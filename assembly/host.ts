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
/**
 * Copies the value of an environment variable to `out`; its whole length, which may be above `capacity`, or -1 when
 * it is not set.
 */
export declare function environmentText(name: usize, nameLength: i32, out: usize, capacity: i32): i32;
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

// --- randomness ---

/** Fills `length` bytes at `out` from the system's random source. */
export declare function randomBytes(out: usize, length: i32): void;

// --- more of files ---

/** Reads up to `capacity` bytes from `offset` on; the position stays. The count, 0 behind the end, or -errno. */
export declare function fileReadAt(file: i32, offset: i64, out: usize, capacity: i32): i32;

// --- state files: what must last over the end of the process ---

/**
 * Opens a file for reading and writing, made with `size` zero bytes (mode 0600) if it is absent, as its folder is
 * (0700, one level). A handle, or -errno: -EWOULDBLOCK when another process has it open like this.
 */
export declare function stateOpen(path: usize, length: i32, size: i32): i32;
/** Reads up to `capacity` bytes from `offset` on; the count, or -errno. */
export declare function stateRead(state: i32, offset: i32, out: usize, capacity: i32): i32;
/** Writes `length` bytes at `offset`; 0, or -errno (-ENOSPC also when only a part was written). */
export declare function stateWrite(state: i32, offset: i32, bytes: usize, length: i32): i32;
/** Waits until what was written is on the disk; 0 or -errno. */
export declare function stateSync(state: i32): i32;
export declare function stateClose(state: i32): void;

// --- watching folders (inotify); `wait` ends when something has changed ---

/** A handle, or -errno: the caller then looks for itself from time to time. */
export declare function watchOpen(): i32;
/** Watches what is made, written, renamed or removed in a folder; 0 or -errno. Again for the same folder: nothing. */
export declare function watchAdd(watch: i32, path: usize, length: i32): i32;
/** 1 when something has changed in the folders since the last call, else 0. */
export declare function watchTake(watch: i32): i32;
export declare function watchClose(watch: i32): void;

// --- TLS ---

/** Why the last tlsOpen or httpListen failed, in words without secrets; its length, at most `capacity`. */
export declare function problemText(out: usize, capacity: i32): i32;
/**
 * Makes what a server needs to speak TLS 1.2 and 1.3 out of the TlsOptions at `options`; a handle, or -errno and
 * problemText: no certificate, no key, a key of another certificate, an expired or not yet valid one, a bad CA.
 */
export declare function tlsOpen(options: usize): i32;
/** When the certificate ends: nanoseconds since the Unix epoch. */
export declare function tlsExpires(tls: i32): i64;
/** Lets go of the handle; servers and connections that use it keep what they need. */
export declare function tlsClose(tls: i32): void;

/** PEM texts; their bytes are not kept. */
export class TlsOptions {
  /** The certificate and the chain behind it. */
  certificate: usize;
  certificateLength: u32;
  key: usize;
  keyLength: u32;
  /** Certificates that client certificates must lead to; length 0: clients are not asked for one. */
  clientCa: usize;
  clientCaLength: u32;
}

// --- HTTP server ---
//
// A request is offered twice. First its head, so that who may not come in, or brings too much, is turned away before
// a byte of the body is read: answer it, or let the body come with httpRead. Then, complete, or failed. httpTake
// offers each once; after a trap the server is still there, and offers again whatever has no answer yet, so
// nothing is forgotten. An answer waits until httpRelease sends it: that is the acknowledgement after delivery.
// Refusals are sent at once; what is left of a refused request's body is read and thrown away for some seconds, so
// that its sender sees the answer.
//
// The server itself answers what is no HTTP (400), headers above their limit (431) and senders that take too long (408),
// and closes the connection. At the limit of connections it closes the one that has been idle, or sending its head,
// for the longest time; if there is none it closes the new one. When there is no room for what is coming in, it gives
// up the slowest of the unfinished bodies that are older than a second (408), if there is one.

/** Listens as the HttpOptions at `options` say; a handle, or -errno and problemText. After a trap, the same address
 * and port give the server that still listens, with the new options. */
export declare function httpListen(options: usize): i32;
/** The port in use (for port 0). */
export declare function httpPort(server: i32): i32;
/** New connections speak TLS as this handle says; those that are open stay as they are. */
export declare function httpUseTls(server: i32, tls: i32): void;
/** Describes the oldest thing that was not offered yet as an HttpRequest at `out`; 1, or 0: there is none. */
export declare function httpTake(server: i32, out: usize): i32;
/**
 * Lets the body of a request come, up to `maxBody` bytes; 0, or -ENOBUFS: its announced length has no room in
 * `maxHeld` now; or -ENOENT: its client is gone, so that its texts are absent and an answer goes nowhere. The body comes without delay, so that it may be complete at once. The server keeps `tag` and gives
 * it back with the body, also after a trap.
 */
export declare function httpRead(request: i32, maxBody: i32, tag: u32): i32;
/**
 * Copies a text of the request to `out`; its whole length, which may be above `capacity`; -1 when there is none.
 * A checked certificate without a name gives 0. Names with a control character are left out.
 */
export declare function httpText(request: i32, which: HttpText, out: usize, capacity: i32): i32;
/**
 * Copies the value of the first header with this name (in any case) to `out`; its whole length, or -1 when it is
 * absent. Only of a head: the headers are not kept longer.
 */
export declare function httpHeader(
  request: i32,
  name: usize,
  nameLength: i32,
  out: usize,
  capacity: i32,
): i32;
/** Copies the body to `out`; the bytes copied. The body stays until the request is answered. */
export declare function httpBody(request: i32, out: usize, capacity: i32): i32;
/**
 * Sets the answer. 401 gets a WWW-Authenticate header, 405 an Allow header, 429 and 503 a Retry-After header.
 * `now` 1 sends it at the loop's next turn, 0 keeps it for httpRelease.
 */
export declare function httpAnswer(request: i32, status: i32, text: usize, textLength: i32, now: i32): void;
/** Sends the answers that were kept. */
export declare function httpRelease(server: i32): void;
/** Describes the server as an HttpStatus at `out`; its counts are those since the last call. */
export declare function httpStatus(server: i32, out: usize): void;
/** The last failure of a TLS handshake, or of accepting a connection, in words; its length, at most `capacity`. */
export declare function httpFailureText(server: i32, out: usize, capacity: i32): i32;
/** Stops listening; requests without an answer get 503, so that their clients send them again. */
export declare function httpClose(server: i32): void;

/** How to listen. Times are in milliseconds, sizes in bytes. */
export class HttpOptions {
  /** A name or address, or nothing for all addresses; with port -1 the path of a Unix socket. */
  address: usize;
  addressLength: u32;
  port: i32;
  /** A TLS handle; 0: none; KEEP_TLS: what the server that still listens after a trap uses. */
  tls: i32;
  maxConnections: u32;
  /** Of a request line with its headers. */
  maxHead: u32;
  /** Of all requests that are in memory, whole or coming in: the memory they take, so that the bound is strict. */
  maxHeld: u32;
  /** From a connection's start, or a request's first byte, to the end of the head. */
  headTime: u32;
  /** From a request's first byte to its last. Also for a client that does not read its answer. */
  requestTime: u32;
  /** Between two requests. */
  idleTime: u32;
  /** Permissions of a Unix socket. */
  mode: u32;
}

export const KEEP_TLS: i32 = -1;

/** What httpTake writes. */
export class HttpRequest {
  /** Names the request in the other calls; counts up from 1. */
  id: u32;
  /** HttpMethod. */
  method: u32;
  /** HttpPhase. */
  phase: u32;
  /** Of a head: the announced length, or UNKNOWN_LENGTH for a body in chunks. Else the bytes that came. */
  bodyLength: u32;
  /** What httpRead was given; 0 of a head. */
  tag: u32;
}

export const UNKNOWN_LENGTH: u32 = 0xffffffff;

export const enum HttpPhase {
  /** The head is there; the body has not been asked for. */
  Head = 0,
  /** The request is complete. */
  Body = 1,
  /** A body in chunks came to more than its limit; what came of it is thrown away. */
  TooLarge = 2,
  /** There was no room in `maxHeld` for what came in; what came of it is thrown away. */
  NoRoom = 3,
}

export const enum HttpMethod {
  Other = 0,
  Get = 1,
  Head = 2,
  Post = 3,
}

export const enum HttpText {
  /** As sent, without query. */
  Path = 0,
  /** Behind the question mark. */
  Query = 1,
  /** The names in the client's certificate, which was checked: `CN=…`, `DNS:…`, `URI:…`, `email:…`, a line each. */
  ClientNames = 2,
}

/** What httpStatus writes: what is, then what has happened since the last call. */
export class HttpStatus {
  /** Open connections. */
  connections: u32;
  /** Bytes of memory that requests take. */
  held: u32;
  accepted: u32;
  /** New connections that were closed because of the limit. */
  turnedAway: u32;
  /** Connections that made room for new ones: idle ones, slow ones, and the oldest of too many TLS handshakes. */
  madeRoom: u32;
  /** Answers of the server itself. */
  badRequests: u32;
  headsTooLarge: u32;
  timeouts: u32;
  tlsFailures: u32;
  acceptFailures: u32;
  /** Clients that left before their request was read to its end, or before it was answered. */
  left: u32;
  /** Requests whose head had no room: answered 429. */
  headsWithoutRoom: u32;
}

// --- HTTP client ---
//
// A request is begun with webSend, looked at with webStatus, read with webRead and let go with webClose. Nothing here
// waits: `wait` ends when a request has news, which are whatever webStatus was not asked for yet. What has come of a
// body is kept until it is read; when `window` bytes are kept the server is made to wait. Redirects are not
// followed: an answer is whatever the server says. Connections are kept for the next request to the same server.
// Proxies are those of the environment (HTTPS_PROXY, NO_PROXY …) as curl reads it. After a trap all requests are gone.

/** Begins what the WebRequest at `request` describes, whose texts are copied; a handle, or -errno and problemText. */
export declare function webSend(request: usize): i32;
/** Describes a request as a WebStatus at `out`. */
export declare function webStatus(request: i32, out: usize): void;
/** Takes up to `capacity` bytes of what has come of the body; the count. */
export declare function webRead(request: i32, out: usize, capacity: i32): i32;
/**
 * Copies the value of the answer's last header with this name (in any case) to `out`; its whole length, which may be
 * above `capacity`, or -1 when it is absent or no head has come.
 */
export declare function webHeader(request: i32, name: usize, nameLength: i32, out: usize, capacity: i32): i32;
/** Why a request has failed, in words; its length, at most `capacity`. */
export declare function webProblem(request: i32, out: usize, capacity: i32): i32;
/** Lets go of the request; one that goes on ends here. */
export declare function webClose(request: i32): void;

/** Times are in milliseconds. */
export class WebRequest {
  /** WebMethod. */
  method: u32;
  /** http:// or https://, encoded as it is to be sent; without a user. */
  url: usize;
  urlLength: u32;
  /** Lines `name: value\n`; with a signature the names in lower case. */
  headers: usize;
  headersLength: u32;
  body: usize;
  bodyLength: u32;
  /** Path of a file with the certificates (PEM) that the server's must lead to; for http:// nothing. */
  authorities: usize;
  authoritiesLength: u32;
  /** AWS Signature Version 4 over the whole request, as `aws:amz:REGION:SERVICE`; length 0: none. */
  signing: usize;
  signingLength: u32;
  /** The access key's id and its secret. */
  keyId: usize;
  keyIdLength: u32;
  secret: usize;
  secretLength: u32;
  /** Bytes of the body to keep; what comes at once may be 16 KiB more. */
  window: u32;
  /** Until the connection, with TLS, stands. */
  connectTime: u32;
  /** Until the request is complete; 0: any. */
  totalTime: u32;
  /** Without a byte; does not count while the server is made to wait. Rounded up to seconds. */
  idleTime: u32;
  /** 1: never by a proxy. */
  isDirect: u32;
}

export const enum WebMethod {
  Get = 0,
  Put = 1,
  Post = 2,
  Patch = 3,
  Delete = 4,
}

/** What webStatus writes. */
export class WebStatus {
  /** WebPhase. */
  phase: u32;
  /** Of HTTP; 0 before the answer's head is there. */
  status: u32;
  /** WebFailure. */
  failure: u32;
  /** Bytes of the body that may be read. */
  available: u32;
}

export const enum WebPhase {
  /** Nothing of the body has come. */
  Waiting = 0,
  /** The head, and some of the body, has come. */
  Body = 1,
  /** All has come. */
  Complete = 2,
  /** It has failed; what came of the body before that may be read. */
  Failed = 3,
}

export const enum WebFailure {
  None = 0,
  /** The server's, or the proxy's, name is not known. */
  Name = 1,
  /** Nobody answers there. */
  Connect = 2,
  /** The server's certificate, or the handshake. */
  Tls = 3,
  /** A time ran out. */
  Time = 4,
  /** The connection ended before the answer did. */
  Cut = 5,
  Other = 6,
}
