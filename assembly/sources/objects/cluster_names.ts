// SPDX-License-Identifier: Apache-2.0
// The cluster that a log group belongs to: EKS writes to /aws/eks/CLUSTER/cluster.
import { NO_CLUSTER, nameCluster } from '../../audit/clusters';
import { Name } from '../../json/name';
import { countText } from '../../log';
import { Block, SLACK } from '../../memory';

/** Clusters of log groups; those of more have no name. */
const MAX_CLUSTERS: i32 = 256;

const BEFORE = new Name('/aws/eks/');
const BEHIND = new Name('/cluster');
/** Other streams of the log group hold what other parts of the control plane say. */
const AUDIT_STREAM = new Name('kube-apiserver-audit');

export class ClusterNames {
  /** Whether the log group that `numberOf` was asked for last is one of EKS. */
  isEks: bool = false;
  private names: string[] = [];
  private numbers: u32[] = [];
  // The log group that was asked for last, and its answer: most come many times in a row.
  private last: Block = new Block();
  private lastLength: u32 = 0;
  private lastNumber: u32 = NO_CLUSTER;

  /** `name`: of the cluster of what names no log group of EKS; it may be empty. */
  constructor(private name: string) {
    if (name != '') this.lastNumber = this.number(name);
  }

  /** The number of the cluster of a log group; length 0: of what has none. */
  numberOf(group: usize, length: u32): u32 {
    const isSame = length == this.lastLength && memory.compare(group, this.last.address, length) == 0;
    if (isSame) return this.lastNumber;
    memory.copy(this.last.reserve(length + SLACK), group, length);
    this.lastLength = length;
    const around = BEFORE.length + BEHIND.length;
    this.isEks =
      length > around &&
      BEFORE.beginsAt(group, length) &&
      BEHIND.equals(group + length - BEHIND.length, BEHIND.length);
    countText();
    const name = this.isEks ? String.UTF8.decodeUnsafe(group + BEFORE.length, length - around) : this.name;
    this.lastNumber = this.number(name);
    return this.lastNumber;
  }

  private number(name: string): u32 {
    if (name == '') return NO_CLUSTER;
    const at = this.names.indexOf(name);
    if (at >= 0) return this.numbers[at];
    if (this.names.length == MAX_CLUSTERS) return NO_CLUSTER;
    this.names.push(name);
    this.numbers.push(nameCluster(name));
    return this.numbers[this.names.length - 1];
  }

  /** Whether a stream of a log group of EKS holds audit events. */
  static isAuditStream(stream: usize, length: u32): bool {
    return AUDIT_STREAM.beginsAt(stream, length);
  }

  free(): void {
    this.last.free();
  }
}
