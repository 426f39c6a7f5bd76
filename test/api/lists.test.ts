import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const ROWS = 5;
const KEY = 'ab'.repeat(16);

/** Rows of which several have the same moment, microseconds apart from the others. */
async function plant(): Promise<void> {
  const { database } = earshot;
  const moment = `'2026-01-05T09:00:00.000001Z'::timestamptz + (n / 2) * interval '1 microsecond'`;
  await database.query(
    `insert into reconciliation (tenant, reconciliation_id, scope, started_at, ended_at)
     select 'default', gen_random_uuid(), 'all', ${moment}, now() from generate_series(1, ${ROWS}) n`,
  );
  await database.query(
    `insert into erasure (tenant, erasure_id, scope, state, requested_at, erase_after, due_at, start_after)
     select 'default', gen_random_uuid(), 'retention', 'cancelled', ${moment}, now(), now(), now()
     from generate_series(1, ${ROWS}) n`,
  );
  await database.query(
    `insert into replay (tenant, replay_id, captured_to, only_records, requested_by, created_at)
     select 'default', gen_random_uuid(), now(), 'all', 'key-1', ${moment} from generate_series(1, ${ROWS}) n`,
  );
  await database.query(`insert into subject (tenant, customer_key) values ('default', $1)`, [KEY]);
  await database.query(
    `insert into session (tenant, session_id, channel, customer_key, workflow_id, ring_after)
     values ('default', gen_random_uuid(), 'call', $1, 'planted', now())`,
    [KEY],
  );
  await database.query(
    `insert into interaction (tenant, interaction_id, session_id, customer_key, channel, modality, body_hash,
       captured_at, accepted_at, key_generation, sealed_payload, media_type, code_version, duration_ms)
     select tenant, gen_random_uuid(), session_id, customer_key, 'call', 'audio', '', now(), now(), 1, '', 'audio/wav',
       't', 1
     from session`,
  );
  for (const state of ['quarantined', 'active']) {
    await database.query(
      `insert into artifact (tenant, artifact_id, interaction_id, customer_key, kind, piece, state, reason, confidence,
         model, model_version, redactor_version, code_version, created_at)
       select tenant, gen_random_uuid(), interaction_id, customer_key, 'transcript', n, $1, 'low_confidence', 0.1,
         'planted', 'm', 'r', 'c', ${moment}
       from interaction cross join generate_series(1, ${ROWS}) n`,
      [state],
    );
  }
  await database.query(
    `insert into quarantine_decision (tenant, artifact_id, interaction_id, customer_key, decision, reason, confidence,
       decided_by, decided_at, start_after, applied_at)
     select tenant, artifact_id, interaction_id, customer_key, 'release', 'low_confidence', 0.1, 'key-1', created_at,
       now(), now()
     from artifact where state = 'active'`,
  );
}

it('every list is read in pages that lose and repeat nothing, also where rows share a moment', async () => {
  await plant();
  for (const [path, rows, id] of [
    ['/v1/reconciliations?', 'reconciliations', 'reconciliationId'],
    ['/v1/replays?', 'replays', 'replayId'],
    ['/v1/erasures?state=cancelled', 'erasures', 'erasureId'],
    ['/v1/quarantine?', 'artifacts', 'artifactId'],
    ['/v1/quarantine?state=released', 'artifacts', 'artifactId'],
  ] as const) {
    const read = async (page: string) => {
      const { body } = await earshot.request<Record<string, unknown>>('GET', `${path}&${page}`);
      const ids = (body[rows] as Record<string, string>[]).map((row) => row[id]!);
      return { ids, next: body['nextCursor'] as string | null };
    };
    const whole = await read(`limit=${ROWS}`);
    expect([path, new Set(whole.ids).size, whole.next]).toEqual([path, ROWS, null]);
    const seen: string[] = [];
    for (let page = 'limit=1'; ;) {
      const { ids, next } = await read(page);
      seen.push(...ids);
      if (next === null) break;
      page = `limit=1&cursor=${next}`;
    }
    expect([path, seen]).toEqual([path, whole.ids]);
  }
});

it.each([
  '/v1/failures?',
  '/v1/customers/jo/records?',
  '/v1/quarantine?',
  '/v1/exposures?customerId=jo',
  '/v1/reconciliations?',
  '/v1/replays?',
  '/v1/erasures?',
  '/v1/lineage/impact?model=m&list=true',
])('GET %s names a cursor that it did not give, and a limit that is none', async (path) => {
  const strange = Buffer.from('["yesterday", "somewhere"]').toString('base64url');
  for (const [field, value] of [
    ['cursor', 'forged'],
    ['cursor', strange],
    ['limit', '0'],
  ] as const) {
    const { status, body } = await earshot.request<{ errors: { field: string }[] }>('GET', `${path}&${field}=${value}`);
    expect([path, status, body.errors[0]?.field]).toEqual([path, 400, field]);
  }
});
