import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findIndexFaults, isFoundByIndex, mendIndex } from '../../src/db/index-health.ts';
import { ensureIndex, ensurePartition, removeOrphans } from '../../src/db/index-partitions.ts';
import { segmentIndex } from '../../src/db/index-segments.ts';
import { listIndexVersions } from '../../src/db/index-versions.ts';
import { acceptInteraction } from '../../src/db/intake.ts';
import { openDatabase, type Database, type Queryable, type TenantDatabase } from '../../src/db/pools.ts';
import { dropVersion, findPair, findReindex, noteIndexed, openReindex, switchTo } from '../../src/db/reindexes.ts';
import { retrieveCandidates } from '../../src/db/retrieval.ts';
import { ensureSubject } from '../../src/db/subjects.ts';
import { showInVersion } from '../../src/db/version-texts.ts';
import { chunksOfVersion, FIRST_CHUNK, noteFailures, storeVersionVectors } from '../../src/db/version-vectors.ts';
import type { ModelOfVersion } from '../../src/models/ports.ts';
import { IndexVersionReader } from '../../src/index-version-reader.ts';
import { CommonWords } from '../../src/retrieval/common-words.ts';
import { retrieve, type RetrievalDependencies } from '../../src/retrieval/retrieve.ts';
import { settleVersionTexts } from '../../activities/reindex/settle-texts.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { fakeVector } from '../support/fake-models.ts';
import { interactionOf, textOf } from '../support/records.ts';

const DIMENSIONS = 600;

let owner: TestDatabase;
let database: Database;
let tenant: TenantDatabase;
let client: pg.Client;

beforeAll(async () => {
  owner = await createDatabase();
  database = openDatabase({ url: owner.url });
  tenant = database.forTenant('default');
  client = new pg.Client({ connectionString: owner.url });
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await database?.close();
  await owner?.drop();
});

/** A version beside the live one, with its partition and its index. */
async function build(): Promise<number> {
  const version = await openReindex(tenant, {
    model: 'm',
    dimensions: DIMENSIONS,
    storage: 'halfvec',
    source: 'text',
    asrModel: null,
    visionModel: null,
    askedBy: 'test',
    givenUp: null,
    startAfterMs: 1_000,
  });
  const row = (await findReindex(database.deployment, version))!;
  await ensurePartition(client, row);
  await ensureIndex(client, row, { memoryMb: 16, workers: 0 });
  await noteIndexed(database.deployment, version);
  return version;
}

async function accept(text: string, customerKey: string = randomUUID().replaceAll('-', '')) {
  await ensureSubject(tenant.app, 'default', customerKey);
  const accepted = textOf(text);
  await acceptInteraction(tenant.app, interactionOf({ customerKey }), accepted);
  return { customerKey, chunkId: accepted.chunks[0]!.chunkId, artifactId: accepted.artifactId };
}

const vectorsOf = (indexVersion: number, chunkId: string) => ({
  tenant: 'default',
  indexVersion,
  model: 'm',
  codeVersion: 't',
  workflowId: null,
  runId: null,
  rows: [{ chunkId, embeddingId: randomUUID(), vector: fakeVector('x', DIMENSIONS) }],
});

describe('index versions', () => {
  let version: number;

  it('are built one at a time, and switched all or nothing', async () => {
    version = await build();
    await expect(build()).rejects.toMatchObject({ code: 'wrong_state' });
    expect(await switchTo(tenant, version, 60_000)).toBe(true);
    // The first answer may have been lost.
    expect(await switchTo(tenant, version, 60_000)).toBe(true);
    expect(await switchTo(tenant, version + 100, 60_000)).toBe(false);
    expect(await findPair(database.deployment)).toMatchObject({ live: version, beside: 1, keeper: version });
    const periods = await owner.query('select index_version, live_to is null as open from index_version_period');
    expect(periods).toEqual([
      { index_version: 1, open: false },
      { index_version: version, open: true },
    ]);
    expect(await dropVersion(database.deployment, 1, 'expired')).toBe(false);
  });

  it('keep their partitions to the tenant, and answer by an index of halves', async () => {
    const { chunkId } = await accept('a parcel');
    expect(await storeVersionVectors(tenant.app, vectorsOf(version, chunkId))).toEqual([chunkId]);
    for (const role of ['app', 'reader'] as const) {
      const statement = { name: `peek_${role}`, text: `select 1 from embedding_v${version}`, values: [] };
      expect((await tenant[role].query(statement)).rows).toHaveLength(1);
      expect((await database.forTenant('another')[role].query(statement)).rows).toEqual([]);
    }
    expect(await planOf(version)).toContain(`embedding_v${version}_hnsw`);
  });

  it('are mended by what they compare, and find their vectors by that', async () => {
    const row = (await listIndexVersions(database.deployment)).find(({ index_version }) => index_version === version)!;
    const name = segmentIndex(row, row.segments[0]!);
    const [index] = await owner.query<{ indexdef: string }>(`select indexdef from pg_indexes where indexname = $1`, [
      name,
    ]);
    await owner.query(`drop index ${name}`);
    expect(await findIndexFaults(client, row)).toEqual(['vector_index']);
    await mendIndex(client, row, 'vector_index', { memoryMb: 16, workers: 0 });
    expect(await findIndexFaults(client, row)).toEqual([]);
    expect(await owner.query(`select indexdef from pg_indexes where indexname = $1`, [name])).toEqual([index]);
    let probe = '';
    const watching: Queryable = {
      query: (statement) => {
        probe = statement.text;
        return tenant.reader.query(statement);
      },
    };
    const [stored] = await owner.query<{ chunk_id: string }>(`select chunk_id from embedding_v${version}`);
    expect(await isFoundByIndex(watching, 'default', row, stored!.chunk_id)).toBe(true);
    await client.query('set enable_seqscan = off; set enable_sort = off');
    const plan = await client.query(`explain ${probe}`, ['default', stored!.chunk_id]);
    expect(JSON.stringify(plan.rows)).toContain(`embedding_v${version}_hnsw`);
  });

  it('get no vector and list no failure of a customer who was erased meanwhile', async () => {
    const { chunkId, customerKey } = await accept('soon erased');
    await owner.query('update subject set erased_before = clock_timestamp() where customer_key = $1', [customerKey]);
    expect(await storeVersionVectors(tenant.app, vectorsOf(version, chunkId))).toEqual([]);
    await noteFailures(tenant.app, 'default', version, [{ chunkId, code: 'model_rejected' }]);
    expect(await owner.query('select from embedding_failure')).toEqual([]);
  });

  it('are walked by the primary key, and texts that were refused are not asked for again', async () => {
    const { chunkId } = await accept('refused');
    const standing = async () => {
      const chunks = await chunksOfVersion(tenant.app, 'default', version, FIRST_CHUNK, 100);
      return chunks.find(({ chunk_id }) => chunk_id === chunkId);
    };
    expect(await standing()).toMatchObject({ standing: 'missing', text: 'refused' });
    await noteFailures(tenant.app, 'default', version, [{ chunkId, code: 'model_rejected' }]);
    expect(await standing()).toMatchObject({ standing: 'failed', text: null });
  });
});

/** Explains what is sent instead of running it, with sequential scans off: few rows are read faster without an index. */
async function planOf(indexVersion: number): Promise<string> {
  const version = (await listIndexVersions(database.deployment)).find((row) => row.index_version === indexVersion)!;
  let plan = '';
  const explaining: Queryable = {
    query: async ({ text, values }) => {
      await client.query('set enable_seqscan = off; set enable_sort = off');
      const { rows } = await client.query<Record<string, string>>(`explain ${text}`, values);
      plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      return { rows: [] };
    },
  };
  const filters = { modalities: null, from: null, to: null, minConfidence: 0, candidates: 10 };
  const vector = fakeVector('x', DIMENSIONS);
  await retrieveCandidates(explaining, version, {
    tenant: 'default',
    customerKey: null,
    words: null,
    vector,
    ...filters,
  });
  return plan;
}

describe('texts that were recognised anew for a version', () => {
  /** An old text that a version hides, and a new one of the same record that it alone shows. */
  async function pairOf(version: number) {
    const old = await accept('old words');
    const [chunkId, artifactId] = [randomUUID(), randomUUID()];
    const [made] = await owner.query<{ interaction_id: string }>(
      `insert into artifact (tenant, artifact_id, interaction_id, customer_key, kind, state, confidence, model,
         model_version, redactor_version, code_version)
       select tenant, $2, interaction_id, customer_key, 'message', 'staged', 1, 'm', 'm', 'r', 'c'
       from artifact where artifact_id = $1
       returning interaction_id`,
      [old.artifactId, artifactId],
    );
    await owner.query(
      `insert into chunk (tenant, chunk_id, artifact_id, interaction_id, session_id, customer_key, modality, ordinal, text,
         place, confidence, event_time, chunker_version, active, activated_at)
       select tenant, $2, $3, interaction_id, session_id, customer_key, modality, 0, 'new words', place, 1, event_time, 'c',
         false, null
       from chunk where chunk_id = $1`,
      [old.chunkId, chunkId, artifactId],
    );
    await owner.query(`update freshness set state = 'reachable' where interaction_id = $1`, [made!.interaction_id]);
    const shown = () =>
      showInVersion(
        tenant.app,
        {
          ...{ tenant: 'default', interactionId: made!.interaction_id, kinds: ['message'] },
          ...{ artifactIds: [artifactId], madeIds: [artifactId] },
        },
        version,
      );
    return { old, chunkId, shown };
  }

  const settle = () => settleVersionTexts({ database }, 'default', new AbortController().signal);

  const chunk = async (id: string) =>
    (
      await owner.query(
        `select c.active, c.shown_in, c.hidden_in, a.state, c.withdrawn_at is not null as withdrawn,
           a.superseded_at is not null as dated
         from chunk c join artifact a using (tenant, artifact_id) where chunk_id = $1`,
        [id],
      )
    )[0];

  it('stay undecided while one can go back, then are kept from when the version went live', async () => {
    const { live } = await findPair(database.deployment);
    const { old, chunkId, shown } = await pairOf(live);
    // It went live with them.
    await owner.query(`update index_version set state = 'dropped' where state = 'retired'`);
    await owner.query(`update index_version set state = 'building' where index_version = $1`, [live]);
    expect(await shown()).toEqual({ admitted: true, building: true, settled: true });
    await owner.query(`update index_version set state = 'live' where index_version = $1`, [live]);
    await owner.query(`update index_version set state = 'retired' where index_version = 1`);
    expect(await settle()).toBe(0);
    expect(await chunk(chunkId)).toMatchObject({ shown_in: live, state: 'staged' });
    await owner.query(`update index_version set drop_after = now() where state = 'retired'`);
    expect(await dropVersion(database.deployment, 1, 'expired')).toBe(true);
    await settle();
    expect(await chunk(chunkId)).toMatchObject({ active: true, shown_in: null, state: 'active' });
    expect(await chunk(old.chunkId)).toEqual({
      active: false,
      shown_in: null,
      hidden_in: null,
      state: 'superseded',
      withdrawn: true,
      // The nightly clean-up drops by this date.
      dated: true,
    });
    const [times] = await owner.query(
      `select withdrawn_at = (select max(live_from) from index_version_period where index_version = $2) as same
       from chunk where chunk_id = $1`,
      [old.chunkId, live],
    );
    expect(times).toEqual({ same: true });
  });

  it('go with a version that is given up, whose partition goes too', async () => {
    const version = await build();
    const { old, chunkId, shown } = await pairOf(version);
    expect(await shown()).toEqual({ admitted: true, building: true, settled: true });
    const late = await pairOf(version);
    expect(await dropVersion(database.deployment, version, 'building')).toBe(true);
    // Who was at work when it was given up comes too late.
    expect(await late.shown()).toMatchObject({ building: false });
    expect(await settle()).toBe(1);
    expect(await chunk(chunkId)).toMatchObject({ active: false, shown_in: null, state: 'superseded', dated: true });
    expect(await chunk(old.chunkId)).toMatchObject({ active: true, hidden_in: null, state: 'active' });
    expect(await removeOrphans(client)).toEqual([1, version]);
    expect((await findReindex(database.deployment, version))?.removed_at).not.toBeNull();
    expect(await removeOrphans(client)).toEqual([]);
  });
});

describe('a query whose version is dropped under it', () => {
  it('is asked again of the version that is live then, with a vector of that version’s model', async () => {
    const before = (await findPair(database.deployment)).live;
    const version = await build();
    const { chunkId } = await accept('asked for in the middle of a switch');
    await storeVersionVectors(tenant.app, vectorsOf(version, chunkId));
    const asked: number[] = [];
    const embeddings = {
      of: ({ index_version: number, dimensions }: ModelOfVersion) => ({
        embed: async () => {
          asked.push(number!);
          if (number === before) {
            await switchTo(tenant, version, 0);
            await dropVersion(database.deployment, before, 'expired');
            await removeOrphans(client);
          }
          return [fakeVector('x', dimensions)];
        },
      }),
    };
    const names = { channel: 'chat', customerId: 'c', conversationId: 'c', messageId: 'm' };
    const payload = { ...names, author: 'customer', sentAt: '2026-01-05T09:00:00Z', text: '' };
    const nothing = () => undefined;
    const deps = {
      database,
      indexVersions: await IndexVersionReader.open(database),
      commonWords: new CommonWords(),
      embeddings,
      dials: { get: () => 60 },
      keyRing: { open: () => Promise.resolve(Buffer.from(JSON.stringify(payload))) },
      metrics: { retrieval: { observe: nothing }, degraded: { inc: nothing } },
      log: { warn: nothing, error: nothing },
    } as unknown as RetrievalDependencies;
    const filters = { customerKey: null, modalities: null, from: null, to: null, minConfidence: 0 };
    const asker = { askedBy: 'test', canary: false, asOf: null };
    const question = { tenant: 'default', query: 'x', k: 5, mode: 'vector' as const, ...asker, ...filters };
    const { results } = await retrieve(deps, question);
    expect(asked).toEqual([before, version]);
    expect(results.map((hit) => hit.chunkId)).toEqual([chunkId]);
  });
});
