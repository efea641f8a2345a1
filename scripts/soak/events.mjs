// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Audit events that are numbered, so that each can be found again: `<stream>-<number>` is the auditID.

const DIGITS = 12;
const NUMBER = '0'.repeat(DIGITS);
const TIME = '0000-00-00T00:00:00.000000Z';

/** @param {string} stream */
function eventText(stream) {
  return JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: `${stream}-${NUMBER}`,
    stage: 'ResponseComplete',
    requestURI: '/api/v1/namespaces/default/pods/web-0',
    verb: 'get',
    user: {
      username: 'system:serviceaccount:default:reader',
      groups: ['system:serviceaccounts', 'system:authenticated'],
    },
    sourceIPs: ['10.0.0.7'],
    userAgent: 'kubectl/v1.30.4 (linux/amd64) kubernetes/a51b3b7',
    objectRef: { resource: 'pods', namespace: 'default', name: 'web-0', apiVersion: 'v1' },
    responseStatus: { metadata: {}, code: 200 },
    requestReceivedTimestamp: TIME,
    stageTimestamp: TIME,
    annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
  });
}

/** Now, as kube-apiserver writes times. */
function microTime() {
  return `${new Date().toISOString().slice(0, -1)}000Z`;
}

/**
 * @param {Buffer} text
 * @param {string} wanted
 * @returns {number[]} where it stands
 */
function places(text, wanted) {
  const found = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) found.push(at);
  return found;
}

/** A text with so many events, in which only numbers and times are written anew: making load costs little. */
export class Template {
  #text;
  #numbers;
  #times;

  /**
   * @param {string} stream
   * @param {number} count of events
   * @param {'list' | 'lines'} form an EventList, or JSON Lines
   */
  constructor(stream, count, form) {
    const events = Array.from({ length: count }, () => eventText(stream));
    const list = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${events}]}\n`;
    this.count = count;
    this.#text = Buffer.from(form === 'list' ? list : `${events.join('\n')}\n`);
    this.#numbers = places(this.#text, `"${stream}-${NUMBER}"`).map((at) => at + stream.length + 2);
    this.#times = places(this.#text, TIME);
  }

  /**
   * @param {number} first number of the first event; the others follow
   * @returns {Buffer} the same memory each time
   */
  fill(first) {
    const time = microTime();
    for (const at of this.#times) this.#text.write(time, at, 'latin1');
    this.#numbers.forEach((at, i) => this.#text.write(String(first + i).padStart(DIGITS, '0'), at, 'latin1'));
    return this.#text;
  }
}

/** How often each numbered event was seen. */
export class Tally {
  /** @type {Map<string, Uint8Array>} */
  #streams = new Map();
  total = 0;
  /** Events that had been seen before, each time. */
  repeated = 0;

  /** @param {string} id of an event */
  add(id) {
    const cut = id.lastIndexOf('-');
    this.addRange(id.slice(0, cut), Number(id.slice(cut + 1)), 1);
  }

  /**
   * @param {string} stream
   * @param {number} first
   * @param {number} count
   */
  addRange(stream, first, count) {
    let seen = this.#streams.get(stream) ?? new Uint8Array(1024);
    if (first + count > seen.length) {
      const larger = new Uint8Array(Math.max(first + count, seen.length * 2));
      larger.set(seen);
      seen = larger;
    }
    this.#streams.set(stream, seen);
    for (let i = first; i < first + count; i++) {
      if (seen[i] > 0) this.repeated++;
      if (seen[i] < 255) seen[i]++;
    }
    this.total += count;
  }

  /**
   * @param {string} stream
   * @param {number} number
   */
  of(stream, number) {
    return this.#streams.get(stream)?.[number] ?? 0;
  }

  /** Different events. */
  get distinct() {
    return this.total - this.repeated;
  }

  /**
   * @param {Tally} other
   * @returns {string[]} the first hundred events that were seen here, but not there
   */
  missingFrom(other) {
    const missing = [];
    for (const [stream, seen] of this.#streams) {
      for (let i = 0; i < seen.length && missing.length < 100; i++) {
        if (seen[i] > 0 && other.of(stream, i) === 0) missing.push(`${stream}-${i}`);
      }
    }
    return missing;
  }
}
