// SPDX-License-Identifier: Apache-2.0
// Readers for maps: the member that the brackets name.
import { Document } from '../json/document';
import { Kind, Node, endOf, firstOf } from '../json/tape';
import { isEscapedKey } from '../json/text';
import { Field, Question } from './field';
import { addJoined } from './joined';
import { addNode } from './values';

/** The member of the object at the path whose key is the text in the brackets. */
export function readMember(field: Field, question: Question): void {
  const member = memberOf(field, question);
  if (member) addNode(member);
}

/** The same; the elements of a list are joined by commas. */
export function readListMember(field: Field, question: Question): void {
  const member = memberOf(field, question);
  if (!member) return;
  if (member.kind == Kind.Array) addJoined(member, 0x2c);
  else addNode(member);
}

function memberOf(field: Field, question: Question): Node | null {
  const node = field.path.find();
  const object = node ? Document.indexed(node) : null;
  if (!object || object.kind != Kind.Object) return null;
  const member = memberNamed(object, question.key, question.keyLength);
  return member && member.kind != Kind.Null ? member : null;
}

/** The first member of an indexed object whose key, without its escapes, is these bytes; null when there is none. */
export function memberNamed(object: Node, name: usize, nameLength: u32): Node | null {
  const end = endOf(object);
  for (let at = firstOf(object); at < end; at += changetype<Node>(at).span) {
    const member = changetype<Node>(at);
    const key = Document.text + member.keyStart;
    const length = member.keyEnd - member.keyStart;
    if (member.keyEscaped) {
      if (isEscapedKey(key, key + length, name, nameLength)) return member;
    } else if (length == nameLength && memory.compare(key, name, length) == 0) {
      return member;
    }
  }
  return null;
}
