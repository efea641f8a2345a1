// SPDX-License-Identifier: Apache-2.0
// The roots of paths into the object of the request.
import { ANYTHING, ROOT, keys } from '../json/keys';
import { Kind, Node } from '../json/tape';
import { Name } from '../json/name';
import { patched } from './patch';
import { Path, addRoot } from './path';

const REQUEST = new Path('requestObject');
const OBJECT = keys.add(ROOT, new Name('requestObject'));

addRoot('@object', findObject, OBJECT);
// The operations of a JSON Patch: an array has the place of its elements.
keys.add(OBJECT, new Name('op'));
keys.pointer = keys.add(OBJECT, new Name('path'));
keys.add(OBJECT, new Name('from'));
keys.link(OBJECT, new Name('value'), ANYTHING);

/** The object that the request brings, or what a JSON Patch brings to it. */
function findObject(): Node | null {
  const body = REQUEST.stem.node();
  return body && body.kind == Kind.Array ? patched(body) : body;
}
