// SPDX-License-Identifier: Apache-2.0
// Credentials for as long as they are needed: got from the first place of the AWS SDKs' chain that has some, renewed
// before they end, got anew when a service does not take them. Looks at environment and files anew each time. It also
// finds the region, if nothing but the instance's metadata knows it, because the token service needs one.
import * as host from '../../host';
import { Counter, counters } from '../../counters';
import { Reason, Severity, log, logLimited, mayLog } from '../../log';
import { Backoff } from '../../web/backoff';
import { printable } from '../../web/text';
import { Credentials } from './credentials';
import { MetadataRegion } from './metadata';
import { Provider } from './provider';
import { Resolver } from './resolve';
import { AwsSettings } from './settings';

const SECOND: i64 = 1_000_000_000;
/** Renewal begins by chance between these times before the end, or after half of a short life. */
const AHEAD: i64 = 300 * SECOND;
const AHEAD_CHANCE: u32 = 60;
/** Credentials that lived for less than this are not asked for once more. */
const LAST_MOMENT: i64 = 2 * SECOND;
/** Milliseconds between two attempts. */
const FIRST_WAIT: u32 = 1_000;
const MOST_WAIT: u32 = 60_000;
/** A refusal within this time after they were got is a refusal of them, not of their age. */
const TRIAL: i64 = 300 * SECOND;
const MAX_PROBLEM = 1_500;

/** The origin that was logged last. */
let shownOrigin: string = '';

export class CredentialChain {
  /** What to sign with; null: there is nothing yet. */
  current: Credentials | null = null;
  /** Why there is nothing, for people; empty as long as it goes on. It is logged here already. */
  problem: string = '';
  /** What in configuration, environment or files can never work, naming it; empty: nothing. Known at once. */
  readonly configProblem: string;
  private provider: Provider | null = null;
  private tried: string = '';
  private lastProblem: string = '';
  private metadata: MetadataRegion | null = null;
  private isAsking: bool = false;
  private failures: Backoff = new Backoff(FIRST_WAIT, MOST_WAIT);
  private refusals: Backoff = new Backoff(FIRST_WAIT, MOST_WAIT);
  // Realtime; 0: never.
  private renewAt: i64 = 0;
  // Monotonic.
  private gotAt: i64 = 0;

  constructor(private settings: AwsSettings) {
    let problem = settings.problem;
    if (problem == '') {
      const resolver = new Resolver(settings);
      if (!resolver.resolve()) problem = resolver.problem;
    }
    this.configProblem = printable(problem, MAX_PROBLEM);
  }

  /** Goes on with getting or renewing them; true when there are some that are good now, and the region is known. */
  turn(): bool {
    const now = host.realtime();
    this.lookAtClock(now);
    if (this.settings.region == '') this.turnRegion();
    else if (this.isAsking) this.goOn();
    else if (this.isDue(now)) this.begin();
    return this.current != null;
  }

  private lookAtClock(now: i64): void {
    const current = this.current;
    if (!current || current.expires == 0) return;
    const left = current.expires - now;
    counters.set(Counter.CredentialsExpiry, u64(max<i64>(left, 0) / SECOND));
    if (left > 0) return;
    this.current = null;
    this.problem = this.lastProblem;
  }

  private isDue(now: i64): bool {
    if (!this.failures.isDue()) return false;
    if (this.current) return this.renewAt != 0 && now >= this.renewAt;
    return this.refusals.isDue();
  }

  private turnRegion(): void {
    let metadata = this.metadata;
    if (!metadata) {
      if (!this.failures.isDue()) return;
      metadata = new MetadataRegion(this.settings.metadataUrl);
      metadata.begin();
      this.metadata = metadata;
    }
    if (!metadata.turn()) return;
    this.settings.region = metadata.region;
    metadata.free();
    this.metadata = null;
    if (metadata.problem != '') {
      this.fail('the region is not known: set key "region" or AWS_REGION (' + metadata.problem + ')', 0);
      return;
    }
    this.failures.succeed();
    log(Severity.Info, 'AWS region ' + metadata.region + ' comes from the instance metadata');
    this.begin();
  }

  private begin(): void {
    this.letGo();
    const resolver = new Resolver(this.settings);
    const provider = resolver.resolve();
    this.tried = resolver.tried;
    this.provider = provider;
    if (!provider) {
      this.fail(resolver.problem, 0);
      return;
    }
    this.isAsking = true;
    provider.begin();
    this.goOn();
  }

  private goOn(): void {
    const provider = this.provider!;
    if (!provider.turn()) return;
    this.isAsking = false;
    const credentials = provider.credentials;
    if (credentials) this.take(credentials);
    else this.fail(provider.origin + ': ' + provider.problem, provider.retryAfter);
    this.letGo();
  }

  private take(credentials: Credentials): void {
    const now = host.realtime();
    const left = credentials.expires - now;
    if (credentials.expires != 0 && left <= 0) {
      this.fail(credentials.origin + ' gave credentials that have ended already; is the clock right?', 0);
      return;
    }
    this.current = credentials;
    this.problem = '';
    this.lastProblem = '';
    this.failures.succeed();
    this.gotAt = host.monotonic();
    this.renewAt = credentials.expires == 0 ? 0 : renewalOf(credentials.expires, left);
    counters.addAtOnce(Counter.CredentialsRenewed, 1);
    counters.set(Counter.CredentialsExpiry, u64(max<i64>(left, 0) / SECOND));
    if (credentials.origin == shownOrigin) return;
    shownOrigin = credentials.origin;
    const end = credentials.expires == 0 ? 'do not end' : 'end at ' + timeText(credentials.expires);
    log(
      Severity.Info,
      'AWS credentials come from ' + printable(credentials.origin, MAX_PROBLEM) + '; they ' + end,
    );
  }

  /** What there is stays; the next attempt comes later. */
  private fail(problem: string, retryAfter: u32): void {
    this.failures.fail(retryAfter);
    const current = this.current;
    const tried = this.tried == '' ? '' : ' (' + this.tried + ')';
    const text = printable(problem + tried, MAX_PROBLEM);
    this.lastProblem = text;
    if (!current) this.problem = text;
    if (!mayLog(Reason.Credentials)) return;
    const kept = current ? '; the old ones are good until ' + timeText(current.expires) : '';
    const what = current ? 'AWS credentials cannot be renewed: ' : 'AWS credentials cannot be got: ';
    logLimited(Reason.Credentials, Severity.Warning, what + text + kept + '; it is tried again');
  }

  /**
   * A service did not take them: gets new ones. Who gives those that were refused does no harm to others that have
   * been got since.
   */
  refuse(refused: Credentials | null = null): void {
    const current = this.current;
    if (!current || (refused && refused != current)) return;
    this.current = null;
    this.problem = 'AWS does not take the credentials from ' + printable(current.origin, MAX_PROBLEM);
    if (host.monotonic() - this.gotAt < TRIAL) this.refusals.fail();
    else this.refusals.succeed();
    if (!mayLog(Reason.Credentials)) return;
    logLimited(Reason.Credentials, Severity.Warning, this.problem + '; they are got anew');
  }

  private letGo(): void {
    const provider = this.provider;
    if (provider) provider.close();
    this.provider = null;
    this.isAsking = false;
  }

  close(): void {
    this.letGo();
    const metadata = this.metadata;
    if (metadata) metadata.free();
    this.metadata = null;
  }
}

/** When to renew what ends at `expires`, in `left`. */
function renewalOf(expires: i64, left: i64): i64 {
  if (left <= LAST_MOMENT) return expires;
  const chance = memory.data(4, 4);
  host.randomBytes(chance, 4);
  const ahead = AHEAD + i64(load<u32>(chance) % AHEAD_CHANCE) * SECOND;
  return expires - min(ahead, left / 2);
}

/** A time in whole seconds, as in 2026-01-02T03:04:05Z. */
function timeText(time: i64): string {
  return new Date(time / 1_000_000).toISOString().substring(0, 19) + 'Z';
}
