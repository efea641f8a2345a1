// SPDX-License-Identifier: Apache-2.0
// @ts-check
// What `npm start` prints: alerts, progress and the summary, for people or as JSON lines.

/**
 * @typedef {object} Alert
 * @property {string} time RFC 3339
 * @property {string} rule
 * @property {string} priority as Falco writes it
 * @property {string} source
 * @property {string[]} tags
 * @property {string} output
 * @property {Record<string, unknown>} output_fields
 */

/**
 * @typedef {object} Progress
 * @property {number} percent 0 to 100
 * @property {string} text the plugin's own words
 * @property {number} events
 */

/**
 * A stream that text is written to.
 *
 * @typedef {{ isTTY?: boolean, columns?: number, write: (text: string) => unknown }} Stream
 */

const priorities = ['Emergency', 'Alert', 'Critical', 'Error', 'Warning', 'Notice', 'Informational', 'Debug'];
/** @type {Record<string, string>} */
const colours = {
  Emergency: '1;31',
  Alert: '1;31',
  Critical: '1;31',
  Error: '31',
  Warning: '33',
  Notice: '36',
  Informational: '32',
  Debug: '2',
};

const clearLine = '\r\u001b[K';

/**
 * Make text from outside harmless for a terminal: control characters and those that change the direction of
 * writing are written as escapes.
 *
 * @param {string} text
 * @returns {string}
 */
export function printable(text) {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

export class Report {
  /** @type {Map<string, { rule: string, priority: string, count: number }>} */
  #counts = new Map();
  #alerts = 0;
  #progressShown = false;

  /**
   * @param {object} options
   * @param {boolean} options.json
   * @param {Stream} options.stdout
   * @param {Stream} options.stderr
   * @param {boolean} [options.colour] by default on a terminal, unless NO_COLOR is set
   */
  constructor({ json, stdout, stderr, colour }) {
    this.json = json;
    this.stdout = stdout;
    this.stderr = stderr;
    this.colour = colour ?? (stdout.isTTY === true && !process.env['NO_COLOR']);
  }

  /** @param {Alert} alert */
  alert(alert) {
    this.#alerts += 1;
    const key = `${alert.priority} ${alert.rule}`;
    const counted = this.#counts.get(key) ?? { rule: alert.rule, priority: alert.priority, count: 0 };
    counted.count += 1;
    this.#counts.set(key, counted);
    this.#hideProgress();
    if (this.json) {
      this.stdout.write(`${JSON.stringify(alert)}\n`);
      return;
    }
    const time = alert.time.replace(/(\.\d{3})\d*Z$/, '$1Z');
    const priority = this.#paint(colours[alert.priority], alert.priority.padEnd(13));
    const rule = this.#paint('1', printable(alert.rule));
    this.stdout.write(`${printable(time)}  ${priority}  ${rule}\n    ${printable(alert.output)}\n`);
  }

  /**
   * A message of the plugin, of Falco or of ours, on stderr.
   *
   * @param {string} line
   */
  message(line) {
    this.#hideProgress();
    this.stderr.write(`${printable(line)}\n`);
  }

  /**
   * Show how far a replay is, if somebody watches.
   *
   * @param {Progress} progress
   */
  progress({ percent, text, events }) {
    if (this.stderr.isTTY !== true || this.json) {
      return;
    }
    const what = text === '' ? `${percent.toFixed(1)} %` : printable(text);
    const line = `${what}, ${events} events, ${this.#alerts} alerts`;
    this.stderr.write(`${clearLine}${line.slice(0, (this.stderr.columns ?? 80) - 1)}`);
    this.#progressShown = true;
  }

  /**
   * @param {object} end
   * @param {string} end.engine what evaluated the rules
   * @param {number | undefined} end.events how many there were, where that is known
   * @param {number} end.seconds
   * @param {string} end.reason why it ended
   */
  summary({ engine, events, seconds, reason }) {
    this.#hideProgress();
    const rules = [...this.#counts.values()].sort(
      (a, b) => priorities.indexOf(a.priority) - priorities.indexOf(b.priority) || b.count - a.count,
    );
    const byPriority = this.#byPriority();
    if (this.json) {
      const summary = {
        engine,
        events,
        alerts: this.#alerts,
        priorities: byPriority,
        rules,
        seconds,
        ended: reason,
      };
      this.stdout.write(`${JSON.stringify({ summary })}\n`);
      return;
    }
    const eventsText = events === undefined ? '' : `${count(events, 'event')}, `;
    this.stdout.write(
      `\n${eventsText}${count(this.#alerts, 'alert')} in ${seconds.toFixed(1)} s (${reason})\n`,
    );
    for (const [priority, total] of Object.entries(byPriority)) {
      this.stdout.write(
        `  ${this.#paint(colours[priority], priority.padEnd(13))} ${String(total).padStart(7)}\n`,
      );
      for (const { rule, count } of rules.filter((counted) => counted.priority === priority)) {
        this.stdout.write(`    ${String(count).padStart(7)}  ${printable(rule)}\n`);
      }
    }
  }

  /** @returns {Record<string, number>} alerts of each priority, the most urgent first */
  #byPriority() {
    /** @type {Record<string, number>} */
    const totals = {};
    for (const priority of priorities) {
      const total = [...this.#counts.values()]
        .filter((counted) => counted.priority === priority)
        .reduce((sum, { count }) => sum + count, 0);
      if (total > 0) {
        totals[priority] = total;
      }
    }
    return totals;
  }

  #hideProgress() {
    if (this.#progressShown) {
      this.stderr.write(clearLine);
      this.#progressShown = false;
    }
  }

  /**
   * @param {string | undefined} code of an ANSI colour
   * @param {string} text
   */
  #paint(code, text) {
    return this.colour && code !== undefined ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}

/**
 * @param {number} number
 * @param {string} noun
 */
function count(number, noun) {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
