// SPDX-License-Identifier: Apache-2.0
// The parts of open_params that are URLs (RFC 3986).

/** A refusal, for `Url.problem`. */
function malformed(what: string): string {
  return 'open_params: ' + what;
}

export class Url {
  host: string = '';
  /** -1 when there is none. */
  port: i32 = -1;
  path: string = '';
  problem: string = '';
  private keys: string[] = [];
  private values: string[] = [];

  /** Splits `text`, the part behind `scheme://`. */
  constructor(text: string, hasHost: bool) {
    const fragment = text.indexOf('#');
    const whole = fragment < 0 ? text : text.substring(0, fragment);
    const question = whole.indexOf('?');
    let rest = question < 0 ? whole : whole.substring(0, question);
    if (question >= 0) this.splitQuery(whole.substring(question + 1));
    if (hasHost) {
      const slash = rest.indexOf('/');
      this.splitAuthority(slash < 0 ? rest : rest.substring(0, slash));
      rest = slash < 0 ? '' : rest.substring(slash);
    }
    this.path = this.decode(rest);
  }

  /** The value of a query parameter, or null; the parameter counts as known then. */
  take(key: string): string | null {
    const at = this.keys.indexOf(key);
    if (at < 0) return null;
    if (this.keys.lastIndexOf(key) != at) this.problem = malformed('parameter "' + key + '" is given twice');
    const value = this.values[at];
    this.keys.splice(at, 1);
    this.values.splice(at, 1);
    return value;
  }

  /** Sets `problem` when a parameter was not taken. */
  refuseUnknown(known: string): void {
    if (this.problem != '' || this.keys.length == 0) return;
    this.problem = malformed('unknown parameter "' + this.keys[0] + '"; known ' + known);
  }

  private splitQuery(query: string): void {
    const parts = query.split('&');
    for (let i = 0; i < parts.length; i++) {
      if (parts[i] == '') continue;
      const equals = parts[i].indexOf('=');
      this.keys.push(this.decode(equals < 0 ? parts[i] : parts[i].substring(0, equals)));
      this.values.push(equals < 0 ? '' : this.decode(parts[i].substring(equals + 1)));
    }
  }

  private splitAuthority(authority: string): void {
    if (authority.includes('@')) {
      this.problem = malformed('a user name or password in the URL is not supported');
      return;
    }
    let colon = authority.lastIndexOf(':');
    const bracket = authority.lastIndexOf(']');
    if (colon < bracket) colon = -1;
    this.host = colon < 0 ? authority : authority.substring(0, colon);
    if (this.host.startsWith('[') && this.host.endsWith(']')) {
      this.host = this.host.substring(1, this.host.length - 1);
    } else if (this.host.includes(':')) {
      this.problem = malformed('an IPv6 address stands in brackets, as in http://[::1]:9765/');
    }
    if (colon >= 0) this.port = this.parsePort(authority.substring(colon + 1));
  }

  private parsePort(text: string): i32 {
    let port = 0;
    for (let i = 0; i < text.length; i++) {
      const digit = text.charCodeAt(i) - 0x30;
      if (digit < 0 || digit > 9 || i == 5) port = 65536;
      else port = port * 10 + digit;
    }
    if (text == '' || port > 65535) {
      this.problem = malformed('the port "' + text + '" is not a number from 0 to 65535');
      return -1;
    }
    return port;
  }

  /** Decodes %XX (UTF-8). */
  private decode(text: string): string {
    if (!text.includes('%')) return text;
    const bytes = String.UTF8.encode(text);
    const at = changetype<usize>(bytes);
    const length = decodePercent(at, bytes.byteLength);
    if (length < 0) {
      this.problem = malformed('"' + text + '" has a % that two hexadecimal digits do not follow');
      return text;
    }
    return String.UTF8.decodeUnsafe(at, length);
  }
}

/** Decodes the %XX of `length` bytes in place; the new length, or -1 when two hexadecimal digits do not follow a %. */
export function decodePercent(at: usize, length: i32): i32 {
  let decoded = 0;
  for (let i = 0; i < length; i++) {
    let byte = load<u8>(at + i);
    if (byte == 0x25) {
      const hex = i + 2 < length ? parseHex(load<u8>(at + i + 1), load<u8>(at + i + 2)) : -1;
      if (hex < 0) return -1;
      byte = u8(hex);
      i += 2;
    }
    store<u8>(at + decoded++, byte);
  }
  return decoded;
}

function parseHex(high: u8, low: u8): i32 {
  const value = (hexDigit(high) << 4) | hexDigit(low);
  return value;
}

function hexDigit(byte: u8): i32 {
  if (byte - 0x30 < 10) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}
