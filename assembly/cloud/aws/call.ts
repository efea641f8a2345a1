// SPDX-License-Identifier: Apache-2.0
// A call of an AWS service: signed, sent, its answer judged. Whoever calls decides what comes after a failure.
import { WebFailure, WebMethod } from '../../host';
import { Name } from '../../json/name';
import { countText } from '../../log';
import { Exchange } from '../../web/exchange';
import { JsonAnswer } from '../../web/json_answer';
import { Request, Signing } from '../../web/request';
import { XmlCursor } from '../../web/xml';
import { Credentials } from './credentials';

export const enum Outcome {
  /** It goes on. */
  Pending = 0,
  Done = 1,
  /** Too much was asked for: later, and less often. */
  Throttled = 2,
  /** The network, or the service, has a problem that passes: later. */
  Failed = 3,
  /** The credentials are no longer, or not yet, good: with new ones. */
  Expired = 4,
  /** The credentials may not do this. */
  Denied = 5,
  /** The request is wrong: again would be no better. */
  Refused = 6,
}

const TYPE = new Name('__type');
const MESSAGE = new Name('message');
const MESSAGE_UPPER = new Name('Message');
/** Characters of a service's message that are shown. */
const MAX_MESSAGE = 512;

const THROTTLED: string[] = [
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'RequestThrottled',
  'RequestThrottledException',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'LimitExceededException',
  'BandwidthLimitExceeded',
  'SlowDown',
  'OverLimit',
  'PriorRequestNotComplete',
];
const PASSING: string[] = [
  'RequestTimeout',
  'RequestTimeoutException',
  'InternalFailure',
  'InternalError',
  'ServiceUnavailable',
  'ServiceUnavailableException',
  'IDPCommunicationError',
];
const EXPIRED: string[] = [
  'ExpiredToken',
  'ExpiredTokenException',
  'RequestExpired',
  'InvalidClientTokenId',
  'UnrecognizedClientException',
  'InvalidAccessKeyId',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'IncompleteSignature',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'RequestTimeTooSkewed',
  'InvalidToken',
  'TokenRefreshRequired',
];
const DENIED: string[] = [
  'AccessDenied',
  'AccessDeniedException',
  'UnauthorizedOperation',
  'AuthorizationError',
];

export class AwsCall {
  readonly exchange: Exchange;
  /** Of a failure: AWS's code for it, such as ThrottlingException; empty when nothing answered. */
  code: string = '';
  /** Of a failure: what is wrong, for people; without secrets. */
  problem: string = '';
  /** Milliseconds to wait that the service asked for; 0: it did not say. */
  retryAfter: u32 = 0;
  private json: JsonAnswer = new JsonAnswer();

  /** Answers with more than `maxAnswer` bytes fail. */
  constructor(maxAnswer: u32) {
    this.exchange = new Exchange(maxAnswer);
  }

  /** Begins a request with the JSON protocol; `target` as in `Logs_20140328.FilterLogEvents`. */
  beginJson(
    url: string,
    authorities: string,
    target: string,
    version: string,
    body: string,
    service: string,
    region: string,
    credentials: Credentials,
  ): void {
    const request = new Request(WebMethod.Post, url);
    request.authorities = authorities;
    request.headers.push('content-type: application/x-amz-json-' + version);
    request.headers.push('x-amz-target: ' + target);
    request.body = body;
    this.begin(request, service, region, credentials);
  }

  /** Signs a request and begins it. */
  begin(request: Request, service: string, region: string, credentials: Credentials | null): void {
    this.code = '';
    this.problem = '';
    this.retryAfter = 0;
    if (credentials) {
      const signing = new Signing(region, service, credentials.keyId, credentials.secret);
      signing.token = credentials.token;
      request.signing = signing;
    }
    this.exchange.begin(request);
  }

  /** Goes on; what has become of it. An answer is in `exchange`. */
  turn(): Outcome {
    if (!this.exchange.turn()) return Outcome.Pending;
    const exchange = this.exchange;
    if (exchange.status == 0) {
      this.problem = exchange.problem;
      return exchange.failure == WebFailure.Other ? Outcome.Refused : Outcome.Failed;
    }
    if (exchange.status >= 200 && exchange.status < 300) return Outcome.Done;
    this.explain();
    return this.judge(exchange.status);
  }

  private explain(): void {
    countText();
    const exchange = this.exchange;
    this.retryAfter = exchange.retryAfter;
    const named = exchange.header('x-amzn-errortype');
    let message = '';
    if (named) this.code = named;
    if (this.json.read(exchange.address, exchange.length)) {
      const root = this.json.root;
      if (this.code == '') this.code = this.json.string(this.json.member(root, TYPE));
      message = this.json.string(this.json.member(root, MESSAGE));
      if (message == '') message = this.json.string(this.json.member(root, MESSAGE_UPPER));
    } else {
      message = this.explainXml();
    }
    this.code = bareCode(this.code);
    if (message.length > MAX_MESSAGE) message = message.substring(0, MAX_MESSAGE) + '…';
    const status = 'HTTP status ' + exchange.status.toString();
    const what = this.code == '' ? status : this.code + ' (' + status + ')';
    this.problem = message == '' ? what : what + ': ' + message;
  }

  private explainXml(): string {
    const cursor = new XmlCursor(this.exchange.address, this.exchange.length);
    let message = '';
    while (cursor.next()) {
      if (cursor.name == 'Code' && this.code == '') this.code = cursor.text();
      else if (cursor.name == 'Message' && message == '') message = cursor.text();
    }
    return message;
  }

  private judge(status: i32): Outcome {
    if (THROTTLED.includes(this.code) || status == 429) return Outcome.Throttled;
    if (EXPIRED.includes(this.code)) return Outcome.Expired;
    if (DENIED.includes(this.code)) return Outcome.Denied;
    if (status >= 500 || status == 408 || PASSING.includes(this.code)) return Outcome.Failed;
    if (status == 401 || status == 403) return Outcome.Denied;
    return Outcome.Refused;
  }

  /** Ends what goes on. */
  close(): void {
    this.exchange.close();
  }

  free(): void {
    this.exchange.free();
    this.json.free();
  }
}

/** `ns#Code:http://…` as `Code`. */
function bareCode(code: string): string {
  const colon = code.indexOf(':');
  const before = colon < 0 ? code : code.substring(0, colon);
  return before.substring(before.lastIndexOf('#') + 1);
}
