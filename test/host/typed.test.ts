// SPDX-License-Identifier: Apache-2.0
// Typed fields in the real libsinsp: what rules can do with them, and how it prints them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Scratch, fixtureRule, pluginPath, runHost } from './support.ts';

const scratch = new Scratch();
let log = '';

const EVENT = {
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  level: 'Metadata',
  auditID: '5d1c4f2a-7f0e-4a43-a8f5-9a3ef1e0c001',
  stage: 'ResponseComplete',
  requestURI: '/api/v1/namespaces/shop/secrets',
  verb: 'list',
  user: { username: 'jane.doe@example.org', groups: ['system:authenticated'] },
  sourceIPs: ['203.0.113.9', '10.20.4.31', '2001:db8::7'],
  objectRef: { resource: 'secrets', namespace: 'shop', apiVersion: 'v1' },
  responseStatus: { metadata: {}, code: 403 },
  requestReceivedTimestamp: '2025-03-18T09:42:11.000000Z',
  stageTimestamp: '2025-03-18T09:42:12.500000Z',
};

beforeAll(() => {
  log = scratch.write('audit.log', `${JSON.stringify(EVENT)}\n`);
});
afterAll(() => scratch.remove());

function run(condition: string, output = 'found') {
  const rules = scratch.rules([fixtureRule('typed', condition, { source: 'k8s_audit', output })]);
  const ended = runHost(['--plugin', pluginPath(), '--open', log, '--rules', rules]);
  expect(ended.stderr).toBe('');
  expect(ended.summary?.events).toBe(1);
  return ended.alerts;
}

describe('conditions', () => {
  it.each([
    ['ka.response.status_code = 403', true],
    ['ka.response.status_code >= 400 and ka.response.status_code < 500', true],
    ['ka.response.status_code in (401, 403)', true],
    ['ka.response.status_code > 403', false],
    // As text, 1000 would come before 403.
    ['ka.response.status_code < 1000', true],
    ['ka.latency = 1500000000', true],
    ['ka.latency > 1000000000', true],
    ['ka.latency > 2000000000', false],
    ['ka.timestamp > 1742290932000000000', true],
    ['ka.timestamp > 1742290933000000000', false],
    ['ka.source.is_public = true', true],
    ['ka.source.is_public = false', false],
    ['not ka.source.is_public = true', false],
    ['ka.source.ip intersects (10.20.4.31)', true],
    ['ka.source.ip intersects (2001:db8::7, 10.0.0.1)', true],
    ['ka.source.ip intersects (10.20.4.32)', false],
    ['ka.source.ip in (203.0.113.9, 10.20.4.31, 2001:db8:0:0:0:0:0:7)', true],
    ['ka.source.ip in (203.0.113.9, 10.20.4.31)', false],
    ['ka.source.ip exists', true],
    ['ka.req.token.expiration exists', false],
  ])('%s: %s', (condition, isFound) => {
    expect(run(condition)).toHaveLength(isFound ? 1 : 0);
  });
});

it('outputs', () => {
  const output =
    'code=%ka.response.status_code ips=%ka.source.ip public=%ka.source.is_public latency=%ka.latency time=%ka.timestamp';
  const [alert] = run('ka.auditid exists', output);
  expect(alert?.output).toBe(
    'code=403 ips=(203.0.113.9,10.20.4.31,2001:db8::7) public=true latency=1500000000 time=1742290932500000000',
  );
});
