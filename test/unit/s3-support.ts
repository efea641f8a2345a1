// SPDX-License-Identifier: Apache-2.0
// S3 and SQS as the unit tests play them, and objects with audit events.
import * as zlib from 'node:zlib';
import { delivery } from '../e2e/aws/objects';
import { Host, type WebAnswer, type WebCall } from '../support/host';
import { Wasm } from '../support/wasm';

/** An audit event on one line. */
export function eventOf(id: string, more: object = {}): string {
  return JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    auditID: id,
    stage: 'ResponseComplete',
    stageTimestamp: '2026-01-01T00:00:00.000000Z',
    verb: 'get',
    user: { username: 'jane "the" doe\\' },
    ...more,
  });
}

export const eventsOf = (...ids: string[]): string[] => ids.map((id) => eventOf(id));

/** The ids `first` to before `end`, as texts. */
export const idRange = (first: number, end: number): string[] =>
  Array.from({ length: end - first }, (_, i) => `e${first + i}`);

export const deliveryOf = (ids: string[], group?: string, stream?: string): string =>
  delivery(eventsOf(...ids), group, stream);

const escaped = (text: string): string =>
  text.replace(/[&<>]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[char]!);

/** As S3 encodes keys in listings. */
const urlEncoded = (key: string): string => encodeURIComponent(key).replace(/%2F/g, '/').replace(/%20/g, '+');

const byBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other));

export function errorXml(code: string, message = `about ${code}`): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
}

/** A bucket. */
export class FakeS3 {
  readonly objects = new Map<string, Buffer>();
  /** Keys on a page. */
  pageSize = 1000;
  /** Answers in place of the usual ones; undefined: the usual one. */
  onGet: (key: string, call: WebCall, usual: WebAnswer) => WebAnswer | undefined = () => undefined;
  onList: (call: WebCall, usual: WebAnswer) => WebAnswer | undefined = () => undefined;
  readonly gets: { key: string; range?: string; ifMatch?: string }[] = [];
  lists = 0;

  constructor(readonly bucket = 'logs') {}

  put(key: string, content: Buffer | string): this {
    this.objects.set(key, Buffer.from(content));
    return this;
  }

  private etagOf(key: string): string {
    return `"${zlib.crc32 ? zlib.crc32(this.objects.get(key)!) : this.objects.get(key)!.toString('hex').slice(-64)}"`;
  }

  answer(call: WebCall): WebAnswer {
    const url = new URL(call.url);
    // As it was sent: a URL would take `..` out of it.
    const path = call.url.slice(call.url.indexOf('/', 8)).split('?')[0]!;
    const key = decodeURIComponent(path.slice(this.bucket.length + 2));
    if (key === '') {
      this.lists++;
      const usual = this.list(url);
      return this.onList(call, usual) ?? usual;
    }
    const { range, 'if-match': ifMatch } = call.headers;
    this.gets.push({ key, ...(range && { range }), ...(ifMatch && { ifMatch }) });
    const usual = this.get(key, range, ifMatch);
    return this.onGet(key, call, usual) ?? usual;
  }

  private get(key: string, range: string | undefined, ifMatch: string | undefined): WebAnswer {
    const content = this.objects.get(key);
    if (!content) return { status: 404, body: errorXml('NoSuchKey') };
    const etag = this.etagOf(key);
    if (ifMatch && ifMatch !== etag) return { status: 412, body: errorXml('PreconditionFailed') };
    const from = range ? Number(/^bytes=(\d+)-$/.exec(range)![1]) : 0;
    if (from > 0 && from >= content.length) return { status: 416, body: errorXml('InvalidRange') };
    const body = content.subarray(from);
    return { status: range ? 206 : 200, headers: { etag, 'content-length': String(body.length) }, body };
  }

  private list(url: URL): WebAnswer {
    const { searchParams: query } = url;
    const prefix = query.get('prefix') ?? '';
    const token = query.get('continuation-token');
    const after = token === null ? (query.get('start-after') ?? '') : Buffer.from(token, 'base64').toString();
    const behind = [...this.objects.keys()]
      .filter((key) => key.startsWith(prefix) && byBytes(key, after) > 0)
      .sort(byBytes);
    const page = behind.slice(0, this.pageSize);
    const isTruncated = behind.length > page.length;
    const last = page[page.length - 1] ?? '';
    const next = isTruncated
      ? `<NextContinuationToken>${Buffer.from(last).toString('base64')}</NextContinuationToken>`
      : '';
    const contents = page.map(
      (key) =>
        `<Contents><Key>${escaped(urlEncoded(key))}</Key><Size>${this.objects.get(key)!.length}</Size>` +
        '<StorageClass>STANDARD</StorageClass></Contents>',
    );
    const body =
      '<?xml version="1.0" encoding="UTF-8"?>\n' +
      '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>logs</Name>' +
      `<EncodingType>url</EncodingType><IsTruncated>${isTruncated}</IsTruncated>${next}` +
      `${contents.join('')}</ListBucketResult>`;
    return { body };
  }
}

/** A message of the queue. */
interface FakeMessage {
  id: number;
  body: string;
  /** The host's clock from which on it may be received. */
  visibleAt: bigint;
  receives: number;
}

/** A queue. */
export class FakeSqs {
  readonly messages: FakeMessage[] = [];
  readonly deleted: number[] = [];
  readonly calls: { operation: string; parameters: Record<string, unknown> }[] = [];
  onSqs: (operation: string, call: WebCall) => WebAnswer | undefined = () => undefined;
  private next = 0;

  constructor(private readonly host: Host) {}

  send(body: string | object): number {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    this.messages.push({ id: this.next, body: text, visibleAt: 0n, receives: 0 });
    return this.next++;
  }

  callsOf(operation: string): Record<string, unknown>[] {
    return this.calls.filter((call) => call.operation === operation).map(({ parameters }) => parameters);
  }

  answer(call: WebCall): WebAnswer {
    const operation = call.headers['x-amz-target']!.replace('AmazonSQS.', '');
    const parameters = JSON.parse(call.body) as Record<string, unknown>;
    this.calls.push({ operation, parameters });
    const other = this.onSqs(operation, call);
    if (other) return other;
    if (operation === 'ReceiveMessage') return this.receive(parameters);
    const entries = parameters['Entries'] as {
      Id: string;
      ReceiptHandle: string;
      VisibilityTimeout?: number;
    }[];
    for (const { ReceiptHandle, VisibilityTimeout } of entries) {
      const at = this.messages.findIndex(({ id, receives }) => `${id} "${receives}"` === ReceiptHandle);
      if (operation === 'DeleteMessageBatch' && at >= 0)
        this.deleted.push(this.messages.splice(at, 1)[0]!.id);
      else if (at >= 0) this.hide(this.messages[at]!, VisibilityTimeout!);
    }
    return { body: JSON.stringify({ Successful: entries.map(({ Id }) => ({ Id })), Failed: [] }) };
  }

  private hide(message: FakeMessage, seconds: number): void {
    message.visibleAt = this.host.now + BigInt(seconds) * 1_000_000_000n;
  }

  private receive(parameters: Record<string, unknown>): WebAnswer {
    const visible = this.messages.filter(({ visibleAt }) => visibleAt <= this.host.now);
    const taken = visible.slice(0, parameters['MaxNumberOfMessages'] as number);
    for (const message of taken) {
      message.receives++;
      this.hide(message, parameters['VisibilityTimeout'] as number);
    }
    const messages = taken.map(({ id, body, receives }) => ({
      MessageId: `m${id}`,
      ReceiptHandle: `${id} "${receives}"`,
      Body: body,
    }));
    // A long poll that finds nothing takes its time.
    return messages.length > 0
      ? { body: JSON.stringify({ Messages: messages }) }
      : { body: '{}', after: 20_000 };
  }
}

/** A host with a bucket and a queue. */
export class Cloud {
  readonly host = new Host();
  readonly s3: FakeS3;
  readonly sqs = new FakeSqs(this.host);

  constructor(bucket = 'logs') {
    this.s3 = new FakeS3(bucket);
    this.host.environment.set('AWS_ACCESS_KEY_ID', 'AKID');
    this.host.environment.set('AWS_SECRET_ACCESS_KEY', 'SECRET');
    this.host.onCall = (call) => (call.url.startsWith('http://s3') ? this.s3 : this.sqs).answer(call);
  }

  readonly config = (more: object = {}): string =>
    JSON.stringify({
      region: 'eu-west-1',
      awsEndpoints: { s3: 'http://s3', sqs: 'http://sqs' },
      dedupeWindow: 0,
      ...more,
    });

  open(params: string, more: object = {}): Wasm {
    return new Wasm(this.host).init(this.config(more)).open(params);
  }

  get messages(): string[] {
    return this.host.logs.map(({ message }) => message);
  }
}

/** A notification of S3. */
export const notice = (
  key: string,
  bucket = 'logs',
  event = 'ObjectCreated:Put',
  more: object = {},
): object => ({
  Records: [
    {
      eventVersion: '2.1',
      eventSource: 'aws:s3',
      awsRegion: 'eu-west-1',
      eventName: event,
      s3: {
        bucket: { name: bucket },
        object: { key: urlEncoded(key), size: 10, eTag: 'e', sequencer: `00${key}`, ...more },
      },
    },
  ],
});
