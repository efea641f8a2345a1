// SPDX-License-Identifier: Apache-2.0
// What plugin_get_metrics shows. A counter's number is its place in the survivor region; its name and meaning
// stand in METRICS below, in the same order.
import { COUNTERS, survivorAddress } from './survivor';

export const enum Counter {
  EventsReceived = 0,
  EventsDelivered = 1,
  BytesReceived = 2,
  Batches = 3,
  DroppedInvalid = 4,
  DroppedNotAudit = 5,
  DroppedTooLarge = 6,
  DroppedTrap = 7,
  WithoutTime = 8,
  FieldErrors = 9,
  SourceErrors = 10,
  Rotations = 11,
  HttpAnswers2xx = 12,
  HttpAnswers4xx = 13,
  HttpAnswers5xx = 14,
  /** Counted by native/runtime.c. */
  Traps = 15,
  EventsSalvaged = 16,
  EventsDeduplicated = 17,
  DroppedWithoutId = 18,
  HttpConnections = 19,
  HttpHeldBytes = 20,
  HttpAccepted = 21,
  HttpTurnedAway = 22,
  HttpTimeouts = 23,
  TlsFailures = 24,
  CertificateReloads = 25,
  CertificateExpiry = 26,
  CheckpointAge = 27,
  CheckpointWrites = 28,
  CheckpointErrors = 29,
  FilesFollowed = 30,
  LagCurrent = 31,
  LagMaximum = 32,
  HttpRefusedAccess = 33,
  HttpRefusedTooLarge = 34,
  HttpRefusedHeaders = 35,
  HttpRefusedNoRoom = 36,
  HttpMadeRoom = 37,
  HttpClientsLeft = 38,
  UsersKnown = 39,
  UsersForgotten = 40,
  PodsKnown = 41,
  PodsForgotten = 42,
  CloudCalls = 43,
  CloudCallsThrottled = 44,
  CloudCallsFailed = 45,
  EventsLate = 46,
  ObjectsRead = 47,
  ObjectsSetAside = 48,
  MessagesDeleted = 49,
  Leading = 50,
  CredentialsRenewed = 51,
  CredentialsExpiry = 52,
  IdsForgotten = 53,
}

/** A metric's name, and what it tells. */
export class Metric {
  constructor(
    public name: string,
    public description: string,
    /** Whether it may fall: it tells what is, not what has happened. */
    public isGauge: bool = false,
  ) {}
}

// No name ends in a unit such as _seconds or _bytes: libsinsp takes that out of the middle of the name for Prometheus.
export const METRICS: Metric[] = [
  new Metric('events_received', 'elements found in what the source brought, good or not'),
  new Metric('events_delivered', 'events handed to Falco'),
  new Metric('bytes_received', 'bytes read from the source, after decompression'),
  new Metric('batches', 'batches handed to Falco'),
  new Metric('events_dropped_invalid_json', 'elements dropped because they are not JSON'),
  new Metric('events_dropped_not_audit', 'elements dropped because they are not audit events'),
  new Metric('events_dropped_too_large', 'events or lines dropped because they are above the size limit'),
  new Metric('events_dropped_trap', 'elements dropped because reading them ended in a trap'),
  new Metric('events_without_time', 'events delivered with the time of arrival because they carry none'),
  new Metric(
    'field_errors',
    'fields left without a value because the body is not JSON or the values are too large in all',
  ),
  new Metric('source_errors', 'failed attempts to open or read the source'),
  new Metric('file_rotations', 'rotations or truncations of the followed file'),
  new Metric('http_answers_2xx', 'webhook requests acknowledged'),
  new Metric('http_answers_4xx', 'webhook requests refused'),
  new Metric('http_answers_5xx', 'webhook requests that could not be taken now'),
  new Metric('traps', 'internal errors that were caught and recovered from'),
  new Metric('events_salvaged', 'cut or oversized events delivered with what could be kept of them'),
  new Metric('events_deduplicated', 'events not delivered because the very same one was delivered before'),
  new Metric('events_dropped_without_id', 'cut or oversized events dropped because they carry no auditID'),
  new Metric('http_connections', 'webhook connections that are open', true),
  new Metric('http_held', 'bytes of webhook requests in memory', true),
  new Metric('http_connections_accepted', 'webhook connections accepted'),
  new Metric('http_connections_turned_away', 'webhook connections closed because there were too many'),
  new Metric('http_timeouts', 'webhook requests given up because their sender took too long'),
  new Metric('tls_failures', 'TLS handshakes with webhook clients that failed'),
  new Metric('certificate_reloads', 'times that a changed certificate or token was taken into use'),
  new Metric('certificate_expires_in', "seconds until the webhook's certificate ends", true),
  new Metric('checkpoint_age', 'seconds for which what was acknowledged has not been noted', true),
  new Metric('checkpoint_writes', 'times that a checkpoint was written'),
  new Metric('checkpoint_errors', 'failed attempts to read or write a checkpoint'),
  new Metric('files_followed', 'files that are being followed', true),
  new Metric('event_lag_milliseconds', 'age of the newest event when it was last handed to Falco', true),
  new Metric('event_lag_milliseconds_max', 'greatest age of an event when it was handed to Falco', true),
  new Metric(
    'http_refused_access',
    'webhook requests refused for want of a certificate, name or token: 401, 403',
  ),
  new Metric('http_refused_too_large', 'webhook requests refused because their body is too large: 413'),
  new Metric('http_refused_headers', 'webhook requests refused because their headers are too large: 431'),
  new Metric('http_refused_no_room', 'webhook requests told to come again because too much is waiting: 429'),
  new Metric('http_connections_made_room', 'webhook connections closed to make room for new ones'),
  new Metric('http_clients_left', 'webhook clients that left before their request had its answer'),
  new Metric('users_known', 'users that are remembered', true),
  new Metric('users_forgotten', 'users forgotten because others came (knownUsers)'),
  new Metric('pods_known', 'pods that are remembered', true),
  new Metric('pods_forgotten', 'pods forgotten because others came (knownPods)'),
  new Metric('cloud_calls', "requests to a cloud's services"),
  new Metric('cloud_calls_throttled', "requests to a cloud's services that were told to come later"),
  new Metric('cloud_calls_failed', "requests to a cloud's services that failed otherwise"),
  new Metric('events_late', 'events of CloudWatch Logs that came later than others of their time'),
  new Metric('objects_read', 'objects of S3 that were read to their end'),
  new Metric('objects_set_aside', 'objects of S3, or messages, that could not be read and were passed over'),
  new Metric('messages_deleted', 'messages of SQS that were deleted because Falco has their events'),
  new Metric('leading', '1 while this replica is the one that reads', true),
  new Metric('credentials_renewed', 'times that credentials for a cloud were got'),
  new Metric('credentials_expire_in', 'seconds until the credentials for a cloud end', true),
  new Metric('event_ids_forgotten', 'ids of log events forgotten because lateWindow has too many'),
];

class Counters {
  // Counted since the last commit. What a trap interrupts is read, and counted, again.
  private pending: StaticArray<u64> = new StaticArray<u64>(COUNTERS);
  // What was pending at the last mark.
  private marked: StaticArray<u64> = new StaticArray<u64>(COUNTERS);
  // A bit for each counter with something pending: a commit is a part of each next_batch, and most count nothing.
  private touched: u64 = 0;

  add(counter: Counter, amount: u64): void {
    this.pending[<i32>counter] += amount;
    this.touched |= u64(1) << u64(counter);
  }

  /** Counts an element that came and is not delivered, for this reason. */
  drop(reason: Counter): void {
    this.add(Counter.EventsReceived, 1);
    this.add(reason, 1);
  }

  /** Begins a part that may be committed alone. */
  mark(): void {
    memory.copy(changetype<usize>(this.marked), changetype<usize>(this.pending), COUNTERS * 8);
  }

  /** Commits what was counted since the mark: it does not come again after a trap. */
  commitMarked(): void {
    for (let left = this.touched; left != 0; left &= left - 1) {
      const i = i32(ctz(left));
      this.addAtOnce(<Counter>i, this.pending[i] - this.marked[i]);
      this.pending[i] = this.marked[i];
    }
  }

  /** Counts what no trap makes come again. */
  addAtOnce(counter: Counter, amount: u64): void {
    const at = survivorAddress() + <usize>counter * 8;
    store<u64>(at, load<u64>(at) + amount);
  }

  /** Sets what is now, of a gauge. */
  set(gauge: Counter, value: u64): void {
    store<u64>(survivorAddress() + <usize>gauge * 8, value);
  }

  get(counter: Counter): u64 {
    return load<u64>(survivorAddress() + <usize>counter * 8);
  }

  /** Makes what was counted visible, and lasting across a trap. */
  commit(): void {
    for (let left = this.touched; left != 0; left &= left - 1) {
      const i = i32(ctz(left));
      this.addAtOnce(<Counter>i, this.pending[i]);
      this.pending[i] = 0;
      this.marked[i] = 0;
    }
    this.touched = 0;
  }
}

export const counters = new Counters();
