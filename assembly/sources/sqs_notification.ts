// SPDX-License-Identifier: Apache-2.0
// What a message of SQS says of new objects in S3: a notification of S3, also wrapped by SNS, or an event of EventBridge.
import { decodedKey } from '../cloud/aws/list_objects';
import { Name } from '../json/name';
import { Kind, Node, endOf, firstOf } from '../json/tape';
import { Block, PADDING } from '../memory';
import { hashOfText } from '../state/hash';
import { JsonAnswer } from '../web/json_answer';

/** Objects that one message may name; S3 puts one into each. */
const MAX_OBJECTS: i32 = 1000;
/** Notifications inside each other: SNS wraps one. */
const MAX_DEPTH: i32 = 2;

const RECORDS = new Name('Records');
const EVENT = new Name('Event');
const EVENT_NAME = new Name('eventName');
const TYPE = new Name('Type');
const MESSAGE = new Name('Message');
const DETAIL_TYPE = new Name('detail-type');
const DETAIL = new Name('detail');
const S3 = new Name('s3');
const BUCKET = new Name('bucket');
const NAME = new Name('name');
const OBJECT = new Name('object');
const KEY = new Name('key');
const SIZE = new Name('size');
const ETAG = new Name('eTag');
const ETAG_LOWER = new Name('etag');
const SEQUENCER = new Name('sequencer');

/** An object that was made. */
export class NewObject {
  constructor(
    public bucket: string,
    public key: string,
    /** The same for the same notification, also if it comes again; even, and not 0. */
    public identity: u64,
  ) {}
}

/** Reads messages. */
export class Notification {
  /** The objects that the last one names. */
  objects: NewObject[] = [];
  private json: JsonAnswer = new JsonAnswer();
  private text: Block = new Block();

  /** Takes a message; false when it is no notification. */
  read(body: string): bool {
    this.objects = [];
    return this.readText(body, 0);
  }

  private readText(body: string, depth: i32): bool {
    const length = String.UTF8.byteLength(body);
    const at = this.text.reserve(length + PADDING);
    String.UTF8.encodeUnsafe(changetype<usize>(body), body.length, at);
    memory.fill(at + length, 0, PADDING);
    const json = this.json;
    if (!json.read(at, length)) return false;
    const root = json.root;
    const records = json.member(root, RECORDS);
    if (records) return this.readRecords(records);
    if (json.string(json.member(root, DETAIL_TYPE)) != '') return this.readEvent(root);
    if (json.string(json.member(root, EVENT)) == 's3:TestEvent') return true;
    const isWrapped = json.string(json.member(root, TYPE)) == 'Notification';
    if (!isWrapped || depth + 1 == MAX_DEPTH) return false;
    return this.readText(json.string(json.member(root, MESSAGE)), depth + 1);
  }

  /** Of S3 itself. */
  private readRecords(records: Node): bool {
    if (records.kind != Kind.Array || JsonAnswer.count(records) > MAX_OBJECTS) return false;
    const json = this.json;
    const end = endOf(records);
    for (let at = firstOf(records); at < end; at += changetype<Node>(at).span) {
      const record = changetype<Node>(at);
      const name = json.string(json.member(record, EVENT_NAME));
      const part = json.member(record, S3);
      if (name == '' || !part) return false;
      // What was removed, or restored, is none of our business.
      if (!name.startsWith('ObjectCreated:') && !name.startsWith('s3:ObjectCreated:')) continue;
      if (!this.add(part, true)) return false;
    }
    return true;
  }

  /** Of EventBridge, whose keys are not encoded. */
  private readEvent(root: Node | null): bool {
    const json = this.json;
    const type = json.string(json.member(root, DETAIL_TYPE));
    const detail = json.member(root, DETAIL);
    if (!detail || !json.member(detail, BUCKET)) return false;
    return type != 'Object Created' || this.add(detail, false);
  }

  private add(part: Node, isEncoded: bool): bool {
    const json = this.json;
    const bucket = json.string(json.member(json.member(part, BUCKET), NAME));
    const object = json.member(part, OBJECT);
    const written = json.string(json.member(object, KEY));
    const key = isEncoded ? decodedKey(written) : written;
    if (bucket == '' || key == '') return false;
    const size = json.member(object, SIZE);
    if (size && size.kind == Kind.Number && json.integer(size) == 0) return true;
    const etag = json.string(json.member(object, ETAG)) + json.string(json.member(object, ETAG_LOWER));
    const sequencer = json.string(json.member(object, SEQUENCER));
    const hash = hashOfText(bucket + '\n' + key + '\n' + etag + '\n' + sequencer);
    this.objects.push(new NewObject(bucket, key, max<u64>(hash & ~1, 2)));
    return true;
  }

  free(): void {
    this.json.free();
    this.text.free();
  }
}
