// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Names of compiled functions, made readable.

/** What wasm2c puts in front of the functions of our WASM, and of those that it makes for calls through a table. */
const PREFIX = /^(?:wrap_)?w2c_k8saudit_/;

/**
 * The name of a function as its author knows it. wasm2c makes `w2c_k8saudit_assembly0x2Fjson0x2Fscan0x2Fscan` of the
 * function `scan` in assembly/json/scan.ts: that becomes `json/scan scan`. Functions of C keep their names. What the
 * compiler (`.part.0`, `.constprop.0` …) and callgrind (`'2`: a recursion) append is left out.
 *
 * @param {string} symbol
 * @returns {string}
 */
export function readableName(symbol) {
  const plain = symbol.replace(/'\d+$/, '').replace(/(\.(part|constprop|isra|cold|lto_priv)(\.\d+)?)+$/, '');
  if (!PREFIX.test(plain)) return plain;
  const bytes = plain
    .replace(PREFIX, '')
    .replace(/0x([0-9A-F]{2})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)));
  const name = Buffer.from(bytes, 'latin1')
    .toString('utf8')
    .replace(/(^|[<,:])assembly\//g, '$1');
  // The last slash in front of type arguments, which have slashes of their own.
  const slash = name.slice(0, name.includes('<') ? name.indexOf('<') : undefined).lastIndexOf('/');
  return slash < 0 ? name : `${name.slice(0, slash)} ${name.slice(slash + 1)}`;
}
