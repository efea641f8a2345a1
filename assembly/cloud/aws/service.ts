// SPDX-License-Identifier: Apache-2.0
// A service of AWS in one region: where it is, and with what its requests are signed.
import { Config } from '../../config/config';
import { AWS_ENDPOINTS, CA_FILE, PROFILE, REGION } from '../../config/schema';
import { environment } from '../../host_text';
import { systemAuthorities } from '../../web/authorities';
import { CredentialChain } from './chain';

export class AwsService {
  /** Why it cannot be used, naming the key; empty when it can. */
  problem: string = '';
  region: string = '';
  /** Without a slash at its end; S3 has its bucket's address elsewhere, see `hasOwnEndpoint`. */
  url: string = '';
  /** Whether the URL was given, as for VPC end points and tests. */
  hasOwnEndpoint: bool = false;
  /** Path of the certificates that the service's must lead to. */
  authorities: string = '';
  readonly chain: CredentialChain;

  /** `name` as in host names and signatures: logs, s3, sqs, sts. */
  constructor(
    readonly name: string,
    config: Config,
  ) {
    const region = regionOf(config);
    this.chain = new CredentialChain(config.text(PROFILE), region);
    this.region = region;
    this.authorities = config.text(CA_FILE) != '' ? config.text(CA_FILE) : systemAuthorities();
    const endpoint = endpointOf(name, config);
    this.hasOwnEndpoint = endpoint != '';
    this.url = endpoint != '' ? endpoint : 'https://' + name + '.' + this.region + '.amazonaws.com';
    if (this.region == '') {
      this.problem = 'init_config: key "region" is missing, and AWS_REGION is not set';
    }
  }
}

function regionOf(config: Config): string {
  const given = config.text(REGION);
  if (given != '') return given;
  const region = environment('AWS_REGION');
  return region != '' ? region : environment('AWS_DEFAULT_REGION');
}

function endpointOf(name: string, config: Config): string {
  const pairs = config.texts(AWS_ENDPOINTS);
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    if (pairs[i] == name) return pairs[i + 1];
  }
  return environment('AWS_ENDPOINT_URL');
}
