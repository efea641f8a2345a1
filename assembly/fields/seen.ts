// SPDX-License-Identifier: Apache-2.0
// Readers for what earlier events showed of the user and the pod: see state/seen.ts.
import { PodFact, PodFlag, hasFlag, visitTexts } from '../state/draft';
import { NO_AGE, NO_COUNT, PodKnown, SeenBefore } from '../state/seen_before';
import { Field, Question } from './field';
import { addCopy, addFlag, addNumber } from './values';

export function readFirstSeen(field: Field, question: Question): void {
  const seen = question.seen;
  if (seen && seen.age != NO_AGE) addNumber(seen.age, null);
}

export function readDeniedRecently(field: Field, question: Question): void {
  const seen = question.seen;
  if (seen && seen.denied != NO_COUNT) addNumber(seen.denied, null);
}

export function readPodKnown(field: Field, question: Question): void {
  const seen = question.seen;
  if (seen && seen.pod != PodKnown.NotAsked) addFlag(seen.pod == PodKnown.Known);
}

export function readPodPrivileged(field: Field, question: Question): void {
  readFlag(question, PodFlag.Privileged);
}

export function readPodHostNetwork(field: Field, question: Question): void {
  readFlag(question, PodFlag.HostNetwork);
}

export function readPodHostPid(field: Field, question: Question): void {
  readFlag(question, PodFlag.HostPid);
}

export function readPodHostPaths(field: Field, question: Question): void {
  readTexts(question, PodFact.HostPath);
}

export function readPodImages(field: Field, question: Question): void {
  readTexts(question, PodFact.Image);
}

export function readPodServiceAccount(field: Field, question: Question): void {
  readTexts(question, PodFact.ServiceAccount);
}

function readFlag(question: Question, flag: PodFlag): void {
  const seen = knownPod(question);
  if (seen) addFlag(hasFlag(seen.record, flag));
}

function readTexts(question: Question, which: PodFact): void {
  const seen = knownPod(question);
  if (seen) visitTexts(seen.record, seen.recordLength, which, addCopy);
}

function knownPod(question: Question): SeenBefore | null {
  const seen = question.seen;
  return seen && seen.pod == PodKnown.Known ? seen : null;
}
