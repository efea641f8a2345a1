// SPDX-License-Identifier: Apache-2.0
// Makes moto's FilterLogEvents behave as AWS's, for what the sources depend on (moto.ts lists the differences): streams
// by prefix, all of them in one order of time, pages of at most 1 MB, ids and tokens as long as AWS's.
import type { Call, ServiceError } from './protocol.ts';

type Parameters = Record<string, unknown>;

interface Event {
  logStreamName: string;
  timestamp: number;
  message: string;
  ingestionTime: number;
  eventId: string;
}

interface Page {
  events: Event[];
  nextToken?: string | null;
  searchedLogStreams: unknown[];
}

/** The bound of a page in AWS, in bytes of messages. */
export const PAGE_BYTES = 1 << 20;
/** As many events of a usual size as fill a page; AWS's bound is 10,000, but moto would send all of them. */
const PAGE_EVENTS = 2000;
const ID_DIGITS = 55;

/** What a token of ours holds: moto's token, or none for the start of a listing. */
interface Token {
  at: string | null;
  /** Tells tokens apart that follow empty pages. */
  empty?: number;
}

function seal(token: Token): string {
  return `Bxkq6${Buffer.from(JSON.stringify(token)).toString('base64')}`;
}

function unseal(text: string): Token | undefined {
  try {
    return JSON.parse(Buffer.from(text.replace(/^Bxkq6/, ''), 'base64').toString());
  } catch {
    return undefined;
  }
}

/** A request that AWS refuses and moto does not. */
export function filterError({ parameters }: Call): ServiceError | undefined {
  const invalid = (message: string) => ({ status: 400, code: 'InvalidParameterException', message });
  const { startTime, endTime, nextToken, logStreamNames, logStreamNamePrefix } = parameters;
  if (logStreamNames !== undefined && logStreamNamePrefix !== undefined) {
    return invalid('LogStreamNames and LogStreamNamePrefix cannot both be given.');
  }
  if (typeof startTime === 'number' && typeof endTime === 'number' && startTime > endTime) {
    return invalid('The start time is behind the end time.');
  }
  if (nextToken !== undefined && unseal(String(nextToken)) === undefined) {
    return invalid('The specified nextToken is invalid.');
  }
  return undefined;
}

/**
 * What moto is to be asked.
 *
 * @param streams the names of the group's streams that the prefix allows
 */
export function filterForMoto(parameters: Parameters, streams: readonly string[] | undefined): Parameters {
  const { nextToken, logStreamNamePrefix, limit, ...others } = parameters;
  const at = nextToken === undefined ? null : unseal(String(nextToken))?.at;
  return {
    ...others,
    interleaved: true,
    limit: Math.min(Number(limit ?? PAGE_EVENTS), PAGE_EVENTS),
    ...(logStreamNamePrefix === undefined ? {} : { logStreamNames: streams }),
    ...(typeof at === 'string' ? { nextToken: at } : {}),
  };
}

/** As many digits as AWS's ids have. */
function longId(id: string): string {
  return `3${id.padStart(ID_DIGITS, '0')}`;
}

/** moto's page as AWS would answer it. */
export function filterFromMoto(parameters: Parameters, text: string): string {
  const { events, nextToken, searchedLogStreams }: Page = JSON.parse(text);
  let [count, bytes] = [0, 0];
  for (const { message } of events) {
    bytes += Buffer.byteLength(message);
    if (count > 0 && bytes > PAGE_BYTES) break;
    count++;
  }
  const last = events[count - 1];
  const cut = last && `${parameters['logGroupName']}@${last.logStreamName}@${last.eventId}`;
  const at = count < events.length ? cut : nextToken;
  return JSON.stringify({
    events: events.slice(0, count).map((event) => ({ ...event, eventId: longId(event.eventId) })),
    searchedLogStreams,
    ...(at === null || at === undefined ? {} : { nextToken: seal({ at }) }),
  });
}

/** A page without events whose token goes on where the call would have begun. */
export function emptyLogPage({ parameters }: Call, number: number): string {
  const { nextToken } = parameters;
  const at = nextToken === undefined ? null : (unseal(String(nextToken))?.at ?? null);
  return JSON.stringify({ events: [], searchedLogStreams: [], nextToken: seal({ at, empty: number }) });
}
