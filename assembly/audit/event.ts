// SPDX-License-Identifier: Apache-2.0
// What makes a JSON object an audit event (audit.k8s.io/v1, v1beta1 and older), and when it happened.
import { Kind, Node, member } from '../json/tape';
import { Name } from '../json/name';
import { Bytes } from '../memory';
import { NO_TIME, parseTime } from './time';

const KIND = new Name('kind');
const API_VERSION = new Name('apiVersion');
const AUDIT_ID = new Name('auditID');
const ITEMS = new Name('items');
const EVENT = new Name('Event');
const EVENT_LIST = new Name('EventList');
const AUDIT_GROUP = new Name('audit.k8s.io/');
const STAGE_TIMESTAMP = new Name('stageTimestamp');
const REQUEST_RECEIVED_TIMESTAMP = new Name('requestReceivedTimestamp');
const TIMESTAMP = new Name('timestamp');

/** What a JSON value is to us. */
export const enum Shape {
  /** Not of the audit API. */
  Foreign = 0,
  Event = 1,
  List = 2,
}

/** Tells an event, an EventList and anything else apart. In a list's items, `kind` may be missing. */
export function shapeOf(text: usize, root: Node, inList: bool): Shape {
  if (root.kind != Kind.Object) return Shape.Foreign;
  const version = member(root, text, API_VERSION.address, API_VERSION.length);
  if (version && !isAuditVersion(text, version)) return Shape.Foreign;
  const kind = member(root, text, KIND.address, KIND.length);
  if (!kind) return inList ? Shape.Event : Shape.Foreign;
  if (EVENT.is(text, kind)) return Shape.Event;
  return EVENT_LIST.is(text, kind) ? Shape.List : Shape.Foreign;
}

function isAuditVersion(text: usize, version: Node): bool {
  if (version.kind != Kind.String || version.end - version.start < AUDIT_GROUP.length) return false;
  return Bytes.same(text + version.start, AUDIT_GROUP.address, AUDIT_GROUP.length);
}

/** The `items` of an EventList, or null. */
export function itemsOf(text: usize, list: Node): Node | null {
  const items = member(list, text, ITEMS.address, ITEMS.length);
  return items && items.kind == Kind.Array ? items : null;
}

/** Whether the event has an auditID. Without one no field has a value, as in the official plugin. */
export function hasAuditId(text: usize, root: Node): bool {
  const id = member(root, text, AUDIT_ID.address, AUDIT_ID.length);
  return id != null && id.kind != Kind.Null;
}

/** When the stage was reached, else when the request came, else `timestamp` (v1alpha1), else NO_TIME. */
export function timeOf(text: usize, root: Node): i64 {
  let time = timeAt(text, root, STAGE_TIMESTAMP);
  if (time == NO_TIME) time = timeAt(text, root, REQUEST_RECEIVED_TIMESTAMP);
  return time == NO_TIME ? timeAt(text, root, TIMESTAMP) : time;
}

function timeAt(text: usize, root: Node, name: Name): i64 {
  const node = member(root, text, name.address, name.length);
  if (!node || node.kind != Kind.String) return NO_TIME;
  return parseTime(text + node.start, node.end - node.start);
}
