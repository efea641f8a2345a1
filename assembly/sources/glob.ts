// SPDX-License-Identifier: Apache-2.0
// Paths with wildcards, and the names that log rotation makes of a name.

/** Whether a part of a path holds a wildcard. */
export function isWild(text: string): bool {
  return text.includes('*') || text.includes('?') || text.includes('[');
}

/**
 * Whether a name matches a pattern as in a shell: `*` any characters, `?` one, `[a-z]` one of these, `[!a-z]` one
 * that is none of these. A leading dot is matched by a dot alone.
 */
export function matches(pattern: string, name: string): bool {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false;
  let p = 0;
  let n = 0;
  // Where to go on when what stands behind the last star does not fit: that star takes one character more.
  let star = -1;
  let from = 0;
  while (n < name.length) {
    const behind = p < pattern.length ? stepOver(pattern, p, name.charCodeAt(n)) : -1;
    if (p < pattern.length && pattern.charCodeAt(p) == 0x2a) {
      star = ++p;
      from = n;
    } else if (behind > 0) {
      p = behind;
      n++;
    } else if (star >= 0) {
      p = star;
      n = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.length && pattern.charCodeAt(p) == 0x2a) p++;
  return p == pattern.length;
}

/** Behind the part of the pattern at `at` when it takes this character, or -1. */
function stepOver(pattern: string, at: i32, char: i32): i32 {
  const part = pattern.charCodeAt(at);
  if (part == 0x3f) return at + 1;
  const end = part == 0x5b ? pattern.indexOf(']', at + 2 + (isNegated(pattern, at) ? 1 : 0)) : -1;
  if (end < 0) return part == char ? at + 1 : -1;
  return isInSet(pattern, at, end, char) ? end + 1 : -1;
}

function isNegated(pattern: string, bracket: i32): bool {
  const sign = bracket + 1 < pattern.length ? pattern.charCodeAt(bracket + 1) : 0;
  return sign == 0x21 || sign == 0x5e;
}

function isInSet(pattern: string, bracket: i32, end: i32, char: i32): bool {
  const negated = isNegated(pattern, bracket);
  for (let i = bracket + (negated ? 2 : 1); i < end; i++) {
    const low = pattern.charCodeAt(i);
    let high = low;
    if (i + 2 < end && pattern.charCodeAt(i + 1) == 0x2d) {
      high = pattern.charCodeAt(i + 2);
      i += 2;
    }
    if (char >= low && char <= high) return !negated;
  }
  return negated;
}

/** The shape of the time in the names that kube-apiserver gives to old logs; 0 is any digit. */
const TIME = '-0000-00-00T00-00-00.000';

/**
 * The name that rotation made this one of, if that one matches `pattern` (is the same, if `isLiteral`), or "":
 * `audit.log` for `audit.log.1`, `audit.log-20240501`, `audit.log.1.gz`, `audit.log.old`,
 * `audit-2024-05-01T12-00-00.000.log`.
 */
export function originalName(name: string, pattern: string, isLiteral: bool): string {
  const isPacked = name.endsWith('.gz');
  const bare = isPacked ? name.substring(0, name.length - 3) : name;
  for (let i = 1; i < bare.length; i++) {
    const char = bare.charCodeAt(i);
    if (char != 0x2e && char != 0x2d) continue;
    const start = bare.substring(0, i);
    if (hasTime(bare, i)) {
      const original = start + bare.substring(i + TIME.length);
      if (fits(pattern, original, isLiteral)) return original;
    }
    if (isSuffix(bare, i + 1) && fits(pattern, start, isLiteral)) return start;
  }
  return isPacked && fits(pattern, bare, isLiteral) ? bare : '';
}

/** The number that rotation put behind `original` to make `path`: the greater, the older. 0 when there is none. */
export function generationOf(path: string, original: string): i32 {
  const end = path.endsWith('.gz') ? path.length - 3 : path.length;
  const start = original.length + 1;
  // A longer number is a date.
  if (!path.startsWith(original) || end <= start || end - start > 4) return 0;
  let number = 0;
  for (let i = start; i < end; i++) {
    const char = path.charCodeAt(i);
    if (!isDigit(char)) return 0;
    number = number * 10 + (char - 0x30);
  }
  return number;
}

/**
 * Whether of two files, each given by path, the path that it was rotated away from and its time of modification, the
 * first is the older one. Within a rotation its numbers count, so that no clock can confuse them.
 */
export function isOlder(
  aPath: string,
  aOrigin: string,
  aTime: i64,
  bPath: string,
  bOrigin: string,
  bTime: i64,
): bool {
  if (aOrigin == bOrigin) {
    const a = generationOf(aPath, aOrigin);
    const b = generationOf(bPath, bOrigin);
    if (a != b && a > 0 && b > 0) return a > b;
    if ((aPath == aOrigin) != (bPath == bOrigin)) return bPath == bOrigin;
  }
  return aTime != bTime ? aTime < bTime : aPath < bPath;
}

function fits(pattern: string, name: string, isLiteral: bool): bool {
  return isLiteral ? pattern == name : matches(pattern, name);
}

function hasTime(name: string, at: i32): bool {
  if (at + TIME.length > name.length) return false;
  for (let i = 0; i < TIME.length; i++) {
    const shape = TIME.charCodeAt(i);
    const char = name.charCodeAt(at + i);
    if (shape == 0x30 ? !isDigit(char) : char != shape) return false;
  }
  return true;
}

/** Whether rotation may have put what begins here behind a name. */
function isSuffix(name: string, at: i32): bool {
  if (isForeign(name)) return false;
  return at < name.length && (isDigit(name.charCodeAt(at)) || name.substring(at) == 'old');
}

/** Whether a name tells of a compression that is not read here: its bytes are no lines. */
function isForeign(name: string): bool {
  return name.endsWith('.xz') || name.endsWith('.bz2') || name.endsWith('.zst') || name.endsWith('.lz4');
}

function isDigit(char: i32): bool {
  return char >= 0x30 && char <= 0x39;
}
