import { afterAll, beforeAll, expect, it } from 'vitest';
import { CANARY_CUSTOMER } from '../../src/domain/canary.ts';
import { countWindow, markArrivals } from '../../src/db/rollups.ts';
import { listNotCarried } from '../../src/db/not-carried.ts';
import { checkRates, qualityLoad } from '../../src/db/quality.ts';
import { openDatabase } from '../../src/db/pools.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { replay } from '../support/replays.ts';

let models: FakeModels;
let earshot: TestEarshot;

const HOUR = new Date('2026-01-05T09:00:00Z');

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

/** A record of a customer that failed, with what an older model made of it, and pieces that are held back and released. */
async function plant(key: string): Promise<void> {
  const { database } = earshot;
  await database.query(`insert into subject (tenant, customer_key) values ('default', $1) on conflict do nothing`, [
    key,
  ]);
  await database.query(
    `insert into session (tenant, session_id, channel, customer_key, workflow_id, ring_after)
     values ('default', gen_random_uuid(), 'call', $1, 'planted', now())`,
    [key],
  );
  await database.query(
    `insert into interaction (tenant, interaction_id, session_id, customer_key, channel, modality, body_hash,
       captured_at, accepted_at, key_generation, sealed_payload, media_type, code_version, duration_ms)
     select tenant, gen_random_uuid(), session_id, customer_key, 'call', 'audio', '', $2, now(), 1, '', 'audio/wav', 't', 1
     from session where customer_key = $1`,
    [key, HOUR],
  );
  await database.query(
    `insert into freshness (tenant, interaction_id, session_id, customer_key, modality, state, captured_at, accepted_at,
       first_failed_at, last_failed_at)
     select tenant, interaction_id, session_id, customer_key, modality, 'failed', captured_at, now(), now(), now()
     from interaction where customer_key = $1`,
    [key],
  );
  await database.query(
    `insert into artifact (tenant, artifact_id, interaction_id, customer_key, kind, piece, state, reason, confidence,
       model, model_version, redactor_version, code_version, failed_at)
     select tenant, gen_random_uuid(), interaction_id, customer_key, 'transcript', piece, state, reason, 1, 'planted',
       'm', 'r', 'c', now()
     from interaction cross join (values (0, 'failed', 'model_rejected'), (1, 'active', null),
       (2, 'quarantined', 'low_confidence'), (3, 'active', null)) v (piece, state, reason)
     where customer_key = $1`,
    [key],
  );
  await database.query(
    `insert into quarantine_decision (tenant, artifact_id, interaction_id, customer_key, decision, reason, confidence,
       decided_by, start_after, applied_at)
     select tenant, artifact_id, interaction_id, customer_key, 'release', 'low_confidence', 1, 'key-1', now(), now()
     from artifact where customer_key = $1 and piece = 3`,
    [key],
  );
}

/** How often what is planted is shown or counted, by what answers. */
async function seen(): Promise<Record<string, number>> {
  const database = openDatabase({ url: earshot.database.url });
  const { app } = database.forTenant('default');
  await earshot.database.query('delete from rollup_hour');
  await earshot.database.query('delete from rollup_mark');
  await markArrivals(app, 'default', null);
  const marked = await earshot.database.query(`select from rollup_hour where modality = 'audio' and hour = $1`, [HOUR]);
  const window = await countWindow(app, { tenant: 'default', modality: 'audio', hour: HOUR }, 1);
  const rates = await checkRates(app, 'default', 3_600_000, 3_600_000);
  const load = await qualityLoad(app, 'default');
  const notCarried = await listNotCarried(app, 'default', 'raw', 10);
  await database.close();
  const get = async <T>(path: string) => (await earshot.request<T>('GET', path)).body;
  const impact = await get<{ records: number }>('/v1/lineage/impact?model=planted');
  const logic = await get<{ kinds: { stale: number }[] }>('/v1/logic');
  const held = async (state: string) =>
    (await get<{ artifacts: unknown[] }>(`/v1/quarantine?state=${state}`)).artifacts.length;
  const judged = await earshot.request<{ checked: number }>('POST', '/v1/quarantine/reevaluate', { dryRun: true });
  return {
    quarantined: await held('quarantined'),
    released: await held('released'),
    held: load.held.length,
    judged: judged.body.checked,
    notCarried: notCarried.length,
    failures: (await get<{ failures: unknown[] }>('/v1/failures')).failures.length,
    marked: marked.length,
    records: window.records,
    rates: rates.filter((rate) => rate.recognitions > 0).length,
    impact: JSON.stringify(impact).includes('"records":1') ? 1 : 0,
    stale: logic.kinds.reduce((sum, { stale }) => sum + stale, 0),
    replayed: (await replay(earshot, { only: 'missing', kinds: ['caption'] })).records.total,
  };
}

it('canaries are in no answer and no count over all customers, where a customer’s record is', async () => {
  await plant(CANARY_CUSTOMER.key);
  const canary = await seen();
  expect(new Set(Object.values(canary))).toEqual(new Set([0]));
  await plant('ab'.repeat(16));
  const customer = await seen();
  expect(Object.values(customer).every((count) => count > 0)).toBe(true);
});
