// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll } from 'vitest';

import { AwsClient } from './client.ts';
import { Moto } from './moto.ts';

/** moto for a group of tests, and a client that sets things up there; both are there when the first test begins. */
export function useMoto(): { readonly moto: Moto; readonly client: AwsClient } {
  const used = {} as { moto: Moto; client: AwsClient };
  beforeAll(async () => {
    used.moto = await Moto.start();
    used.client = new AwsClient({ endpoint: used.moto.url });
  });
  afterAll(async () => {
    used.client?.close();
    await used.moto?.stop();
  });
  return used;
}
