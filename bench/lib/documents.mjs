// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Figures in a document, between marks, so that nobody types them by hand.

/**
 * Replaces what stands between `<!-- bench: NAME -->` and `<!-- bench end -->`.
 *
 * @param {string} document Markdown
 * @param {Record<string, string>} parts by name
 * @returns {string}
 * @throws {Error} the document has no place for a part
 */
export function fillMarks(document, parts) {
  return Object.entries(parts).reduce((text, [name, content]) => {
    const begin = `<!-- bench: ${name} -->`;
    const end = '<!-- bench end -->';
    const start = text.indexOf(begin);
    const stop = text.indexOf(end, start);
    if (start < 0 || stop < 0) throw new Error(`there is no place between ${begin} and ${end} for a part`);
    return `${text.slice(0, start + begin.length)}\n\n${content}\n\n${text.slice(stop)}`;
  }, document);
}
