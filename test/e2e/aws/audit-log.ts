// SPDX-License-Identifier: Apache-2.0
// A log group as EKS writes it: audit events in several streams, out of order, and some of them late.
import { Random } from '../../../scripts/lib/random.mjs';
import type { AwsClient, LogEvent } from './client.ts';

export interface LogShape {
  /** How many events there are in all. */
  count: number;
  /** Time of the first and the last event, in milliseconds since 1970. */
  from: number;
  to: number;
  /** Names of the streams that they are spread over. */
  streams: readonly string[];
  /** An event may carry a time that is as much earlier than its place in the log, in milliseconds. */
  disorder: number;
  /** One event of so many is late: not among the first part, but put afterwards. */
  lateOneIn: number;
  seed: number;
}

/** Events for one stream, put in this order. */
export interface StreamPart {
  stream: string;
  events: LogEvent[];
}

/** What to put first, and what arrives late; the order within each is the order of arrival. */
export interface AuditLog {
  early: StreamPart[];
  late: StreamPart[];
  /** The auditIDs of all. */
  ids: string[];
}

/** The stream's name as EKS has it, by a number. */
export function streamName(number: number): string {
  return `kube-apiserver-audit-${number.toString(16).padStart(32, '0')}`;
}

/**
 * Makes a log, the same for the same shape.
 *
 * @param message makes the text of an event from its number and its time in milliseconds
 * @param idOf the auditID of an event by its number
 */
export function makeAuditLog(
  shape: LogShape,
  message: (number: number, timestamp: number) => string,
  idOf: (number: number) => string,
): AuditLog {
  const random = new Random(shape.seed);
  const parts = () => shape.streams.map((stream): StreamPart => ({ stream, events: [] }));
  const log: AuditLog = { early: parts(), late: parts(), ids: [] };
  const step = (shape.to - shape.from) / Math.max(1, shape.count - 1);
  for (let number = 0; number < shape.count; number++) {
    const timestamp = Math.floor(shape.from + number * step) - random.below(shape.disorder + 1);
    const side = random.below(shape.lateOneIn) === 0 ? log.late : log.early;
    random.pick(side).events.push({ timestamp, message: message(number, timestamp) });
    log.ids.push(idOf(number));
  }
  return log;
}

/**
 * Puts parts of a log, a few seconds of each stream in turn, as a cluster does.
 *
 * @param slice how many events of a stream are put in one call at most
 */
export async function putParts(
  client: AwsClient,
  group: string,
  parts: readonly StreamPart[],
  slice = 700,
): Promise<number> {
  const longest = Math.max(0, ...parts.map(({ events }) => events.length));
  let put = 0;
  for (let start = 0; start < longest; start += slice) {
    for (const { stream, events } of parts) {
      put += await client.putLogEvents(group, stream, events.slice(start, start + slice));
    }
  }
  return put;
}
