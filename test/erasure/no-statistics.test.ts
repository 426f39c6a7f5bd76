import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureLiveIndexVersion } from '../../src/db/index-versions.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;

/** So few that a vector is short enough for the planner to keep samples of it. */
const DIMENSIONS = 8;

beforeAll(async () => {
  database = await createDatabase('template1');
  await migrate(database.url);
  await ensureLiveIndexVersion(database.url, 'a small model', DIMENSIONS);
  // Foreign keys are no matter here: the rows of other tables have nothing to do with what is sampled.
  await database.query(`
    set session_replication_role = replica;
    insert into artifact (tenant, artifact_id, interaction_id, customer_key, kind, state, content, confidence, model,
      model_version, redactor_version, code_version)
    select 'default', gen_random_uuid(), gen_random_uuid(), 'key', 'message', 'active',
      jsonb_build_array(jsonb_build_object('text', 'pogostick ' || n % 10)), 1, 'm', 'v', 'r', 'c'
    from generate_series(1, 500) n;
    insert into chunk (tenant, chunk_id, artifact_id, interaction_id, session_id, customer_key, modality, ordinal, text,
      place, confidence, event_time, chunker_version)
    select 'default', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'key', 'chat', 0,
      'pogostick ' || n % 10, '{}', 1, now(), 'c'
    from generate_series(1, 500) n;
    insert into embedding (index_version, tenant, chunk_id, customer_key, embedding, model_version, embedded_at,
      committed_at)
    select (select index_version from index_version), 'default', chunk_id, 'key',
      ('[' || row_number() over () % 10 + 1 || ',4711,0,0,0,0,0,0]')::vector, 'v', now(), now()
    from chunk;
    reset session_replication_role`);
  await database.query('analyze');
});
afterAll(() => database?.drop());

describe('the statistics of the planner', () => {
  it('hold samples of ids and times, and none of what anybody said or of its vectors', async () => {
    const sampled = await database.query<{ tablename: string; sample: string }>(
      `select tablename, concat(most_common_vals, histogram_bounds, most_common_elems) as sample
       from pg_stats where schemaname = 'public'`,
    );
    const relations = sampled.map(({ tablename }) => tablename);
    expect(relations).toEqual(expect.arrayContaining(['artifact', 'chunk', 'embedding', 'embedding_v1']));
    expect(sampled.filter(({ sample }) => /pogostick|,4711,0/.test(sample))).toEqual([]);
  });
});
