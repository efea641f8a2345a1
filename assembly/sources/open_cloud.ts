// SPDX-License-Identifier: Apache-2.0
// open_params of the clouds → source.
import { Config } from '../config/config';
import { openS3, openSqs } from './open_s3';
import { Opened } from './opened';

export const CLOUD_FORMS = 'eks://CLUSTER, cloudwatch://LOG-GROUP, s3://BUCKET/PREFIX or sqs://QUEUE-URL';

export function isCloud(scheme: string): bool {
  return scheme == 'eks' || scheme == 'cloudwatch' || scheme == 's3' || scheme == 'sqs';
}

/** `rest` is what stands behind `scheme://`. */
export function openCloud(scheme: string, rest: string, config: Config, opened: Opened): void {
  if (scheme == 's3') openS3(rest, config, opened);
  else if (scheme == 'sqs') openSqs(rest, config, opened);
  else opened.problem = 'open_params: ' + scheme + '://' + rest + ' is not supported yet';
}
