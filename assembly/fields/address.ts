// SPDX-License-Identifier: Apache-2.0
// IP addresses: their text as bytes, and whether they are public.
import { Document } from '../json/document';
import { hexValue } from '../json/scan';
import { Kind, Node } from '../json/tape';
import { Bytes } from '../memory';
import { Arena } from './arena';
import { Field, Question, visit } from './field';
import { addAddress, addFlag } from './values';

const IPV4: u32 = 4;
const IPV6: u32 = 16;
/** Longest text of an address: eight groups, the last two as IPv4. */
const MAX_TEXT: u32 = 45;
const DOT: u8 = 0x2e;
const COLON: u8 = 0x3a;

/** Those at the path that are addresses; one that maps IPv4 into IPv6 as the IPv4 address that it is. */
export function readAddresses(field: Field, question: Question): void {
  visit(field, question, (node) => {
    const out = Arena.alloc(IPV6);
    const size = parse(node, out);
    Arena.trim(IPV6, size);
    if (size != 0) addAddress(out, size, node);
  });
}

let addresses: u32 = 0;
let isAnyPublic = false;

/** Whether one of the addresses at the path is public; no value when there is no address. */
export function readAnyPublic(field: Field, question: Question): void {
  addresses = 0;
  isAnyPublic = false;
  visit(field, question, (node) => {
    const out = Arena.alloc(IPV6);
    const size = parse(node, out);
    if (size != 0) {
      addresses++;
      isAnyPublic = isAnyPublic || isPublic(out, size);
    }
    Arena.trim(IPV6, 0);
  });
  if (addresses > 0) addFlag(isAnyPublic);
}

/** Writes the address in network byte order, 4 or 16 bytes; gives how many, 0: it is none. */
function parse(node: Node, out: usize): u32 {
  const length = node.end - node.start;
  if (node.kind != Kind.String || node.escaped || length > MAX_TEXT) return 0;
  const from = Document.text + node.start;
  const end = from + length;
  if (Bytes.find(from, end, COLON) == end) return parseIpv4(from, end, out) ? IPV4 : 0;
  if (!parseIpv6(from, end, out)) return 0;
  if (!isMapped(out)) return IPV6;
  store<u32>(out, load<u32>(out, 12));
  return IPV4;
}

/** Four decimal numbers without leading zeros. */
function parseIpv4(from: usize, end: usize, out: usize): bool {
  for (let i: u32 = 0; i < IPV4; i++) {
    let value: u32 = 0;
    const first = from;
    while (from < end && isDigit(load<u8>(from))) {
      if (from > first && value == 0) return false;
      value = value * 10 + (load<u8>(from++) - 0x30);
      if (value > 255) return false;
    }
    if (from == first) return false;
    store<u8>(out + i, value);
    if (i < IPV4 - 1 && (from == end || load<u8>(from++) != DOT)) return false;
  }
  return from == end;
}

/** RFC 4291: groups of up to four hexadecimal digits, `::` once, the last two perhaps as IPv4. No zone. */
function parseIpv6(from: usize, end: usize, out: usize): bool {
  memory.fill(out, 0, IPV6);
  let written: u32 = 0;
  // Where `::` stands.
  let gap: i32 = -1;
  if (from + 1 < end && load<u16>(from) == 0x3a3a) {
    gap = 0;
    from += 2;
  }
  while (from < end) {
    if (written == IPV6) return false;
    const stop = Bytes.find(from, end, COLON);
    if (Bytes.find(from, stop, DOT) != stop) {
      if (stop != end || written > IPV6 - IPV4 || !parseIpv4(from, end, out + written)) return false;
      written += IPV4;
      break;
    }
    const group = hexGroup(from, stop);
    if (group < 0) return false;
    store<u16>(out + written, bswap<u16>(u16(group)));
    written += 2;
    if (stop == end) break;
    from = stop + 1;
    if (from == end) return false;
    if (load<u8>(from) == COLON) {
      if (gap >= 0) return false;
      gap = i32(written);
      from++;
    }
  }
  if (gap < 0) return written == IPV6;
  if (written > IPV6 - 2) return false;
  const behind = written - u32(gap);
  memory.copy(out + IPV6 - behind, out + gap, behind);
  memory.fill(out + gap, 0, IPV6 - written);
  return true;
}

function hexGroup(from: usize, end: usize): i32 {
  if (from == end || end - from > 4) return -1;
  let value: i32 = 0;
  for (let at = from; at < end; at++) {
    const digit = hexValue(load<u8>(at));
    if (digit < 0) return -1;
    value = (value << 4) | digit;
  }
  return value;
}

/** ::ffff:0:0/96 */
function isMapped(address: usize): bool {
  return load<u64>(address) == 0 && load<u32>(address, 8) == 0xffff0000;
}

/**
 * Whether the address belongs to the internet: not to a private or shared network, a link, the host itself, a group, or
 * what is reserved (RFC 6890). Addresses that are set aside for documentation count as public, since they stand for such.
 */
function isPublic(address: usize, size: u32): bool {
  return size == IPV4 ? isPublicIpv4(bswap<u32>(load<u32>(address))) : isPublicIpv6(address);
}

function isPublicIpv4(address: u32): bool {
  const isSpecial =
    isWithin(address, 0x00000000, 8) || // this network
    isWithin(address, 0x0a000000, 8) || // private
    isWithin(address, 0x64400000, 10) || // shared, behind a provider's NAT
    isWithin(address, 0x7f000000, 8) || // loopback
    isWithin(address, 0xa9fe0000, 16) || // link-local
    isWithin(address, 0xac100000, 12) || // private
    isWithin(address, 0xc0000000, 24) || // protocol assignments
    isWithin(address, 0xc0a80000, 16) || // private
    isWithin(address, 0xc6120000, 15) || // benchmarks
    isWithin(address, 0xe0000000, 3); // multicast and reserved
  return !isSpecial;
}

function isWithin(address: u32, network: u32, bits: u32): bool {
  return (address ^ network) >> (32 - bits) == 0;
}

/** Of IPv6, 2000::/3 alone is given out. */
function isPublicIpv6(address: usize): bool {
  return load<u8>(address) >> 5 == 1;
}

function isDigit(byte: u8): bool {
  return <u32>byte - 0x30 < 10;
}
