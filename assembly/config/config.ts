// SPDX-License-Identifier: Apache-2.0
// Reads init_config: a JSON object, or a JSON string that holds one; empty means all defaults.
import { Kind, Node, Tape, endOf, firstOf } from '../json/tape';
import { Index, scan, scanError, scanErrorAt, scanErrorText, skipSpace } from '../json/scan';
import { unescape, valueCapacity } from '../json/text';
import { Severity, log } from '../log';
import { PADDING, SLACK } from '../memory';
import { Option, Type, optionNamed, options, usedNames } from './schema';

/** The values of the options that have a meaning here. */
export class Config {
  private numbers: StaticArray<i64> = new StaticArray<i64>(options.length);
  private strings: string[] = [];
  private lists: string[][] = [];

  constructor() {
    for (let i = 0; i < options.length; i++) {
      const option = options[i];
      const initial = option.initial;
      if (option.used && option.type == Type.Integer) this.numbers[i] = I64.parseInt(initial);
      const isText = option.used && option.type == Type.Text;
      this.strings.push(isText ? initial.substring(1, initial.length - 1) : '');
      this.lists.push([]);
    }
  }

  integer(option: Option): u32 {
    return u32(this.numbers[option.slot]);
  }

  text(option: Option): string {
    return this.strings[option.slot];
  }

  /** The strings of an array; of an object its keys, each followed by its value. */
  texts(option: Option): string[] {
    return this.lists[option.slot];
  }

  setInteger(option: Option, value: i64): void {
    this.numbers[option.slot] = value;
  }

  setText(option: Option, value: string): void {
    this.strings[option.slot] = value;
  }

  setTexts(option: Option, values: string[]): void {
    this.lists[option.slot] = values;
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
      config.setInteger(option, number);
      break;
    }
    case Type.Boolean:
      if (value.kind != Kind.True && value.kind != Kind.False) return refusal;
      break;
    case Type.Text:
      if (value.kind != Kind.String) return refusal;
      config.setText(option, textOf(text, value));
      break;
    default:
      if (value.kind != (option.type == Type.Map ? Kind.Object : Kind.Array)) return refusal;
      return readTexts(text, refusal, value, option, config);
  }
  if (!option.used) {
    log(Severity.Debug, 'init_config: key "' + name + '" has no meaning here and is ignored');
  }
  return '';
}

/** The strings in an array; the keys and values of an object. */
function readTexts(text: usize, refusal: string, list: Node, option: Option, config: Config): string {
  const values: string[] = [];
  const end = endOf(list);
  for (let at = firstOf(list); at < end; at += changetype<Node>(at).span) {
    const value = changetype<Node>(at);
    if (value.kind != Kind.String) return refusal;
    if (option.type == Type.Map) {
      values.push(unescaped(text + value.keyStart, value.keyEnd - value.keyStart));
    }
    values.push(textOf(text, value));
  }
  config.setTexts(option, values);
  return '';
}

function textOf(text: usize, value: Node): string {
  return unescaped(text + value.start, value.end - value.start);
}

/** The characters of a scanned string. */
function unescaped(at: usize, length: u32): string {
  const space = heap.alloc(length + SLACK);
  const result = decode(space, unescape(at, at + length, space));
  heap.free(space);
  return result;
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
  const isText = option.type != Type.Integer && option.type != Type.Boolean;
  if (isText || value.kind == Kind.Object || value.kind == Kind.Array) {
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
