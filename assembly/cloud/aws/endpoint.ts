// SPDX-License-Identifier: Apache-2.0
// Where AWS's services are: by partition, region and kind of end point, as in the SDKs' tables.

class Partition {
  constructor(
    /** What names of its regions begin with. */
    public regions: string,
    public suffix: string,
    /** Of the end points that IPv6 reaches too. */
    public dualStackSuffix: string,
  ) {}
}

/** The last one has all other regions. */
const PARTITIONS: Partition[] = [
  new Partition('cn-', 'amazonaws.com.cn', 'api.amazonwebservices.com.cn'),
  new Partition('us-gov-', 'amazonaws.com', 'api.aws'),
  new Partition('us-iso-', 'c2s.ic.gov', 'api.aws.ic.gov'),
  new Partition('us-isob-', 'sc2s.sgov.gov', 'api.aws.scloud'),
  new Partition('eu-isoe-', 'cloud.adc-e.uk', 'api.cloud-aws.adc-e.uk'),
  new Partition('us-isof-', 'csp.hci.ic.gov', 'api.aws.hci.ic.gov'),
  new Partition('eusc-', 'amazonaws.eu', 'api.amazonwebservices.eu'),
  new Partition('', 'amazonaws.com', 'api.aws'),
];

function partitionOf(region: string): Partition {
  let at = 0;
  while (!region.startsWith(PARTITIONS[at].regions)) at++;
  return PARTITIONS[at];
}

/** The public URL of a service: logs, s3, sqs or sts. S3's is the one that buckets' names come before. */
export function publicUrl(service: string, region: string, fips: bool, dualStack: bool): string {
  const partition = partitionOf(region);
  // What GovCloud has under the plain names is FIPS already, but for S3.
  const isPlain = !fips || (partition.regions == 'us-gov-' && service != 's3' && !dualStack);
  const name = isPlain ? service : service + '-fips';
  if (!dualStack) return 'https://' + name + '.' + region + '.' + partition.suffix;
  // S3 had them before there was a suffix for it.
  if (service == 's3') return 'https://' + name + '.dualstack.' + region + '.' + partition.suffix;
  return 'https://' + name + '.' + region + '.' + partition.dualStackSuffix;
}

/** Whether a text can be a region: it becomes a part of host names. */
export function isRegion(text: string): bool {
  if (text.length < 1 || text.length > 63) return false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    const isLetter = (char >= 0x61 && char <= 0x7a) || (char >= 0x30 && char <= 0x39);
    if (!isLetter && (char != 0x2d || i == 0 || i == text.length - 1)) return false;
  }
  return true;
}
