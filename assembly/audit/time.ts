// SPDX-License-Identifier: Apache-2.0
// RFC 3339 timestamps.
import { Kind, Node } from '../json/tape';
import { countText } from '../log';

/** What parseTime gives for a text that is no timestamp. */
export const NO_TIME: i64 = i64.MIN_VALUE;

const NANOSECONDS: i64 = 1_000_000_000;

/**
 * Nanoseconds since the Unix epoch of an RFC 3339 timestamp with any offset and up to nine digits of
 * fraction (more are cut), or NO_TIME. Years 1970 to 2261; a leap second counts as the second after it.
 */
export function parseTime(at: usize, length: u32): i64 {
  // 2006-01-02T15:04:05 and at least a Z.
  if (length < 20) return NO_TIME;
  const end = at + length;
  const year = digits(at, 4);
  const month = digits(at + 5, 2);
  const day = digits(at + 8, 2);
  const hour = digits(at + 11, 2);
  const minute = digits(at + 14, 2);
  const second = digits(at + 17, 2);
  const separators =
    load<u8>(at, 4) == 0x2d &&
    load<u8>(at, 7) == 0x2d &&
    (load<u8>(at, 10) | 0x20) == 0x74 &&
    load<u8>(at, 13) == 0x3a &&
    load<u8>(at, 16) == 0x3a;
  if (!separators || (year | month | day | hour | minute | second) < 0) return NO_TIME;
  if (year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) {
    return NO_TIME;
  }
  if (hour > 23 || minute > 59 || second > 60) return NO_TIME;
  at += 19;

  let fraction: i64 = 0;
  if (load<u8>(at) == 0x2e) {
    at++;
    let unit = NANOSECONDS;
    const first = at;
    while (at < end && <u32>load<u8>(at) - 0x30 < 10) {
      unit /= 10;
      fraction += unit * i64(load<u8>(at) - 0x30);
      at++;
    }
    if (at == first) return NO_TIME;
  }

  const offset = parseOffset(at, end);
  if (offset == NO_TIME) return NO_TIME;
  const days = daysSinceEpoch(year, month, day);
  const seconds = days * 86400 + i64(hour * 3600 + minute * 60 + second) - offset;
  return seconds < 0 ? NO_TIME : seconds * NANOSECONDS + fraction;
}

/** The same of the string that a node in `text` is; NO_TIME for any other value, and for none. */
export function timeOf(text: usize, node: Node | null): i64 {
  if (!node || node.kind != Kind.String) return NO_TIME;
  return parseTime(text + node.start, node.end - node.start);
}

/** Seconds east of UTC of `Z` or `+hh:mm`, exactly up to `end`; NO_TIME for anything else. */
function parseOffset(at: usize, end: usize): i64 {
  if (at + 1 == end && (load<u8>(at) | 0x20) == 0x7a) return 0;
  if (at + 6 != end || load<u8>(at, 3) != 0x3a) return NO_TIME;
  const sign = load<u8>(at);
  const hours = digits(at + 1, 2);
  const minutes = digits(at + 4, 2);
  if ((hours | minutes) < 0 || hours > 23 || minutes > 59) return NO_TIME;
  const seconds = i64(hours * 3600 + minutes * 60);
  return sign == 0x2b ? seconds : sign == 0x2d ? -seconds : NO_TIME;
}

/** The value of `count` decimal digits, or -1. */
function digits(at: usize, count: i32): i32 {
  let value = 0;
  for (let i = 0; i < count; i++) {
    const digit = <u32>load<u8>(at + i) - 0x30;
    if (digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function isLeap(year: i32): bool {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

function daysIn(year: i32, month: i32): i32 {
  if (month == 2) return isLeap(year) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/** Days from 1970-01-01 in the Gregorian calendar, for years that begin in March. */
function daysSinceEpoch(year: i32, month: i32, day: i32): i64 {
  const marchYear = month > 2 ? year : year - 1;
  const marchMonth = month > 2 ? month - 3 : month + 9;
  const dayOfYear = (153 * marchMonth + 2) / 5 + day - 1;
  const leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400;
  // 719468 days lie between 0000-03-01 and 1970-01-01.
  return i64(marchYear * 365 + leapDays + dayOfYear - 719468);
}

/** A time as `2006-01-02T15:04:05.000000Z`, in microseconds, as Kubernetes' MicroTime has it; years from 1970 on. */
export function microTime(nanoseconds: i64): string {
  countText();
  const seconds = nanoseconds / NANOSECONDS;
  const ofDay = seconds % 86400;
  // Days in years that begin in March, in cycles of 400 years.
  const days = seconds / 86400 + 719468;
  const cycle = days / 146097;
  const ofCycle = days % 146097;
  const yearOfCycle = (ofCycle - ofCycle / 1460 + ofCycle / 36524 - ofCycle / 146096) / 365;
  const ofYear = ofCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100);
  const marchMonth = (5 * ofYear + 2) / 153;
  const day = ofYear - (153 * marchMonth + 2) / 5 + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = cycle * 400 + yearOfCycle + i64(month <= 2);
  const date = padded(year, 4) + '-' + padded(month, 2) + '-' + padded(day, 2);
  const time = padded(ofDay / 3600, 2) + ':' + padded((ofDay / 60) % 60, 2) + ':' + padded(ofDay % 60, 2);
  return date + 'T' + time + '.' + padded((nanoseconds % NANOSECONDS) / 1000, 6) + 'Z';
}

function padded(value: i64, digits: i32): string {
  return value.toString().padStart(digits, '0');
}
