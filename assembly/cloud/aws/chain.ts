// SPDX-License-Identifier: Apache-2.0
// Where credentials come from: the first place of the AWS SDKs' chain that has some.
import { environment } from '../../host_text';
import { Credentials } from './credentials';

export class CredentialChain {
  /** What to sign with; null: there is nothing yet. */
  current: Credentials | null = null;
  /** Why there is nothing, for people; empty as long as it goes on. */
  problem: string = '';

  /** `profile` of the shared files, or empty; `region` whose STS is asked. */
  constructor(
    private profile: string,
    private region: string,
  ) {}

  /** Goes on with getting or renewing them; true when there are some that are good now. */
  turn(): bool {
    if (this.current) return true;
    const keyId = environment('AWS_ACCESS_KEY_ID');
    const secret = environment('AWS_SECRET_ACCESS_KEY');
    if (keyId == '' || secret == '') {
      this.problem = 'no credentials';
      return false;
    }
    const credentials = new Credentials(keyId, secret, 'environment');
    credentials.token = environment('AWS_SESSION_TOKEN');
    this.current = credentials;
    return true;
  }

  /** A service did not take them: gets new ones. */
  refuse(): void {
    this.current = null;
  }

  close(): void {}
}
