// SPDX-License-Identifier: Apache-2.0
// Where events come from: the kind of the source, and the names of the clusters that the configuration gives, by number.
// An event in a batch carries the number.
import { Name } from '../json/name';

/** The number of an event whose source names no cluster. */
export const NO_CLUSTER: u32 = 0;

const names: Name[] = [];
const NOTHING = new Name('');
/** The value of ka.provider for events of the open source, with room for one byte behind it. */
export let provider: Name = NOTHING;

/** Says what kind of source is open. */
export function setProvider(name: string): void {
  provider = new Name(name);
}

/** Forgets all names: another source is opened. */
export function forgetClusters(): void {
  names.length = 0;
}

/** The number of a new cluster; two with one name may have two numbers. */
export function nameCluster(name: string): u32 {
  names.push(new Name(name));
  return names.length;
}

/** The numbers of clusters go from 1 to this. */
export function clusterCount(): u32 {
  return names.length;
}

/** The name behind a number other than NO_CLUSTER, with room for one byte behind it. */
export function clusterName(number: u32): Name {
  return names[number - 1];
}
