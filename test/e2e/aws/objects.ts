// SPDX-License-Identifier: Apache-2.0
// Objects of S3 with numbered audit events (scripts/soak/events.mjs), as Firehose and others write them.
import { gzipSync } from 'node:zlib';

import { Template } from '../../../scripts/soak/events.mjs';

/** How an object's events stand in it. */
export type Form = 'lines' | 'gzip-lines' | 'delivery' | 'gzip-delivery' | 'gzip-in-gzip';

export const FORMS: readonly Form[] = ['lines', 'gzip-lines', 'delivery', 'gzip-delivery', 'gzip-in-gzip'];

/** Log events in a document, as CloudWatch Logs sends them to a subscription. */
const PER_DOCUMENT = 40;

/** A document of a subscription with these messages. */
export function delivery(
  messages: readonly string[],
  group = '/aws/eks/shop/cluster',
  stream = 'kube-apiserver-audit-0123456789abcdef0123456789abcdef',
): string {
  return JSON.stringify({
    messageType: 'DATA_MESSAGE',
    owner: '123456789012',
    logGroup: group,
    logStream: stream,
    subscriptionFilters: ['audit'],
    logEvents: messages.map((message, i) => ({
      id: `${i}`.padStart(56, '3'),
      timestamp: 1_700_000_000_000,
      message,
    })),
  });
}

/** Lines with the events `stream-first` and so on. */
export function eventLines(stream: string, first: number, count: number): string[] {
  return new Template(stream, count, 'lines').fill(first).toString().trimEnd().split('\n');
}

/** The bytes of an object with these lines. */
export function objectOf(lines: readonly string[], form: Form): Buffer {
  if (form === 'lines' || form === 'gzip-lines') {
    const text = `${lines.join('\n')}\n`;
    return form === 'lines' ? Buffer.from(text) : gzipSync(text);
  }
  const documents: string[] = [];
  for (let at = 0; at < lines.length; at += PER_DOCUMENT) {
    documents.push(delivery(lines.slice(at, at + PER_DOCUMENT)));
  }
  if (form === 'delivery') return Buffer.from(documents.join(''));
  if (form === 'gzip-delivery') return gzipSync(documents.join(''));
  // Each record of a subscription is a gzip member; Firehose compresses all of them once more.
  return gzipSync(Buffer.concat(documents.map((document) => gzipSync(document))));
}
