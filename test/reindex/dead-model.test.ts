import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { buildVersion, findVersion, tell } from '../support/reindexes.ts';
import { replay } from '../support/replays.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;
let version: number;

const startedAt = '2026-01-05T09:00:00Z';

beforeAll(async () => {
  models = await startFakeModels();
  const dials = {
    'reconcile.settled_for_ms': 0,
    'replay.max_records_per_second': 1_000,
    'reindex.chunks_per_request': 1,
    'reindex.chunks_per_request_beside_live': 1,
  };
  earshot = await startEarshot({ models, dials });
  const call = { callId: 'c', customerId: 'ada', startedAt };
  const { body } = await earshot.upload('/v1/calls', 'audio', tone(2), call);
  await earshot.settled(body.interactionId, 'reachable');
  await earshot.temporal.getHandle(body.workflowId).result();
  version = (await buildVersion(earshot, 512)).version;
  expect((await tell(earshot, version, 'activate')).status).toBe(200);
  // The walk after the switch would mend what is spoilt below.
  await until('the walk has ended', async () => (await findVersion(earshot, version)).progress.step === 'keeping');
  models.down = earshot.env['EMBEDDING_MODEL'];
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const vectorsIn = async (which: number) =>
  (
    await earshot.database.query(
      `select from embedding_v${which} join chunk using (tenant, chunk_id) where active and reachable_at is not null`,
    )
  ).length;

interface Report {
  readonly endedAt: string | null;
  readonly missing: Record<string, number>;
  readonly repaired: Record<string, number>;
  readonly unrepairable: Record<string, number>;
}

async function reconcile(): Promise<Report> {
  const { body } = await earshot.request<{ reconciliationId: string }>('POST', '/v1/reconciliations', {});
  return until('the reconciliation has ended', async () => {
    const report = await earshot.request<Report>('GET', `/v1/reconciliations/${body.reconciliationId}`);
    return report.body.endedAt !== null && report.body;
  });
}

it('the dead model of a version beside the live one stops neither what comes in, nor a replay, nor a reconciliation', async () => {
  const { body } = await earshot.message({ customerId: 'ada', text: 'a letter to the live version' });
  await earshot.settled(body.interactionId, 'reachable');

  models.transcript = 'The kettle was heard by the second model.';
  const { records } = await replay(earshot, { modalities: ['audio'], asrModel: 'second' });
  expect(records).toMatchObject({ remade: 1, failed: 0 });
  const { results } = await earshot.retrieve({ query: 'kettle', customerId: 'ada', k: 1 });
  expect(results[0]?.text).toBe(models.transcript);

  expect([await vectorsIn(version), await vectorsIn(1)]).toEqual([2, 0]);
  await earshot.database.query(`delete from embedding_v${version}`);
  const report = await reconcile();
  expect(report).toMatchObject({
    missing: { vector: 4 },
    repaired: { vector: 2 },
    unrepairable: { beside_unavailable: 2 },
  });
  expect([await vectorsIn(version), await vectorsIn(1)]).toEqual([2, 0]);
  expect((await findVersion(earshot, 1)).state).toBe('retired');

  models.down = undefined;
  const before = models.calls.length;
  expect(await reconcile()).toMatchObject({ repaired: { vector: 2 }, unrepairable: {} });
  // A repair takes turns with live traffic, as the re-embedding does.
  expect(models.calls.slice(before).map(({ inputs }) => inputs.length)).toEqual([1, 1]);
});
