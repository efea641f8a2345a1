// SPDX-License-Identifier: Apache-2.0
// A request to the API server, its answer judged. Whoever asks decides what comes after a failure.
import { quoted } from '../../fields/catalogue';
import { WebMethod } from '../../host';
import { Name } from '../../json/name';
import { countText } from '../../log';
import { Exchange } from '../../web/exchange';
import { JsonAnswer } from '../../web/json_answer';
import { Request } from '../../web/request';
import { ApiServer } from './api_server';

export const enum Reply {
  /** It goes on. */
  Pending = 0,
  Done = 1,
  /** The object, or its namespace, is not there. */
  Absent = 2,
  /** Somebody has changed, or made, the object meanwhile. */
  Conflict = 3,
  /** The network, or the server, has a problem that passes: later. */
  Failed = 4,
  /** We may not do this, or the server does not know us. */
  Denied = 5,
  /** The request is wrong: the same again would be no better. */
  Refused = 6,
}

export const MESSAGE = new Name('message');
export const METADATA = new Name('metadata');
export const RESOURCE_VERSION = new Name('resourceVersion');

/** Characters of the server's message that are shown. */
const MAX_MESSAGE = 512;
const MAX_VERSION = 128;
const MERGE_PATCH = 'application/merge-patch+json';

/** A kind of object: where it is asked for, and how a Role names it. */
export class Resource {
  constructor(
    /** As in `/apis/coordination.k8s.io/v1`. */
    readonly path: string,
    /** As in apiGroups: empty for the core. */
    readonly group: string,
    /** In the plural. */
    readonly name: string,
    readonly kind: string,
  ) {}
}

/** Requests about one object, one after the other. */
export class ApiCall {
  /** Of a failure: what is wrong, for people; without secrets. */
  problem: string = '';
  /** Milliseconds to wait that the server asked for; 0: it did not say. */
  retryAfter: u32 = 0;
  /** The answer of Done. */
  readonly json: JsonAnswer = new JsonAnswer();
  private exchange: Exchange;
  private verb: string = '';

  /** Answers with more than `maxAnswer` bytes fail; `time` in milliseconds for one request. */
  constructor(
    private server: ApiServer,
    private resource: Resource,
    private object: string,
    maxAnswer: u32,
    private time: u32,
  ) {
    this.exchange = new Exchange(maxAnswer);
  }

  /** The object for messages: `Lease "namespace/name"`. */
  get shown(): string {
    return this.resource.kind + ' "' + this.server.namespace + '/' + this.object + '"';
  }

  /** Members of the metadata of a new object. */
  get names(): string {
    return '"name":' + quoted(this.object) + ',"namespace":' + quoted(this.server.namespace);
  }

  get(): void {
    this.begin('get', WebMethod.Get, '', '', 0, 0);
  }

  /** Makes the object from JSON. */
  create(body: usize, length: u32): void {
    this.begin('create', WebMethod.Post, 'application/json', '', body, length);
  }

  /**
   * Changes what the JSON merge patch (RFC 7386) names, and leaves the rest to others. With a resourceVersion in it,
   * only if the object still has that one: else Conflict. `accept` is for the answer: empty means the object.
   */
  patch(body: usize, length: u32, accept: string): void {
    this.begin('patch', WebMethod.Patch, MERGE_PATCH, accept, body, length);
  }

  private begin(
    verb: string,
    method: WebMethod,
    type: string,
    accept: string,
    body: usize,
    length: u32,
  ): void {
    const server = this.server;
    this.verb = verb;
    this.problem = '';
    this.retryAfter = 0;
    const folder = this.resource.path + '/namespaces/' + server.namespace + '/' + this.resource.name;
    const path = method == WebMethod.Post ? folder : folder + '/' + this.object;
    const request = new Request(method, server.url + path);
    const authorization = server.authorization();
    if (authorization != '') request.headers.push('authorization: ' + authorization);
    request.headers.push('accept: ' + (accept == '' ? 'application/json' : accept));
    if (type != '') request.headers.push('content-type: ' + type);
    request.bodyAddress = body;
    request.bodyLength = length;
    request.authorities = server.authorities;
    request.isDirect = server.isDirect;
    request.connectTime = this.time;
    request.totalTime = this.time;
    this.exchange.begin(request);
  }

  /** Goes on; what has become of the request. */
  turn(): Reply {
    const exchange = this.exchange;
    if (!exchange.turn()) return Reply.Pending;
    const status = exchange.status;
    if (status == 0) {
      this.problem = 'cannot ' + this.verb + ' ' + this.shown + ': ' + exchange.problem;
      return Reply.Failed;
    }
    const isJson = this.json.read(exchange.address, exchange.length);
    if (status >= 200 && status < 300) {
      if (isJson) return Reply.Done;
      this.problem =
        'cannot ' + this.verb + ' ' + this.shown + ': the answer is no JSON; is it an API server?';
      return Reply.Failed;
    }
    this.explain(status);
    return judge(status);
  }

  private explain(status: i32): void {
    countText();
    this.retryAfter = this.exchange.retryAfter;
    let message = this.json.string(this.json.member(this.json.root, MESSAGE));
    if (message.length > MAX_MESSAGE) message = message.substring(0, MAX_MESSAGE) + '…';
    const why = 'HTTP status ' + status.toString() + (message == '' ? '' : ': ' + message);
    this.problem = 'cannot ' + this.verb + ' ' + this.shown + ': ' + why;
    const server = this.server;
    if (status != 401 && status != 403) return;
    if (server.tokenProblem != '') this.problem += '; ' + server.tokenProblem;
    else this.problem += '; ' + (status == 401 ? 'it does not take ' + server.tokenName : this.missingRule());
  }

  /** What a Role has to say for us. `create` cannot be bound to a name. */
  private missingRule(): string {
    const group =
      'apiGroups: [' + quoted(this.resource.group) + '], resources: [' + quoted(this.resource.name) + ']';
    const rule = group + ', verbs: [get, create, patch]';
    return 'the Role of its service account in namespace ' + this.server.namespace + ' needs ' + rule;
  }

  /** The answer's resourceVersion as JSON; an empty string, and a problem, when it is no object. */
  get version(): string {
    const json = this.json;
    const metadata = json.member(json.root, METADATA);
    const version = json.string(json.member(metadata, RESOURCE_VERSION));
    if (isPlain(version)) return quoted(version);
    this.problem = 'cannot ' + this.verb + ' ' + this.shown + ': the answer is no such object';
    return '';
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

function judge(status: i32): Reply {
  if (status == 401 || status == 403) return Reply.Denied;
  if (status == 404) return Reply.Absent;
  if (status == 409) return Reply.Conflict;
  return status == 408 || status == 429 || status >= 500 ? Reply.Failed : Reply.Refused;
}

function isPlain(version: string): bool {
  for (let i = 0; i < version.length; i++) {
    const char = version.charCodeAt(i);
    if (char <= 0x20 || char >= 0x7f) return false;
  }
  return version != '' && version.length <= MAX_VERSION;
}
