// SPDX-License-Identifier: Apache-2.0
// JSON texts that are made of random numbers, the same in each run.
import { Random } from '../../scripts/lib/random.mjs';

export { Random };

const SPACES = ['', '', '', ' ', '\n', '\t', '\r\n', '  \t\n '];
const NUMBERS = [
  '0',
  '-0',
  '7',
  '-12',
  '1.5',
  '0.001',
  '1e3',
  '1E+3',
  '2e-7',
  '-0.0e0',
  '12345678901234567890',
  '1e400',
];
// prettier-ignore
const PIECES = [
  'a', 'plain words ', 'é', '中', '😀', '/', "'", '{', '}', '[', ']', ',', ':', '\x7f',
  '\\"', '\\\\', '\\/', '\\b', '\\f', '\\n', '\\r', '\\t', '\\u0041', '\\u00e9', '\\u4e2d', '\\ud83d\\ude00',
  '\\ud800', '\\udc00x', '\\ud83d\\u0041', '\\uD83D\\n',
];

/** The text of a JSON string. */
export function stringText(random: Random, maxPieces = 12): string {
  let text = '';
  for (let left = random.below(maxPieces); left > 0; left--) {
    text += random.below(8) === 0 ? 'x'.repeat(random.below(70)) : random.pick(PIECES);
  }
  return `"${text}"`;
}

/** The text of a JSON value, with white space wherever it may be. Keys of an object differ. */
export function valueText(random: Random, depth: number): string {
  const space = (): string => random.pick(SPACES);
  const kind = random.below(depth > 0 ? 8 : 5);
  if (kind === 0) return random.pick(NUMBERS);
  if (kind === 1) return random.pick(['true', 'false', 'null']);
  if (kind < 5) return stringText(random);
  const count = random.below(5);
  const members = Array.from({ length: count }, (_, i) => {
    const value = space() + valueText(random, depth - 1) + space();
    return kind < 7 ? value : `${space()}${stringText(random, 4).slice(0, -1)}${i}"${space()}:${value}`;
  });
  return kind < 7 ? `[${members.join(',') || space()}]` : `{${members.join(',') || space()}}`;
}
