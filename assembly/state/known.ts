// SPDX-License-Identifier: Apache-2.0
// What Seen remembers, over the end of the process: a file that is written once a minute and at the end. Denials are not in
// it: they count for five minutes only.
//
//   content: format (4) · key of the hashes · for each cluster, up to the end:
//     hash of its name (8) · users (4) · pods (4)
//     · for each user: hash (8) · time of the first event (8)
//     · for each pod: hash (8) · length of the record (4) · record
//   Both in the order in which they were asked for last, the newest at the end.
import { NO_CLUSTER, clusterCount, clusterName } from '../audit/clusters';
import { NameHash, TEXT_KEY_SIZE } from '../audit/texthash';
import { Counter, counters } from '../counters';
import { monotonic } from '../host';
import { Reason, Severity, logLimited, mayLog } from '../log';
import { Block } from '../memory';
import { shownPath } from '../sources/input';
import { Checkpoint } from './checkpoint';
import { isRecord } from './draft';
import { hashOf, hashOfText, hexOf } from './hash';
import { NONE, Recent } from './recent';
import { Seen } from './seen';

const FORMAT: u32 = 2;
/** Between two writes: nanoseconds. */
const INTERVAL: i64 = 60_000_000_000;
const HEAD: u32 = 4 + u32(TEXT_KEY_SIZE);
const CLUSTER_HEAD: u32 = 16;
const USER: u32 = 16;
const POD_HEAD: u32 = 12;
/** Room for a pod on average; when pods need more, those that were not asked for lately are left out. */
const POD_ROOM: u32 = 512;
/** Bytes of the content, at most. */
const MAX_CONTENT: u64 = 16 * 1024 * 1024;

/** All static: there is one Seen. */
export class Known {
  private static file: Checkpoint | null = null;
  private static content: Block = new Block();
  private static capacity: u32 = 0;
  private static writeAt: i64 = 0;

  /**
   * Goes on from the file of this source in `folder`, or makes it; what is wrong with it, or an empty string. With other
   * limits, or another number of clusters, it is another file: it has another size.
   */
  static open(folder: string, params: string): string {
    const each = u64(CLUSTER_HEAD) + u64(Seen.userLimit) * USER + u64(Seen.podLimit) * POD_ROOM;
    Known.capacity = u32(min<u64>(HEAD + each * u64(clusterCount() + 1), MAX_CONTENT));
    const owner = hashOfText(params + ' ' + Known.capacity.toString());
    const path = folder + (folder.endsWith('/') ? '' : '/') + 'known-' + hexOf(owner) + '.checkpoint';
    const file = new Checkpoint(path, Known.capacity, false);
    const problem = Known.load(file);
    if (problem != '') {
      file.free();
      return shownPath(path) + ': ' + problem;
    }
    Known.file = file;
    Known.writeAt = monotonic() + INTERVAL;
    return '';
  }

  private static load(file: Checkpoint): string {
    if (!file.open()) return file.problem;
    const content = Known.content.reserve(Known.capacity);
    const length = file.load(content);
    if (length < 0) return file.problem;
    const isGood = length == 0 || Known.decode(content, u32(length));
    if (!isGood) Seen.forget();
    if (isGood) return '';
    counters.add(Counter.CheckpointErrors, 1);
    if (mayLog(Reason.Checkpoint)) {
      const text = shownPath(file.path) + ' is not what this version writes; users and pods are learnt anew';
      logLimited(Reason.Checkpoint, Severity.Warning, text);
    }
    return '';
  }

  /** Writes the file if it is time. To be called often. */
  static tick(): void {
    if (Known.file && monotonic() >= Known.writeAt) Known.write();
  }

  /** Writes the file and lets go of it. */
  static close(): void {
    const file = Known.file;
    if (!file) return;
    Known.write();
    file.free();
    Known.file = null;
    Known.content.free();
  }

  private static write(): void {
    const content = Known.content.reserve(Known.capacity);
    Known.file!.save(content, u32(Known.encode(content) - content));
    Known.writeAt = monotonic() + INTERVAL;
  }

  /** Writes the content; the address behind it. */
  private static encode(out: usize): usize {
    const limit = out + Known.capacity;
    store<u32>(out, FORMAT);
    memory.copy(out + 4, Seen.key, TEXT_KEY_SIZE);
    let at = out + HEAD;
    for (let cluster: u32 = 0; cluster <= clusterCount() && at + CLUSTER_HEAD <= limit; cluster++) {
      const head = at;
      at = Known.encodeUsers(Seen.of(cluster).users.table, head + CLUSTER_HEAD, limit);
      store<u64>(head, nameHashOf(cluster));
      store<u32>(head, u32((at - head - CLUSTER_HEAD) / USER), 8);
      const pods = Seen.of(cluster).pods;
      let count: u32 = 0;
      for (let pod = pods.table.newest; pod != NONE; pod = pods.table.olderThan(pod)) {
        const kept = pods.kept(pod);
        if (at + POD_HEAD + kept.length > limit) break;
        store<u64>(at, pods.table.hashOf(pod));
        store<u32>(at, kept.length, 8);
        memory.copy(at + POD_HEAD, kept.record, kept.length);
        at += POD_HEAD + kept.length;
        count++;
      }
      store<u32>(head, count, 12);
    }
    return at;
  }

  private static encodeUsers(users: Recent, out: usize, limit: usize): usize {
    let at = out;
    for (let user = users.newest; user != NONE && at + USER <= limit; user = users.olderThan(user)) {
      store<u64>(at, users.hashOf(user));
      store<i64>(at, load<i64>(users.value(user)), 8);
      at += USER;
    }
    return at;
  }

  /** Remembers what the content says; false when it is no such content. */
  private static decode(content: usize, length: u32): bool {
    const end = content + length;
    if (length < HEAD || load<u32>(content) != FORMAT) return false;
    memory.copy(Seen.key, content + 4, TEXT_KEY_SIZE);
    NameHash.useKey(Seen.key);
    let at = content + HEAD;
    while (at < end) {
      if (at + CLUSTER_HEAD > end) return false;
      const users = load<u32>(at, 8);
      const pods = load<u32>(at, 12);
      const cluster = clusterWith(load<u64>(at));
      at += CLUSTER_HEAD;
      if (u64(users) * USER > u64(end - at)) return false;
      // The newest stand first, and are to come last.
      for (let i: u32 = users; i > 0 && cluster != NO_SUCH_CLUSTER && Seen.userLimit != 0; i--) {
        const user = at + (i - 1) * USER;
        const users = Seen.of(cluster).users;
        if (!users.find(load<u64>(user))) users.add(load<u64>(user), load<i64>(user, 8));
      }
      at = Known.decodePods(cluster, at + users * USER, pods, end);
      if (at == 0) return false;
    }
    return true;
  }

  /** The address behind `count` pods, or 0. */
  private static decodePods(cluster: u32, first: usize, count: u32, end: usize): usize {
    if (u64(count) * POD_HEAD > u64(end - first)) return 0;
    const starts = new Array<usize>(count);
    let at = first;
    for (let i: u32 = 0; i < count; i++) {
      if (at + POD_HEAD > end) return 0;
      const length = load<u32>(at, 8);
      if (length > u32(end - at - POD_HEAD) || !isRecord(at + POD_HEAD, length)) return 0;
      starts[i] = at;
      at += POD_HEAD + length;
    }
    for (let i = i32(count) - 1; i >= 0 && cluster != NO_SUCH_CLUSTER && Seen.podLimit != 0; i--) {
      const pod = starts[i];
      Seen.of(cluster).pods.keep(load<u64>(pod), pod + POD_HEAD, load<u32>(pod, 8));
    }
    return at;
  }
}

/** No cluster of the configuration has the name. */
const NO_SUCH_CLUSTER: u32 = u32.MAX_VALUE;

function nameHashOf(cluster: u32): u64 {
  if (cluster == NO_CLUSTER) return 0;
  const name = clusterName(cluster);
  return hashOf(name.address, name.length);
}

/** The number of the cluster whose name has this hash. */
function clusterWith(hash: u64): u32 {
  for (let cluster: u32 = 0; cluster <= clusterCount(); cluster++) {
    if (nameHashOf(cluster) == hash) return cluster;
  }
  return NO_SUCH_CLUSTER;
}
