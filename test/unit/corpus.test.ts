// SPDX-License-Identifier: Apache-2.0
// The made-up day of a healthy cluster: whether its events are such as kube-apiserver writes. What the rules say of them
// is in test/host/corpus.test.ts.
import { describe, expect, it } from 'vitest';
import { healthyDay } from '../../scripts/corpus/healthy.mjs';

const day = healthyDay().written();

describe('a day of a healthy cluster', () => {
  it('has thousands of whole events, in order of time', () => {
    expect(day.length).toBeGreaterThanOrEqual(2000);
    const times = day.map(({ event }) => event['stageTimestamp'] as string);
    expect(times).toEqual([...times].sort());
    for (const { event } of day) {
      expect(event).toMatchObject({
        kind: 'Event',
        apiVersion: 'audit.k8s.io/v1',
        auditID: expect.any(String),
      });
      expect(['ResponseStarted', 'ResponseComplete']).toContain(event['stage']);
      const { namespace, name, resource, subresource } = (event['objectRef'] ?? {}) as Record<string, string>;
      const uri = String(event['requestURI']);
      for (const part of [namespace, resource, subresource])
        if (part !== undefined) expect(uri).toContain(part);
      if (name !== undefined && event['verb'] === 'get') expect(uri).toContain(`/${name}`);
    }
    const ids = day.map(({ event }) => `${event['auditID']} ${event['stage']}`);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is the same each time', () => {
    expect(healthyDay().written()).toEqual(day);
    expect(healthyDay(1).written()).not.toEqual(day);
  });

  it('never has the body of a secret or of a token', () => {
    for (const { event } of day) {
      const { resource } = (event['objectRef'] ?? {}) as Record<string, string>;
      if (resource === 'secrets' || resource === 'tokenreviews') expect(event['level']).toBe('Metadata');
      if (event['level'] === 'Metadata') expect(event).not.toHaveProperty('requestObject');
    }
  });
});
