// SPDX-License-Identifier: Apache-2.0
// Which clients may send events, by the names in their certificates.
import * as host from '../host';
import { HttpText } from '../host';
import { Config } from '../config/config';
import { CLIENT_NAMES } from '../config/schema';
import { Name } from '../json/name';
import { lineEnd } from '../json/skip';
import { PADDING } from '../memory';
import { NO_CERTIFICATE, OTHER_NAME, Refusal } from './refusal';

/** Bytes of a certificate's names that are looked at. */
const NAMES_SIZE: i32 = 64 * 1024;
/** What stands in front of a name, by its kind. */
const KINDS = [new Name('CN='), new Name('DNS:'), new Name('URI:'), new Name('email:')];

export class ClientNames {
  private names: Name[] = [];
  /** Which of them begin as a kind does, and so are compared with that kind of name alone. */
  private areKinds: bool[] = [];
  private space: usize = heap.alloc(NAMES_SIZE + PADDING);

  constructor(config: Config) {
    const names = config.texts(CLIENT_NAMES);
    for (let i = 0; i < names.length; i++) {
      const name = new Name(names[i]);
      this.names.push(name);
      this.areKinds.push(kindLength(name.address, name.length) != 0);
    }
  }

  /** Null when the client's certificate was checked and carries one of the names, if there are any. */
  check(request: i32): Refusal | null {
    const length = host.httpText(request, HttpText.ClientNames, this.space, NAMES_SIZE);
    if (length < 0) return NO_CERTIFICATE;
    if (this.names.length == 0) return null;
    // The last line of a text that is cut is not looked at: it may be cut itself.
    const end = this.space + min(length, NAMES_SIZE);
    for (let at = this.space; at < end;) {
      const line = lineEnd(at, end);
      if (line == end && length > NAMES_SIZE) break;
      if (this.isAllowed(at, u32(line - at))) return null;
      at = line + 1;
    }
    return OTHER_NAME;
  }

  private isAllowed(line: usize, length: u32): bool {
    const kind = kindLength(line, length);
    if (kind == 0) return false;
    for (let i = 0; i < this.names.length; i++) {
      const skipped = this.areKinds[i] ? 0 : kind;
      if (this.names[i].equals(line + skipped, length - skipped)) return true;
    }
    return false;
  }

  free(): void {
    if (this.space != 0) heap.free(this.space);
    this.space = 0;
  }
}

/** The bytes of the kind that the text begins with, or 0. */
function kindLength(at: usize, length: u32): u32 {
  for (let i = 0; i < KINDS.length; i++) {
    if (KINDS[i].beginsAt(at, length)) return KINDS[i].length;
  }
  return 0;
}
