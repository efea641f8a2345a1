// SPDX-License-Identifier: Apache-2.0
// Credentials in JSON, as the end points of containers and the instance's metadata give them.
import { NO_TIME, timeOf } from '../../audit/time';
import { Name } from '../../json/name';
import { Exchange } from '../../web/exchange';
import { JsonAnswer } from '../../web/json_answer';
import { printable } from '../../web/text';
import { Credentials } from './credentials';

const CODE = new Name('Code');
const MESSAGE = new Name('Message');
const ACCESS_KEY_ID = new Name('AccessKeyId');
const SECRET_ACCESS_KEY = new Name('SecretAccessKey');
const TOKEN = new Name('Token');
const EXPIRATION = new Name('Expiration');
/** Bytes of such an answer; real ones have 2,000. */
export const MAX_ANSWER: u32 = 64 * 1024;
const MAX_MESSAGE = 256;

export class JsonCredentials {
  /** Why there are none, for people, or an empty string. */
  problem: string = '';
  private json: JsonAnswer = new JsonAnswer();

  /** What an answer holds; null: see `problem`. */
  read(exchange: Exchange, origin: string): Credentials | null {
    this.problem = 'the answer is not the JSON of credentials';
    const json = this.json;
    if (!json.read(exchange.address, exchange.length)) return null;
    const root = json.root;
    const code = json.string(json.member(root, CODE));
    if (code != '' && code != 'Success') {
      const message = json.string(json.member(root, MESSAGE));
      this.problem = printable(message == '' ? code : code + ': ' + message, MAX_MESSAGE);
      return null;
    }
    const keyId = json.string(json.member(root, ACCESS_KEY_ID));
    const secret = json.string(json.member(root, SECRET_ACCESS_KEY));
    if (keyId == '' || secret == '') return null;
    const credentials = new Credentials(keyId, secret, origin);
    credentials.token = json.string(json.member(root, TOKEN));
    const expiration = json.member(root, EXPIRATION);
    const expires = timeOf(json.text, expiration);
    if (expiration && expires == NO_TIME) this.problem = 'the answer does not say when the credentials end';
    if (expiration && expires == NO_TIME) return null;
    credentials.expires = expiration ? expires : 0;
    this.problem = '';
    return credentials;
  }

  free(): void {
    this.json.free();
  }
}
