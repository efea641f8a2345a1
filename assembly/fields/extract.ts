// SPDX-License-Identifier: Apache-2.0
// The event that Falco asks about, and the answers. Values stay until the event changes.
import { Batch } from '../audit/batch';
import { NO_CLUSTER } from '../audit/clusters';
import { Shape, hasAuditId, shapeOf } from '../audit/event';
import { Counter, counters } from '../counters';
import { Document, Node } from '../json/document';
import { Tape } from '../json/tape';
import { Index, scan, skipSpace } from '../json/scan';
import { Reason, Severity, logLimited, mayLog } from '../log';
import { Block, PADDING } from '../memory';
import { fields } from './catalogue';
import { find, keep } from './answers';
import { Field, Question } from './field';
import { NO_INDEX } from './path';
import { arena, beginValues, finishValues } from './values';

/**
 * Bytes of values that one event may give; beyond it fields have no value. All of them stay until the event
 * changes, because libsinsp keeps their addresses over the calls for one event.
 */
const MAX_VALUE_BYTES: u32 = 64 * 1024 * 1024;
/** Memory kept for foreign events. */
const KEEP_FOREIGN: u32 = 1024 * 1024;

const document = new Document();
const question = new Question();
// Counts up with each event: what was kept for an earlier one is not taken for this one's.
let generation: u32 = 0;
let currentOffset: usize = 0;
let currentNumber: u64 = 0;

const foreign = new Block();
const foreignTape = new Tape();
const key = new Block();

/** Makes no event the current one. */
export function forgetEvent(): void {
  currentOffset = 0;
  become(0, null);
}

function become(text: usize, root: Node | null): void {
  document.become(text, root);
  question.cluster = NO_CLUSTER;
  generation++;
  arena.reset();
}

/**
 * Makes the event at this address the current one, if it begins an event of the batch; `number` tells
 * events apart that stand at the same address one after the other. False for any other address.
 */
export function selectOwn(batch: Batch, event: usize, number: u64): bool {
  if (event == currentOffset && number == currentNumber) return true;
  const index = batch.indexOf(event);
  if (index < 0) return false;
  currentOffset = event;
  currentNumber = number;
  const text = batch.payload(index);
  const root = batch.root(index);
  become(text, hasAuditId(text, root) ? root : null);
  question.cluster = batch.cluster(index);
  return true;
}

/** Where the caller may put the payload of an event that is not of our batch. */
export function foreignSpace(length: u32): usize {
  foreign.shrink(KEEP_FOREIGN);
  return foreign.reserve(length + PADDING);
}

/** Makes the payload in the foreign space the current event; without fields if it is no audit event. */
export function selectForeign(length: u32): void {
  currentOffset = 0;
  const text = foreign.address;
  memory.fill(text + length, 0, PADDING);
  foreignTape.clear();
  let root: Node | null = null;
  const behind = scan(text, text, text + length, foreignTape, Index.Event);
  if (behind != 0 && skipSpace(behind) >= text + length) {
    const node = changetype<Node>(foreignTape.address);
    // Events of a list are delivered without their list, so `kind` may be missing.
    if (shapeOf(text, node, true) == Shape.Event && hasAuditId(text, node)) root = node;
  }
  become(text, root);
}

/** Where the caller may put the text of a key argument. */
export function keySpace(length: u32): usize {
  return key.reserve(length);
}

/**
 * The values of a field (its place in the catalogue) of the current event, as finishValues lays them out.
 * `keyLength` bytes of a key argument stand in the key space; `index` is NO_INDEX without an index argument.
 */
export function extract(id: u32, index: u64, keyLength: u32): u64 {
  const root = document.root;
  if (!root || id >= u32(fields.length)) return 0;
  const field = fields[id];
  if (index == NO_INDEX && keyLength == 0) {
    if (field.cachedFor != generation) {
      field.cached = read(field, root, NO_INDEX, 0);
      field.cachedFor = generation;
    }
    return field.cached;
  }
  const known = find(generation, id, index, key.address, keyLength);
  if (known) return known.answer;
  const answer = read(field, root, index, keyLength);
  keep(generation, id, index, key.address, keyLength, answer);
  return answer;
}

function read(field: Field, root: Node, index: u64, keyLength: u32): u64 {
  if (arena.used > MAX_VALUE_BYTES) {
    noteTooManyValues();
    return 0;
  }
  question.document = document;
  question.event = root;
  question.index = index;
  question.key = key.address;
  question.keyLength = keyLength;
  const invalidBefore = document.invalidBodies;
  beginValues();
  field.read(field, question);
  const values = finishValues();
  if (document.invalidBodies != invalidBefore) noteInvalidBody();
  return values;
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
  counters.addAtOnce(Counter.FieldErrors, 1);
  if (!mayLog(Reason.Body)) return;
  const text = 'the request or response body of an event is not valid JSON; its fields have no value';
  logLimited(Reason.Body, Severity.Debug, text);
}

/** The current event, for summaries. */
export function currentDocument(): Document {
  return document;
}
