// SPDX-License-Identifier: Apache-2.0
// A pod's facts out of its JSON, without a tape: clusters make many pods, and little of what each shows is wanted. All
// else is skipped 64 bytes at a time. It reads JSON as kube-apiserver writes it, without escapes in keys; of other JSON it
// says that it cannot.
import { Name } from '../json/name';
import { Outline } from '../json/outline';
import { atomEnd, sawEscape, skipSpace, stringEnd } from '../json/scan';
import { specialsOf16 } from '../json/specials';
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
const QUOTE_COLON: u32 = 0x3a22;
const COMMA_QUOTE: u16 = 0x222c;
const OBJECT_QUOTE: u16 = 0x227b;
const TRUE: u32 = 0x65757274;

/** Where in a pod the walk is. Each place has one that it is in, so nothing has to be noted on the way in. */
const enum Place {
  Pod = 0,
  Metadata = 1,
  Spec = 2,
  /** Containers of any kind. */
  Containers = 3,
  Container = 4,
  SecurityContext = 5,
  Volumes = 6,
  Volume = 7,
  HostPath = 8,
  /** What is not looked into. */
  Nowhere = 9,
}

/** What a text is wanted for: a fact, or something else. */
const enum Wanted {
  Nothing = 0,
  HostPath = PodFact.HostPath,
  Image = PodFact.Image,
  ServiceAccount = PodFact.ServiceAccount,
  Name = 4,
}

/** What a step gives instead of an address: it cannot go on. */
const STUCK: usize = 0;
/** The same: all that is wanted was read. */
const DONE: usize = 1;

// All here is static, for the reason that Document gives.
let limit: usize = 0;
let place: Place = Place.Pod;
let hasSpec = false;
// The key that was read last.
let keyStart: usize = 0;
let keyLength: u32 = 0;
let wanted: Wanted = Wanted.Nothing;

// Where the older name for the service account stands; 0: nowhere. It counts where the newer one is missing.
let oldAccount: usize = 0;
let hasAccount = false;

/** Where the name of the pod that was read last stands; 0, 0: it has none. */
export let nameStart: usize = 0;
export let nameLength: u32 = 0;

/** Adds the facts of the pod that is the object from `at` to `end` to the draft; false when it cannot be read whole. */
export function readPod(at: usize, end: usize): bool {
  limit = end;
  place = Place.Pod;
  hasSpec = false;
  oldAccount = 0;
  hasAccount = false;
  nameStart = 0;
  nameLength = 0;
  Outline.begin(at, end);
  let member = load<u8>(at) == OBJECT ? nextMember(at + 1, true) : STUCK;
  // One loop, whatever the place is: a call for each object costs more than most of its members.
  while (member > DONE) {
    let lengths = lengthsOf(place);
    while (true) {
      keyStart = member + 1;
      let quotes = Outline.quotesFrom(keyStart);
      const close = quotes != 0 ? keyStart + usize(ctz(quotes)) : Outline.stringEnd(keyStart);
      // A key that is written with escapes may be any; no wanted one is too long for this, however it is written.
      if (close == 0 || Outline.isEscaped(keyStart, close)) return false;
      keyLength = u32(close - keyStart);
      let value = close + 2;
      const found = load<u32>(close);
      let byte = <u8>(found >> 16);
      if ((found & 0xffff) != QUOTE_COLON || byte <= 0x20) {
        value = farValue(close + 1);
        if (value == STUCK) return false;
        byte = load<u8>(value);
      }
      wanted = Wanted.Nothing;
      // Most members are told by their keys' lengths to be none that is wanted.
      if (((lengths >> u64(keyLength)) & 1) != 0) {
        const inside = Step.readMember(value);
        if (inside != Place.Nowhere) {
          if (byte != (Step.isList(inside) ? ARRAY : OBJECT)) return false;
          place = inside;
          member = load<u16>(value) == OBJECT_QUOTE ? value + 1 : nextMember(value + 1, true);
          break;
        }
      }
      let after: usize;
      if (byte == QUOTE) {
        // Behind the quotes that end the key and begin the value stands the one that ends it.
        quotes &= quotes - 1;
        quotes &= quotes - 1;
        after = quotes != 0 ? keyStart + usize(ctz(quotes)) : Outline.stringEnd(value + 1);
        if (after != STUCK) after++;
      } else if (byte == OBJECT || byte == ARRAY) {
        after = Outline.behindFlat(value);
        if (after == 0) after = Outline.behind(value, 0);
      } else {
        after = atomEnd(value, byte);
      }
      if (wanted != Wanted.Nothing) {
        after = take(value, after);
        lengths = lengthsOf(place);
      }
      if (load<u16>(after) != COMMA_QUOTE) {
        member = after == STUCK ? STUCK : nextMember(after, false);
        break;
      }
      member = after + 1;
    }
  }
  return member == DONE;
}

/**
 * The next member of what is looked into, from `at` on: behind a value, or, if `isOpened`, behind the bracket that opens
 * `place`.
 */
function nextMember(at: usize, isOpened: bool): usize {
  while (true) {
    at = skipSpace(at);
    let byte = load<u8>(at);
    if (Step.isClosing(byte)) {
      if (at >= limit) return STUCK;
      if (place == Place.Pod) return hasSpec ? DONE : STUCK;
      if (place == Place.Spec) {
        if (!addOldAccount()) return STUCK;
        // Behind it stands the status, which is long.
        if (nameStart != 0) return DONE;
      }
      place = outerOf(place);
      isOpened = false;
      at++;
      continue;
    }
    if (!isOpened) {
      if (byte != COMMA) return STUCK;
      at = skipSpace(at + 1);
      byte = load<u8>(at);
    }
    if (!Step.isList(place)) return byte == QUOTE ? at : STUCK;
    // Whatever else stands in a list is left to the general way.
    if (byte != OBJECT) return STUCK;
    place++;
    isOpened = true;
    at++;
  }
}

/** Steps of the walk, in place: a call costs as much as they do. */
class Step {
  /** Whether a place has elements; that of each is the next one. */
  @inline
  static isList(place: Place): bool {
    return place == Place.Containers || place == Place.Volumes;
  }

  @inline
  static isClosing(byte: u8): bool {
    return (byte | 0x20) == 0x7d;
  }

  /** Says of the member whose key was read which place it is, and sets `wanted`; takes what is no text. */
  @inline
  static readMember(value: usize): Place {
    switch (place) {
      case Place.Spec:
        return Step.readOfSpec(value);
      case Place.Container:
        if (isKey(IMAGE)) wanted = Wanted.Image;
        else if (isKey(SECURITY_CONTEXT) && load<u8>(value) == OBJECT) return Place.SecurityContext;
        break;
      case Place.SecurityContext:
        if (isKey(PRIVILEGED)) flag(PodFlag.Privileged, value);
        break;
      case Place.Volume:
        if (isKey(HOST_PATH) && load<u8>(value) == OBJECT) return Place.HostPath;
        break;
      case Place.HostPath:
        if (isKey(PATH)) wanted = Wanted.HostPath;
        break;
      case Place.Pod:
        if (isKey(METADATA)) return Place.Metadata;
        if (!isKey(SPEC)) break;
        hasSpec = true;
        return Place.Spec;
      case Place.Metadata:
        if (isKey(NAME)) wanted = Wanted.Name;
        break;
    }
    return Place.Nowhere;
  }

  @inline
  static readOfSpec(value: usize): Place {
    switch (keyLength) {
      case 7:
        if (isKey(VOLUMES)) return Place.Volumes;
        if (isKey(HOST_PID)) flag(PodFlag.HostPid, value);
        break;
      case 10:
        if (isKey(CONTAINERS)) return Place.Containers;
        break;
      case 11:
        if (isKey(HOST_NETWORK)) flag(PodFlag.HostNetwork, value);
        break;
      case 14:
        if (isKey(INIT_CONTAINERS)) return Place.Containers;
        if (isKey(SERVICE_ACCOUNT) && oldAccount == 0 && load<u8>(value) == QUOTE) oldAccount = value;
        break;
      case 18:
        if (!isKey(SERVICE_ACCOUNT_NAME)) break;
        hasAccount = hasAccount || load<u8>(value) != LETTER_N;
        wanted = Wanted.ServiceAccount;
        break;
      case 19:
        if (isKey(EPHEMERAL_CONTAINERS)) return Place.Containers;
        break;
    }
    return Place.Nowhere;
  }
}

function outerOf(place: Place): Place {
  switch (place) {
    case Place.Container:
    case Place.SecurityContext:
    case Place.Volume:
    case Place.HostPath:
      return place - 1;
    case Place.Containers:
    case Place.Volumes:
      return Place.Spec;
    default:
      return Place.Pod;
  }
}

/** For each length of a key that is wanted there, the bit of that number. */
function lengthsOf(place: Place): u64 {
  switch (place) {
    case Place.Pod:
      return (1 << 4) | (1 << 8);
    case Place.Spec:
      return (1 << 7) | (1 << 10) | (1 << 11) | (1 << 14) | (1 << 18) | (1 << 19);
    case Place.Container:
      return (1 << 5) | (1 << 15);
    case Place.SecurityContext:
      return 1 << 10;
    case Place.Volume:
      return 1 << 8;
    default:
      return 1 << 4;
  }
}

/** Where the value of a member begins whose key ends before `at`. */
function farValue(at: usize): usize {
  const colon = skipSpace(at);
  return load<u8>(colon) == COLON ? skipSpace(colon + 1) : STUCK;
}

/** Takes the value that ends at `after`, if it is a text; where the walk goes on. */
function take(value: usize, after: usize): usize {
  if (after == STUCK || load<u8>(value) != QUOTE) return after;
  const text = value + 1;
  const close = after - 1;
  const isPlain = firstSpecial(text, close) == close;
  if (wanted != Wanted.Name) {
    if (!isPlain) return STUCK;
    Draft.add(<PodFact>wanted, text, u32(close - text));
    return after;
  }
  if (!isPlain && stringEnd(text, limit) != close) return STUCK;
  nameStart = text;
  nameLength = u32(close - text);
  place = Place.Pod;
  // Behind it stand managedFields, which are long.
  return Outline.behind(after, 1);
}

/** The first quote, backslash or control character from `at` to `end`; or what is behind that. */
function firstSpecial(at: usize, end: usize): usize {
  for (; at <= end; at += 16) {
    const special = specialsOf16(at);
    if (special != 0) return at + usize(ctz(special));
  }
  return at;
}

/** Where the service account has its older name alone, adds that; false: it cannot be read. */
function addOldAccount(): bool {
  if (oldAccount == 0 || hasAccount) return true;
  const text = oldAccount + 1;
  const close = stringEnd(text, limit);
  if (close == 0 || sawEscape != 0) return false;
  Draft.add(PodFact.ServiceAccount, text, u32(close - text));
  return true;
}

function flag(flag: PodFlag, value: usize): void {
  if (load<u32>(value) == TRUE) Draft.flag(flag);
}

function isKey(name: Name): bool {
  return keyLength == name.length && Bytes.same(keyStart, name.address, keyLength);
}
