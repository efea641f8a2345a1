// SPDX-License-Identifier: Apache-2.0
// Readers for the object that a request is about.
import { Document } from '../json/document';
import { Name } from '../json/name';
import { Node } from '../json/tape';
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
  if (!isResource(PODS)) return;
  const created = isWhole() ? field.path.find() : null;
  const name = created ? created : NAME.find();
  if (name) addNode(name);
}

/** The resource that the request is about. */
export function resource(): Node | null {
  return RESOURCE.find();
}

/** Whether the request is about a resource of this name, or one of its subresources. */
export function isResource(name: Name): bool {
  const resource = RESOURCE.find();
  return resource != null && name.is(Document.text, resource);
}

/** Whether the request is about an object itself, and not about a subresource. */
export function isWhole(): bool {
  const subresource = SUBRESOURCE.find();
  return !subresource || subresource.start == subresource.end;
}

/** Whether the request is about this subresource of this resource. */
export function isAbout(resource: Name, subresource: Name): bool {
  if (!isResource(resource)) return false;
  const found = SUBRESOURCE.find();
  return found != null && subresource.is(Document.text, found);
}
