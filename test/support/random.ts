// SPDX-License-Identifier: Apache-2.0
// Random numbers that are the same in each run (mulberry32), and JSON texts made of them.

export class Random {
  constructor(private state: number) {}

  /** A number from 0 to below `end`. */
  below(end: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end) | 0;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }
}

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
