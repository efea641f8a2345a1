// SPDX-License-Identifier: Apache-2.0
// The token service: it gives credentials of a role for a signature, or for a web identity token. It is always the
// region's own: the global one is in another place and ends with it.
import { NO_TIME, parseTime } from '../../audit/time';
import { WebMethod } from '../../host';
import { Request } from '../../web/request';
import { percentEncoded } from '../../web/text';
import { XmlCursor } from '../../web/xml';
import { AwsCall, Outcome } from './call';
import { Credentials } from './credentials';
import { Provider, without } from './provider';
import { SecretFile } from './secret_file';
import { AwsSettings } from './settings';

/** Bytes of an answer; real ones have 2,000. */
const MAX_ANSWER: u32 = 64 * 1024;
const SESSION_NAME = 'k8saudit-ts';

/** What is asked of the token service. */
abstract class RoleProvider extends Provider {
  protected call: AwsCall = new AwsCall(MAX_ANSWER);
  protected isAsked: bool = false;

  constructor(
    origin: string,
    protected settings: AwsSettings,
    protected role: string,
    private sessionName: string,
  ) {
    super(origin);
  }

  /** `more` is the rest of the form, and begins with &. */
  protected ask(action: string, more: string, credentials: Credentials | null): void {
    const request = new Request(WebMethod.Post, this.settings.url('sts') + '/');
    request.authorities = this.settings.authorities;
    request.headers.push('content-type: application/x-www-form-urlencoded; charset=utf-8');
    const name = this.sessionName != '' ? this.sessionName : SESSION_NAME;
    request.body =
      'Action=' +
      action +
      '&Version=2011-06-15' +
      parameter('RoleArn', this.role) +
      parameter('RoleSessionName', name) +
      more;
    this.call.begin(request, 'sts', this.settings.region, credentials);
    this.isAsked = true;
  }

  /** Takes the answer; `secret` is not to be in a message, should the service repeat it. */
  protected turnCall(secret: string): bool {
    const outcome = this.call.turn();
    if (outcome == Outcome.Pending) return false;
    this.isAsked = false;
    this.retryAfter = this.call.retryAfter;
    if (outcome == Outcome.Done) return this.take();
    const problem = without(this.call.problem, secret) + adviceFor(this.call.code);
    return this.fail('STS at ' + this.settings.url('sts') + ': ' + problem);
  }

  private take(): bool {
    const exchange = this.call.exchange;
    const cursor = new XmlCursor(exchange.address, exchange.length);
    const credentials = new Credentials('', '', this.origin);
    let depth = i32.MAX_VALUE;
    while (cursor.next()) {
      if (cursor.name == 'Credentials') depth = cursor.depth;
      else if (cursor.depth <= depth) depth = i32.MAX_VALUE;
      else if (cursor.name == 'AccessKeyId') credentials.keyId = cursor.text();
      else if (cursor.name == 'SecretAccessKey') credentials.secret = cursor.text();
      else if (cursor.name == 'SessionToken') credentials.token = cursor.text();
      else if (cursor.name == 'Expiration') credentials.expires = timeOfText(cursor.text());
    }
    const isWhole = !cursor.isBroken && credentials.expires > 0 && credentials.token != '';
    if (isWhole) return this.give(credentials);
    return this.fail('STS at ' + this.settings.url('sts') + ' answered without credentials');
  }

  close(): void {
    this.call.free();
  }
}

/** What to do about an error of STS; empty: its words say it. */
function adviceFor(code: string): string {
  if (code == 'AccessDenied') return "; the role's trust policy must allow this caller: see docs/eks.md";
  if (code == 'InvalidIdentityToken') {
    return "; the account needs an IAM OIDC provider for the cluster's issuer: see docs/eks.md";
  }
  if (code == 'RegionDisabledException') return '; switch STS on for this region, or set another region';
  return '';
}

function parameter(name: string, value: string): string {
  return '&' + name + '=' + percentEncoded(value, false);
}

function timeOfText(text: string): i64 {
  const bytes = String.UTF8.encode(text.trim());
  const time = parseTime(changetype<usize>(bytes), bytes.byteLength);
  return time == NO_TIME ? 0 : time;
}

/** AssumeRoleWithWebIdentity: IRSA, and other tokens in files. */
export class WebIdentity extends RoleProvider {
  private file: SecretFile;
  private token: string = '';

  constructor(
    origin: string,
    settings: AwsSettings,
    role: string,
    sessionName: string,
    private path: string,
  ) {
    super(origin, settings, role, sessionName);
    this.file = new SecretFile(path);
  }

  protected start(): void {
    this.isAsked = false;
    this.token = this.file.read();
    if (this.file.problem != '') this.problem = 'the web identity token: ' + this.file.problem;
    else this.ask('AssumeRoleWithWebIdentity', parameter('WebIdentityToken', this.token), null);
  }

  turn(): bool {
    if (!this.isAsked) return true;
    if (!this.turnCall(this.token)) return false;
    this.token = '';
    return true;
  }
}

/** AssumeRole with the credentials of another place. */
export class AssumeRole extends RoleProvider {
  /** Seconds that the session lasts; 0: STS's default, an hour. */
  duration: i32 = 0;
  externalId: string = '';
  private isSourceDone: bool = false;

  constructor(
    origin: string,
    settings: AwsSettings,
    role: string,
    sessionName: string,
    private source: Provider,
  ) {
    super(origin, settings, role, sessionName);
  }

  protected start(): void {
    this.isAsked = false;
    this.isSourceDone = false;
    this.source.begin();
  }

  turn(): bool {
    if (!this.isSourceDone) {
      if (!this.source.turn()) return false;
      this.isSourceDone = true;
      const credentials = this.source.credentials;
      if (!credentials) {
        this.retryAfter = this.source.retryAfter;
        return this.fail(this.source.problem);
      }
      let more = this.externalId == '' ? '' : parameter('ExternalId', this.externalId);
      if (this.duration > 0) more += '&DurationSeconds=' + this.duration.toString();
      this.ask('AssumeRole', more, credentials);
    }
    return this.isAsked ? this.turnCall('') : true;
  }

  close(): void {
    this.source.close();
    super.close();
  }
}
