// SPDX-License-Identifier: Apache-2.0
// What requests to AWS are signed with.

/** Characters that a key's id, its secret and a session's token may have. */
const MAX_KEY: i32 = 256;
const MAX_TOKEN: i32 = 16384;

export class Credentials {
  /** Of the session; empty for keys that last. */
  token: string = '';
  /** Nanoseconds since the Unix epoch; 0: they do not end. */
  expires: i64 = 0;

  constructor(
    public keyId: string,
    public secret: string,
    /** Where they come from, for the log: words without secrets. */
    public origin: string,
  ) {}

  /** What cannot be signed or sent with, in words without secrets; empty: nothing. */
  fault(): string {
    if (!isHeaderText(this.keyId, MAX_KEY)) return 'the access key id' + NOT_TEXT;
    if (!isHeaderText(this.secret, MAX_KEY)) return 'the secret access key' + NOT_TEXT;
    if (this.token != '' && !isHeaderText(this.token, MAX_TOKEN)) return 'the session token' + NOT_TEXT;
    return '';
  }
}

const NOT_TEXT = ' is empty or too long, or has a space, a line break or a character that is not ASCII';

/** Whether a text can be a value in a header as it is: 1 to `most` visible ASCII characters, and spaces if they may. */
export function isHeaderText(text: string, most: i32, hasSpaces: bool = false): bool {
  if (text.length == 0 || text.length > most) return false;
  const first = hasSpaces ? 0x20 : 0x21;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char < first || char >= 0x7f) return false;
  }
  return true;
}
