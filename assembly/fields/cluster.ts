// SPDX-License-Identifier: Apache-2.0
// The cluster that an event came from: the one that its source is configured to be, else what an annotation says.
import { NO_CLUSTER, clusterName } from '../audit/clusters';
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
