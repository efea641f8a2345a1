// SPDX-License-Identifier: Apache-2.0
// Which paths the webhook serves: those of events, each with its cluster, and those of health.
import { nameCluster } from '../audit/clusters';
import { Config } from '../config/config';
import { WEBHOOK_CLUSTERS, WEBHOOK_HEALTH_PATH, WEBHOOK_READY_PATH } from '../config/schema';
import { shownPath } from './input';
import { Name } from '../json/name';
import { decodePercent } from './url';

/** Bytes of a path that are looked at; a longer one is none of ours. */
export const MAX_PATH: i32 = 1024;

/** What `find` gives for a path that holds no events; the others are the places of the events' paths. */
export const enum Place {
  None = -1,
  Health = -2,
  Ready = -3,
}

export class Routes {
  /** Why they cannot be served, or an empty string. */
  problem: string = '';
  private texts: string[] = [];
  private paths: Name[] = [];
  /** The cluster's number behind each path; 0: none. */
  private clusters: u32[] = [];
  private health: Name;
  private ready: Name;

  /** `path` is the one of open_params; `cluster` its cluster's name, or null. */
  constructor(path: string, cluster: string | null, config: Config) {
    const health = config.text(WEBHOOK_HEALTH_PATH);
    const ready = config.text(WEBHOOK_READY_PATH);
    this.health = new Name(health);
    this.ready = new Name(ready);
    this.add('open_params', path, cluster);
    const more = config.texts(WEBHOOK_CLUSTERS);
    for (let i = 0; i < more.length; i += 2) this.add(keyed(WEBHOOK_CLUSTERS.name), more[i], more[i + 1]);
    this.check(keyed(WEBHOOK_HEALTH_PATH.name), health);
    if (health != '') this.texts.push(health);
    this.check(keyed(WEBHOOK_READY_PATH.name), ready);
  }

  /** Looks for the path of `length` bytes at `at`, as sent; it is decoded there. */
  find(at: usize, length: i32): i32 {
    const decoded = decodePercent(at, length);
    if (decoded < 0) return Place.None;
    if (this.health.length != 0 && this.health.equals(at, decoded)) return Place.Health;
    if (this.ready.length != 0 && this.ready.equals(at, decoded)) return Place.Ready;
    for (let i = 0; i < this.paths.length; i++) {
      if (this.paths[i].equals(at, decoded)) return i;
    }
    return Place.None;
  }

  /** The number of the cluster that sends to the path at `place`; 0: none. */
  clusterOf(place: i32): u32 {
    return place >= 0 && place < this.clusters.length ? this.clusters[place] : 0;
  }

  private add(where: string, path: string, cluster: string | null): void {
    this.check(where, path == '' ? ' ' : path);
    if (this.problem != '') return;
    if (cluster != null && cluster == '') {
      this.problem = where + ': the name of the cluster for the path ' + shownPath(path) + ' is empty';
      return;
    }
    this.texts.push(path);
    this.paths.push(new Name(path));
    this.clusters.push(cluster == null ? 0 : nameCluster(cluster));
  }

  /** Sets `problem` when the path cannot be served; an empty one is none. */
  private check(where: string, path: string): void {
    if (this.problem != '' || path == '') return;
    if (!path.startsWith('/')) {
      this.problem = where + ': the path ' + shownPath(path.trim()) + ' does not begin with /';
    } else if (String.UTF8.byteLength(path) > MAX_PATH) {
      this.problem = where + ': a path has more than ' + MAX_PATH.toString() + ' bytes';
    } else if (this.texts.includes(path)) {
      this.problem = where + ': the path ' + shownPath(path) + ' is given twice';
    }
  }
}

/** How a message names a key of the configuration. */
export function keyed(name: string): string {
  return 'init_config: key "' + name + '"';
}
