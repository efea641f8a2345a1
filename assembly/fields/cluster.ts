// SPDX-License-Identifier: Apache-2.0
// Where an event came from. The cluster: the one that its source is configured to be, else what an annotation says.
import { NO_CLUSTER, clusterName, provider } from '../audit/clusters';
import { Field, Question, readNodes } from './field';
import { addWritten } from './values';

export function readClusterName(field: Field, question: Question): void {
  if (question.cluster == NO_CLUSTER) {
    readNodes(field, question);
  } else {
    // The name stays where it is as long as the source is open.
    const name = clusterName(question.cluster);
    addWritten(name.address, name.length, 0, 0);
  }
}

/** Only of events that a source of ours brought: those of a capture do not tell. */
export function readProvider(field: Field, question: Question): void {
  if (question.seen) addWritten(provider.address, provider.length, 0, 0);
}
