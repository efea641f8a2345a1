// SPDX-License-Identifier: Apache-2.0
// What is told about reading a log group: each kind of message at most once a minute.
import { Counter, counters } from '../../counters';
import { Reason, Severity, log, logLimited, mayLog } from '../../log';
import { AwsCall } from '../aws/call';
import { AwsService } from '../aws/service';
import { printable } from '../../web/text';
import { LogGroup } from './log_group';

/** Characters of a problem that are shown. */
const MAX_PROBLEM: i32 = 1024;

export class LogReport {
  /** Whether reading has failed, and that was told. */
  private isTold: bool = false;

  constructor(
    private group: LogGroup,
    private service: AwsService,
    private pattern: string,
  ) {}

  private get name(): string {
    return 'the log group "' + this.group.name + '"';
  }

  /** Reading begins, at a time in milliseconds since the epoch. */
  started(from: i64, why: string): void {
    const region = this.service.region;
    const where = 'reading ' + this.name + (region == '' ? '' : ' in ' + region);
    log(Severity.Info, where + ' from ' + new Date(from).toISOString() + ' on (' + why + ')');
  }

  /** A page has come: what was told is over. */
  succeeded(): void {
    if (!this.isTold) return;
    this.isTold = false;
    if (mayLog(Reason.CloudBack)) logLimited(Reason.CloudBack, Severity.Notice, this.name + ' is read again');
  }

  throttled(call: AwsCall): void {
    const why = 'CloudWatch Logs wants fewer requests than come from this account: ' + shown(call);
    const what = '; ' + this.name + ' is read more slowly for a while, and nothing is lost';
    if (mayLog(Reason.CloudThrottled)) logLimited(Reason.CloudThrottled, Severity.Warning, why + what);
  }

  failed(reason: string): void {
    const problem = printable(reason, MAX_PROBLEM);
    this.tell(
      Reason.CloudFailed,
      Severity.Warning,
      'cannot read ' + this.name + ': ' + problem + '; trying again',
    );
  }

  expired(call: AwsCall): void {
    this.failed(shown(call) + ', so new credentials are got');
  }

  denied(call: AwsCall): void {
    const what = 'no permission to read ' + this.name + ': ' + shown(call);
    const hint =
      '; allow logs:FilterLogEvents on this log group in the IAM policy (docs/eks.md); trying again each minute';
    this.tell(Reason.CloudDenied, Severity.Error, what + hint);
  }

  missing(call: AwsCall): void {
    const what = this.name + ' does not exist in ' + this.service.region + ': ' + shown(call);
    const hint = this.group.isEks
      ? '; is audit logging enabled for the cluster (control plane logging, type audit), and is the region right?'
      : '; are name and region right?';
    this.tell(Reason.CloudRefused, Severity.Error, what + hint + ' trying again each minute');
  }

  refused(call: AwsCall): void {
    const hint =
      this.pattern != '' && call.code == 'InvalidParameterException' ? '; look at filterPattern' : '';
    const what = 'CloudWatch Logs refuses what it is asked about ' + this.name + ': ' + shown(call);
    this.tell(Reason.CloudRefused, Severity.Error, what + hint + '; trying again each minute');
  }

  /** A page cannot be asked for by its token. */
  lostToken(reason: string): void {
    const problem = printable(reason, MAX_PROBLEM);
    const what = 'a page of ' + this.name + ' cannot be had: ' + problem;
    if (!mayLog(Reason.CloudFailed)) return;
    logLimited(Reason.CloudFailed, Severity.Notice, what + '; reading goes on from the last event that came');
  }

  /** An answer was too large; fewer events are asked for. */
  tooLarge(limit: u32): void {
    if (!mayLog(Reason.CloudFailed)) return;
    const what = 'an answer about ' + this.name + ' was too large; asking for ' + limit.toString();
    logLimited(Reason.CloudFailed, Severity.Notice, what + ' events at once');
  }

  /** An id was forgotten for want of room. */
  forgotten(limit: u32): void {
    counters.add(Counter.IdsForgotten, 1);
    if (!mayLog(Reason.IdsForgotten)) return;
    const what = 'more than ' + limit.toString() + ' events of ' + this.name + ' within lateWindow';
    const rest = ': those that come late are looked for in a shorter time; lower lateWindow';
    logLimited(Reason.IdsForgotten, Severity.Warning, what + rest);
  }

  private tell(reason: Reason, severity: Severity, text: string): void {
    this.isTold = true;
    counters.add(Counter.SourceErrors, 1);
    if (mayLog(reason)) logLimited(reason, severity, text);
  }
}

function shown(call: AwsCall): string {
  return printable(call.problem, MAX_PROBLEM);
}
