// SPDX-License-Identifier: Apache-2.0
// What is wrong with elements of a payload: counted, told to the client, logged within the limits of log.ts.
import { Counter, counters } from '../counters';
import { MAX_NODES, ScanError, scanErrorText } from '../json/scan';
import { Reason, Severity, countText, logLimited, mayLog } from '../log';

/** Why an element is not delivered, or not as it is. */
export const enum Fault {
  Invalid = 0,
  NotAudit = 1,
  TooLarge = 2,
  Trap = 3,
  /** So much was looked at in vain that the rest of the payload is given up. */
  Damaged = 4,
  TooManyValues = 5,
  /** It is cut or oversized, and carries no auditID. */
  WithoutId = 6,
}

export class Faults {
  /** Bytes an event may have. */
  maxEventSize: u32 = 0;
  /** What the payload is called in messages, without secrets. */
  origin: string = '';
  /** Elements that were not delivered. */
  count: u32 = 0;
  /** How many of them are events above maxEventSize. */
  tooLarge: u32 = 0;
  /** Events that were delivered with what could be kept of them. */
  salvages: u32 = 0;
  /** Why the first one was not. */
  first: string = '';

  clear(): void {
    this.count = 0;
    this.salvages = 0;
    this.tooLarge = 0;
    if (this.first.length != 0) this.first = '';
  }

  /** Notes a fault at `position` bytes of the file or body; `detail` is a ScanError or an event's length. */
  add(fault: Fault, detail: u32, position: u64): void {
    counters.drop(counterOf(fault));
    this.count++;
    if (fault == Fault.TooLarge) this.tooLarge++;
    const reason = reasonOf(fault);
    const isFirst = this.count == 1;
    const isLogged = mayLog(reason);
    if (!isFirst && !isLogged) return;
    countText();
    const text = this.describe(fault, detail) + ' at byte ' + position.toString();
    if (isFirst) this.first = text;
    if (!isLogged) return;
    const kept = fault == Fault.Damaged ? 'the rest of it is dropped' : 'it is dropped, the rest is kept';
    logLimited(reason, Severity.Warning, text + ' of ' + this.origin + '; ' + kept);
  }

  /** Notes that an event with this fault is delivered with what could be kept of it. */
  salvaged(fault: Fault, detail: u32, position: u64): void {
    this.salvages++;
    counters.add(Counter.EventsSalvaged, 1);
    if (!mayLog(Reason.Salvaged)) return;
    const where = ' at byte ' + position.toString() + ' of ' + this.origin;
    const kept =
      fault == Fault.Invalid
        ? '; the event is delivered with what stands before it, marked by ka.truncated: look for what cuts events'
        : '; it is delivered with less, marked by ka.truncated: raise maxEventSize, or log less ' +
          '(omitManagedFields in the audit policy)';
    logLimited(Reason.Salvaged, Severity.Warning, this.describe(fault, detail) + where + kept);
  }

  private describe(fault: Fault, detail: u32): string {
    switch (fault) {
      case Fault.Invalid:
        return 'invalid JSON: ' + scanErrorText(<ScanError>detail);
      case Fault.NotAudit:
        return 'not an audit event (an Event of audit.k8s.io)';
      case Fault.TooLarge: {
        const limit = this.maxEventSize.toString();
        return 'an event of ' + detail.toString() + ' bytes, above maxEventSize (' + limit + ')';
      }
      case Fault.TooManyValues:
        return 'an event with more than ' + MAX_NODES.toString() + ' values';
      case Fault.WithoutId:
        return detail == ScanError.None
          ? 'an oversized event without an auditID'
          : 'a cut event without an auditID (' + scanErrorText(<ScanError>detail) + ')';
      case Fault.Damaged:
        return 'too many broken elements to find the good ones between them';
      default:
        return 'an element that made the plugin stop with an internal error';
    }
  }
}

function counterOf(fault: Fault): Counter {
  switch (fault) {
    case Fault.NotAudit:
      return Counter.DroppedNotAudit;
    case Fault.TooLarge:
    case Fault.TooManyValues:
      return Counter.DroppedTooLarge;
    case Fault.WithoutId:
      return Counter.DroppedWithoutId;
    case Fault.Trap:
      return Counter.DroppedTrap;
    default:
      return Counter.DroppedInvalid;
  }
}

function reasonOf(fault: Fault): Reason {
  switch (fault) {
    case Fault.NotAudit:
      return Reason.NotAudit;
    case Fault.TooLarge:
    case Fault.TooManyValues:
      return Reason.TooLarge;
    case Fault.WithoutId:
      return Reason.WithoutId;
    case Fault.Trap:
      return Reason.Trap;
    default:
      return Reason.Invalid;
  }
}
