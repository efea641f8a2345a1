// SPDX-License-Identifier: Apache-2.0
// What of an event sourcing looks at: what makes a JSON object an audit event (audit.k8s.io/v1, v1beta1 and older), when
// it happened, and who did what to which object.
import { Name } from '../json/name';
import { KEY_ESCAPED, Kind, Node, endOf, firstOf, member } from '../json/tape';
import { Bytes } from '../memory';
import { NO_TIME, timeOf } from './time';

const EVENT = new Name('Event');
const EVENT_LIST = new Name('EventList');
const AUDIT_GROUP = new Name('audit.k8s.io/');

/** The members at the top level of events and lists, in the order of NAMES. */
export const enum Top {
  Kind = 0,
  ApiVersion = 1,
  Level = 2,
  AuditId = 3,
  Stage = 4,
  RequestUri = 5,
  Verb = 6,
  User = 7,
  ImpersonatedUser = 8,
  SourceIps = 9,
  UserAgent = 10,
  ObjectRef = 11,
  ResponseStatus = 12,
  RequestObject = 13,
  ResponseObject = 14,
  RequestReceivedTimestamp = 15,
  StageTimestamp = 16,
  Timestamp = 17,
  Annotations = 18,
  Items = 19,
  Count = 20,
}
const NAMES: Name[] = [
  new Name('kind'),
  new Name('apiVersion'),
  new Name('level'),
  new Name('auditID'),
  new Name('stage'),
  new Name('requestURI'),
  new Name('verb'),
  new Name('user'),
  new Name('impersonatedUser'),
  new Name('sourceIPs'),
  new Name('userAgent'),
  new Name('objectRef'),
  new Name('responseStatus'),
  new Name('requestObject'),
  new Name('responseObject'),
  new Name('requestReceivedTimestamp'),
  new Name('stageTimestamp'),
  new Name('timestamp'),
  new Name('annotations'),
  new Name('items'),
];
/** Bytes of a table with the places of all of them. */
export const HEAD_SIZE: u32 = 4 * Top.Count;

/** The addresses of the names one behind the other, u32: each is looked at for each event. */
const NAME_ADDRESSES = heap.alloc(HEAD_SIZE);
for (let i = 0; i < NAMES.length; i++) store<u32>(NAME_ADDRESSES + i * 4, u32(NAMES[i].address));

/** The number of the member with this key, or -1. */
export function topNumber(key: Name): i32 {
  for (let i = 0; i < NAMES.length; i++) {
    if (NAMES[i].equals(key.address, key.length)) return i;
  }
  return -1;
}

/** What a JSON value is to us. */
export const enum Shape {
  /** Not of the audit API. */
  Foreign = 0,
  Event = 1,
  List = 2,
}

/**
 * The members at the top level of the value that was read last. They are found in one walk, since each search of its own
 * costs as much, and serve extraction, too. All static, for the reason that Document gives.
 */
export class Head {
  static text: usize = 0;
  static root: Node | null = null;
  /** For each Top the offset of its node from the root's, u32; 0 where there is none. */
  static readonly table: usize = memory.data(HEAD_SIZE, 16);

  /** Reads the members of `root`, whose JSON text starts at `text`. */
  static read(text: usize, root: Node): void {
    Head.text = text;
    Head.root = root;
    for (let i: u32 = 0; i < HEAD_SIZE; i += 16) v128.store(Head.table + i, i64x2.splat(0));
    if (root.kind == Kind.Object) Head.walk(text, root);
  }

  private static walk(text: usize, root: Node): void {
    const start = changetype<usize>(root);
    const end = endOf(root);
    let flags: u64 = 0;
    for (let at = firstOf(root); at < end;) {
      const bounds = load<u64>(at, offsetof<Node>('keyStart'));
      const key = text + u32(bounds);
      const length = u32(bounds >> 32) - u32(bounds);
      const top = Head.guess(key, length);
      if (top >= 0) Head.note(top, key, length, u32(at - start));
      const rest = load<u64>(at, offsetof<Node>('span'));
      flags |= rest;
      at += u32(rest);
    }
    if ((flags & KEY_ESCAPED) != 0) Head.findEscaped(root);
  }

  /** The only member that a key of this length, with its first letter, can be, or -1. */
  @inline
  private static guess(key: usize, length: u32): i32 {
    const letter = load<u8>(key);
    switch (length) {
      case 4:
        return letter == 0x6b ? Top.Kind : letter == 0x76 ? Top.Verb : Top.User;
      case 5:
        return letter == 0x6c ? Top.Level : letter == 0x73 ? Top.Stage : Top.Items;
      case 7:
        return Top.AuditId;
      case 9:
        if (letter == 0x6f) return Top.ObjectRef;
        return letter == 0x75 ? Top.UserAgent : letter == 0x73 ? Top.SourceIps : Top.Timestamp;
      case 10:
        return letter == 0x72 ? Top.RequestUri : Top.ApiVersion;
      case 11:
        return Top.Annotations;
      case 13:
        return Top.RequestObject;
      case 14:
        if (letter == 0x73) return Top.StageTimestamp;
        return load<u8>(key, 8) == 0x53 ? Top.ResponseStatus : Top.ResponseObject;
      case 16:
        return Top.ImpersonatedUser;
      case 24:
        return Top.RequestReceivedTimestamp;
      default:
        return -1;
    }
  }

  /** Notes the place of a member, if this is its key, and it is the first with it. */
  @inline
  private static note(top: i32, key: usize, length: u32, offset: u32): void {
    const entry = Head.table + top * 4;
    const name = load<u32>(NAME_ADDRESSES + top * 4);
    if (Bytes.same(key, name, length) && load<u32>(entry) == 0) store<u32>(entry, offset);
  }

  private static findEscaped(root: Node): void {
    for (let top = 0; top < NAMES.length; top++) {
      const found = Head.member(root, NAMES[top]);
      if (found) store<u32>(Head.table + top * 4, u32(changetype<usize>(found) - changetype<usize>(root)));
    }
  }

  /** The member of the value that was read, or null. */
  static get(top: Top): Node | null {
    return Head.nodeAt(Head.root!, Head.table, top);
  }

  /** The member that a table of the places in `root` tells of, or null. */
  @inline
  static nodeAt(root: Node, table: usize, top: i32): Node | null {
    const offset = load<u32>(table + top * 4);
    return offset == 0 ? null : changetype<Node>(changetype<usize>(root) + offset);
  }

  /** The member of an object of the value that was read, or null. */
  static member(object: Node | null, name: Name): Node | null {
    return object ? member(object, Head.text, name.address, name.length) : null;
  }

  /** Tells an event, an EventList and anything else apart. In a list's items, `kind` may be missing. */
  static shape(inList: bool): Shape {
    if (Head.root!.kind != Kind.Object) return Shape.Foreign;
    const version = Head.get(Top.ApiVersion);
    if (version && !isAuditVersion(Head.text, version)) return Shape.Foreign;
    const kind = Head.get(Top.Kind);
    if (!kind) return inList ? Shape.Event : Shape.Foreign;
    if (EVENT.is(Head.text, kind)) return Shape.Event;
    return EVENT_LIST.is(Head.text, kind) ? Shape.List : Shape.Foreign;
  }

  /** The `items` of an EventList, or null. */
  static items(): Node | null {
    const items = Head.get(Top.Items);
    return items && items.kind == Kind.Array ? items : null;
  }

  /** Whether it has an auditID. Without one no field has a value, as in the official plugin. */
  static hasAuditId(): bool {
    const id = Head.get(Top.AuditId);
    return id != null && id.kind != Kind.Null;
  }

  /** When the stage was reached, else when the request came, else `timestamp` (v1alpha1), else NO_TIME. */
  static time(): i64 {
    let time = timeOf(Head.text, Head.get(Top.StageTimestamp));
    if (time == NO_TIME) time = timeOf(Head.text, Head.get(Top.RequestReceivedTimestamp));
    return time == NO_TIME ? timeOf(Head.text, Head.get(Top.Timestamp)) : time;
  }
}

function isAuditVersion(text: usize, version: Node): bool {
  if (version.kind != Kind.String || version.end - version.start < AUDIT_GROUP.length) return false;
  return Bytes.same(text + version.start, AUDIT_GROUP.address, AUDIT_GROUP.length);
}
