// SPDX-License-Identifier: Apache-2.0
// open_params of the clouds → source.
import { LogGroup } from '../cloud/logs/log_group';
import { Config } from '../config/config';
import { CloudWatch } from './cloudwatch';
import { Opened } from './opened';

export const CLOUD_FORMS = 'eks://CLUSTER, cloudwatch://LOG-GROUP, s3://BUCKET/PREFIX or sqs://QUEUE-URL';

export function isCloud(scheme: string): bool {
  return scheme == 'eks' || scheme == 'cloudwatch' || scheme == 's3' || scheme == 'sqs';
}

/** `rest` is what stands behind `scheme://`. */
export function openCloud(scheme: string, rest: string, config: Config, opened: Opened): void {
  if (scheme == 'eks') {
    openCloudWatch(LogGroup.ofCluster(rest), scheme + '://' + rest, config, opened);
    return;
  }
  if (scheme == 'cloudwatch') {
    openCloudWatch(LogGroup.ofName(rest), scheme + '://' + rest, config, opened);
    return;
  }
  opened.problem = 'open_params: ' + scheme + '://' + rest + ' is not supported yet';
}

function openCloudWatch(group: LogGroup, params: string, config: Config, opened: Opened): void {
  opened.provider = 'eks';
  opened.problem = group.problem;
  if (opened.problem != '') return;
  const source = new CloudWatch(group, params, config);
  opened.problem = source.problem;
  if (opened.problem == '') opened.source = source;
}
