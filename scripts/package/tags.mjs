// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Which tags a version gets.

/** @param {string} text */
function parse(text) {
  const match = /^(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?$/.exec(text);
  return match === null
    ? undefined
    : { numbers: match.slice(1, 4).map(Number), isPreRelease: match[4] !== undefined };
}

/** @param {number[]} a @param {number[]} b */
function isBelow(a, b) {
  const at = a.findIndex((number, i) => number !== b[i]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}

/**
 * The tags that move to a version: `X`, `X.Y` and `latest`, but for those that a newer version holds. A pre-release moves
 * none.
 *
 * @param {string} version `X.Y.Z`, with `-pre` or without
 * @param {string[]} present all tags that the repository has
 * @returns {string[] | undefined} undefined: it is no version
 */
export function floatingTags(version, present) {
  const own = parse(version);
  if (own === undefined) return undefined;
  if (own.isPreRelease) return [];
  const others = present.map(parse).filter((each) => each !== undefined && !each.isPreRelease);
  const [major, minor] = own.numbers;
  const series = [
    { tag: `${major}`, length: 1 },
    { tag: `${major}.${minor}`, length: 2 },
    { tag: 'latest', length: 0 },
  ];
  return series
    .filter(({ length }) =>
      others.every((other) => {
        const isInSeries = own.numbers.slice(0, length).every((number, i) => other?.numbers[i] === number);
        return !isInSeries || !isBelow(own.numbers, other?.numbers ?? []);
      }),
    )
    .map(({ tag }) => tag);
}
