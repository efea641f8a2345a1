// SPDX-License-Identifier: Apache-2.0
// The metadata of an EC2 instance, version 2 alone (IMDSv2): a token first, then what is asked for with it. It is
// near or not there at all, so it is not waited for long, and never by a proxy.
import * as host from '../../host';
import { WebFailure, WebMethod } from '../../host';
import { Severity, log } from '../../log';
import { Exchange } from '../../web/exchange';
import { Request } from '../../web/request';
import { isHeaderText } from './credentials';
import { isRegion } from './endpoint';
import { JsonCredentials, MAX_ANSWER } from './json_credentials';
import { Provider } from './provider';

const CONNECT_TIME: u32 = 1_000;
const TOTAL_TIME: u32 = 2_000;
/** Seconds that a token is good; what is asked for comes at once. */
const TOKEN_LIFE = 300;
const MAX_TOKEN: i32 = 1024;

/** One value of the metadata. */
export class MetadataValue {
  /** Why there is none, for people, or an empty string. */
  problem: string = '';
  /** Of HTTP, of the value; 0: nothing answered. */
  status: i32 = 0;
  readonly exchange: Exchange = new Exchange(MAX_ANSWER);
  private token: string = '';
  private path: string = '';

  constructor(private url: string) {}

  /** Begins with a token. */
  begin(path: string): void {
    this.token = '';
    this.path = path;
    this.problem = '';
    this.status = 0;
    const request = this.request(WebMethod.Put, '/latest/api/token');
    request.headers.push('x-aws-ec2-metadata-token-ttl-seconds: ' + TOKEN_LIFE.toString());
    this.exchange.begin(request);
  }

  /** Goes on with the token that there is. */
  next(path: string): void {
    this.path = path;
    const request = this.request(WebMethod.Get, path);
    request.headers.push('x-aws-ec2-metadata-token: ' + this.token);
    this.exchange.begin(request);
  }

  private request(method: WebMethod, path: string): Request {
    const request = new Request(method, this.url + path);
    request.isDirect = true;
    request.connectTime = CONNECT_TIME;
    request.totalTime = TOTAL_TIME;
    return request;
  }

  /** Goes on; true when it has ended: with the value in `exchange`, or with `problem`. */
  turn(): bool {
    while (this.exchange.turn()) {
      const exchange = this.exchange;
      if (exchange.status != 200) return this.fail(exchange.status);
      if (this.token != '') {
        this.status = exchange.status;
        return true;
      }
      const token = exchange.text;
      if (!isHeaderText(token, MAX_TOKEN)) {
        this.problem = 'the instance metadata at ' + this.url + ' gave a token that cannot be sent';
        return true;
      }
      this.token = token;
      this.next(this.path);
    }
    return false;
  }

  private fail(status: i32): bool {
    const exchange = this.exchange;
    const isToken = this.token == '';
    this.problem = 'the instance metadata at ' + this.url;
    if (status != 0) {
      if (!isToken) this.status = status;
      this.problem += ' answered ' + (isToken ? 'the request for a token' : this.path);
      this.problem += ' with HTTP status ' + status.toString();
    } else {
      this.problem += ' gave no answer: ' + exchange.problem;
      // Its answers do not get over one more hop than the instance allows, while connections do.
      const isTooFar = isToken && exchange.failure == WebFailure.Time;
      if (isTooFar) this.problem += ' (in a pod: the hop limit of the instance may be 1)';
    }
    return true;
  }

  free(): void {
    this.exchange.free();
  }
}

/** The region that the instance is in. */
export class MetadataRegion {
  /** Empty as long as it is not known. */
  region: string = '';
  problem: string = '';
  private value: MetadataValue;

  constructor(url: string) {
    this.value = new MetadataValue(url);
  }

  begin(): void {
    this.value.begin('/latest/meta-data/placement/region');
  }

  /** Goes on; true when it has ended: with `region`, or with `problem`. */
  turn(): bool {
    if (!this.value.turn()) return false;
    this.problem = this.value.problem;
    if (this.problem != '') return true;
    const text = this.value.exchange.text.trim();
    if (isRegion(text)) this.region = text;
    else this.problem = 'the instance metadata answered with something that is no region';
    return true;
  }

  free(): void {
    this.value.free();
  }
}

const ROLES = '/latest/meta-data/iam/security-credentials/';
/** While AWS's own renewal fails, metadata gives credentials that have ended, and services take them. */
const GRACE: i64 = 600 * 1_000_000_000;

/** Credentials of the role that the instance has. */
export class InstanceRole extends Provider {
  private value: MetadataValue;
  private answer: JsonCredentials = new JsonCredentials();
  private role: string = '';

  constructor(private url: string) {
    super('the role of the instance');
    this.value = new MetadataValue(url);
  }

  protected start(): void {
    this.role = '';
    this.value.begin(ROLES);
  }

  turn(): bool {
    while (this.value.turn()) {
      if (this.value.problem != '') return this.failed();
      if (this.role != '') return this.take();
      const lines = this.value.exchange.text.split('\n');
      const role = lines[0].trim();
      if (!isRoleName(role)) return this.fail('the instance metadata names no role');
      this.role = role;
      this.value.next(ROLES + role);
    }
    return false;
  }

  private failed(): bool {
    if (this.value.status != 404) return this.fail(this.value.problem);
    return this.fail('the instance has no role (metadata at ' + this.url + ')');
  }

  private take(): bool {
    const credentials = this.answer.read(this.value.exchange, 'the role "' + this.role + '" of the instance');
    if (!credentials) return this.fail('the instance metadata: ' + this.answer.problem);
    const now = host.realtime();
    if (credentials.expires != 0 && credentials.expires <= now) {
      credentials.expires = now + GRACE;
      log(
        Severity.Warning,
        'the instance metadata gives credentials that have ended; they are used for ten more minutes',
      );
    }
    return this.give(credentials);
  }

  close(): void {
    this.value.free();
    this.answer.free();
  }
}

/** What IAM lets names of roles have. */
function isRoleName(text: string): bool {
  if (text.length == 0 || text.length > 64) return false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i);
    const code = text.charCodeAt(i) | 0x20;
    const isLetter = (code >= 0x61 && code <= 0x7a) || (char >= '0' && char <= '9');
    if (!isLetter && !'_+=,.@-'.includes(char)) return false;
  }
  return true;
}
