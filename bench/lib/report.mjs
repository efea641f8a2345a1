// SPDX-License-Identifier: Apache-2.0
// @ts-check
// What the benchmark says, as text for a terminal and as Markdown.

/**
 * @typedef {object} Table
 * @property {string[]} head
 * @property {string[][]} rows
 */

/**
 * What a measure found.
 *
 * @typedef {object} Section
 * @property {string} title
 * @property {string[]} notes sentences behind the tables
 * @property {Table[]} tables
 * @property {Record<string, number>} figures by name, such as `sourcing.mixed.ratio`; targets.mjs reads them
 * @property {unknown} raw what the tables were made of, for the JSON
 * @property {import('./plot.mjs').Plot[]} [plots]
 */

/**
 * A part of the benchmark, in a file of its own in measures/ that exports it as `measure`.
 *
 * @typedef {object} Measure
 * @property {string} name as in `--only`, and between the marks in docs/performance.md
 * @property {number} order its place in the report
 * @property {(bench: import('./bench.mjs').Bench) => Promise<Section>} run
 */

/** @param {string} text */
const width = (text) => [...text].length;

const NUMBER = /^(|fails|[–\d-].*)$/;

/**
 * A table whose columns are as wide as they must be; those of numbers are flush right.
 *
 * @param {Table} table
 * @returns {string}
 */
export function textTable({ head, rows }) {
  const widths = head.map((name, i) => Math.max(width(name), ...rows.map((row) => width(row[i] ?? ''))));
  const isNumeric = head.map((_, i) => i > 0 && rows.every((row) => NUMBER.test(row[i] ?? '')));
  const line = (/** @type {string[]} */ cells) =>
    widths
      .map((most, i) => {
        const cell = cells[i] ?? '';
        const padding = ' '.repeat(most - width(cell));
        return isNumeric[i] ? padding + cell : cell + padding;
      })
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((most) => '-'.repeat(most))), ...rows.map(line)].join('\n');
}

/**
 * The same for Markdown, as prettier writes it.
 *
 * @param {Table} table
 * @returns {string}
 */
export function markdownTable({ head, rows }) {
  const escaped = [head, ...rows].map((row) => head.map((_, i) => (row[i] ?? '').replaceAll('|', '\\|')));
  const widths = head.map((_, i) => Math.max(3, ...escaped.map((row) => width(row[i]))));
  const line = (/** @type {string[]} */ cells) =>
    `| ${cells.map((cell, i) => cell + ' '.repeat(widths[i] - width(cell))).join(' | ')} |`;
  const [first, ...others] = escaped.map(line);
  return [first, `| ${widths.map((most) => '-'.repeat(most)).join(' | ')} |`, ...others].join('\n');
}

/** @param {Section} section @returns {string} */
export function textSection({ title, tables, notes }) {
  const parts = [`== ${title}`, ...tables.map(textTable)];
  if (notes.length > 0) parts.push(notes.map((note) => `* ${note}`).join('\n'));
  return parts.join('\n\n');
}

/** @param {Section} section @returns {string} without the title, which the document has */
export function markdownSection({ tables, notes }) {
  const parts = tables.map(markdownTable);
  if (notes.length > 0) parts.push(notes.map((note) => `- ${note}`).join('\n'));
  return parts.join('\n\n');
}
