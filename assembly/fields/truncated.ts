// SPDX-License-Identifier: Apache-2.0
import { Document } from '../json/document';
import { Kind } from '../json/tape';
import { MARKER_KEY } from '../json/trim';
import { Field, Question } from './field';
import { Path } from './path';
import { addBool } from './values';
import { Name } from '../json/name';

const MARKER = new Path("'" + MARKER_KEY + "'");
const TRUE = new Name('true');

/** Whether the event is not all that happened: cut or made smaller by us, or by kube-apiserver (the path). */
export function readTruncated(field: Field, question: Question): void {
  const ours = MARKER.find();
  const theirs = field.path.find();
  const isTheirs = theirs != null && TRUE.is(Document.text, theirs);
  addBool((ours != null && ours.kind == Kind.True) || isTheirs);
}
