// SPDX-License-Identifier: Apache-2.0
import { Name } from '../json/name';
import { skipSpace, stringEnd } from '../json/scan';
import { skipContainer } from '../json/skip';

const KIND = new Name('kind');
const API_VERSION = new Name('apiVersion');
const METADATA = new Name('metadata');
const ITEMS = new Name('items');
const EVENT_LIST = new Name('EventList');
const AUDIT_GROUP = new Name('audit.k8s.io/');

/** Bytes in which a list's items must begin: what stands before them is short. */
const MAX_PREFIX: usize = 1024;

/**
 * Where the items of an EventList begin (its `[`), when `at` begins one with `kind` before `items`, as
 * kube-apiserver writes it; else 0. So a list's events are read without a first pass over the whole list,
 * and those before a cut or a bad one are had.
 */
export function leadingItems(at: usize, end: usize): usize {
  // `{"kind":"Event",` is how kube-apiserver begins an event; looking for more took a fortieth of all that it costs.
  if (load<u64>(at) == 0x3a22646e696b227b && load<u64>(at, 8) == 0x2c22746e65764522) return 0;
  if (load<u8>(at) != 0x7b) return 0;
  end = min(end, at + MAX_PREFIX);
  let isList = false;
  at = skipSpace(at + 1);
  while (true) {
    if (load<u8>(at) != 0x22) return 0;
    const keyEnd = stringEnd(at + 1, end);
    if (keyEnd == 0) return 0;
    const key = at + 1;
    const length = u32(keyEnd - key);
    at = skipSpace(keyEnd + 1);
    if (load<u8>(at) != 0x3a) return 0;
    at = skipSpace(at + 1);
    if (ITEMS.equals(key, length)) return isList && load<u8>(at) == 0x5b ? at : 0;
    const isKind = KIND.equals(key, length);
    if (!isKind && !API_VERSION.equals(key, length) && !METADATA.equals(key, length)) return 0;
    const byte = load<u8>(at);
    if (byte == 0x22) {
      const valueEnd = stringEnd(at + 1, end);
      if (valueEnd == 0) return 0;
      if (isKind) {
        isList = EVENT_LIST.equals(at + 1, u32(valueEnd - at - 1));
        if (!isList) return 0;
      } else if (API_VERSION.equals(key, length) && !AUDIT_GROUP.beginsAt(at + 1, u32(valueEnd - at - 1))) {
        return 0;
      }
      at = valueEnd + 1;
    } else if (byte == 0x7b) {
      at = skipContainer(at, end);
      if (at == 0) return 0;
    } else {
      return 0;
    }
    at = skipSpace(at);
    if (load<u8>(at) != 0x2c) return 0;
    at = skipSpace(at + 1);
  }
}
