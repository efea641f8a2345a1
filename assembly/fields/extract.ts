// SPDX-License-Identifier: Apache-2.0
// The event that Falco asks about, and the answers. Values stay until the event changes.
import { Batch } from '../audit/batch';
import { NO_CLUSTER } from '../audit/clusters';
import { Head, Shape } from '../audit/head';
import { Counter, counters } from '../counters';
import { Document } from '../json/document';
import { Node } from '../json/tape';
import { Tape } from '../json/tape';
import { Body, Index, scan, scannedBodies, skipSpace } from '../json/scan';
import { Reason, Severity, logLimited, mayLog } from '../log';
import { Block, PADDING } from '../memory';
import { fields } from './catalogue';
import { find, keep } from './answers';
import { Field, Question } from './field';
import { NO_INDEX, Path } from './path';
import { Stem } from './stem';
import { Arena } from './arena';
import { answerOf, beginValues, finishValues } from './values';

/**
 * Bytes of values that one event may give; beyond it fields have no value. All of them stay until the event
 * changes, because libsinsp keeps their addresses over the calls for one event.
 */
const MAX_VALUE_BYTES: u32 = 64 * 1024 * 1024;
/** The answer where not even the field's place is there; so no field at this place has a value. */
const NOTHING_THERE: u64 = 1;
/** Memory kept for foreign events. */
const KEEP_FOREIGN: u32 = 1024 * 1024;

const AUDIT_ID = new Path('auditID');

const question = new Question();
const FIELDS: u32 = fields.length;
/** Document.invalidBodies when it was last told of. */
let notedBodies: u32 = 0;
// By field: the place without which it has no value, if there is one, and whether the text there is its value. Most
// questions are about fields with such a place, and most of those find nothing there.
const places = new StaticArray<Stem | null>(fields.length);
const areTexts = new StaticArray<bool>(fields.length);
for (let id = 0; id < fields.length; id++) {
  if (fields[id].needsPath) places[id] = fields[id].path.stem;
  areTexts[id] = fields[id].needsPath && fields[id].isText;
}

const foreign = new Block();
const foreignTape = new Tape();
const key = new Block();

/** Makes no event the current one. */
export function forgetEvent(): void {
  become(0, null, 0);
}

/** Makes this the current event; it has no fields without an auditID, as in the official plugin. */
function become(text: usize, root: Node | null, places: usize): void {
  Document.become(text, root, places);
  if (root && !AUDIT_ID.find()) Document.become(text, null, 0);
  question.cluster = NO_CLUSTER;
  question.seen = null;
  Arena.reset();
}

/**
 * Makes the event at this address the current one, if it begins an event of the batch: the bodies that it may have, or
 * -1 for any other address.
 */
export function selectOwn(batch: Batch, event: usize): i32 {
  const index = batch.indexOf(event);
  if (index < 0) return -1;
  const text = batch.payload(index);
  become(text, batch.root(index), batch.head(index));
  question.cluster = batch.cluster(index);
  question.seen = batch.seen(index);
  return batch.bodies(index);
}

/** Where the caller may put the payload of an event that is not of our batch. */
export function foreignSpace(length: u32): usize {
  foreign.shrink(KEEP_FOREIGN);
  return foreign.reserve(length + PADDING);
}

/** Makes the payload in the foreign space the current event; without fields if it is no audit event. Gives its bodies. */
export function selectForeign(length: u32): Body {
  const text = foreign.address;
  memory.fill(text + length, 0, PADDING);
  foreignTape.clear();
  let root: Node | null = null;
  const behind = scan(text, text, text + length, foreignTape, Index.Event);
  if (behind != 0 && skipSpace(behind) >= text + length) {
    const node = changetype<Node>(foreignTape.address);
    // Events of a list are delivered without their list, so `kind` may be missing.
    Head.read(text, node);
    if (Head.shape(true) == Shape.Event) root = node;
  }
  become(text, root, Head.table);
  return scannedBodies;
}

/** Where the caller may put the text of a key argument. */
export function keySpace(length: u32): usize {
  return key.reserve(length);
}

/**
 * The values of a field (its place in the catalogue) of the current event, as finishValues lays them out; without
 * values 0, or NOTHING_THERE.
 * `keyLength` bytes of a key argument stand in the key space; `index` is NO_INDEX without an index argument.
 */
export function extract(id: u32, index: u64, keyLength: u32): u64 {
  if (id >= FIELDS) return 0;
  const answer = read(id, index, keyLength);
  if (Document.invalidBodies != notedBodies) noteInvalidBody();
  return answer;
}

function read(id: u32, index: u64, keyLength: u32): u64 {
  // Whatever can be told without an answer's memory comes first: most questions end here.
  const place = unchecked(places[id]);
  const node = place ? place.node() : Document.root;
  if (!node) return NOTHING_THERE;
  if (Arena.used > MAX_VALUE_BYTES) {
    noteTooManyValues();
    return 0;
  }
  if (unchecked(areTexts[id])) return answerOf(node);
  if (index == NO_INDEX && keyLength == 0) return readValues(unchecked(fields[id]), NO_INDEX, 0);
  const known = find(Document.generation, id, index, key.address, keyLength);
  if (known) return known.answer;
  const answer = readValues(unchecked(fields[id]), index, keyLength);
  keep(Document.generation, id, index, key.address, keyLength, answer);
  return answer;
}

function readValues(field: Field, index: u64, keyLength: u32): u64 {
  question.index = index;
  question.key = key.address;
  question.keyLength = keyLength;
  beginValues();
  field.read(field, question);
  return finishValues();
}

function noteTooManyValues(): void {
  counters.addAtOnce(Counter.FieldErrors, 1);
  if (!mayLog(Reason.Values)) return;
  const limit = (MAX_VALUE_BYTES >> 20).toString();
  logLimited(
    Reason.Values,
    Severity.Warning,
    'the fields of one event have more than ' + limit + ' MiB; the rest has no value',
  );
}

function noteInvalidBody(): void {
  notedBodies = Document.invalidBodies;
  counters.addAtOnce(Counter.FieldErrors, 1);
  if (!mayLog(Reason.Body)) return;
  const text =
    'a request or response body, or a part of it, is not valid JSON; the fields in it have no value';
  logLimited(Reason.Body, Severity.Debug, text);
}
