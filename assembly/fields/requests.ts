// SPDX-License-Identifier: Apache-2.0
// Readers for members that mean something else in other objects: they have a value in requests on one resource only.
import './object';
import { Name } from '../json/name';
import { Field, Question, readNodes } from './field';
import { addPair } from './joined';
import { readNumber } from './numbers';
import { Path } from './path';
import { isAbout, isResource } from './target';
import { addNode } from './values';

const SECRETS = new Name('secrets');
const SIGNING_REQUESTS = new Name('certificatesigningrequests');
const SERVICE_ACCOUNTS = new Name('serviceaccounts');
const TOKEN = new Name('token');
const SELF_REVIEWS = new Name('selfsubjectaccessreviews');
const REVIEWS = new Name('subjectaccessreviews');
const LOCAL_REVIEWS = new Name('localsubjectaccessreviews');
const SELF_RULES_REVIEWS = new Name('selfsubjectrulesreviews');

const VERB = new Path('@object.spec.resourceAttributes.verb');
const NAMESPACE = new Path('@object.spec.resourceAttributes.namespace');
const SUBRESOURCE = new Path('@object.spec.resourceAttributes.subresource');
const URL_VERB = new Path('@object.spec.nonResourceAttributes.verb');
const RULES_NAMESPACE = new Path('@object.spec.namespace');

export function readOfSecret(field: Field, question: Question): void {
  if (isResource(SECRETS)) readNodes(field, question);
}

export function readOfSigningRequest(field: Field, question: Question): void {
  if (isResource(SIGNING_REQUESTS)) readNodes(field, question);
}

export function readOfTokenRequest(field: Field, question: Question): void {
  if (isAbout(SERVICE_ACCOUNTS, TOKEN)) readNodes(field, question);
}

export function readNumberOfTokenRequest(field: Field, question: Question): void {
  if (isAbout(SERVICE_ACCOUNTS, TOKEN)) readNumber(field, question);
}

function isReview(): bool {
  return isResource(SELF_REVIEWS) || isResource(REVIEWS) || isResource(LOCAL_REVIEWS);
}

export function readOfReview(field: Field, question: Question): void {
  if (isReview()) readNodes(field, question);
}

/** The verb that is asked about, on a resource or on a URL that is none. */
export function readReviewedVerb(field: Field, question: Question): void {
  if (!isReview()) return;
  const verb = VERB.find();
  const value = verb ? verb : URL_VERB.find();
  if (value) addNode(value);
}

/** The namespace that is asked about, also of a review of all rules in one. */
export function readReviewedNamespace(field: Field, question: Question): void {
  const isOfRules = isResource(SELF_RULES_REVIEWS);
  if (!isOfRules && !isReview()) return;
  const namespace = isOfRules ? RULES_NAMESPACE.find() : NAMESPACE.find();
  if (namespace) addNode(namespace);
}

/** The resource that is asked about, as roles name it: with its subresource behind a slash. */
export function readReviewedResource(field: Field, question: Question): void {
  const resource = isReview() ? field.path.find() : null;
  if (!resource) return;
  const subresource = SUBRESOURCE.find();
  if (subresource && subresource.start != subresource.end) addPair(resource, 0x2f, subresource);
  else addNode(resource);
}
