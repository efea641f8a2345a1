import { test } from 'vitest';
import { Webhook, requestText, post, keepAlive } from './webhook-support.ts';
import { shortEvent, listText, names } from '../support/events.ts';
import { breathe, messagesOf } from './support.ts';

test('basic', async () => {
  const hook = new Webhook();
  console.log(await hook.exchange(shortEvent('a')));
  console.log(hook.state.logs, hook.metrics());
});
test('HEAD', async () => {
  const hook = new Webhook();
  const c = hook.client().send('HEAD /k8s-audit HTTP/1.1\r\nHost: x\r\n\r\n').send('GET /k8s-audit HTTP/1.1\r\nHost: x\r\n\r\n');
  await hook.idle(6);
  console.log('HEAD', JSON.stringify(c.received));
});
test('too large', async () => {
  const hook = new Webhook({webhookMaxBatchSize: 1024});
  console.log(await hook.exchange('x'.repeat(2000)));
  console.log('chunk', await hook.exchange('', {chunks: ['x'.repeat(600), 'y'.repeat(600)]}).catch(e => e));
  console.log('hdr', await hook.exchange('{}', {headers: {'X-Long': 'y'.repeat(70000)}}).catch(e => e));
  const c = hook.client().send('POST /k8s-audit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n');
  await hook.idle(10);
  console.log('expect', JSON.stringify(c.received), c.isClosed);
  console.log(hook.metrics(), hook.state.logs);
});
test('close pipelined', async () => {
  const hook = new Webhook();
  const c = hook.client().send(requestText(shortEvent('a')) + requestText(shortEvent('b')));
  await hook.delivered(1);
  hook.instance.close();
  await breathe();
  console.log('closed', JSON.stringify(c.received), c.isClosed);
  const again = hook.state.open('http://127.0.0.1:0/k8s-audit');
  const t = Date.now();
  for (let i = 0; i < 10; i++) console.log(again.nextBatch().rc);
  console.log('10 polls ms', Date.now() - t);
});
test('large limit', async () => {
  const hook = new Webhook({webhookMaxBatchSize: 134217728});
  console.log('big', await hook.exchange(' '.repeat(66 << 20) + shortEvent('a')));
});
