// SPDX-License-Identifier: Apache-2.0
// A service of AWS in one region: where it is, and with what its requests are signed.
import { Config } from '../../config/config';
import { CredentialChain } from './chain';
import { AwsSettings } from './settings';

export class AwsService {
  /** Why it cannot be used, naming the key; empty when it can. */
  readonly problem: string;
  /** Whether the URL was given, as for VPC end points and tests. */
  readonly hasOwnEndpoint: bool;
  readonly chain: CredentialChain;
  private settings: AwsSettings;
  private knownUrl: string = '';

  /**
   * `name` as in host names and signatures: logs, s3, sqs, sts. `given` is a region that something else tells, such as
   * a queue's URL, or empty. `other` is a service whose settings and credentials are shared.
   */
  constructor(
    readonly name: string,
    config: Config,
    given: string = '',
    other: AwsService | null = null,
  ) {
    const settings = other ? other.settings : new AwsSettings(config, given);
    const chain = other ? other.chain : new CredentialChain(settings);
    this.settings = settings;
    this.chain = chain;
    this.problem = chain.configProblem;
    this.hasOwnEndpoint = settings.hasUrl(name);
  }

  /** Known at the latest when `chain.turn()` was true; empty before that where only the instance's metadata has it. */
  get region(): string {
    return this.settings.region;
  }

  /**
   * Without a slash at its end; known when the region is. S3 has its bucket's address elsewhere, see
   * `hasOwnEndpoint`.
   */
  get url(): string {
    if (this.knownUrl == '') this.knownUrl = this.settings.url(this.name);
    return this.knownUrl;
  }

  /** Path of the certificates that the service's must lead to. */
  get authorities(): string {
    return this.settings.authorities;
  }
}
