// SPDX-License-Identifier: Apache-2.0
// open_params of S3 and SQS → source.
import { forgetClusters } from '../audit/clusters';
import { S3 } from '../cloud/aws/s3';
import { AwsService } from '../cloud/aws/service';
import { Sqs, regionOfQueue } from '../cloud/aws/sqs';
import { progressFor } from '../cloud/progress_for';
import { Config } from '../config/config';
import { STATE_CONFIG_MAP, STATE_DIR } from '../config/schema';
import { Severity, log } from '../log';
import { survivor } from '../survivor';
import { Opened } from './opened';
import { S3Source, S3Start } from './s3';
import { SqsSource } from './sqs';
import { Url } from './url';

/** Bytes of an object's key. */
const MAX_KEY: i32 = 1024;

/** `rest` is what stands behind `s3://`. */
export function openS3(rest: string, config: Config, opened: Opened): void {
  const url = new Url(rest, true);
  const from = url.take('from');
  const after = url.take('startAfter');
  const cluster = url.take('cluster');
  url.refuseUnknown('are from=now, from=start, startAfter=KEY and cluster=NAME');
  opened.provider = 's3';
  opened.problem = url.problem;
  if (opened.problem != '') return;
  const prefix = url.path == '' ? '' : url.path.substring(1);
  if (url.host == '' || url.port >= 0) {
    opened.problem = 'open_params: s3:// needs a bucket, as in s3://my-bucket/eks/';
  } else if (from && from != 'now' && from != 'start') {
    opened.problem = 'open_params: from="' + from + '" must be now or start';
  } else if (from && after) {
    opened.problem = 'open_params: from and startAfter exclude each other';
  } else if (after && String.UTF8.byteLength(after) > MAX_KEY) {
    opened.problem = 'open_params: startAfter is longer than a key may be';
  }
  if (opened.problem != '') return;
  const s3 = new S3(new AwsService('s3', config));
  opened.problem = s3.service.problem;
  if (opened.problem != '') return;
  const kept = progressFor('s3://' + url.host + '/' + prefix, config);
  opened.problem = kept.problem;
  if (kept.problem != '') {
    kept.close();
    return;
  }
  if (config.text(STATE_DIR) == '' && config.text(STATE_CONFIG_MAP) == '' && survivor.open == 0) {
    const text = 's3:// without stateDir or stateConfigMap: a restart begins as the first start did, ';
    log(Severity.Warning, text + 'and what came between is missed');
  }
  forgetClusters();
  const start = new S3Start(after ? after : '', !from || from == 'now');
  const name = cluster ? cluster : '';
  opened.source = new S3Source(s3, url.host, prefix, start, name, kept, config);
}

/** `rest` is what stands behind `sqs://`: the queue's URL, with its https:// or without. */
export function openSqs(rest: string, config: Config, opened: Opened): void {
  const bare = rest.startsWith('https://')
    ? rest.substring(8)
    : rest.startsWith('http://')
      ? rest.substring(7)
      : rest;
  const url = new Url(bare, true);
  const cluster = url.take('cluster');
  url.refuseUnknown('is cluster=NAME');
  opened.provider = 'sqs';
  opened.problem = url.problem;
  if (opened.problem != '') return;
  const name = url.path.lastIndexOf('/');
  if (url.host == '' || name < 1 || name + 1 == url.path.length) {
    opened.problem =
      "open_params: sqs:// needs the queue's URL, as in sqs://sqs.eu-west-1.amazonaws.com/123456789012/audit";
    return;
  }
  const service = new AwsService('sqs', config, regionOfQueue(url.host));
  opened.problem = service.problem;
  if (opened.problem != '') return;
  forgetClusters();
  // The region of the bucket is the queue's: S3 sends its notifications to no other.
  const s3 = new S3(new AwsService('s3', config, '', service));
  const port = url.port < 0 ? '' : ':' + url.port.toString();
  const isPlain = service.hasOwnEndpoint && service.url.startsWith('http:');
  const scheme = isPlain ? 'http://' : 'https://';
  const sqs = new Sqs(service, scheme + url.host + port + url.path);
  opened.source = new SqsSource(s3, sqs, cluster ? cluster : '', config);
}
