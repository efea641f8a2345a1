// SPDX-License-Identifier: Apache-2.0
// Reads init_config: a JSON object, or a JSON string that holds one; empty means all defaults.
import { Kind, Node, Tape, endOf, firstOf } from '../json/tape';
import { Index, scan, scanError, scanErrorAt, scanErrorText, skipSpace } from '../json/scan';
import { unescape, valueCapacity } from '../json/text';
import { Severity, log } from '../log';
import { PADDING } from '../memory';
import {
  MAX_EVENT_SIZE,
  Option,
  Type,
  WEBHOOK_MAX_BATCH_SIZE,
  optionNamed,
  options,
  usedNames,
} from './schema';

export class Config {
  maxEventSize: u32 = 0;
  webhookMaxBatchSize: u32 = 0;

  constructor() {
    for (let i = 0; i < options.length; i++) {
      const option = options[i];
      if (option.used && option.type == Type.Integer) this.set(option, I64.parseInt(option.initial));
    }
  }

  set(option: Option, value: i64): void {
    if (option.name == MAX_EVENT_SIZE) this.maxEventSize = u32(value);
    if (option.name == WEBHOOK_MAX_BATCH_SIZE) this.webhookMaxBatchSize = u32(value);
  }
}

/** Longest init_config; the real ones have a few hundred bytes. */
const MAX_LENGTH: u32 = 1024 * 1024;
/** Bytes of a user's text that a message repeats. */
const MAX_QUOTE = 64;

const tape = new Tape();

/**
 * Reads `length` bytes at `text`, with PADDING zero bytes behind, into `config`.
 * @returns an empty string, or what is wrong, naming the key, the value and what is allowed.
 */
export function readConfig(text: usize, length: u32, config: Config): string {
  const end = text + length;
  if (length > MAX_LENGTH) return 'init_config is longer than ' + MAX_LENGTH.toString() + ' bytes';
  const from = skipSpace(text);
  if (from >= end) return '';
  tape.clear();
  const behind = scan(text, from, end, tape, Index.All);
  if (behind == 0 || skipSpace(behind) < end) {
    const error = behind == 0 ? scanErrorText(scanError) : 'something stands behind the value';
    const at = behind == 0 ? scanErrorAt : behind;
    return 'init_config is not valid JSON: ' + error + ' at byte ' + (at - text).toString();
  }
  const root = changetype<Node>(tape.address);
  if (root.kind == Kind.Null) return '';
  if (root.kind == Kind.String) return readNested(text, root, config);
  if (root.kind == Kind.Array) return 'init_config must be a JSON object, not an array';
  if (root.kind != Kind.Object) return 'init_config must be a JSON object, not ' + quote(text, root);
  return readObject(text, root, config);
}

/** A JSON string that holds the JSON, as YAML's quoted form gives it. */
function readNested(text: usize, root: Node, config: Config): string {
  const inner = heap.alloc(valueCapacity(root) + PADDING);
  const length = unescape(text + root.start, text + root.end, inner);
  memory.fill(inner + length, 0, PADDING);
  const first = load<u8>(skipSpace(inner));
  const result =
    first == 0x22
      ? 'init_config must be a JSON object, or a string that holds one'
      : readConfig(inner, length, config);
  heap.free(inner);
  return result;
}

function readObject(text: usize, root: Node, config: Config): string {
  const seen: Option[] = [];
  const end = endOf(root);
  for (let at = firstOf(root); at < end; at += changetype<Node>(at).span) {
    const value = changetype<Node>(at);
    const name = decode(text + value.keyStart, value.keyEnd - value.keyStart);
    const option = optionNamed(name);
    if (!option) return 'init_config: unknown key "' + shorten(name) + '"; known are ' + usedNames();
    if (seen.includes(option)) {
      return (
        'init_config: key "' + option.name + '" is given twice (camelCase and snake_case are the same key)'
      );
    }
    seen.push(option);
    const problem = readOption(text, name, value, option, config);
    if (problem != '') return problem;
  }
  return '';
}

function readOption(text: usize, name: string, value: Node, option: Option, config: Config): string {
  const refusal =
    'init_config: key "' + name + '" must be ' + option.allowed() + ', not ' + shown(text, value, option);
  switch (option.type) {
    case Type.Integer: {
      if (value.kind != Kind.Number) return refusal;
      const number = parseWhole(text + value.start, value.end - value.start);
      if (number < option.min || number > option.max) return refusal;
      config.set(option, number);
      break;
    }
    case Type.Boolean:
      if (value.kind != Kind.True && value.kind != Kind.False) return refusal;
      break;
    default:
      if (value.kind != Kind.String) return refusal;
  }
  if (!option.used) {
    log(Severity.Debug, 'init_config: key "' + name + '" has no meaning here and is ignored');
  }
  return '';
}

/** A whole number of up to 18 digits, or -1: every range begins at 0 or above. */
function parseWhole(at: usize, length: u32): i64 {
  if (length > 18) return -1;
  let number: i64 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const digit = <u32>load<u8>(at + i) - 0x30;
    if (digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** The value for a message; a text may be a secret and is not repeated. */
function shown(text: usize, value: Node, option: Option): string {
  if (option.type == Type.Text || value.kind == Kind.Object || value.kind == Kind.Array) {
    return 'a value of another type';
  }
  return quote(text, value);
}

function quote(text: usize, value: Node): string {
  const raw = shorten(decode(text + value.start, value.end - value.start));
  return value.kind == Kind.String ? '"' + raw + '"' : raw;
}

function decode(at: usize, length: u32): string {
  return String.UTF8.decodeUnsafe(at, length);
}

function shorten(text: string): string {
  if (text.length <= MAX_QUOTE) return text;
  // Not between the halves of a surrogate pair.
  const isPair = (text.charCodeAt(MAX_QUOTE) & 0xfc00) == 0xdc00;
  return text.substring(0, isPair ? MAX_QUOTE - 1 : MAX_QUOTE) + '…';
}
