// SPDX-License-Identifier: Apache-2.0
// The bearer token that webhook clients must send (RFC 6750). A file holds it, and in a second line, while it is being
// changed, the next one.
import { Config } from '../config/config';
import { TOKEN_FILE } from '../config/schema';
import { Name } from '../json/name';
import { lineEnd } from '../json/skip';
import { countText } from '../log';
import { asciiLower, headerValue } from './header';
import { WholeFile } from './whole_file';

/** Bytes that a token may have. */
const MAX_TOKEN: i32 = 4096;
const AUTHORIZATION = new Name('Authorization');
const BEARER = new Name('bearer ');
/** Room for `Bearer`, some spaces and a token. */
const HEADER_SIZE: i32 = MAX_TOKEN + 64;

export const enum Presented {
  Right = 0,
  Wrong = 1,
  /** The token could not be read, so that nothing is right. */
  Unknown = 2,
}

export class Token {
  /** Null when no token is asked for. */
  readonly file: WholeFile | null;
  // Two tokens, MAX_TOKEN bytes each, zeros behind them; a length of 0: none.
  private tokens: usize = 0;
  private firstLength: i32 = 0;
  private secondLength: i32 = 0;
  private header: usize = 0;

  constructor(config: Config) {
    const path = config.text(TOKEN_FILE);
    this.file = path == '' ? null : new WholeFile(TOKEN_FILE, path);
    if (path != '') {
      this.tokens = heap.alloc(2 * MAX_TOKEN);
      this.header = heap.alloc(HEADER_SIZE);
    }
  }

  /** Takes the token of the file into use; an empty string, or why the old one, if there is one, stays. */
  load(): string {
    const file = this.file;
    if (!file) return '';
    let problem = file.load();
    if (problem == '') problem = this.take(file);
    file.wipe();
    if (problem == '') file.use();
    return problem;
  }

  private take(file: WholeFile): string {
    const end = file.address + file.length;
    const line = lineEnd(file.address, end);
    const next = min(line + 1, end);
    const nextEnd = lineEnd(next, end);
    const first = trimmedEnd(file.address, line);
    const second = trimmedEnd(next, nextEnd);
    if (trimmedEnd(min(nextEnd + 1, end), end) > nextEnd + 1)
      return problem(file, ' has more than two lines');
    let fault = tokenFault(file.address, first);
    if (fault == '' && second > next) fault = tokenFault(next, second);
    if (fault != '') return problem(file, fault);
    memory.fill(this.tokens, 0, 2 * MAX_TOKEN);
    this.firstLength = i32(first - file.address);
    this.secondLength = i32(second - next);
    memory.copy(this.tokens, file.address, this.firstLength);
    memory.copy(this.tokens + MAX_TOKEN, next, this.secondLength);
    return '';
  }

  /** Looks at the token that a request's head presents. */
  check(request: i32): Presented {
    if (this.firstLength == 0) return Presented.Unknown;
    const length = headerValue(request, AUTHORIZATION, this.header, HEADER_SIZE);
    const isRight = this.isRight(this.header, length);
    memory.fill(this.header, 0, HEADER_SIZE);
    return isRight ? Presented.Right : Presented.Wrong;
  }

  private isRight(value: usize, length: i32): bool {
    let at = 0;
    if (length < i32(BEARER.length)) return false;
    for (; at < i32(BEARER.length); at++) {
      if (asciiLower(load<u8>(value + at)) != load<u8>(BEARER.address + at)) return false;
    }
    while (at < length && load<u8>(value + at) == 0x20) at++;
    // No short cut: both are always compared.
    const first = differs(value + at, length - at, this.tokens, this.firstLength);
    const second = differs(value + at, length - at, this.tokens + MAX_TOKEN, this.secondLength);
    return (first == 0) | (second == 0);
  }

  /** Forgets the token. */
  free(): void {
    if (this.tokens == 0) return;
    memory.fill(this.tokens, 0, 2 * MAX_TOKEN);
    heap.free(this.tokens);
    heap.free(this.header);
    this.tokens = 0;
    this.header = 0;
    this.firstLength = 0;
  }
}

/**
 * 0 when a text that a client sent is this token. Takes time by the length of the client's text alone: how much of it
 * is right does not show, nor how long the token is.
 */
function differs(text: usize, length: i32, token: usize, tokenLength: i32): u32 {
  if (length > MAX_TOKEN) return 1;
  let difference = u32(length ^ tokenLength) | u32(length == 0);
  for (let i = 0; i < length; i++) difference |= load<u8>(text + i) ^ load<u8>(token + i);
  return difference;
}

function problem(file: WholeFile, fault: string): string {
  countText();
  return 'init_config: ' + file.name + fault;
}

/** What of a token cannot be in an Authorization header, or an empty string; without a word of the token. */
export function tokenFault(at: usize, end: usize): string {
  if (end == at) return ' has no token in its first line';
  if (end - at > usize(MAX_TOKEN)) return ' has a token of more than ' + MAX_TOKEN.toString() + ' bytes';
  for (; at < end; at++) {
    const byte = load<u8>(at);
    if (byte <= 0x20 || byte >= 0x7f) return ' has a token with a space or a character that is not ASCII';
  }
  return '';
}

/** Where white space at the end begins. */
export function trimmedEnd(at: usize, end: usize): usize {
  while (end > at && load<u8>(end - 1) <= 0x20) end--;
  return max(end, at);
}
