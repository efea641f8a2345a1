// SPDX-License-Identifier: Apache-2.0
// What of an event sourcing looks at: what makes a JSON object an audit event (audit.k8s.io/v1, v1beta1 and older), when
// it happened, and who did what to which object.
import { Name } from '../json/name';
import { KEY_ESCAPED, Kind, Node, endOf, firstOf, member } from '../json/tape';
import { Bytes } from '../memory';
import { NO_TIME, parseTime } from './time';

const KIND = new Name('kind');
const API_VERSION = new Name('apiVersion');
const AUDIT_ID = new Name('auditID');
const USER = new Name('user');
const OBJECT_REF = new Name('objectRef');
const RESPONSE_STATUS = new Name('responseStatus');
const STAGE_TIMESTAMP = new Name('stageTimestamp');
const REQUEST_RECEIVED_TIMESTAMP = new Name('requestReceivedTimestamp');
const TIMESTAMP = new Name('timestamp');
const ITEMS = new Name('items');
const EVENT = new Name('Event');
const EVENT_LIST = new Name('EventList');
const AUDIT_GROUP = new Name('audit.k8s.io/');

/** What a JSON value is to us. */
export const enum Shape {
  /** Not of the audit API. */
  Foreign = 0,
  Event = 1,
  List = 2,
}

/**
 * The members at the top level of the value that was read last; null where there is none. All static, for the reason that
 * Document gives. They are found in one walk: each search of its own costs as much.
 */
export class Head {
  static text: usize = 0;
  static user: Node | null = null;
  static objectRef: Node | null = null;
  static responseStatus: Node | null = null;
  private static root: Node | null = null;
  private static kind: Node | null = null;
  private static apiVersion: Node | null = null;
  private static auditId: Node | null = null;
  private static stageTimestamp: Node | null = null;
  private static received: Node | null = null;
  private static timestamp: Node | null = null;

  /** Reads the members of `root`, whose JSON text starts at `text`. */
  static read(text: usize, root: Node): void {
    Head.text = text;
    Head.root = root;
    Head.user = null;
    Head.objectRef = null;
    Head.responseStatus = null;
    Head.kind = null;
    Head.apiVersion = null;
    Head.auditId = null;
    Head.stageTimestamp = null;
    Head.received = null;
    Head.timestamp = null;
    if (root.kind == Kind.Object) Head.walk(text, root);
  }

  private static walk(text: usize, root: Node): void {
    const end = endOf(root);
    let flags: u64 = 0;
    for (let at = firstOf(root); at < end;) {
      const bounds = load<u64>(at, offsetof<Node>('keyStart'));
      const node = changetype<Node>(at);
      const key = text + u32(bounds);
      switch (u32(bounds >> 32) - u32(bounds)) {
        case 4:
          if (Head.kind == null && Head.is(key, KIND)) Head.kind = node;
          else if (Head.user == null && Head.is(key, USER)) Head.user = node;
          break;
        case 7:
          if (Head.auditId == null && Head.is(key, AUDIT_ID)) Head.auditId = node;
          break;
        case 9:
          if (Head.objectRef == null && Head.is(key, OBJECT_REF)) Head.objectRef = node;
          else if (Head.timestamp == null && Head.is(key, TIMESTAMP)) Head.timestamp = node;
          break;
        case 10:
          if (Head.apiVersion == null && Head.is(key, API_VERSION)) Head.apiVersion = node;
          break;
        case 14:
          if (Head.responseStatus == null && Head.is(key, RESPONSE_STATUS)) Head.responseStatus = node;
          else if (Head.stageTimestamp == null && Head.is(key, STAGE_TIMESTAMP)) Head.stageTimestamp = node;
          break;
        case 24:
          if (Head.received == null && Head.is(key, REQUEST_RECEIVED_TIMESTAMP)) Head.received = node;
          break;
      }
      const rest = load<u64>(at, offsetof<Node>('span'));
      flags |= rest;
      at += u32(rest);
    }
    if ((flags & KEY_ESCAPED) != 0) Head.findEscaped(root);
  }

  @inline
  private static is(key: usize, name: Name): bool {
    return Bytes.same(key, name.address, name.length);
  }

  private static findEscaped(root: Node): void {
    Head.kind = Head.member(root, KIND);
    Head.user = Head.member(root, USER);
    Head.auditId = Head.member(root, AUDIT_ID);
    Head.objectRef = Head.member(root, OBJECT_REF);
    Head.timestamp = Head.member(root, TIMESTAMP);
    Head.apiVersion = Head.member(root, API_VERSION);
    Head.responseStatus = Head.member(root, RESPONSE_STATUS);
    Head.stageTimestamp = Head.member(root, STAGE_TIMESTAMP);
    Head.received = Head.member(root, REQUEST_RECEIVED_TIMESTAMP);
  }

  /** The member of an object of the value that was read, or null. */
  static member(object: Node | null, name: Name): Node | null {
    return object ? member(object, Head.text, name.address, name.length) : null;
  }

  /** Another member of the value that was read. */
  static other(name: Name): Node | null {
    return Head.member(Head.root, name);
  }

  /** Tells an event, an EventList and anything else apart. In a list's items, `kind` may be missing. */
  static shape(inList: bool): Shape {
    if (Head.root!.kind != Kind.Object) return Shape.Foreign;
    const version = Head.apiVersion;
    if (version && !isAuditVersion(Head.text, version)) return Shape.Foreign;
    const kind = Head.kind;
    if (!kind) return inList ? Shape.Event : Shape.Foreign;
    if (EVENT.is(Head.text, kind)) return Shape.Event;
    return EVENT_LIST.is(Head.text, kind) ? Shape.List : Shape.Foreign;
  }

  /** The `items` of an EventList, or null. */
  static items(): Node | null {
    const items = Head.other(ITEMS);
    return items && items.kind == Kind.Array ? items : null;
  }

  /** Whether it has an auditID. Without one no field has a value, as in the official plugin. */
  static hasAuditId(): bool {
    const id = Head.auditId;
    return id != null && id.kind != Kind.Null;
  }

  /** When the stage was reached, else when the request came, else `timestamp` (v1alpha1), else NO_TIME. */
  static time(): i64 {
    let time = Head.timeOf(Head.stageTimestamp);
    if (time == NO_TIME) time = Head.timeOf(Head.received);
    return time == NO_TIME ? Head.timeOf(Head.timestamp) : time;
  }

  private static timeOf(node: Node | null): i64 {
    if (!node || node.kind != Kind.String) return NO_TIME;
    return parseTime(Head.text + node.start, node.end - node.start);
  }
}

function isAuditVersion(text: usize, version: Node): bool {
  if (version.kind != Kind.String || version.end - version.start < AUDIT_GROUP.length) return false;
  return Bytes.same(text + version.start, AUDIT_GROUP.address, AUDIT_GROUP.length);
}
