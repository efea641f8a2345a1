// SPDX-License-Identifier: Apache-2.0
import { Path } from './path';

/** Where a pod's spec stands, and what of it the readers of other places in it need. */
export class PodPlace {
  readonly hostNetwork: Path;
  readonly runAsUser: Path;
  readonly runAsGroup: Path;
  readonly volumes: Path;
  readonly serviceAccountName: Path;
  readonly serviceAccount: Path;

  constructor(readonly spec: string) {
    this.hostNetwork = new Path(spec + '.hostNetwork');
    this.runAsUser = new Path(spec + '.securityContext.runAsUser');
    this.runAsGroup = new Path(spec + '.securityContext.runAsGroup');
    this.volumes = new Path(spec + '.volumes');
    this.serviceAccountName = new Path(spec + '.serviceAccountName');
    this.serviceAccount = new Path(spec + '.serviceAccount');
  }
}
