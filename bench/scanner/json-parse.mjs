// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Times Node's JSON.parse on the events of a file, with the options and the result of main.c. The texts are strings
// already. A pass has one reading of the clock: it takes too long for one event. The fastest pass is `least`.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '' },
    passes: { type: 'string', default: '15' },
    repeat: { type: 'string', default: '1' },
  },
});
const lines = readFileSync(values.events, 'utf8')
  .split('\n')
  .filter((line) => line !== '');
const repeat = Number(values.repeat);
// So that no result can be left out.
let found = 0;

const times = Array.from({ length: Number(values.passes) }, () => {
  const start = process.hrtime.bigint();
  for (const line of lines) {
    for (let i = 0; i < repeat; i++) if (JSON.parse(line).auditID !== undefined) found++;
  }
  return Number(process.hrtime.bigint() - start) / repeat;
}).sort((a, b) => a - b);

if (found !== lines.length * times.length * repeat) throw new Error('a line is no audit event');
console.log(
  JSON.stringify({
    candidate: 'json-parse',
    about: `JSON.parse of Node ${process.version}`,
    events: lines.length,
    bytes: lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0),
    passes: times.length,
    repeat,
    clock: 0,
    nanoseconds: times[times.length >> 1],
    least: times[0],
  }),
);
