// SPDX-License-Identifier: Apache-2.0
// A pod's facts out of its JSON, without a tape: clusters make many pods, and little of what each shows is wanted. All
// else is skipped 64 bytes at a time. It reads JSON as kube-apiserver writes it, without escapes in keys; of other JSON it
// says that it cannot.
import { Name } from '../json/name';
import { atomEnd, sawEscape, skipSpace, stringEnd } from '../json/scan';
import { skipContainer } from '../json/skip';
import { Bytes } from '../memory';
import { Draft, PodFlag, PodFact } from './draft';

const SPEC = new Name('spec');
const METADATA = new Name('metadata');
const NAME = new Name('name');
const CONTAINERS = new Name('containers');
const INIT_CONTAINERS = new Name('initContainers');
const EPHEMERAL_CONTAINERS = new Name('ephemeralContainers');
const SECURITY_CONTEXT = new Name('securityContext');
const PRIVILEGED = new Name('privileged');
const IMAGE = new Name('image');
const VOLUMES = new Name('volumes');
const HOST_PATH = new Name('hostPath');
const PATH = new Name('path');
const HOST_NETWORK = new Name('hostNetwork');
const HOST_PID = new Name('hostPID');
const SERVICE_ACCOUNT_NAME = new Name('serviceAccountName');
const SERVICE_ACCOUNT = new Name('serviceAccount');

const QUOTE: u8 = 0x22;
const COMMA: u8 = 0x2c;
const COLON: u8 = 0x3a;
const OBJECT: u8 = 0x7b;
const ARRAY: u8 = 0x5b;
/** Of null. */
const LETTER_N: u8 = 0x6e;
const TRUE: u32 = 0x65757274;

/** What a walk gives instead of an address: it cannot go on. */
const STUCK: usize = 0;
/** What `first` and `next` give when there is no more; `behind` is then the address behind the bracket. */
const CLOSED: usize = 1;

/** Reads the value of a member, whose key was read; the address behind it. */
type Member = (value: usize) => usize;

// All here is static, for the reason that Document gives.
let limit: usize = 0;
let behind: usize = 0;
// The key that `valueOf` has read.
let keyStart: usize = 0;
let keyLength: u32 = 0;

// Where the older name for the service account stands; 0: nowhere. It counts where the newer one is missing.
let oldAccount: usize = 0;
let hasAccount = false;

/** Where the name of the pod that was read last stands; 0, 0: it has none. */
export let nameStart: usize = 0;
export let nameLength: u32 = 0;

/** The steps of a walk, in place: a call costs as much as they do, and each walk calls its own reader. */
class Walk {
  /** The next member or element, behind a value that ends at `at`. */
  @inline
  static next(at: usize): usize {
    if (at == STUCK) return STUCK;
    const byteAt = skipSpace(at);
    const byte = load<u8>(byteAt);
    if (byte == COMMA) return skipSpace(byteAt + 1);
    if ((byte | 0x20) != 0x7d) return STUCK;
    behind = byteAt + 1;
    return behind > limit ? STUCK : CLOSED;
  }

  /** Reads the key of a member; where its value begins. */
  @inline
  static valueOf(member: usize): usize {
    if (load<u8>(member) != QUOTE) return STUCK;
    const close = stringEnd(member + 1, limit);
    if (close == 0 || sawEscape != 0) return STUCK;
    keyStart = member + 1;
    keyLength = u32(close - keyStart);
    const colon = load<u8>(close, 1) == COLON ? close + 1 : skipSpace(close + 1);
    return load<u8>(colon) == COLON ? skipSpace(colon + 1) : STUCK;
  }

  /** Reads the object at `at`, the value of each member by `member`; the address behind it. */
  @inline
  static members(at: usize, member: Member): usize {
    let one = first(at, OBJECT);
    while (one > CLOSED) {
      const value = Walk.valueOf(one);
      one = Walk.next(value == STUCK ? STUCK : member(value));
    }
    return one == CLOSED ? behind : STUCK;
  }

  /** Reads the objects of the list at `at` in the same way. Whatever else stands there is left to the general way. */
  @inline
  static elements(at: usize, member: Member): usize {
    let element = first(at, ARRAY);
    while (element > CLOSED) element = Walk.next(Walk.members(element, member));
    return element == CLOSED ? behind : STUCK;
  }
}

/** Adds the facts of the pod that is the object from `at` to `end` to the draft; false when it cannot be read whole. */
export function readPod(at: usize, end: usize): bool {
  limit = end;
  nameStart = 0;
  nameLength = 0;
  let hasSpec = false;
  let member = first(at, OBJECT);
  while (member > CLOSED) {
    const value = Walk.valueOf(member);
    if (value == STUCK) return false;
    let after: usize;
    if (isKey(SPEC)) {
      hasSpec = true;
      after = readSpec(value);
      // Behind it stands the status, which is long.
      if (after != STUCK && nameStart != 0) return true;
    } else {
      after = isKey(METADATA) ? readMetadata(value) : skip(value);
    }
    member = Walk.next(after);
  }
  return member == CLOSED && hasSpec;
}

function readMetadata(at: usize): usize {
  let member = first(at, OBJECT);
  while (member > CLOSED) {
    const value = Walk.valueOf(member);
    const isName = value != STUCK && isKey(NAME) && load<u8>(value) == QUOTE;
    const after = skip(value);
    if (isName && after != STUCK) {
      nameStart = value + 1;
      nameLength = u32(after - 1 - nameStart);
      // Behind it stand managedFields.
      return skipContainer(at, limit);
    }
    member = Walk.next(after);
  }
  return member == CLOSED ? behind : STUCK;
}

function readSpec(at: usize): usize {
  oldAccount = 0;
  hasAccount = false;
  const after = Walk.members(at, readOfSpec);
  if (after == STUCK || oldAccount == 0 || hasAccount) return after;
  return readText(PodFact.ServiceAccount, oldAccount) == STUCK ? STUCK : after;
}

function readOfSpec(value: usize): usize {
  switch (keyLength) {
    case 7:
      if (isKey(VOLUMES)) return Walk.elements(value, readOfVolume);
      if (isKey(HOST_PID)) flag(PodFlag.HostPid, value);
      break;
    case 10:
      if (isKey(CONTAINERS)) return readContainers(value);
      break;
    case 11:
      if (isKey(HOST_NETWORK)) flag(PodFlag.HostNetwork, value);
      break;
    case 14:
      if (isKey(INIT_CONTAINERS)) return readContainers(value);
      if (isKey(SERVICE_ACCOUNT) && oldAccount == 0 && load<u8>(value) == QUOTE) oldAccount = value;
      break;
    case 18:
      if (isKey(SERVICE_ACCOUNT_NAME)) {
        hasAccount = hasAccount || load<u8>(value) != LETTER_N;
        return readText(PodFact.ServiceAccount, value);
      }
      break;
    case 19:
      if (isKey(EPHEMERAL_CONTAINERS)) return readContainers(value);
      break;
  }
  return skip(value);
}

function readContainers(at: usize): usize {
  return Walk.elements(at, readOfContainer);
}

function readOfContainer(value: usize): usize {
  if (isKey(IMAGE)) return readText(PodFact.Image, value);
  if (isKey(SECURITY_CONTEXT) && load<u8>(value) == OBJECT) return Walk.members(value, readOfContext);
  return skip(value);
}

function readOfContext(value: usize): usize {
  if (isKey(PRIVILEGED)) flag(PodFlag.Privileged, value);
  return skip(value);
}

function readOfVolume(value: usize): usize {
  const isHostPath = isKey(HOST_PATH) && load<u8>(value) == OBJECT;
  return isHostPath ? Walk.members(value, readOfHostPath) : skip(value);
}

function readOfHostPath(value: usize): usize {
  return isKey(PATH) ? readText(PodFact.HostPath, value) : skip(value);
}

function readText(fact: PodFact, value: usize): usize {
  const after = skip(value);
  if (after == STUCK || load<u8>(value) != QUOTE) return after;
  if (sawEscape != 0) return STUCK;
  Draft.add(fact, value + 1, u32(after - value - 2));
  return after;
}

function flag(flag: PodFlag, value: usize): void {
  if (load<u32>(value) == TRUE) Draft.flag(flag);
}

/** The first member or element of what begins at `at` with this bracket. */
function first(at: usize, bracket: u8): usize {
  if (load<u8>(at) != bracket) return STUCK;
  const inside = skipSpace(at + 1);
  // `}` is two behind `{`, and `]` behind `[`.
  if (load<u8>(inside) != bracket + 2) return inside;
  behind = inside + 1;
  return CLOSED;
}

function isKey(name: Name): bool {
  return keyLength == name.length && Bytes.same(keyStart, name.address, keyLength);
}

/** The address behind the value at `at`. */
function skip(at: usize): usize {
  if (at == STUCK) return STUCK;
  const byte = load<u8>(at);
  if (byte == QUOTE) {
    const close = stringEnd(at + 1, limit);
    return close == 0 ? STUCK : close + 1;
  }
  return byte == OBJECT || byte == ARRAY ? skipContainer(at, limit) : atomEnd(at, byte);
}
