// SPDX-License-Identifier: Apache-2.0
// The config and credentials files that the AWS SDKs and tools share, and the profiles in them.
import { FileStat } from '../../host';
import { environment } from '../../host_text';
import { countText } from '../../log';
import { encodePath, errnoText, shownPath, statPath } from '../../sources/input';
import { WholeFile } from '../../sources/whole_file';
import { IniCursor, IniKind } from './ini';

/** Bytes that a value may have. */
const MAX_VALUE: u32 = 8192;
const ENOENT = -2;
const ENOTDIR = -20;

export const ACCESS_KEY_ID = 'aws_access_key_id';
export const SECRET_ACCESS_KEY = 'aws_secret_access_key';
export const SESSION_TOKEN = 'aws_session_token';

/** The keys of a profile that have a meaning here. */
const KEYS: string[] = [
  ACCESS_KEY_ID,
  SECRET_ACCESS_KEY,
  SESSION_TOKEN,
  'region',
  'role_arn',
  'source_profile',
  'credential_source',
  'external_id',
  'mfa_serial',
  'role_session_name',
  'duration_seconds',
  'web_identity_token_file',
  'credential_process',
  'login_session',
  'sso_session',
  'sso_account_id',
  'sso_role_name',
  'sso_start_url',
  'sso_region',
  'services',
  'endpoint_url',
  'ignore_configured_endpoint_urls',
  'use_fips_endpoint',
  'use_dualstack_endpoint',
  'ec2_metadata_service_endpoint',
  'ec2_metadata_service_endpoint_mode',
];

export class Profile {
  /** What cannot be read in it, or an empty string. */
  problem: string = '';
  private keys: string[] = [];
  private values: string[] = [];
  /** The file that its keys are in, for messages. */
  keysFile: string = '';

  constructor(readonly name: string) {}

  /** The value of a key, or an empty string. */
  get(key: string): string {
    const at = this.keys.indexOf(key);
    return at < 0 ? '' : this.values[at];
  }

  set(key: string, value: string): void {
    const at = this.keys.indexOf(key);
    if (at >= 0) this.values[at] = value;
    if (at >= 0) return;
    this.keys.push(key);
    this.values.push(value);
  }
}

/** Load, look, close. */
export class SharedFiles {
  readonly config: SharedFile = new SharedFile('AWS_CONFIG_FILE', '/.aws/config');
  readonly credentials: SharedFile = new SharedFile('AWS_SHARED_CREDENTIALS_FILE', '/.aws/credentials');

  load(): void {
    this.config.load();
    this.credentials.load();
  }

  /** Forgets what was read. */
  close(): void {
    this.config.close();
    this.credentials.close();
  }

  /** Both files and what is wrong with them, for messages. */
  get state(): string {
    return this.config.state + ' and ' + this.credentials.state;
  }

  /** The profile with this name, or null. What stands in the credentials file counts more. */
  profile(name: string): Profile | null {
    const profile = new Profile(name);
    let isThere = this.config.read('profile', name, profile);
    if (!isThere && name == 'default') isThere = this.config.read('', name, profile);
    const keys = new Profile(name);
    if (this.credentials.read('', name, keys)) {
      isThere = true;
      this.merge(keys, profile);
    }
    return isThere ? profile : null;
  }

  private merge(from: Profile, to: Profile): void {
    if (from.problem != '') to.problem = from.problem;
    // A token belongs to its keys.
    if (from.get(ACCESS_KEY_ID) != '' || from.get(SECRET_ACCESS_KEY) != '') {
      to.set(ACCESS_KEY_ID, '');
      to.set(SECRET_ACCESS_KEY, '');
      to.set(SESSION_TOKEN, '');
      to.keysFile = from.keysFile;
    }
    for (let i = 0; i < KEYS.length; i++) {
      const value = from.get(KEYS[i]);
      if (value != '') to.set(KEYS[i], value);
    }
  }

  /** The URL that `[services NAME]` gives for a service, as in `cloudwatch_logs`; empty: none. */
  serviceUrl(services: string, service: string): string {
    return this.config.serviceUrl(services, service);
  }
}

class SharedFile {
  /** Empty where neither the variable nor HOME is set. */
  readonly path: string;
  /** Why it cannot be read; empty also where it is not there. */
  problem: string = '';
  private isThere: bool = false;
  private file: WholeFile;

  constructor(variable: string, atHome: string) {
    const chosen = environment(variable);
    const home = environment('HOME');
    let path = chosen;
    if (chosen == '') path = home == '' ? '' : home + atHome;
    else if (chosen.startsWith('~/') && home != '') path = home + chosen.substring(1);
    this.path = path;
    this.file = new WholeFile(null, path);
  }

  get state(): string {
    if (this.path == '') return 'no file (HOME is not set)';
    if (this.problem != '') return this.problem;
    return shownPath(this.path) + (this.isThere ? '' : ' (does not exist)');
  }

  load(): void {
    if (this.path == '') return;
    const stat = new FileStat();
    const result = statPath(encodePath(this.path), stat);
    if (result == ENOENT || result == ENOTDIR) return;
    if (result < 0) this.problem = shownPath(this.path) + ' cannot be read: ' + errnoText(result);
    if (result < 0) return;
    this.isThere = true;
    // An empty one is as good as none.
    if (stat.size > 0) this.problem = this.file.load();
    if (this.problem != '') this.file.wipe();
  }

  close(): void {
    this.file.wipe();
  }

  private cursor(): IniCursor {
    return new IniCursor(this.file.address, this.file.length);
  }

  /** Adds what the section `[kind name]` has; false when there is none. */
  read(kind: string, name: string, profile: Profile): bool {
    const cursor = this.cursor();
    let isThere = false;
    let isInside = false;
    while (cursor.next()) {
      if (cursor.kind == IniKind.Section) {
        isInside = cursor.isSection(kind, name);
        isThere = isThere || isInside;
      } else if (isInside && cursor.kind == IniKind.Property) {
        this.take(cursor, profile);
      }
    }
    return isThere;
  }

  private take(cursor: IniCursor, profile: Profile): void {
    for (let i = 0; i < KEYS.length; i++) {
      if (!cursor.isNamed(KEYS[i])) continue;
      const value = this.valueAt(cursor);
      if (value == null) profile.problem = this.faultAt(profile.name, KEYS[i]);
      else profile.set(KEYS[i], value);
      if (KEYS[i].startsWith('aws_')) profile.keysFile = shownPath(this.path);
      return;
    }
  }

  /** Null when it is too long or has more than one line. */
  private valueAt(cursor: IniCursor): string | null {
    countText();
    if (cursor.valueLength > MAX_VALUE) return null;
    const value = cursor.value;
    return value.includes('\n') ? null : value;
  }

  private faultAt(profile: string, key: string): string {
    return (
      'profile "' +
      profile +
      '" in ' +
      shownPath(this.path) +
      ': the value of ' +
      key +
      ' goes on in the ' +
      'next line (a line that begins with white space belongs to the one above it) or has more than ' +
      MAX_VALUE.toString() +
      ' bytes'
    );
  }

  serviceUrl(services: string, service: string): string {
    const cursor = this.cursor();
    let isInside = false;
    let isOurs = false;
    let url = '';
    while (cursor.next()) {
      if (cursor.kind == IniKind.Section) isInside = cursor.isSection('services', services);
      else if (cursor.kind == IniKind.Property) isOurs = isInside && cursor.isNamed(service);
      else if (isOurs && isInside && cursor.isNamed('endpoint_url') && cursor.valueLength <= MAX_VALUE) {
        url = cursor.value;
      }
    }
    return url;
  }
}
