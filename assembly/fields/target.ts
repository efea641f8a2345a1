// SPDX-License-Identifier: Apache-2.0
// Readers for the object that a request is about.
import { Name } from '../json/name';
import { Field, Question, valueAt } from './field';
import { Path } from './path';
import { addNode } from './values';

const RESOURCE = new Path('objectRef.resource');
const SUBRESOURCE = new Path('objectRef.subresource');
const NAME = new Path('objectRef.name');
const PODS = new Name('pods');

/**
 * The pod's name: the response's for a request on a pod (a created pod's generated name is only there), else
 * the one in the request's path, also for pods/exec and the like.
 */
export function readPodName(field: Field, question: Question): void {
  const document = question.document;
  const resource = valueAt(RESOURCE, question);
  if (!resource || !PODS.is(document.text, resource)) return;
  const subresource = valueAt(SUBRESOURCE, question);
  const ofPod = !subresource || subresource.start == subresource.end;
  const created = ofPod ? valueAt(field.path!, question) : null;
  const name = created ? created : valueAt(NAME, question);
  if (name) addNode(document, name);
}
