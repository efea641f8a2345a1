// SPDX-License-Identifier: Apache-2.0
// Which events of CloudWatch Logs are read, out of open_params.
import { hashOfText } from '../../state/hash';
import { Url } from '../../sources/url';
import { jsonQuoted } from '../../web/text';
import { Lane } from './lane';

/** EKS's name for the group of a cluster, and for the streams of its API servers' audit events. */
const EKS_BEFORE = '/aws/eks/';
const EKS_BEHIND = '/cluster';
const EKS_STREAMS = 'kube-apiserver-audit';
/** Characters of names in AWS. */
const MAX_CLUSTER: i32 = 100;
const MAX_NAME: i32 = 512;

export class LogGroup {
  /** What is wrong with it, or an empty string. */
  problem: string = '';
  /** Its name, or its ARN. */
  name: string = '';
  /** What the names of its streams begin with; empty: all are read. */
  prefix: string = '';
  /** The cluster that writes there; empty: not known. */
  cluster: string = '';
  /** Whether EKS writes there. */
  isEks: bool = false;

  /** `eks://CLUSTER`; `rest` is what stands behind `://`. */
  static ofCluster(rest: string): LogGroup {
    const group = new LogGroup();
    const url = new Url(rest, false);
    url.refuseUnknown('are none');
    group.problem = url.problem;
    group.cluster = url.path;
    group.isEks = true;
    group.name = EKS_BEFORE + url.path + EKS_BEHIND;
    group.prefix = EKS_STREAMS;
    if (group.problem != '' || isClusterName(url.path)) return group;
    group.problem =
      'open_params: "eks://' +
      url.path +
      '" must name a cluster, as in eks://prod: letters, digits, - and _, at most ' +
      MAX_CLUSTER.toString();
    return group;
  }

  /** `cloudwatch://LOG-GROUP?prefix=…&cluster=…`. */
  static ofName(rest: string): LogGroup {
    const group = new LogGroup();
    const url = new Url(rest, false);
    const prefix = url.take('prefix');
    const cluster = url.take('cluster');
    url.refuseUnknown('are prefix=STREAMS and cluster=NAME');
    group.problem = url.problem;
    group.setName(url.path);
    if (prefix) group.prefix = prefix;
    if (cluster) group.cluster = cluster;
    if (group.problem != '') return group;
    if (!isGroupName(group.name)) {
      group.problem =
        'open_params: "cloudwatch://' +
        url.path +
        '" must name a log group or its ARN, as in cloudwatch:///aws/eks/prod/cluster';
    } else if (!isPrefix(group.prefix)) {
      group.problem =
        'open_params: prefix="' + group.prefix + '" is no name of log streams (it has a : or a *)';
    } else if (cluster != null && cluster == '') {
      group.problem = 'open_params: cluster="" must be a name';
    }
    return group;
  }

  private setName(path: string): void {
    // As the console shows the ARN of all streams in the group.
    this.name = path.startsWith('arn:') && path.endsWith(':*') ? path.substring(0, path.length - 2) : path;
    const bare = this.name.substring(this.name.lastIndexOf(':') + 1);
    if (!bare.startsWith(EKS_BEFORE) || !bare.endsWith(EKS_BEHIND)) return;
    const cluster = bare.substring(EKS_BEFORE.length, bare.length - EKS_BEHIND.length);
    if (!isClusterName(cluster)) return;
    this.isEks = true;
    this.cluster = cluster;
    this.prefix = EKS_STREAMS;
  }

  /** What tells its progress from that of others. */
  ownerIn(region: string): u64 {
    return hashOfText('cloudwatch 1 ' + region + ' ' + this.name + ' ' + this.prefix);
  }

  /** The body of FilterLogEvents for the next page of a pass, with at most `limit` events. */
  query(lane: Lane, pattern: string, limit: u32): string {
    let body = this.name.startsWith('arn:') ? '{"logGroupIdentifier":' : '{"logGroupName":';
    body +=
      jsonQuoted(this.name) + ',"startTime":' + lane.start.toString() + ',"endTime":' + lane.end.toString();
    body += ',"limit":' + limit.toString();
    if (this.prefix != '') body += ',"logStreamNamePrefix":' + jsonQuoted(this.prefix);
    if (pattern != '') body += ',"filterPattern":' + jsonQuoted(pattern);
    if (lane.token != '') body += ',"nextToken":' + jsonQuoted(lane.token);
    return body + '}';
  }
}

function isClusterName(text: string): bool {
  if (text.length == 0 || text.length > MAX_CLUSTER || !isLetterOrDigit(text.charCodeAt(0))) return false;
  for (let i = 1; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (!isLetterOrDigit(char) && char != 0x2d && char != 0x5f) return false;
  }
  return true;
}

/** A name of letters, digits and `.-_/#`, or an ARN, which has colons too. */
function isGroupName(text: string): bool {
  const others = text.startsWith('arn:') ? '.-_/#:' : '.-_/#';
  for (let i = 0; i < text.length; i++) {
    if (!isLetterOrDigit(text.charCodeAt(i)) && !others.includes(text.charAt(i))) return false;
  }
  return text.length > 0 && text.length <= MAX_NAME;
}

function isPrefix(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char < 0x20 || char == 0x3a || char == 0x2a) return false;
  }
  return text.length <= MAX_NAME;
}

function isLetterOrDigit(char: i32): bool {
  const lower = char | 0x20;
  return (char >= 0x30 && char <= 0x39) || (lower >= 0x61 && lower <= 0x7a);
}
