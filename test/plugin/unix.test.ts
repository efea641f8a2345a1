// SPDX-License-Identifier: Apache-2.0
// The webhook on a Unix socket: who may connect, what is there already, and what stays behind.
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { existsSync, lstatSync, renameSync, statSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { shortEvent } from '../support/events.ts';
import { Workspace } from '../support/workspace.ts';
import { caught, idsOf, init, open, type Reader } from './support.ts';
import { PATH } from './webhook-support.ts';

/** The status for an event that is posted to the socket. */
function post(socketPath: string, id: string): Promise<number> {
  const body = shortEvent(id);
  const headers = { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path: PATH, method: 'POST', agent: false, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function expectServed(reader: Reader, path: string, id: string): Promise<void> {
  expect(await reader.settle('the answer', post(path, id))).toBe(200);
  expect(idsOf(reader.events)).toContain(id);
}

describe('a Unix socket', () => {
  test('takes events, with the permissions that the URL gives, and is removed at the end', async () => {
    const path = new Workspace().at('audit.sock');
    const reader = open(`unix://${path}?mode=0640`);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    await expectServed(reader, path, 'a');
    reader.instance.close();
    expect(existsSync(path)).toBe(false);
  });

  test('that a killed process has left is replaced', async () => {
    const workspace = new Workspace();
    const path = workspace.at('audit.sock');
    const left = createServer().listen(workspace.at('left'));
    await new Promise((resolve) => left.once('listening', resolve));
    // Its file keeps its name when the server that made it is closed under another.
    renameSync(workspace.at('left'), path);
    await new Promise((resolve) => left.close(resolve));
    expect(lstatSync(path).isSocket()).toBe(true);
    await expectServed(open(`unix://${path}`), path, 'a');
  });

  test('whose clients do not take their answers keeps a place for those that do', async () => {
    const path = new Workspace().at('audit.sock');
    const reader = open(`unix://${path}`, { webhookMaxConnections: 2 });
    const stuck = [0, 1].map(() => {
      const socket = connect(path).pause();
      onTestFinished(() => void socket.destroy());
      socket.on('error', () => undefined).write('GET /nothing HTTP/1.1\r\n\r\n'.repeat(5000));
      return socket;
    });
    // The answers fill the socket, and then nothing moves.
    let refused = -1;
    await reader.until('the end of all movement', () => {
      const before = refused;
      refused = reader.metrics().http_answers_4xx ?? 0;
      return refused > 100 && refused === before;
    });
    const since = Date.now();
    await reader.until('more than a second', () => Date.now() - since > 1700);
    await expectServed(reader, path, 'a');
    expect(stuck.length).toBe(2);
  });

  test('that is in use is refused, and goes on', async () => {
    const path = new Workspace().at('audit.sock');
    const reader = open(`unix://${path}`);
    expect(caught(() => init({}).open(`unix://${path}`)).message).toMatch(/another process listens there/);
    await expectServed(reader, path, 'a');
  });

  test('in the place of a file is refused, and the file stays', () => {
    const path = new Workspace().write('precious', 'text');
    expect(caught(() => open(`unix://${path}`)).message).toMatch(/a file that is not a socket/);
    expect(statSync(path).size).toBe(4);
  });

  test('in a folder that is not there, or with too long a path, is refused with the reason', () => {
    const workspace = new Workspace();
    expect(caught(() => open(`unix://${workspace.at('none/audit.sock')}`)).message).toMatch(/No such file/);
    const long = workspace.at('x'.repeat(120));
    expect(caught(() => open(`unix://${long}`)).message).toMatch(
      /the path of a Unix socket has 1 to 107 bytes/,
    );
  });

  test('of another process that has taken the path over is not removed at the end', () => {
    const workspace = new Workspace();
    const path = workspace.at('audit.sock');
    const first = open(`unix://${path}`);
    renameSync(path, workspace.at('moved'));
    const second = open(`unix://${path}`);
    onTestFinished(() => second.instance.close());
    first.instance.close();
    expect(existsSync(path)).toBe(true);
  });
});
