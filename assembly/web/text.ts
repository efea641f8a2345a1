// SPDX-License-Identifier: Apache-2.0
// Texts for URLs and JSON, and texts of others for people.

/** `text` with all but letters, digits and `-._~` written as %XX (RFC 3986), and with slashes as they are or not. */
export function percentEncoded(text: string, keepSlashes: bool): string {
  const bytes = Uint8Array.wrap(String.UTF8.encode(text));
  let out = '';
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (isUnreserved(byte) || (keepSlashes && byte == 0x2f)) out += String.fromCharCode(byte);
    else out += '%' + hexDigit(byte >> 4) + hexDigit(byte & 15);
  }
  return out;
}

/** `text` as a string of JSON, with its quotes. */
export function jsonQuoted(text: string): string {
  let out = '"';
  let done = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x20 && unit != 0x22 && unit != 0x5c) continue;
    out += text.substring(done, i) + '\\u00' + hexDigit(u8(unit >> 4)) + hexDigit(u8(unit & 15));
    done = i + 1;
  }
  return out + text.substring(done) + '"';
}

function isUnreserved(byte: u8): bool {
  const lower = byte | 0x20;
  return (
    (lower >= 0x61 && lower <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte == 0x2d ||
    byte == 0x2e ||
    byte == 0x5f ||
    byte == 0x7e
  );
}

function hexDigit(value: u8): string {
  return '0123456789ABCDEF'.charAt(value);
}

/** A text that others have written, for a message: no control characters, and of a long one the start. */
export function printable(text: string, most: i32): string {
  let out = '';
  const length = min(text.length, most);
  for (let i = 0; i < length; i++) {
    const char = text.charCodeAt(i);
    out += char < 0x20 || (char >= 0x7f && char < 0xa0) ? ' ' : String.fromCharCode(char);
  }
  return text.length > most ? out + '…' : out;
}
