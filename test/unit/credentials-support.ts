// SPDX-License-Identifier: Apache-2.0
// The credentials of assembly/cloud/aws, compiled alone, against a host whose services the tests play.
import { TEXTS, compileAssembly, give, unpack, type Part } from '../support/assembly';
import { Host, type WebAnswer, type WebCall } from '../support/host';

const SOURCE = `
import { AwsService } from './cloud/aws/service';
import { Config, readConfig } from './config/config';
import { Counter, counters } from './counters';
import { Reason, Severity, logLimited } from './log';

${TEXTS}
let services: AwsService[] = [];
export function open(): u64 {
  const config = new Config();
  const problem = readConfig(space, length, config);
  if (problem != '') return pack(problem);
  const first = new AwsService('logs', config);
  services = [first, new AwsService('s3', config, '', first), new AwsService('sqs', config, '', first),
    new AwsService('sts', config, '', first)];
  return pack(first.problem);
}
export function turn(): bool { return services[0].chain.turn(); }
export function refuse(): void { services[0].chain.refuse(); }
export function region(): u64 { return pack(services[0].region); }
export function url(at: i32): u64 { return pack(services[at].url + (services[at].hasOwnEndpoint ? ' own' : '')); }
export function problem(): u64 { return pack(services[0].chain.problem); }
export function credentials(): u64 {
  const current = services[0].chain.current;
  if (!current) return pack('none');
  return pack(current.keyId + ' ' + current.secret + ' ' + current.token + ' ' + current.expires.toString());
}
export function refuseOld(): void {
  const chain = services[0].chain;
  const old = chain.current;
  chain.refuse();
  while (!chain.turn()) {}
  chain.refuse(old);
}
export function elsewhere(): u64 {
  const service = new AwsService('sqs', new Config(), 'cn-north-1');
  return pack(service.region + ' ' + service.url + service.problem);
}
export function forget(): void { logLimited(Reason.Credentials, Severity.Debug, 'none is held back'); }
export function close(): void { if (services.length > 0) services[0].chain.close(); }
export function renewed(): u64 { return counters.get(Counter.CredentialsRenewed); }
export function expiresIn(): u64 { return counters.get(Counter.CredentialsExpiry); }
`;

const SECOND = 1_000_000_000n;

/** A service's credentials, and the world that they come from. */
export class Aws {
  private constructor(
    readonly host: Host,
    private readonly part: Part,
  ) {}

  static async compile(): Promise<Aws> {
    const host = new Host();
    return new Aws(host, await compileAssembly(SOURCE, host));
  }

  /** A fresh start: nothing in the environment, no service, no log; some time later, so that messages may be written. */
  reset(): void {
    this.part.call.close();
    this.part.call.forget();
    const { host } = this;
    host.environment.clear();
    host.liveCall = undefined;
    host.calls.length = 0;
    host.logs.length = 0;
    this.said.length = 0;
    host.now += 3600n * SECOND;
    host.onCall = () => ({ failure: 'connect' });
  }

  private text(packed: number | bigint): string {
    return unpack(this.part, packed).toString();
  }

  /** What was said to anybody: messages, and what is wrong. Secrets of the tests begin with `hush`. */
  readonly said: string[] = [];

  /** Opens the services; what is wrong. */
  open(config: object = {}): string {
    give(this.part, JSON.stringify(config));
    const problem = this.text(this.part.call.open());
    this.said.push(problem);
    return problem;
  }

  /** One turn; whether there are credentials. */
  turn(): boolean {
    const isGood = Boolean(this.part.call.turn());
    this.said.push(this.problem);
    return isGood;
  }

  /** Opens and takes a turn: the credentials, as KEY-ID SECRET TOKEN END, or `none`. */
  start(config: object = {}): string {
    const problem = this.open(config);
    if (problem !== '') throw new Error(problem);
    this.turn();
    return this.credentials;
  }

  /** Time goes by. */
  pass(seconds: number): void {
    this.host.now += BigInt(Math.round(seconds * 1e9));
  }

  /** Takes turns, a second between two, for some time. */
  run(seconds: number): void {
    for (let i = 0; i < seconds; i++) {
      this.pass(1);
      this.turn();
    }
  }

  refuse(): void {
    this.part.call.refuse();
  }

  refuseOld(): void {
    this.part.call.refuseOld();
  }

  /** Lets go. */
  close(): void {
    this.part.call.close();
  }

  get credentials(): string {
    return this.text(this.part.call.credentials());
  }

  get problem(): string {
    return this.text(this.part.call.problem());
  }

  get region(): string {
    return this.text(this.part.call.region());
  }

  url(service: 'logs' | 's3' | 'sqs' | 'sts'): string {
    return this.text(this.part.call.url(['logs', 's3', 'sqs', 'sts'].indexOf(service)));
  }

  /** Region and URL of a service whose region something else tells. */
  get elsewhere(): string {
    return this.text(this.part.call.elsewhere());
  }

  /** The counter, and the gauge. */
  get renewed(): number {
    return Number(this.part.call.renewed());
  }

  get expiresIn(): number {
    return Number(this.part.call.expiresIn());
  }

  /** What was said with a secret in it: a made-up one, or one that is in use. There is to be none. */
  get leaks(): string[] {
    const [, ...secrets] = this.credentials.split(' ').slice(0, 3);
    const isSecret = (text: string) =>
      ['hush', ...secrets].some((each) => each !== '' && text.includes(each));
    return [...this.said, ...this.messages].filter(isSecret);
  }

  get messages(): string[] {
    return this.host.logs.map(({ message }) => message);
  }

  /** Sets environment variables. */
  set(variables: Record<string, string>): void {
    for (const [name, value] of Object.entries(variables)) this.host.environment.set(name, value);
  }

  /** RFC 3339, some seconds from now on the host's clock. */
  time(seconds: number): string {
    return new Date(Number(this.host.now / 1_000_000n) + seconds * 1000).toISOString().replace('.000Z', 'Z');
  }

  /** The form of a request. */
  form(call: WebCall): Record<string, string> {
    return Object.fromEntries(new URLSearchParams(call.body));
  }

  /** What STS answers. */
  session(name: string, seconds = 3600, action = 'AssumeRole'): WebAnswer {
    const others =
      '<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn><AccessKeyId>wrong</AccessKeyId></AssumedRoleUser>';
    const body =
      `<?xml version="1.0"?><${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>` +
      others +
      `<Credentials><AccessKeyId>ASIA${name}</AccessKeyId><SecretAccessKey>hush-secret-${name}</SecretAccessKey>` +
      `<SessionToken>hush-token-${name}</SessionToken><Expiration>${this.time(seconds)}</Expiration></Credentials>` +
      `${others}</${action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></${action}Response>`;
    return { body };
  }

  /** What the end point of a container, or the instance's metadata, answers. */
  json(name: string, seconds = 21_600): WebAnswer {
    const body = {
      ...{ Code: 'Success', AccessKeyId: `ASIA${name}`, SecretAccessKey: `hush-secret-${name}` },
      ...{ Token: `hush-token-${name}`, Expiration: this.time(seconds) },
    };
    return { body: JSON.stringify(body) };
  }

  /** Plays the metadata of an instance: its role's credentials, and its region. */
  metadata(values: { name?: string; seconds?: number; region?: string }): (call: WebCall) => WebAnswer {
    return ({ method, url, headers }) => {
      const path = url.replace(/^http:\/\/(\[[^\]]*\]|[^/]*)/, '');
      if (method === 'PUT' && path === '/latest/api/token') return { body: 'hush-metadata==' };
      if (headers['x-aws-ec2-metadata-token'] !== 'hush-metadata==') return { status: 401 };
      if (path === '/latest/meta-data/placement/region' && values.region) return { body: values.region };
      if (values.name === undefined) return { status: 404 };
      if (path === '/latest/meta-data/iam/security-credentials/') return { body: 'node-role' };
      if (path === '/latest/meta-data/iam/security-credentials/node-role') {
        return this.json(values.name, values.seconds);
      }
      return { status: 404 };
    };
  }
}
