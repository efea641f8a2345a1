// SPDX-License-Identifier: Apache-2.0
// What is remembered of pods: what an exec can do in one depends on how it was made, which the exec does not tell.
import { Counter, counters } from '../counters';
import { NO_INDEX, Path } from '../fields/path';
import { Document } from '../json/document';
import { Kind } from '../json/tape';
import { Draft, KEPT_SIZE, Kept, PodFact, PodFlag, SHORT_RECORD } from './draft';
import { NONE, Recent } from './recent';

/** Where a pod's spec stands in an event. */
export class PodView {
  private spec: Path;
  private hostNetwork: Path;
  private hostPid: Path;
  private privileged: Path;
  private hostPaths: Path;
  private images: Path;
  private account: Path;
  private oldAccount: Path;

  constructor(spec: string) {
    const containers = spec + '.(containers|initContainers|ephemeralContainers)[]';
    this.spec = new Path(spec);
    this.hostNetwork = new Path(spec + '.hostNetwork');
    this.hostPid = new Path(spec + '.hostPID');
    this.privileged = new Path(containers + '.securityContext.privileged');
    this.hostPaths = new Path(spec + '.volumes[].hostPath.path');
    this.images = new Path(containers + '.image');
    this.account = new Path(spec + '.serviceAccountName');
    this.oldAccount = new Path(spec + '.serviceAccount');
  }

  /** Whether the current event has one here. */
  isThere(): bool {
    const spec = this.spec.find();
    return spec != null && spec.kind == Kind.Object && Document.isJson(spec);
  }

  addToDraft(): void {
    Draft.flagIf(PodFlag.HostNetwork, this.hostNetwork.find());
    Draft.flagIf(PodFlag.HostPid, this.hostPid.find());
    this.privileged.visit(NO_INDEX, (node) => Draft.flagIf(PodFlag.Privileged, node));
    this.hostPaths.visit(NO_INDEX, (node) => Draft.addNode(PodFact.HostPath, node));
    this.images.visit(NO_INDEX, (node) => Draft.addNode(PodFact.Image, node));
    const account = this.account.find();
    const named = account ? account : this.oldAccount.find();
    if (named) Draft.addNode(PodFact.ServiceAccount, named);
  }
}

export class Pods {
  readonly table: Recent;

  constructor(limit: u32) {
    this.table = new Recent(limit, KEPT_SIZE);
  }

  /** What is kept of the pod with this hash, until the next change; null when it is not known. */
  find(hash: u64): Kept | null {
    return changetype<Kept | null>(this.table.find(hash));
  }

  /** Remembers this record. */
  keep(hash: u64, record: usize, length: u32): void {
    let kept = this.find(hash);
    if (!kept) kept = this.add(hash);
    if (kept.outside != 0) heap.free(kept.outside);
    kept.outside = length > SHORT_RECORD ? heap.alloc(length) : 0;
    kept.length = length;
    memory.copy(kept.record, record, length);
  }

  private add(hash: u64): Kept {
    const isReused = this.table.isFull;
    counters.add(isReused ? Counter.PodsForgotten : Counter.PodsKnown, 1);
    const kept = changetype<Kept>(this.table.add(hash));
    if (!isReused) kept.outside = 0;
    return kept;
  }

  free(): void {
    for (let entry = this.table.newest; entry != NONE; entry = this.table.olderThan(entry)) {
      const kept = this.kept(entry);
      if (kept.outside != 0) heap.free(kept.outside);
    }
    this.table.free();
  }

  kept(entry: u32): Kept {
    return changetype<Kept>(this.table.value(entry));
  }
}
