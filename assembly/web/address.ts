// SPDX-License-Identifier: Apache-2.0
// The parts of URLs that are given for services: what they must be, and whose machine they name.

/** What is wrong with the URL of a service, behind its name in a message; empty: nothing. */
export function faultOfUrl(url: string): string {
  if (!url.startsWith('https://') && !url.startsWith('http://'))
    return ' must begin with https:// or http://';
  for (let i = 0; i < url.length; i++) {
    const char = url.charCodeAt(i);
    if (char <= 0x20 || char >= 0x7f) return ' has a space or a character that a URL cannot have';
  }
  const authority = authorityOf(url);
  if (authority.includes('@')) return ' must not have a user or password in it';
  if (hostOf(url) == '') return ' has no host';
  if (url.includes('?') || url.includes('#')) return ' must end with its path, without ? and #';
  return '';
}

/** The URL without the slashes at its end. */
export function withoutSlash(url: string): string {
  let end = url.length;
  while (end > 0 && url.charCodeAt(end - 1) == 0x2f) end--;
  return url.substring(0, end);
}

/** What stands between `://` and the path. */
function authorityOf(url: string): string {
  const from = url.indexOf('://') + 3;
  let end = from;
  while (end < url.length && !'/?#'.includes(url.charAt(end))) end++;
  return url.substring(from, end);
}

/** The host of a URL, in lower case; an IPv6 address without its brackets. */
export function hostOf(url: string): string {
  const authority = authorityOf(url);
  const end = authority.startsWith('[') ? authority.indexOf(']') : authority.indexOf(':');
  const host = end < 0 ? authority : authority.substring(0, end);
  return (host.startsWith('[') ? host.substring(1) : host).toLowerCase();
}

/** Whether a host is this machine, by its name or number alone: a name is not looked up. */
export function isLoopback(host: string): bool {
  return host == 'localhost' || host == '::1' || (host.startsWith('127.') && isIpv4(host));
}

function isIpv4(host: string): bool {
  const parts = host.split('.');
  if (parts.length != 4) return false;
  for (let i = 0; i < 4; i++) {
    const part = parts[i];
    if (part.length < 1 || part.length > 3) return false;
    for (let j = 0; j < part.length; j++) if (!isDigit(part.charCodeAt(j))) return false;
    if (I32.parseInt(part, 10) > 255) return false;
  }
  return true;
}

function isDigit(char: i32): bool {
  return char >= 0x30 && char <= 0x39;
}
