// SPDX-License-Identifier: Apache-2.0
// The end point that gives credentials to a container: ECS's, or the agent of EKS Pod Identity on the node.
import { WebMethod } from '../../host';
import { Request } from '../../web/request';
import { AwsCall, Outcome } from './call';
import { isHeaderText } from './credentials';
import { JsonCredentials, MAX_ANSWER } from './json_credentials';
import { Provider, without } from './provider';
import { MAX_TOKEN, SecretFile } from './secret_file';

/** Both are near: milliseconds. The agent may have to ask AWS first. */
const CONNECT_TIME: u32 = 1_000;
const TOTAL_TIME: u32 = 10_000;

export class ContainerEndpoint extends Provider {
  private call: AwsCall = new AwsCall(MAX_ANSWER);
  private answer: JsonCredentials = new JsonCredentials();
  private isAsked: bool = false;
  private sent: string = '';

  /** The token is that in `tokenFile`, if there is one, or `token`; empty: none is sent. */
  constructor(
    private url: string,
    private tokenFile: string,
    private token: string,
    private authorities: string,
  ) {
    super('the container end point ' + url);
  }

  protected start(): void {
    this.isAsked = false;
    const request = new Request(WebMethod.Get, this.url);
    request.isDirect = true;
    request.connectTime = CONNECT_TIME;
    request.totalTime = TOTAL_TIME;
    request.authorities = this.authorities;
    this.sent = this.readToken();
    if (this.problem != '') return;
    if (this.sent != '') request.headers.push('authorization: ' + this.sent);
    request.headers.push('accept: application/json');
    this.call.begin(request, '', '', null);
    this.isAsked = true;
  }

  private readToken(): string {
    if (this.tokenFile != '') {
      const file = new SecretFile(this.tokenFile);
      const token = file.read(true);
      if (file.problem != '') this.problem = 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: ' + file.problem;
      return token;
    }
    if (this.token != '' && !isHeaderText(this.token, MAX_TOKEN, true)) {
      this.problem = 'AWS_CONTAINER_AUTHORIZATION_TOKEN has a line break or a character that is not ASCII';
    }
    return this.token;
  }

  turn(): bool {
    if (!this.isAsked) return true;
    const outcome = this.call.turn();
    if (outcome == Outcome.Pending) return false;
    this.isAsked = false;
    this.retryAfter = this.call.retryAfter;
    if (outcome != Outcome.Done) return this.fail(without(this.call.problem, this.sent));
    const credentials = this.answer.read(this.call.exchange, this.origin);
    return credentials ? this.give(credentials) : this.fail(this.answer.problem);
  }

  close(): void {
    this.call.free();
    this.answer.free();
  }
}
