// SPDX-License-Identifier: Apache-2.0
// The roots of paths into the object of the request.
import { Node } from '../json/tape';
import { ROOT, keys } from '../json/keys';
import { Name } from '../json/name';
import { Path, addRoot } from './path';

const REQUEST = new Path('requestObject');
const OBJECT = keys.add(ROOT, new Name('requestObject'));

addRoot('@object', findObject, [OBJECT]);

/** The object that the request brings. */
function findObject(): Node | null {
  return REQUEST.stem.node();
}
