// SPDX-License-Identifier: Apache-2.0
// SQS, by its JSON protocol: the requests for one queue, and what its refusals mean.
import { WebMethod } from '../../host';
import { countText } from '../../log';
import { Request } from '../../web/request';
import { jsonQuoted } from '../../web/text';
import { AwsCall, Outcome } from './call';
import { AwsService } from './service';

/** Seconds that SQS waits for a message: its most. */
const LONG_POLL: i32 = 20;
/** Milliseconds without a byte after which a request is given up; to receive, more than SQS waits. */
const IDLE_TIME: u32 = 10_000;
const RECEIVE_TIME: u32 = 40_000;
/** Messages in one request: SQS's most. */
export const MAX_BATCH: i32 = 10;

export class Sqs {
  constructor(
    readonly service: AwsService,
    /** Its URL, as AWS shows it. */
    readonly queueUrl: string,
  ) {}

  /** The queue's ARN, for messages. */
  private get arn(): string {
    const parts = this.queueUrl.split('/');
    const account = parts[parts.length - 2];
    return 'arn:aws:sqs:' + this.service.region + ':' + account + ':' + parts[parts.length - 1];
  }

  /** Takes messages; they are ours for so many seconds. */
  receiveRequest(visibility: i32): Request {
    const rest =
      ',"MaxNumberOfMessages":' +
      MAX_BATCH.toString() +
      ',"WaitTimeSeconds":' +
      LONG_POLL.toString() +
      ',"VisibilityTimeout":' +
      visibility.toString();
    const request = this.request('ReceiveMessage', rest);
    request.idleTime = RECEIVE_TIME;
    return request;
  }

  /** Deletes messages, at most MAX_BATCH; the id of each is its place. */
  deleteRequest(receipts: string[]): Request {
    return this.batchRequest('DeleteMessageBatch', receipts, '');
  }

  /** Keeps messages for so many seconds from now on. */
  extendRequest(receipts: string[], visibility: i32): Request {
    const each = ',"VisibilityTimeout":' + visibility.toString();
    return this.batchRequest('ChangeMessageVisibilityBatch', receipts, each);
  }

  private batchRequest(operation: string, receipts: string[], each: string): Request {
    let entries = '';
    for (let i = 0; i < receipts.length; i++) {
      const handle = '","ReceiptHandle":' + jsonQuoted(receipts[i]);
      entries += (i == 0 ? '' : ',') + '{"Id":"' + i.toString() + handle + each + '}';
    }
    return this.request(operation, ',"Entries":[' + entries + ']');
  }

  private request(operation: string, rest: string): Request {
    countText();
    const request = new Request(WebMethod.Post, this.service.url + '/');
    request.authorities = this.service.authorities;
    request.idleTime = IDLE_TIME;
    request.headers.push('content-type: application/x-amz-json-1.0');
    request.headers.push('x-amz-target: AmazonSQS.' + operation);
    request.body = '{"QueueUrl":' + jsonQuoted(this.queueUrl) + rest + '}';
    return request;
  }

  /** What a refusal means, and what would help: `permission` is what was used. */
  explain(call: AwsCall, outcome: Outcome, permission: string): string {
    countText();
    if (outcome == Outcome.Denied) {
      return call.problem + '; it needs the permission ' + permission + ' on ' + this.arn;
    }
    if (call.code == 'QueueDoesNotExist' || call.code.endsWith('NonExistentQueue')) {
      return (
        call.problem +
        '; is ' +
        this.queueUrl +
        ' the URL of the queue, and ' +
        this.service.region +
        ' its region?'
      );
    }
    return call.problem;
  }
}

/**
 * The region in the host name of a queue's URL (sqs.REGION.amazonaws.com, a VPC end point of it, or the older
 * REGION.queue.amazonaws.com), or an empty string.
 */
export function regionOfQueue(host: string): string {
  if (!host.includes('.amazonaws.com') && !host.endsWith('.api.aws')) return '';
  const labels = host.split('.');
  const sqs = labels.indexOf('sqs');
  if (sqs >= 0 && sqs + 1 < labels.length) return labels[sqs + 1];
  return labels.length > 1 && labels[1] == 'queue' ? labels[0] : '';
}
