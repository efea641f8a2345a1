// SPDX-License-Identifier: Apache-2.0
// Audit events for tests, and what to do with those that come back.
import type { Event } from './wasm';

type Members = Record<string, unknown>;

/** An event as kube-apiserver writes it; `members` replaces or adds, and leaves out what is undefined. */
export function auditEvent(members: Members = {}): Members {
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'RequestResponse',
    auditID: 'a',
    stage: 'ResponseComplete',
    requestURI: '/api/v1/namespaces/default/pods',
    verb: 'get',
    stageTimestamp: '2024-05-01T12:00:00.000000Z',
    ...members,
  };
}

/** The JSON of an event. */
export function eventText(members: Members = {}): string {
  return JSON.stringify(auditEvent(members));
}

/** The JSON of a short event with this auditID. */
export function shortEvent(auditID: string, members: Members = {}): string {
  return JSON.stringify({ kind: 'Event', auditID, stageTimestamp: '2024-05-01T12:00:00Z', ...members });
}

/** `prefix`0, `prefix`1 … */
export function names(count: number, prefix = 'e'): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

/** An EventList as kube-apiserver writes it, around the JSON of events. */
export function listText(events: readonly string[]): string {
  return `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${events.join(',')}]}`;
}

/** The auditIDs of delivered events. */
export function idsOf(events: readonly Event[]): string[] {
  return events.map((event) => (JSON.parse(event.payload) as { auditID: string }).auditID);
}

/** The text of an event that is exactly `bytes` long. */
export function eventOfSize(bytes: number, auditID: string): string {
  const bare = shortEvent(auditID, { userAgent: '' });
  if (bare.length > bytes) throw new Error(`an event has at least ${bare.length} bytes`);
  return shortEvent(auditID, { userAgent: 'u'.repeat(bytes - bare.length) });
}
