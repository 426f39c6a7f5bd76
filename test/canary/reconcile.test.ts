import { mkdir, rename, utimes, writeFile, access } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/pools.ts';
import { listMissing } from '../../src/db/reconciled-rows.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { sealAll } from '../support/segments.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

const MESSAGES = 300;
const PART = 70;
const startedAt = '2026-01-05T09:00:00Z';

beforeAll(async () => {
  models = await startFakeModels();
  // Smaller parts than an hour has records.
  const parts = { 'reconcile.part_records': PART };
  const dials = {
    'reconcile.settled_for_ms': 0,
    'sweep.interval_ms': 200,
    'reconcile.repair_wait_ms': 30_000,
    ...parts,
  };
  earshot = await startEarshot({ models, dials });
  const customers = Array.from({ length: MESSAGES }, (_, index) => `customer-${index % 15}`);
  await Promise.all(
    customers.map((customerId, index) => earshot.message({ customerId, text: `parcel number ${index} is late` })),
  );
  for (const callId of ['call-1', 'call-2']) {
    await earshot.upload('/v1/calls', 'audio', tone(2), { callId, customerId: 'caller', startedAt });
  }
  const capturedAt = startedAt;
  await earshot.upload('/v1/screenshots', 'image', await picture(), {
    screenshotId: 's-1',
    customerId: 'viewer',
    capturedAt,
  });
  await allReachable();
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const rows = <Row extends object>(text: string, values: unknown[] = []) =>
  earshot.database.query<Row & Record<string, unknown>>(text, values);
const count = async (text: string) => Number((await rows<{ count: string }>(`select count(*) from ${text}`))[0]!.count);

async function allReachable(): Promise<void> {
  await until(
    'all records are reachable',
    async () =>
      (await count(`freshness where state <> 'reachable'`)) === 0 && (await count('freshness')) === MESSAGES + 3,
  );
}

interface Report {
  readonly endedAt: string | null;
  readonly buckets: number;
  readonly differing: number;
  readonly missing: Record<string, number>;
  readonly repaired: Record<string, number>;
  readonly orphansRemoved: Record<string, number>;
  readonly unrepairable: Record<string, number>;
  readonly duplicates: number;
  readonly vectors: number;
}

async function reconcile(): Promise<Report> {
  const { body } = await earshot.request<{ reconciliationId: string }>('POST', '/v1/reconciliations', {});
  return until('the reconciliation has ended', async () => {
    const report = await earshot.request<Report>('GET', `/v1/reconciliations/${body.reconciliationId}`);
    return report.body.endedAt !== null && report.body;
  });
}

const CLEAN = { differing: 0, missing: {}, repaired: {}, orphansRemoved: {}, unrepairable: {}, duplicates: 0 };

interface Coverage {
  readonly modalities: {
    modality: string;
    records: number;
    chunks: number;
    chunksWithVector: number;
    backlog: number;
    coveragePercent: number;
  }[];
}
const coverage = async () =>
  (await earshot.request<Coverage>('GET', '/v1/coverage')).body.modalities.find(({ modality }) => modality === 'chat')!;
const redReasons = async () => {
  const { body } = await earshot.request<{ reasons: { status: string; code: string }[] }>('GET', '/v1/health');
  return body.reasons.filter(({ status }) => status === 'red').map(({ code }) => code);
};
/** All that a repair must leave as it was. */
const stamps = async () =>
  (
    await rows(`select md5(string_agg(f::text, '' order by interaction_id)) from freshness f where modality = 'chat'`)
  )[0];
const vectors = async () =>
  (await rows(`select md5(string_agg(chunk_id::text || embedding::text, '' order by chunk_id)) from embedding`))[0];

describe('a reconciliation', () => {
  it('finds nothing amiss in a healthy memory', async () => {
    const report = await reconcile();
    expect(report).toMatchObject(CLEAN);
    // Each record is in one part, and each part is small enough for one statement.
    expect(report.vectors).toBe(await count('embedding'));
    expect(report.buckets).toBeGreaterThan(MESSAGES / PART);
    expect(await coverage()).toMatchObject({ records: MESSAGES, chunks: MESSAGES, backlog: 0, coveragePercent: 100 });
    expect(await redReasons()).toEqual([]);
  });

  it('finds and repairs the vectors of 1 % of the rows that were dropped by hand, and those of another model', async () => {
    const before = { stamps: await stamps(), vectors: await vectors() };
    await rows(`delete from embedding where chunk_id in (
      select chunk_id from chunk where modality = 'chat' order by md5(chunk_id::text) limit ${MESSAGES / 100})`);
    expect((await coverage()).coveragePercent).toBe(99);
    expect(await redReasons()).toEqual(['vectors_missing']);
    const strict = await earshot.request('GET', '/v1/health?strict=true');
    const reason = { status: 'red', code: 'vectors_missing', modality: 'chat', value: MESSAGES / 100, limit: 0 };
    expect(strict).toMatchObject({ status: 503, body: { details: { status: 'red' } } });
    expect((strict.body as { details: { reasons: object[] } }).details.reasons).toContainEqual(reason);
    await rows(`update embedding set model_version = 'an older one' where chunk_id in (
      select chunk_id from embedding order by chunk_id limit 2)`);
    const report = await reconcile();
    const found = MESSAGES / 100 + 2;
    expect(report).toMatchObject({ missing: { vector: found }, repaired: { vector: found }, unrepairable: {} });
    expect((await coverage()).coveragePercent).toBe(100);
    expect(await redReasons()).toEqual([]);
    expect({ stamps: await stamps(), vectors: await vectors() }).toEqual(before);
    expect(await count('embedding where reachable_at is null')).toBe(0);
    const { body } = await earshot.request<{ violations: { code: string; resolvedAt: string | null }[] }>(
      'GET',
      '/v1/quality-violations',
    );
    expect(body.violations.map(({ code, resolvedAt }) => [code, resolvedAt !== null])).toEqual([
      ['missing_vector', true],
    ]);
    expect(await reconcile()).toMatchObject(CLEAN);
  });

  it('makes texts, artifacts and edges of each modality anew, without asking a model that was paid', async () => {
    const known = await vectors();
    const edges = async () => (await rows(`select count(*), count(distinct to_id) from lineage_edge`))[0];
    const before = await edges();
    const one = (modality: string) =>
      `(select interaction_id from interaction where modality = '${modality}' order by interaction_id limit 1)`;
    await rows(`delete from chunk where interaction_id = ${one('audio')}`);
    await rows(`delete from chunk where interaction_id = ${one('chat')}`);
    await rows(`delete from artifact where interaction_id =
      (select interaction_id from interaction where modality = 'chat' order by interaction_id desc limit 1)`);
    await rows(`delete from artifact where interaction_id =
      (select interaction_id from interaction where modality = 'audio' order by interaction_id desc limit 1)`);
    await rows(`delete from artifact where kind = 'screen_text'`);
    await rows(`delete from lineage_edge where ctid in (
      select distinct on (to_kind) ctid from lineage_edge order by to_kind, to_id)`);
    const paid = () => models.calls.filter(({ route }) => route !== 'embeddings').length;
    const calls = paid();
    const report = await reconcile();
    expect(report).toMatchObject({ repaired: { artifact: 3, chunk: 2 }, unrepairable: {} });
    expect(report.missing['artifact']).toBe(3);
    await allReachable();
    expect(paid()).toBe(calls);
    expect(await vectors()).toEqual(known);
    expect(await edges()).toEqual(before);
    expect(await reconcile()).toMatchObject(CLEAN);
  });

  it('removes what nothing names, but not what may be on its way', async () => {
    const [{ customer_key: key }] = (await rows<{ customer_key: string }>(
      'select customer_key from interaction limit 1',
    )) as [{ customer_key: string }];
    const path = (id: string) => join(earshot.folder, 'raw', 'default', key, 'g1', id, 'source-x');
    const [old, young] = ['00000000-0000-8000-8000-00000000000a', '00000000-0000-8000-8000-00000000000b'].map(path);
    for (const file of [old!, young!]) {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, 'bytes');
    }
    await utimes(old!, 0, 0);
    await rows(`insert into lineage_edge (tenant, from_id, to_id, from_kind, to_kind, interaction_id, customer_key,
        activity, code_version, created_at)
      select tenant, interaction_id, gen_random_uuid(), 'raw', 'artifact', interaction_id, customer_key, 'x', 'x',
        now() - age * interval '1 day'
      from (select * from interaction limit 1) i, generate_series(0, 1) age`);
    await rows(`with copy as (
        insert into redacted_media (tenant, media_id, interaction_id, customer_key, kind, state, redactor_version,
          parameters, hidden, media_type, bytes, code_version)
        select tenant, gen_random_uuid(), interaction_id, customer_key, 'redacted_sound', 'superseded', 'x', '{}', '[]',
          'x', 1, 'x'
        from interaction limit 1
        returning *
      )
      insert into lineage_edge (tenant, from_id, to_id, from_kind, to_kind, interaction_id, customer_key, activity,
        code_version, created_at)
      select tenant, interaction_id, media_id, 'raw', 'artifact', interaction_id, customer_key, 'planted', 'x',
        now() - interval '1 day'
      from copy`);
    expect(await reconcile()).toMatchObject({ ...CLEAN, orphansRemoved: { raw: 1, lineage: 1 } });
    expect(await count(`lineage_edge where activity = 'planted'`)).toBe(1);
    await rows(`delete from lineage_edge where activity = 'planted'`);
    await rows(`delete from redacted_media where redactor_version = 'x'`);
    await expect(access(old!)).rejects.toThrow();
    await access(young!);
    await rows(`delete from lineage_edge where activity = 'x'`);
  });

  it('tells of raw bytes that are lost, which nothing can make anew, until they are back', async () => {
    const [{ raw_object: key }] = (await rows<{ raw_object: string }>(
      'select raw_object from interaction where raw_object is not null limit 1',
    )) as [{ raw_object: string }];
    const path = join(earshot.folder, 'raw', key);
    await rename(path, `${path}-away`);
    expect(await reconcile()).toMatchObject({ unrepairable: { raw_object_missing: 1 } });
    expect(await redReasons()).toContain('reconciliation_raw_object_missing');
    await rename(`${path}-away`, path);
    expect(await reconcile()).toMatchObject({ unrepairable: {} });
    expect(await redReasons()).toEqual([]);
  });

  it('misses no edge that a stream of lineage depth 1 leaves out, and no vector of a text that the model refused', async () => {
    const database = openDatabase({ url: earshot.database.url });
    const missing = async (store: 'lineage' | 'vector', chatDepth: number, audioDepth = 2) => {
      const slice = { from: '2000-01-01T00:00:00Z', to: '2100-01-01T00:00:00Z' };
      const lineageDepths = { chat: chatDepth, audio: audioDepth, screenshot: 2 };
      const bounds = { settledForMs: 0, lineageDepths };
      return (await listMissing(database.forTenant('default').app, 'default', slice, bounds, store, 1_000)).length;
    };
    const one = `(select interaction_id from interaction where modality = 'chat' order by interaction_id limit 1)`;
    await rows(`delete from lineage_edge where to_kind <> 'artifact' and interaction_id = ${one}`);
    expect([await missing('lineage', 2), await missing('lineage', 1)]).toEqual([2, 0]);
    // By the stream of each record: what chat leaves out is missed of calls.
    const call = `(select interaction_id from interaction where modality = 'audio' order by interaction_id limit 1)`;
    await rows(`delete from lineage_edge where to_kind <> 'artifact' and interaction_id = ${call}`);
    expect([await missing('lineage', 1), await missing('lineage', 2, 1), await missing('lineage', 1, 1)]).toEqual([
      2, 2, 0,
    ]);
    await rows(`delete from embedding where chunk_id in (select chunk_id from chunk where interaction_id = ${one})`);
    expect(await missing('vector', 2)).toBe(1);
    await rows(`insert into embedding_failure (tenant, index_version, chunk_id, interaction_id, customer_key, code)
      select tenant, 1, chunk_id, interaction_id, customer_key, 'model_rejected' from chunk where interaction_id = ${one}`);
    expect(await missing('vector', 2)).toBe(0);
    await rows('delete from embedding_failure');
    await database.close();
    await reconcile();
    expect(await reconcile()).toMatchObject(CLEAN);
  });

  it('measures duplicates: none, and one that was planted', async () => {
    await rows(`insert into chunk (tenant, chunk_id, artifact_id, interaction_id, session_id, customer_key, modality,
        ordinal, text, place, confidence, event_time, chunker_version)
      select tenant, '00000000-0000-8000-8000-00000000000c', artifact_id, interaction_id, session_id, customer_key,
        modality, ordinal, text, place, confidence, event_time, chunker_version
      from chunk limit 1`);
    expect((await reconcile()).duplicates).toBe(1);
    await rows(`delete from lineage_edge where '00000000-0000-8000-8000-00000000000c' in (from_id, to_id)`);
    await rows(`delete from chunk where chunk_id = '00000000-0000-8000-8000-00000000000c'`);
    expect((await reconcile()).duplicates).toBe(0);
  });

  it.each([
    ['vector_index', 'drop index $segment'],
    ['vector_index', `update pg_index set indisvalid = false where indexrelid = '$segment'::regclass`],
    [
      'vector_index',
      `update pg_index set indisready = false where indexrelid = 'embedding_v1_tenant_sequence_idx'::regclass`,
    ],
    ['word_index', 'drop index chunk_words'],
    ['partition_detached', 'alter table embedding detach partition embedding_v1'],
  ])('mends a broken %s: %s', async (fault, spoil) => {
    await rows(spoil.replace('$segment', await sealAll(earshot.database)));
    expect(await reconcile()).toMatchObject({ missing: { [fault]: 1 }, repaired: { [fault]: 1 }, unrepairable: {} });
    expect(await reconcile()).toMatchObject(CLEAN);
  });

  it('brings nothing back of a customer whose fence is up', async () => {
    const [{ customer_key: key }] = (await rows<{ customer_key: string }>(
      `select customer_key from interaction where modality = 'audio' limit 1`,
    )) as [{ customer_key: string }];
    await rows('update subject set erased_before = now() where customer_key = $1', [key]);
    await rows('delete from artifact where customer_key = $1', [key]);
    expect(await reconcile()).toMatchObject({ missing: {}, repaired: {} });
    expect(await count(`artifact where customer_key = '${key}'`)).toBe(0);
    expect(await count(`embedding where customer_key = '${key}'`)).toBe(0);
  });
});
