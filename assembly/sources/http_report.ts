// SPDX-License-Identifier: Apache-2.0
// Counts and logs what the HTTP server does without asking: connections, time-outs, failed handshakes.
import * as host from '../host';
import { HttpStatus } from '../host';
import { Counter, counters } from '../counters';
import { Reason, Severity, logLimited, mayLog } from '../log';

/** Bytes of the server's own words that a message repeats. */
const FAILURE_SIZE: i32 = 256;

export class HttpReport {
  private status: HttpStatus = new HttpStatus();

  /** Takes in what has happened; no trap makes it come again. The bytes of requests in memory. */
  take(server: i32): u32 {
    const status = this.status;
    host.httpStatus(server, changetype<usize>(status));
    counters.set(Counter.HttpConnections, status.connections);
    counters.set(Counter.HttpHeldBytes, status.held);
    counters.addAtOnce(Counter.HttpAccepted, status.accepted);
    counters.addAtOnce(Counter.HttpTurnedAway, status.turnedAway);
    counters.addAtOnce(Counter.HttpTimeouts, status.timeouts);
    counters.addAtOnce(Counter.TlsFailures, status.tlsFailures);
    counters.addAtOnce(Counter.HttpMadeRoom, status.madeRoom);
    counters.addAtOnce(Counter.HttpClientsLeft, status.left);
    counters.addAtOnce(Counter.HttpRefusedHeaders, status.headsTooLarge);
    counters.addAtOnce(Counter.HttpRefusedNoRoom, status.headsWithoutRoom);
    const refused = status.badRequests + status.headsTooLarge + status.timeouts + status.headsWithoutRoom;
    counters.addAtOnce(Counter.HttpAnswers4xx, refused);
    this.tell(server);
    return status.held;
  }

  private tell(server: i32): void {
    const status = this.status;
    if (status.badRequests != 0 && mayLog(Reason.Request)) {
      warn(Reason.Request, 'refused a webhook request with 400: it is not HTTP');
    }
    if (status.headsTooLarge != 0 && mayLog(Reason.Refused)) {
      const limit = 'its headers are larger than webhookMaxHeaderSize allows';
      warn(Reason.Refused, 'refused a webhook request with 431: ' + limit);
    }
    if (status.timeouts != 0 && mayLog(Reason.Timeout)) {
      const limits = '(webhookHeaderTimeout, webhookRequestTimeout)';
      warn(Reason.Timeout, 'gave up a webhook request whose sender took too long ' + limits);
    }
    if (status.headsWithoutRoom != 0 && mayLog(Reason.NoRoom)) {
      warn(
        Reason.NoRoom,
        'refused a webhook request with 429: more is waiting than webhookMaxWaiting allows',
      );
    }
    if ((status.turnedAway | status.madeRoom) != 0 && mayLog(Reason.Connections)) {
      const text = 'closed a webhook connection: there were more than webhookMaxConnections allows';
      warn(Reason.Connections, text);
    }
    if (status.tlsFailures != 0 && mayLog(Reason.Tls)) {
      warn(Reason.Tls, 'a TLS handshake with a webhook client failed: ' + failureText(server));
    }
    if (status.acceptFailures != 0 && mayLog(Reason.Accept)) {
      warn(Reason.Accept, 'cannot accept webhook connections for now: ' + failureText(server));
    }
  }
}

function warn(reason: Reason, text: string): void {
  logLimited(reason, Severity.Warning, text);
}

function failureText(server: i32): string {
  const space = heap.alloc(FAILURE_SIZE);
  const length = host.httpFailureText(server, space, FAILURE_SIZE);
  const text = String.UTF8.decodeUnsafe(space, length);
  heap.free(space);
  return text;
}
