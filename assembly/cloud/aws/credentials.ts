// SPDX-License-Identifier: Apache-2.0
// What requests to AWS are signed with.

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
}
