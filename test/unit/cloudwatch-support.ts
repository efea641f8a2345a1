// SPDX-License-Identifier: Apache-2.0
// CloudWatch Logs in Node, for the unit tests: FilterLogEvents over events that a test puts.
import { shortEvent } from '../support/events';
import { Host, type WebAnswer, type WebCall } from '../support/host';
import { type Event, Wasm } from '../support/wasm';

export const GROUP = '/aws/eks/prod/cluster';
export const STREAM = 'kube-apiserver-audit-1';
const MILLISECOND = 1_000_000n;

export interface LogEvent {
  stream: string;
  /** Milliseconds since 1970. */
  timestamp: number;
  message: string;
  /** As in AWS, digits; undefined: the answer has none. */
  eventId: string | undefined;
}

export interface Query {
  logGroupName?: string;
  logGroupIdentifier?: string;
  logStreamNamePrefix?: string;
  startTime: number;
  endTime: number;
  filterPattern?: string;
  limit: number;
  nextToken?: string;
  /** When it was asked. */
  at: number;
}

/** Whether the late lane asks: what was read before is read again. */
export function isLate({ endTime, at }: Query): boolean {
  return endTime <= at;
}

/** A log group. Page tokens are good for it only, and name the event behind which the page begins. */
export class FakeLogs {
  readonly events: LogEvent[] = [];
  /** Events on a page at most. */
  pageSize = 10_000;
  /** What becomes of the next calls, before the log is asked; undefined: nothing special. */
  readonly script: (WebAnswer | undefined)[] = [];
  /** Milliseconds that an answer takes. */
  delay = 0;
  readonly queries: Query[] = [];
  private numbers = 0;

  constructor(readonly host: Host) {
    host.environment.set('AWS_ACCESS_KEY_ID', 'AKID');
    host.environment.set('AWS_SECRET_ACCESS_KEY', 'secret');
    host.environment.set('AWS_REGION', 'eu-west-1');
    host.onCall = (call) => this.answer(call);
  }

  /** Milliseconds since 1970 by the host's clock. */
  get now(): number {
    return Number(this.host.now / MILLISECOND);
  }

  /** Puts an event with this auditID; `age` milliseconds old. */
  put(auditID: string, age = 0, more: Partial<LogEvent> = {}): LogEvent {
    const timestamp = this.now - age;
    const stageTimestamp = new Date(timestamp).toISOString();
    const event = {
      ...{ stream: STREAM, timestamp, message: shortEvent(auditID, { stageTimestamp }) },
      ...{ eventId: String(36_000_000_000_000 + this.numbers++).padStart(56, '3'), ...more },
    };
    this.events.push(event);
    return event;
  }

  private answer(call: WebCall): WebAnswer {
    const query = { ...(JSON.parse(call.body) as Query), at: this.now };
    this.queries.push(query);
    const scripted = this.script.shift();
    if (scripted) return { after: this.delay, ...scripted };
    return { after: this.delay, body: this.page(query) };
  }

  /** The answer to a query. */
  page(query: Omit<Query, 'at'>): string {
    const { startTime, endTime, logStreamNamePrefix = '', limit, nextToken } = query;
    const after = nextToken === undefined ? [-1, -1] : (JSON.parse(nextToken) as number[]);
    const found: { event: LogEvent; at: [number, number] }[] = [];
    for (const [number, event] of this.events.entries()) {
      const { timestamp, stream } = event;
      if (timestamp < startTime || timestamp > endTime || timestamp < after[0]) continue;
      if (timestamp === after[0] && number <= after[1]) continue;
      if (stream.startsWith(logStreamNamePrefix)) found.push({ event, at: [timestamp, number] });
    }
    found.sort((one, other) => one.at[0] - other.at[0] || one.at[1] - other.at[1]);
    const page = found.slice(0, Math.min(limit, this.pageSize));
    const hasMore = page.length < found.length;
    return JSON.stringify({
      events: page.map(({ event: { stream, ...rest } }) => ({ logStreamName: stream, ...rest })),
      searchedLogStreams: [],
      ...(hasMore ? { nextToken: JSON.stringify(page.at(-1)!.at) } : {}),
    });
  }
}

export function makeLogs(): FakeLogs {
  return new FakeLogs(new Host());
}

/** The source, opened; `config` beside what the log's host says. */
export function openLogs(logs: FakeLogs, config: object = {}, params = 'eks://prod'): Wasm {
  return new Wasm(logs.host).init(JSON.stringify(config)).open(params);
}

/** The auditIDs of all that is delivered while the host's clock goes on by so many milliseconds. */
export function readFor(wasm: Wasm, milliseconds: number, onBatch?: (events: Event[]) => void): string[] {
  const ids: string[] = [];
  const end = wasm.host.now + BigInt(milliseconds) * MILLISECOND;
  while (wasm.host.now < end) {
    const batch = wasm.nextBatch();
    if (batch === 'end') throw new Error('the source has ended');
    if (batch === 'timeout') continue;
    onBatch?.(batch);
    ids.push(...batch.map(({ payload }) => (JSON.parse(payload) as { auditID: string }).auditID));
    // Falco needs time as well.
    wasm.host.now += MILLISECOND;
  }
  return ids;
}
