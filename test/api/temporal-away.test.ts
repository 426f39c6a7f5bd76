import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { freePort } from '../../src/stack/processes.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { startRelay, type Relay } from '../support/relay.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let relay: Relay;
let earshot: TestEarshot;

const portOfTemporal = () => Number(inject('stackEnv')['TEMPORAL_ADDRESS']!.split(':')[1]);

beforeAll(async () => {
  models = await startFakeModels();
  relay = await startRelay(portOfTemporal());
  const dials = { 'intake.ring_timeout_ms': 500 };
  earshot = await startEarshot({ models, dials, env: { TEMPORAL_ADDRESS: `127.0.0.1:${relay.port}` } });
});
afterAll(async () => {
  await earshot?.stop();
  await relay?.stop();
  await models?.stop();
});

it('of what could not be started nothing is left, and it is asked for again as if anew', async () => {
  const asked = { reconciliations: { scope: 'all' }, replays: { only: 'stale' } } as const;
  const each = Object.entries(asked);
  const list = async (what: string) =>
    (await earshot.request<Record<string, unknown[]>>('GET', `/v1/${what}`)).body[what];
  relay.target = await freePort(0);
  relay.cut();
  for (const [what, body] of [...each, ...each]) {
    const refused = await earshot.request('POST', `/v1/${what}`, body);
    expect(refused).toMatchObject({ status: 503, body: { type: 'urn:earshot:temporal_unavailable' } });
    expect(refused.headers.get('retry-after')).not.toBeNull();
    expect(await list(what)).toEqual([]);
  }
  relay.target = portOfTemporal();
  for (const [what, body] of each) {
    await until('it is started', async () => (await earshot.request('POST', `/v1/${what}`, body)).status === 202);
    expect(await list(what)).toHaveLength(1);
  }
});
