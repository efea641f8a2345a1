// SPDX-License-Identifier: Apache-2.0
// Messages to Falco's log. None holds payload, tokens or secrets.
import * as host from './host';

/** Falco's severities (ss_plugin_log_severity). */
export const enum Severity {
  Error = 3,
  Warning = 4,
  Notice = 5,
  Info = 6,
  Debug = 7,
}

/** Messages that may come often, each limited to one a minute. */
export const enum Reason {
  Invalid = 0,
  NotAudit = 1,
  TooLarge = 2,
  Trap = 3,
  Body = 4,
  Read = 5,
  Request = 6,
  Rotation = 7,
  Refused = 8,
  NotFound = 9,
  BadMethod = 10,
  BadType = 11,
  Values = 12,
  Salvaged = 13,
  WithoutId = 14,
  Duplicate = 15,
  Unauthorized = 16,
  Forbidden = 17,
  NoRoom = 18,
  Connections = 19,
  Timeout = 20,
  Tls = 21,
  Accept = 22,
  Certificate = 23,
  Checkpoint = 24,
  Missing = 25,
  BadEncoding = 26,
  Kubernetes = 27,
  Leadership = 28,
  Credentials = 29,
  CloudThrottled = 30,
  CloudFailed = 31,
  CloudDenied = 32,
  CloudRefused = 33,
  CloudBack = 34,
  IdsForgotten = 35,
}
const REASONS = 36;
const MINUTE: i64 = 60_000_000_000;

const nextTime = new StaticArray<i64>(REASONS);
const suppressed = new StaticArray<u32>(REASONS);

let textsMade: u32 = 0;

/** Counts a text that was made for a message or an answer: each leaves garbage behind. */
export function countText(): void {
  textsMade++;
}

/** The texts made since the last call. */
export function takeTextCount(): u32 {
  const count = textsMade;
  textsMade = 0;
  return count;
}

export function log(severity: Severity, message: string): void {
  countText();
  const text = String.UTF8.encode(message);
  host.log(severity, changetype<usize>(text), text.byteLength);
}

/**
 * Whether a message for this reason may be written now: at most one a minute. Ask before the text is made,
 * so that a flood of bad input costs no text; then call `logLimited`.
 */
export function mayLog(reason: Reason): bool {
  const now = host.monotonic();
  const index = <i32>reason;
  if (nextTime[index] != 0 && now < nextTime[index]) {
    suppressed[index]++;
    return false;
  }
  nextTime[index] = now + MINUTE;
  return true;
}

/** Logs with the count of the messages that `mayLog` held back since the last one. */
export function logLimited(reason: Reason, severity: Severity, message: string): void {
  const left = suppressed[<i32>reason];
  suppressed[<i32>reason] = 0;
  const more = left == 0 ? '' : ' (' + left.toString() + ' more like it since the last such message)';
  log(severity, message + more);
}
