// SPDX-License-Identifier: Apache-2.0
// Readers for the object that a request is about.
import { Document } from '../json/document';
import { Name } from '../json/name';
import { Field, Question } from './field';
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
  const resource = RESOURCE.find();
  if (!resource || !PODS.is(Document.text, resource)) return;
  const subresource = SUBRESOURCE.find();
  const ofPod = !subresource || subresource.start == subresource.end;
  const created = ofPod ? field.path.find() : null;
  const name = created ? created : NAME.find();
  if (name) addNode(name);
}
