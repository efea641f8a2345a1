// SPDX-License-Identifier: Apache-2.0
// S3: its addresses, its requests, and what its refusals mean.
import { WebMethod } from '../../host';
import { countText } from '../../log';
import { Request } from '../../web/request';
import { percentEncoded } from '../../web/text';
import { AwsCall, Outcome } from './call';
import { AwsService } from './service';

/** Codes about the bucket, or about how it is asked: every object of it would get the same answer. */
const OF_BUCKET: string[] = [
  'NoSuchBucket',
  'InvalidBucketName',
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
  'AllAccessDisabled',
  'AccountProblem',
  'InvalidObjectName',
];
/** S3 wants the hash (SHA-256) of the body beside the signature; all our bodies are empty. */
const BODY_HASH = 'x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
/** Characters of an object's name that a message repeats. */
const MAX_SHOWN = 256;

export class S3 {
  constructor(readonly service: AwsService) {}

  /**
   * Where a bucket is: in a host name of its own, or, at an end point that was given and where dots in the bucket's name
   * would not fit the certificate, in the path. With a slash at its end.
   */
  private addressOf(bucket: string): string {
    const url = this.service.url;
    const name = percentEncoded(bucket, false);
    const scheme = url.indexOf('://');
    if (this.service.hasOwnEndpoint || bucket.includes('.') || scheme < 0) return url + '/' + name + '/';
    return url.substring(0, scheme + 3) + name + '.' + url.substring(scheme + 3) + '/';
  }

  /** Lists a page of the keys with this prefix: behind a key, or behind the page that a token tells of. */
  listRequest(bucket: string, prefix: string, after: string, token: string): Request {
    countText();
    // In the order of their names, as they are signed.
    let query = '';
    if (token != '') query += 'continuation-token=' + percentEncoded(token, false) + '&';
    query += 'encoding-type=url&list-type=2';
    if (prefix != '') query += '&prefix=' + percentEncoded(prefix, false);
    if (token == '' && after != '') query += '&start-after=' + percentEncoded(after, false);
    return this.request(this.addressOf(bucket) + '?' + query);
  }

  /** Reads an object from a byte on; `etag` of its content, or empty: whatever it is. */
  getRequest(bucket: string, key: string, from: u64, etag: string): Request {
    countText();
    const request = this.request(this.addressOf(bucket) + percentEncoded(key, true));
    if (etag != '') request.headers.push('if-match: ' + etag);
    if (from > 0) request.headers.push('range: bytes=' + from.toString() + '-');
    request.totalTime = 0;
    return request;
  }

  private request(url: string): Request {
    const request = new Request(WebMethod.Get, url);
    request.authorities = this.service.authorities;
    request.headers.push(BODY_HASH);
    return request;
  }

  /** Whether an answer is about the bucket, and not about one object. */
  static isOfBucket(call: AwsCall): bool {
    const status = call.exchange.status;
    return OF_BUCKET.includes(call.code) || (status >= 300 && status < 400);
  }

  /** What a refusal means, and what would help: `permission` on `resource` is what was used. */
  explain(call: AwsCall, outcome: Outcome, permission: string, resource: string): string {
    countText();
    if (outcome == Outcome.Denied) {
      const also =
        permission == 's3:GetObject' ? ', and kms:Decrypt if a key of KMS encrypts the object' : '';
      return call.problem + '; it needs the permission ' + permission + ' on ' + shown(resource) + also;
    }
    const region = call.exchange.header('x-amz-bucket-region');
    if (S3.isOfBucket(call) && region && region != this.service.region) {
      return call.problem + '; the bucket is in the region ' + region + ': set "region" to it';
    }
    return call.problem;
  }
}

/** A bucket and key for a message. */
export function objectName(bucket: string, key: string): string {
  countText();
  return 's3://' + bucket + '/' + shown(key);
}

function shown(text: string): string {
  return text.length <= MAX_SHOWN ? text : '…' + text.substring(text.length - MAX_SHOWN);
}
