// SPDX-License-Identifier: Apache-2.0
// The refusals of webhook requests that are always the same: status, text, and the limit for their messages. They are
// made once, so that a flood of refused requests makes no garbage.
import { Name } from '../json/name';
import { Reason } from '../log';

export class Refusal {
  /** The text with a line break, as it is sent. */
  readonly answer: Name;

  constructor(
    readonly status: i32,
    /** Several of them have limits of their own: a misspelt path must not hide a wrong content type. */
    readonly reason: Reason,
    /** Says nothing of the request, nor of what would have been right where that is a secret. */
    readonly text: string,
  ) {
    this.answer = new Name(text + '\n');
  }
}

export const NOT_FOUND = new Refusal(
  404,
  Reason.NotFound,
  'no such path; audit events go to a path that is configured',
);
export const POST_ONLY = new Refusal(405, Reason.BadMethod, 'method not allowed; audit events come by POST');
export const GET_ONLY = new Refusal(
  405,
  Reason.BadMethod,
  'method not allowed; this path takes GET and HEAD',
);
export const NO_CERTIFICATE = new Refusal(401, Reason.Unauthorized, 'a client certificate is needed');
export const OTHER_NAME = new Refusal(
  403,
  Reason.Forbidden,
  'the client certificate carries none of the names that may send events',
);
export const NO_TOKEN = new Refusal(401, Reason.Unauthorized, 'the right bearer token is needed');
export const TOKEN_UNKNOWN = new Refusal(
  503,
  Reason.Unauthorized,
  'the token file cannot be read now; send the request again',
);
export const WRONG_TYPE = new Refusal(415, Reason.BadType, 'wrong Content-Type; it must be application/json');
export const WRONG_ENCODING = new Refusal(
  415,
  Reason.BadEncoding,
  'wrong Content-Encoding; it may be gzip or identity',
);
export const TOO_LARGE = new Refusal(
  413,
  Reason.Refused,
  'the body is larger than webhookMaxBatchSize allows',
);
export const NO_ROOM = new Refusal(429, Reason.NoRoom, 'no room for the body now; send it again');
export const UNREADABLE = new Refusal(503, Reason.Request, 'the body could not be read; send it again');
export const TRAPPED = new Refusal(413, Reason.Request, 'the body is too large to be read');
export const BROKEN_GZIP = new Refusal(
  400,
  Reason.Request,
  'bad request: the body is not gzip, or is cut or damaged',
);
export const NO_EVENT = new Refusal(400, Reason.Request, 'bad request: the body holds no audit event');
