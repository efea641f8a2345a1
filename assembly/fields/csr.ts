// SPDX-License-Identifier: Apache-2.0
// Readers for certificate signing requests: whom the certificate would make of its owner. The request is PKCS #10 in
// DER, in PEM, in base64; whoever may create one writes what it likes, so each length is checked.
import { fromBase64 } from '../json/base64';
import { Document } from '../json/document';
import { Name } from '../json/name';
import { Kind, Node } from '../json/tape';
import { valueCapacity, writeUtf8, writeValue } from '../json/text';
import { Bytes } from '../memory';
import { Arena } from './arena';
import { Field, Question } from './field';
import { isResource } from './target';
import { addWritten } from './values';

const REQUESTS = new Name('certificatesigningrequests');
const BEGIN = new Name('-----BEGIN CERTIFICATE REQUEST-----');

const INTEGER: u8 = 0x02;
const OBJECT_ID: u8 = 0x06;
const BMP_STRING: u8 = 0x1e;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/** The object ids 2.5.4.n, in three bytes: 0x55, 0x04 and n. */
const ATTRIBUTE: u16 = 0x0455;
const COMMON_NAME: u8 = 3;
const ORGANIZATION: u8 = 10;

// What is read of the DER, and where it ends.
let at: usize = 0;
let end: usize = 0;

/** The organizations of the subject: the groups of the certificate's owner. */
export function readRequestedGroups(field: Field, question: Question): void {
  if (!openSubject(field.path.find())) return;
  while (nextAttribute()) {
    if (attribute == ORGANIZATION) addText();
  }
}

/** The common name of the subject, the last one if there are several: the name of the certificate's owner. */
export function readRequestedUser(field: Field, question: Question): void {
  if (!openSubject(field.path.find())) return;
  let from: usize = 0;
  let to: usize = 0;
  let tag: u8 = 0;
  while (nextAttribute()) {
    if (attribute != COMMON_NAME) continue;
    from = text;
    to = textEnd;
    tag = textTag;
  }
  if (from == 0) return;
  text = from;
  textEnd = to;
  textTag = tag;
  addText();
}

/** Goes to the subject of the request in this text; false when it cannot be read. */
function openSubject(request: Node | null): bool {
  if (!request || request.kind != Kind.String || !isResource(REQUESTS)) return false;
  const der = Arena.alloc(valueCapacity(request));
  let length = fromBase64(der, der + writeValue(Document.text, request, der), der);
  const body = bodyOfPem(der, der + length);
  if (body == 0) return false;
  length = fromBase64(body, der + length, der);
  at = der;
  end = der + length;
  // CertificationRequest, its CertificationRequestInfo, past the version, the subject.
  if (open(SEQUENCE) == 0 || open(SEQUENCE) == 0) return false;
  const behindVersion = open(INTEGER);
  if (behindVersion == 0) return false;
  at = behindVersion;
  const subjectEnd = open(SEQUENCE);
  if (subjectEnd == 0) return false;
  end = subjectEnd;
  setEnd = at;
  return true;
}

/** Behind the line that begins the request, and the headers below it; 0 when there is none. */
function bodyOfPem(from: usize, end: usize): usize {
  for (; from + BEGIN.length < end; from++) {
    from = Bytes.find(from, end, 0x2d);
    if (from + BEGIN.length >= end || !BEGIN.equals(from, BEGIN.length)) continue;
    from += BEGIN.length;
    while (from < end) {
      const line = Bytes.find(from, end, 0x0a);
      if (Bytes.find(from, line, 0x3a) == line && line != from) return from;
      from = line + 1;
    }
  }
  return 0;
}

/** Goes into the value with this tag; its end, or 0 when there is none, or it is longer than what it is in. */
function open(tag: u8): usize {
  if (at + 2 > end || load<u8>(at) != tag) return 0;
  let length = <u32>load<u8>(at, 1);
  at += 2;
  if (length >= 0x80) {
    const bytes = length & 0x7f;
    if (bytes == 0 || bytes > 4 || usize(bytes) > end - at) return 0;
    length = 0;
    for (let i: u32 = 0; i < bytes; i++) length = (length << 8) | load<u8>(at++);
  }
  return length > u32(end - at) ? 0 : at + length;
}

// The attribute that nextAttribute has found: its number below id-at, or 0; and its text.
let attribute: u8 = 0;
let text: usize = 0;
let textEnd: usize = 0;
let textTag: u8 = 0;
let setEnd: usize = 0;

/** Goes to the next attribute of the subject; false when there is none, or what is there cannot be read. */
function nextAttribute(): bool {
  while (at == setEnd) {
    if (at == end) return false;
    setEnd = open(SET);
    if (setEnd == 0) return false;
  }
  const behind = open(SEQUENCE);
  if (behind == 0 || behind > setEnd) return false;
  const behindId = open(OBJECT_ID);
  if (behindId == 0 || behindId >= behind) return false;
  const isKnown = behindId == at + 3 && load<u16>(at) == ATTRIBUTE;
  attribute = isKnown ? load<u8>(behindId - 1) : 0;
  at = behindId;
  textTag = load<u8>(at);
  textEnd = open(textTag);
  text = at;
  at = behind;
  return textEnd != 0 && textEnd <= behind;
}

/** Adds the text of the attribute. */
function addText(): void {
  const length = u32(textEnd - text);
  // Three bytes of UTF-8 for two of a BMPString at most.
  const capacity = 2 * length + 1;
  const out = Arena.alloc(capacity);
  const written = textTag == BMP_STRING ? fromUtf16(text, textEnd, out) : length;
  if (textTag != BMP_STRING) memory.copy(out, text, length);
  Arena.trim(capacity, written + 1);
  addWritten(out, written, 0, 0);
}

function fromUtf16(from: usize, end: usize, out: usize): u32 {
  const start = out;
  for (; from + 2 <= end; from += 2) {
    const point = ((<u32>load<u8>(from)) << 8) | load<u8>(from, 1);
    // A BMPString has no surrogates.
    out = writeUtf8(point >= 0xd800 && point < 0xe000 ? 0xfffd : point, out);
  }
  return u32(out - start);
}
