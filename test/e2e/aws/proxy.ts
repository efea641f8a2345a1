// SPDX-License-Identifier: Apache-2.0
// Stands before moto as AWS's edge does: checks signatures, throttles, and mends moto's FilterLogEvents; and injects
// faults, by a script or by chance. It notes every call.
import { randomUUID } from 'node:crypto';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';

import { LoopbackServer, readBody, type ServerIdentity } from '../../support/server.ts';
import { cut, htmlAnswer, send, sendHuge, sendSpoiled } from './answers.ts';
import { FaultPlan, type Fault, type FaultKind } from './faults.ts';
import type { KeyRing } from './keys.ts';
import { emptyLogPage, filterError, filterForMoto, filterFromMoto } from './log-pages.ts';
import {
  callOf,
  contentTypeOf,
  errorAnswer,
  errorOf,
  refusalError,
  splitTarget,
  type Call,
  type ErrorKind,
  type Place,
  type ServiceError,
  type WireAnswer,
} from './protocol.ts';
import { isRefusal, verify, type Keys, type Refusal, type WireRequest } from './sigv4.ts';

export interface ProxyOptions {
  /** moto, over HTTP: `http://127.0.0.1:PORT`. */
  upstream: string;
  /** Speaks HTTPS; undefined: HTTP. */
  identity?: ServerIdentity;
  /** Signatures are checked by these keys; undefined: not at all. */
  keys?: KeyRing;
  region?: string;
  account?: string;
}

/** A call that came, in the order of arrival. */
export interface CallRecord {
  /** Milliseconds since 1970. */
  time: number;
  service: string;
  operation: string;
  /** Empty for bodies of more than 64 KiB. */
  parameters: Record<string, unknown>;
  accessKeyId?: string;
  /** 0: no answer, the connection was cut before. */
  status: number;
  fault?: FaultKind;
  refusal?: Refusal;
}

/** The proxy keeps as many records, the newest. */
const MAX_RECORDS = 50_000;
const MAX_NOTED_BODY = 64 << 10;
/** Headers of moto's answers that are the connection's, or that AWS does not send. */
const DROPPED = /^(connection|keep-alive|transfer-encoding|content-length|date|server|access-control-.*)$/;
const OWN_TOKEN = 'own-page-';

const BEFORE: Partial<Record<FaultKind, ErrorKind>> = {
  throttled: 'throttled',
  internal: 'internal',
  unavailable: 'unavailable',
  denied: 'denied',
  'expired-token': 'expired-token',
  'not-found': 'not-found',
};

/** AWS's edge in front of moto. */
export class AwsProxy {
  /** Decides which call gets which fault. */
  readonly plan = new FaultPlan();
  readonly records: CallRecord[] = [];
  private readonly server: LoopbackServer;
  private readonly place: Place;
  private emptyPages = 0;

  constructor(private readonly options: ProxyOptions) {
    this.place = { region: options.region ?? 'eu-west-1', account: options.account ?? '123456789012' };
    this.server = new LoopbackServer(
      (request, response) => void this.serve(request, response),
      options.identity,
    );
  }

  /** The end point for the client: `http://127.0.0.1:PORT` or `https://…`. */
  get url(): string {
    return this.server.url;
  }

  /** A URL that moto has made, such as a queue's, by way of the proxy. */
  through(url: string): string {
    return url.replace(this.options.upstream, this.url);
  }

  /** Begins to listen; after `close`, on the same port as before. */
  async open(): Promise<this> {
    await this.server.open();
    return this;
  }

  /** Cuts all connections and refuses new ones, as an end point that is away. */
  close(): Promise<void> {
    return this.server.close();
  }

  /** The calls of an operation, in order. */
  callsOf(operation: string): CallRecord[] {
    return this.records.filter((record) => record.operation === operation);
  }

  /** How many calls got a fault of a kind; without a kind, of any. */
  faultCount(kind?: FaultKind): number {
    return this.records.filter(({ fault }) => fault !== undefined && fault === (kind ?? fault)).length;
  }

  /** Why signatures were refused; empty: all were right. */
  get refusals(): Refusal[] {
    return this.records.flatMap(({ refusal }) => refusal ?? []);
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const wire = await readRequest(request);
      const call = callOf(wire, this.place);
      const record = this.note(call, wire);
      response.on('close', () => (record.status = response.headersSent ? response.statusCode : 0));
      await this.answer(call, wire, record, response);
    } catch {
      // The client has gone, or moto has.
      cut(response);
    }
  }

  private note({ service, operation, parameters }: Call, { body }: WireRequest): CallRecord {
    const noted = body.length > MAX_NOTED_BODY ? {} : parameters;
    const record: CallRecord = { time: Date.now(), service, operation, parameters: noted, status: 0 };
    if (this.records.push(record) > MAX_RECORDS) this.records.shift();
    return record;
  }

  private async answer(
    call: Call,
    wire: WireRequest,
    record: CallRecord,
    response: ServerResponse,
  ): Promise<void> {
    const fault = this.plan.decide(call.operation, record.time);
    record.fault = fault?.kind;
    if (fault?.kind === 'cut-before') return cut(response);
    const keys = this.check(call, wire, record);
    if (keys !== undefined && isRefusal(keys)) return this.refuse(call, refusalError(call, keys), response);
    if (fault !== undefined && (await this.isAnswered(call, fault, wire, keys, response))) return;
    const wrong = call.operation === 'FilterLogEvents' ? filterError(call) : undefined;
    if (wrong !== undefined) return this.refuse(call, wrong, response);
    const answer = await this.ask(call, wire);
    if (fault === undefined) send(response, answer);
    else await sendSpoiled(response, answer, fault);
  }

  /** Undefined: signatures are not checked here, or not for this call. */
  private check(call: Call, wire: WireRequest, record: CallRecord): Keys | Refusal | undefined {
    const { keys } = this.options;
    if (keys === undefined || call.operation === 'AssumeRoleWithWebIdentity') return undefined;
    const { service } = call;
    const find = (id: string) => keys.find(id);
    const result = verify(wire, { find, now: Date.now(), region: this.place.region, service });
    if (isRefusal(result)) record.refusal = result;
    else record.accessKeyId = result.accessKeyId;
    return result;
  }

  private refuse(call: Call, error: ServiceError, response: ServerResponse): void {
    send(response, errorAnswer(call, error, randomUUID()));
  }

  /** Answers in the service's stead, if the fault is of this kind. */
  private async isAnswered(
    call: Call,
    fault: Fault,
    wire: WireRequest,
    keys: Keys | undefined,
    response: ServerResponse,
  ): Promise<boolean> {
    const kind = BEFORE[fault.kind];
    const empty = fault.kind === 'empty-page' ? this.emptyPage(call, wire) : undefined;
    if (kind !== undefined) {
      const { retryAfter } = fault;
      this.refuse(call, errorOf(call, kind, { arn: keys?.arn, retryAfter }), response);
    } else if (fault.kind === 'bad-gateway') {
      send(response, htmlAnswer(502));
    } else if (fault.kind === 'huge') {
      await sendHuge(response, call, fault);
    } else if (empty !== undefined) {
      send(response, answerOf(call, empty));
    } else {
      return false;
    }
    return true;
  }

  /** Undefined: the operation has no pages. */
  private emptyPage(call: Call, wire: WireRequest): string | undefined {
    const number = this.emptyPages++;
    if (call.operation === 'FilterLogEvents') return emptyLogPage(call, number);
    if (call.operation === 'ReceiveMessage') return '{}';
    if (call.operation !== 'ListObjectsV2') return undefined;
    const token = OWN_TOKEN + Buffer.from(JSON.stringify([number, goOn(wire.target)])).toString('base64url');
    return (
      '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
      `<Name>${call.parameters['Bucket']}</Name><Prefix></Prefix><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys>` +
      `<IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken></ListBucketResult>`
    );
  }

  private async ask(call: Call, wire: WireRequest): Promise<WireAnswer> {
    if (call.operation === 'ListObjectsV2') return this.forward({ ...wire, target: goOn(wire.target) });
    if (call.operation !== 'FilterLogEvents') return this.forward(wire);
    const { parameters } = call;
    const prefix = parameters['logStreamNamePrefix'];
    const streams = prefix === undefined ? undefined : await this.streamsWith(wire, parameters);
    // To moto, no streams means all of them.
    if (streams?.length === 0) return answerOf(call, '{"events":[],"searchedLogStreams":[]}');
    const body = Buffer.from(JSON.stringify(filterForMoto(parameters, streams)));
    const answer = await this.forward({ ...wire, body });
    if (answer.status !== 200) return answer;
    return answerOf(call, filterFromMoto(parameters, answer.body.toString()));
  }

  /** The names of a group's streams that begin as the call wants it; undefined: moto refuses, as the call itself. */
  private async streamsWith(
    wire: WireRequest,
    parameters: Record<string, unknown>,
  ): Promise<string[] | undefined> {
    const { logGroupName, logStreamNamePrefix } = parameters;
    const headers = wire.headers.map(([name, value]): [string, string] =>
      name.toLowerCase() === 'x-amz-target' ? [name, 'Logs_20140328.DescribeLogStreams'] : [name, value],
    );
    const names: string[] = [];
    let nextToken: string | undefined;
    do {
      const body = Buffer.from(JSON.stringify({ logGroupName, logStreamNamePrefix, nextToken }));
      const answer = await this.forward({ ...wire, headers, body });
      if (answer.status !== 200) return undefined;
      const page = JSON.parse(answer.body.toString());
      names.push(...page.logStreams.map(({ logStreamName }: { logStreamName: string }) => logStreamName));
      nextToken = page.nextToken;
    } while (nextToken !== undefined && nextToken !== null);
    return names;
  }

  private forward({ method, target, headers, body }: WireRequest): Promise<WireAnswer> {
    const kept = headers.filter(
      ([name]) => !/^(connection|content-length|transfer-encoding|expect)$/i.test(name),
    );
    const flat = [...kept, ['Content-Length', String(body.length)]].flat();
    return new Promise((resolve, reject) => {
      const upstream = new URL(this.options.upstream);
      const options = { host: upstream.hostname, port: upstream.port, method, path: target, agent: false };
      // Node takes a flat list of names and values, which keeps their case and repetitions.
      const asked = httpRequest({ ...options, headers: flat as unknown as NodeJS.Dict<string> });
      asked.on('error', reject);
      asked.on('response', (answer) => readAnswer(answer, method).then(resolve, reject));
      asked.end(body);
    });
  }
}

function answerOf(call: Call, text: string): WireAnswer {
  const headers = { 'content-type': contentTypeOf(call.protocol), 'x-amzn-requestid': randomUUID() };
  return { status: 200, headers, body: Buffer.from(text) };
}

/** The target that a token of an empty page stands for. */
function goOn(target: string): string {
  const token = new URLSearchParams(splitTarget(target)[1]).get('continuation-token');
  if (token === null || !token.startsWith(OWN_TOKEN)) return target;
  return JSON.parse(Buffer.from(token.slice(OWN_TOKEN.length), 'base64url').toString())[1];
}

async function readRequest(request: IncomingMessage): Promise<WireRequest> {
  const { rawHeaders, method = '', url = '' } = request;
  const headers: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) headers.push([rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '']);
  return { method, target: url, headers, body: await readBody(request) };
}

async function readAnswer(answer: IncomingMessage, method: string): Promise<WireAnswer> {
  const body = await readBody(answer);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    if (!DROPPED.test(name) && value !== undefined) headers[name] = String(value);
  }
  // The length of what GET would bring.
  const length = answer.headers['content-length'];
  if (method === 'HEAD' && length !== undefined) headers['content-length'] = length;
  return { status: answer.statusCode ?? 502, headers, body };
}
