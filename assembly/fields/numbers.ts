// SPDX-License-Identifier: Apache-2.0
// Readers whose values are numbers and times.
import { NO_TIME, timeOf } from '../audit/time';
import { Document } from '../json/document';
import { Kind } from '../json/tape';
import { Field, Question, visit } from './field';
import { Path } from './path';
import { addNumber } from './values';

const RECEIVED = new Path('requestReceivedTimestamp');
/** Digits of the largest u64. */
const MAX_DIGITS: u32 = 20;

/** A whole number that is not negative, also one in a string; nothing for any other value. */
export function readNumber(field: Field, question: Question): void {
  visit(field, question, (node) => {
    if (node.kind != Kind.Number && node.kind != Kind.String) return;
    const digits = node.end - node.start;
    if (digits == 0 || digits > MAX_DIGITS) return;
    let value: u64 = 0;
    for (let i: u32 = 0; i < digits; i++) {
      const digit = u64(load<u8>(Document.text + node.start + i)) - 0x30;
      if (digit > 9 || value > (u64.MAX_VALUE - digit) / 10) return;
      value = value * 10 + digit;
    }
    addNumber(value, node);
  });
}

/** Nanoseconds since the Unix epoch. */
export function readTime(field: Field, question: Question): void {
  const node = field.path.find();
  if (!node) return;
  const time = timeOf(Document.text, node);
  if (time != NO_TIME) addNumber(time, node);
}

/** Nanoseconds from the request's arrival to this stage; 0 when clocks say that it was the other way round. */
export function readLatency(field: Field, question: Question): void {
  const reached = field.path.find();
  const received = RECEIVED.find();
  if (!reached || !received) return;
  const end = timeOf(Document.text, reached);
  const start = timeOf(Document.text, received);
  if (end != NO_TIME && start != NO_TIME) addNumber(max(end - start, 0), null);
}
