// SPDX-License-Identifier: Apache-2.0
// What is asked of an HTTP server: the texts of a request, and how long it may take.
import * as host from '../host';
import { WebMethod, WebRequest } from '../host';
import { countText } from '../log';

/** Answers of services are small and come soon; seconds that nothing comes mean that nothing will. */
const CONNECT_TIME: u32 = 5_000;
const TOTAL_TIME: u32 = 60_000;
const IDLE_TIME: u32 = 20_000;
const WINDOW: u32 = 1024 * 1024;

/** What a request is signed with, by AWS Signature Version 4. */
export class Signing {
  /** Sent as X-Amz-Security-Token and signed; empty: none. */
  token: string = '';

  constructor(
    public region: string,
    public service: string,
    public keyId: string,
    public secret: string,
  ) {}
}

/** Times are in milliseconds. */
export class Request {
  /** Lines `name: value`, the names in lower case. */
  headers: string[] = [];
  body: string = '';
  /** A body of so many bytes in place of `body`, for long ones: no garbage is made of it. */
  bodyAddress: usize = 0;
  bodyLength: u32 = 0;
  signing: Signing | null = null;
  /** Path of the certificates that the server's must lead to: see authorities.ts. */
  authorities: string = '';
  connectTime: u32 = CONNECT_TIME;
  /** Until the answer is complete; 0: any. */
  totalTime: u32 = TOTAL_TIME;
  idleTime: u32 = IDLE_TIME;
  /** Bytes of the answer that the host keeps; then the server has to wait. */
  window: u32 = WINDOW;
  /** Never by a proxy: for addresses of this machine and its network. */
  isDirect: bool = false;

  constructor(
    public method: WebMethod,
    public url: string,
  ) {}

  /** Begins it: the host's handle, or -errno; hostProblem() then says why. */
  send(): i32 {
    countText();
    const signing = this.signing;
    let lines = '';
    for (let i = 0; i < this.headers.length; i++) lines += this.headers[i] + '\n';
    if (signing && signing.token != '') lines += 'x-amz-security-token: ' + signing.token + '\n';
    const url = String.UTF8.encode(this.url);
    const headers = String.UTF8.encode(lines);
    const body = String.UTF8.encode(this.body);
    const authorities = String.UTF8.encode(this.authorities);
    const scope = String.UTF8.encode(signing ? 'aws:amz:' + signing.region + ':' + signing.service : '');
    const keyId = String.UTF8.encode(signing ? signing.keyId : '');
    const secret = String.UTF8.encode(signing ? signing.secret : '');

    const options = new WebRequest();
    options.method = this.method;
    options.url = changetype<usize>(url);
    options.urlLength = url.byteLength;
    options.headers = changetype<usize>(headers);
    options.headersLength = headers.byteLength;
    options.body = this.bodyLength > 0 ? this.bodyAddress : changetype<usize>(body);
    options.bodyLength = this.bodyLength > 0 ? this.bodyLength : body.byteLength;
    options.authorities = changetype<usize>(authorities);
    options.authoritiesLength = authorities.byteLength;
    options.signing = changetype<usize>(scope);
    options.signingLength = scope.byteLength;
    options.keyId = changetype<usize>(keyId);
    options.keyIdLength = keyId.byteLength;
    options.secret = changetype<usize>(secret);
    options.secretLength = secret.byteLength;
    options.window = this.window;
    options.connectTime = this.connectTime;
    options.totalTime = this.totalTime;
    options.idleTime = this.idleTime;
    options.isDirect = u32(this.isDirect);
    return host.webSend(changetype<usize>(options));
  }
}
