import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import pg from 'pg';
import { clearResidue } from '../../src/db/residue.ts';
import { ownerOf } from '../../src/db/owner.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database?.drop());

const clear = (lockMs: number) => ownerOf(database.url)('', (owner) => clearResidue(owner, lockMs, new Map()));

describe('what deletes leave in the database', () => {
  it('is rewritten where that is quick, and else postponed by name, with the words rebuilt', async () => {
    expect(await clear(5_000)).toMatchObject({
      rewritten: ['embedding_v1', 'chunk', 'artifact'],
      postponed: [],
      reindexed: [],
    });
    expect(await clear(0)).toMatchObject({
      rewritten: [],
      postponed: ['embedding_v1', 'chunk', 'artifact'],
      reindexed: ['chunk_words'],
    });
  });

  it('is not waited for beyond the bound by writers: a rewrite that gets no lock gives up', async () => {
    const writer = new pg.Client({ connectionString: database.url });
    await writer.connect();
    await writer.query('begin');
    await writer.query(`lock table chunk in row exclusive mode`);
    const cleared = clear(300);
    await until('the rewrite has given up and the words are rebuilt beside the writer', async () => {
      const rows = await database.query(`select from pg_stat_activity where query like 'reindex index concurrently%'`);
      return rows.length > 0;
    });
    await writer.query('commit');
    const { postponed } = await cleared;
    await writer.end();
    expect(postponed).toEqual(['chunk']);
  });

  it('does not keep an index that an earlier rebuild left half-made', async () => {
    await database.query('create index chunk_words_ccnew on chunk using gin (words)');
    await database.query(`update pg_index set indisvalid = false where indexrelid = 'chunk_words_ccnew'::regclass`);
    await clear(0);
    const indexes = await database.query<{ name: string }>(
      `select indexrelid::regclass::text as name from pg_index where indrelid = 'chunk'::regclass`,
    );
    expect(indexes.map(({ name }) => name)).toContain('chunk_words');
    expect(indexes.map(({ name }) => name)).not.toContain('chunk_words_ccnew');
  });

  it('does not stay in the statistics of columns that hold what customers said', async () => {
    await database.query('alter table chunk alter column text set statistics 100');
    await database.query(`insert into tenant values ('stats')`);
    await database.query(`insert into subject (tenant, customer_key) values ('stats', $1)`, ['a'.repeat(32)]);
    const session = `insert into session (tenant, session_id, channel, customer_key, workflow_id, ring_after)
      values ('stats', $1, 'chat', $2, 'chat/x', now())`;
    const id = '00000000-0000-8000-8000-000000000001';
    await database.query(session, [id, 'a'.repeat(32)]);
    await database.query(
      `insert into interaction (tenant, interaction_id, session_id, customer_key, channel, modality, body_hash, captured_at,
         accepted_at, key_generation, sealed_payload, media_type, code_version)
       values ('stats', $1, $1, $2, 'chat', 'chat', '', now(), now(), 1, '', 'text/plain', 'test')`,
      [id, 'a'.repeat(32)],
    );
    await database.query(
      `insert into artifact (tenant, artifact_id, interaction_id, customer_key, kind, state, confidence, model,
         model_version, redactor_version, code_version)
       values ('stats', $1, $1, $2, 'message', 'active', 1, 'm', 'm', 'r', 'test')`,
      [id, 'a'.repeat(32)],
    );
    await database.query(
      `insert into chunk (tenant, chunk_id, artifact_id, interaction_id, session_id, customer_key, modality, ordinal, text,
         place, confidence, event_time, chunker_version)
       select 'stats', gen_random_uuid(), $1, $1, $1, $2, 'chat', n, 'xylophone', '{}', 1, now(), 'test'
       from generate_series(1, 500) n`,
      [id, 'a'.repeat(32)],
    );
    await database.query('analyze chunk');
    const stats = () =>
      database.query(`select from pg_stats where tablename = 'chunk' and most_common_vals::text like '%xylophone%'`);
    expect(await stats()).toHaveLength(1);
    await database.query('alter table chunk alter column text set statistics 0');
    await clear(5_000);
    expect(await stats()).toEqual([]);
  });
});
