// SPDX-License-Identifier: Apache-2.0
// A client of AWS's for tests, which sets things up in moto: boto3, which comes with it, in a Python process (client.py).
// It also signs requests in a way that nobody here wrote, for the tests of what checks signatures.
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { repositoryRoot } from '../../../scripts/lib/paths.mjs';
import { motoPython } from './moto.ts';

/** What boto3 answers: members as in AWS's API, times as ISO 8601, bytes as `{$base64}`. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Answer = any;

/** An event for PutLogEvents. */
export interface LogEvent {
  /** Milliseconds since 1970. */
  timestamp: number;
  message: string;
}

export interface ClientOptions {
  /** `http://127.0.0.1:PORT` */
  endpoint: string;
  region?: string;
  /** File with the authorities' certificates in PEM, for HTTPS. */
  ca?: string;
  accessKeyId?: string;
  secretAccessKey?: string;
  sessionToken?: string;
  /** The environment by which boto3 finds credentials itself, instead of the keys above. */
  env?: Record<string, string>;
}

/** AWS said no, or boto3 did before it asked. */
export class AwsError extends Error {
  constructor(
    /** such as `ResourceNotFoundException` */
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'AwsError';
  }
}

/** AWS's bounds on a batch of PutLogEvents: bytes, of which each event costs 26 beside its message; events. */
const MAX_BATCH_BYTES = 1_048_576;
const EVENT_COST = 26;
const MAX_BATCH_EVENTS = 10_000;

interface Waiting {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

/** boto3 with one end point for all services; it tries nothing twice. Calls are made in the order in which they come. */
export class AwsClient {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;
  private complaint = '';
  private hasEnded = false;

  constructor({ endpoint, region = 'eu-west-1', ca = '', env, ...keys }: ClientOptions) {
    const script = join(repositoryRoot, 'test', 'e2e', 'aws', 'client.py');
    this.child = spawn(motoPython, [script, endpoint, region, ca], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // Neither the user's settings nor those of the machine.
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...(env ?? environmentOf(keys)) },
    });
    this.child.stderr?.on('data', (part) => (this.complaint = (this.complaint + part).slice(-2000)));
    this.child.on('close', () => {
      this.hasEnded = true;
      this.fail(this.end());
    });
    // Its end is told above.
    this.child.stdin?.on('error', () => {});
    if (this.child.stdout !== null) {
      createInterface({ input: this.child.stdout }).on('line', (line) => this.take(line));
    }
  }

  /**
   * One call, such as `call('logs', 'create_log_group', { logGroupName: '/g' })`.
   *
   * @param service as boto3 calls it: logs, s3, sqs, sns, sts
   * @param operation in boto3's snake_case
   * @param parameters as AWS's API has them; bytes as `bytes(…)`
   * @throws {AwsError}
   */
  call(service: string, operation: string, parameters: object = {}): Promise<Answer> {
    const number = this.count++;
    return new Promise((resolve, reject) => {
      if (this.hasEnded) return reject(this.end());
      this.waiting.set(number, { resolve, reject });
      this.child.stdin?.write(`${JSON.stringify([number, service, operation, parameters])}\n`);
    });
  }

  /** Makes a log group with streams. */
  async createLogStreams(group: string, streams: readonly string[]): Promise<void> {
    await this.call('logs', 'create_log_group', { logGroupName: group });
    for (const stream of streams) {
      await this.call('logs', 'create_log_stream', { logGroupName: group, logStreamName: stream });
    }
  }

  /**
   * Puts events into a stream, in batches as large as AWS allows. A batch is sorted by time, as AWS demands; events out
   * of order in a stream are those of different calls.
   *
   * @returns how many were put
   * @throws {Error} AWS rejected some: older than 14 days, or more than 2 hours ahead
   */
  async putLogEvents(group: string, stream: string, events: readonly LogEvent[]): Promise<number> {
    for (const logEvents of batchesOf(events)) {
      logEvents.sort((one, other) => one.timestamp - other.timestamp);
      const put = { logGroupName: group, logStreamName: stream, logEvents };
      const { rejectedLogEventsInfo: rejected } = await this.call('logs', 'put_log_events', put);
      if (rejected !== undefined) throw new Error(`rejected log events: ${JSON.stringify(rejected)}`);
    }
    return events.length;
  }

  /** Puts an object into a bucket that is there. */
  async putObject(bucket: string, key: string, body: string | Uint8Array): Promise<void> {
    const parameters = { Bucket: bucket, Key: key, Body: bytes(body) };
    await this.call('s3', 'put_object', parameters);
  }

  /** Makes a bucket in the client's region. */
  async createBucket(bucket: string, region = 'eu-west-1'): Promise<void> {
    const where = region === 'us-east-1' ? {} : { CreateBucketConfiguration: { LocationConstraint: region } };
    await this.call('s3', 'create_bucket', { Bucket: bucket, ...where });
  }

  /**
   * Makes a queue.
   *
   * @param attributes such as `{ VisibilityTimeout: '30' }`, whose values are texts
   */
  async createQueue(
    name: string,
    attributes: Record<string, string> = {},
  ): Promise<{ url: string; arn: string }> {
    const { QueueUrl: url } = await this.call('sqs', 'create_queue', {
      QueueName: name,
      Attributes: attributes,
    });
    const asked = { QueueUrl: url, AttributeNames: ['QueueArn'] };
    const answer = await this.call('sqs', 'get_queue_attributes', asked);
    return { url, arn: answer.Attributes.QueueArn };
  }

  /** Has a bucket send a notification of each new object to a queue; moto sends S3's test message at once, as S3 does. */
  async notifyQueue(bucket: string, queueArn: string): Promise<void> {
    await this.configureNotifications(bucket, {
      QueueConfigurations: [{ QueueArn: queueArn, Events: ['s3:ObjectCreated:*'] }],
    });
  }

  /** The same through a topic of SNS, which is made and to which the queue subscribes; gives the topic's ARN. */
  async notifyQueueThroughTopic(
    bucket: string,
    topic: string,
    queueArn: string,
    isRaw = false,
  ): Promise<string> {
    const { TopicArn } = await this.call('sns', 'create_topic', { Name: topic });
    const subscription = { TopicArn, Protocol: 'sqs', Endpoint: queueArn };
    const Attributes = { RawMessageDelivery: String(isRaw) };
    await this.call('sns', 'subscribe', { ...subscription, Attributes });
    await this.configureNotifications(bucket, {
      TopicConfigurations: [{ TopicArn, Events: ['s3:ObjectCreated:*'] }],
    });
    return TopicArn;
  }

  private async configureNotifications(bucket: string, configuration: object): Promise<void> {
    const parameters = { Bucket: bucket, NotificationConfiguration: configuration };
    await this.call('s3', 'put_bucket_notification_configuration', parameters);
  }

  /** Ends the process. */
  close(): void {
    this.child.kill('SIGKILL');
  }

  private end(): Error {
    return new Error(`boto3 has ended: ${this.complaint}`);
  }

  private take(line: string): void {
    const [number, result, error] = JSON.parse(line);
    const waiting = this.waiting.get(number);
    this.waiting.delete(number);
    if (error === null) waiting?.resolve(result);
    else waiting?.reject(new AwsError(error.code, error.message));
  }

  private fail(error: Error): void {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}

function environmentOf(keys: Pick<ClientOptions, 'accessKeyId' | 'secretAccessKey' | 'sessionToken'>) {
  const { accessKeyId = 'AKIDEXAMPLE', secretAccessKey = 'secret', sessionToken } = keys;
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
    ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
  };
}

/** Bytes as a parameter of `call`. */
export function bytes(content: string | Uint8Array): object {
  return { $base64: Buffer.from(content).toString('base64') };
}

/** Bytes in an answer of `call`. */
export function bytesOf(answer: { $base64: string }): Buffer {
  return Buffer.from(answer.$base64, 'base64');
}

function* batchesOf(events: readonly LogEvent[]): Generator<LogEvent[]> {
  let batch: LogEvent[] = [];
  let size = 0;
  for (const event of events) {
    const cost = Buffer.byteLength(event.message) + EVENT_COST;
    if (batch.length === MAX_BATCH_EVENTS || (batch.length > 0 && size + cost > MAX_BATCH_BYTES)) {
      yield batch;
      [batch, size] = [[], 0];
    }
    batch.push(event);
    size += cost;
  }
  if (batch.length > 0) yield batch;
}
