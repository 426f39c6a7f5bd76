import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measureBacklog } from '../../src/db/backlog.ts';
import { coverage } from '../../src/db/coverage.ts';
import { exposedAnswers, exposedViews, type ExposureSearch } from '../../src/db/exposures.ts';
import { drawVectors } from '../../src/db/index-health.ts';
import { touchedRecords, type ImpactFilter } from '../../src/db/lineage-impact.ts';
import { noteExposures } from '../../src/db/noted-exposures.ts';
import { drawRawObjects, removeOrphanEdges, removeOrphanVectors } from '../../src/db/orphans.ts';
import { ownerOf, type OwnerConnection } from '../../src/db/owner.ts';
import { openDatabase, type Database, type Queryable } from '../../src/db/pools.ts';
import { checkRates, findRecordFacts, qualityLoad } from '../../src/db/quality.ts';
import { wakeParked } from '../../src/db/parked-records.ts';
import { listHeldBack } from '../../src/db/quarantine.ts';
import { countUnreachable, ringForStuck } from '../../src/db/reconcile-repairs.ts';
import { countDuplicates, listMissing, nextAcceptedAt, partEnd, tallyBuckets } from '../../src/db/reconciled-rows.ts';
import { findMoves, type ReevaluationRow } from '../../src/db/reevaluations.ts';
import { countRecords } from '../../src/db/replay-pages.ts';
import type { ReplayRow } from '../../src/db/replays.ts';
import type { Replacement } from '../../src/db/replaced-artifacts.ts';
import { returnArtifact, standingArtifact } from '../../src/db/returned-artifacts.ts';
import { countWindow, markArrivals, markChanged } from '../../src/db/rollups.ts';
import { wakeStuckSessions } from '../../src/db/sessions.ts';
import { artifactsToDrop } from '../../src/db/superseded.ts';
import { decidedRecords, giveUpVersionTexts, keepVersionTexts, showInVersion } from '../../src/db/version-texts.ts';
import { countServed } from '../../src/db/version-vectors.ts';
import { COMPARED_STORES } from '../../src/domain/reconciliation.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { fillWithRecords } from '../support/many-records.ts';

let owner: TestDatabase;
let database: Database;

/** What grows with the records, and is too large to be read as a whole by what has 15 s. */
const LARGE = [
  ...['interaction', 'freshness', 'artifact', 'chunk', 'embedding_v1', 'lineage_edge', 'session'],
  ...['retrieval', 'retrieval_hit', 'exposure', 'media_view', 'redacted_media'],
];

beforeAll(async () => {
  owner = await createDatabase();
  database = openDatabase({ url: owner.url });
  // Statistics that are set below must not be mended.
  for (const table of LARGE) await owner.query(`alter table ${table} set (autovacuum_enabled = off)`);
  await fillWithRecords(owner, 10);
  await owner.query(`
    update interaction set
      content_hash = interaction_id::text, captured_at = now() - random() * interval '100 days'`);
  await owner.query('update freshness set accepted_at = now() - random() * interval $$100 days$$');
  await owner.query(`
    update artifact set
      created_at = now() - random() * interval '100 days', kind = (array['message', 'transcript'])[1 + (random() < 0.1)::integer]`);
  await owner.query(`
    insert into lineage_edge (tenant, from_id, to_id, from_kind, to_kind, interaction_id, customer_key, activity, code_version)
    select tenant, interaction_id, gen_random_uuid(), 'raw', kind, interaction_id, customer_key, 'a', 'c'
    from interaction cross join unnest(array['artifact', 'chunk', 'embedding']) as kind`);
  await owner.query(`
    insert into retrieval (tenant, retrieval_id, customer_key, mode, filters, took_ms, asked_at)
    select tenant, interaction_id, customer_key, 'm', '{}', 1, accepted_at from freshness`);
  await owner.query(`
    insert into retrieval_hit (tenant, retrieval_id, position, chunk_id, score)
    select tenant, interaction_id, 1, chunk_id, 1 from chunk`);
  await owner.query(`
    insert into exposure (tenant, retrieval_id, position, interaction_id, customer_key, hidden, shown_by, hidden_by)
    select tenant, interaction_id, 1, interaction_id, customer_key, '{}', 'a', 'b' from chunk`);
  await owner.query(`
    insert into redacted_media (tenant, media_id, interaction_id, customer_key, kind, state, redactor_version, parameters,
      hidden, media_type, bytes, code_version, sealed_object)
    select tenant, interaction_id, interaction_id, customer_key, 'redacted_sound', 'active', 'r', '{}', '[]', 'm', 1, 'c', 'o'
    from interaction`);
  await owner.query(`
    insert into media_view (tenant, view_id, interaction_id, customer_key, viewed_by, what, media_id)
    select tenant, gen_random_uuid(), interaction_id, customer_key, 'k', 'redacted', interaction_id from interaction`);
  await owner.query('vacuum analyze');
  // The planner counts rows by how full the pages were: from now on there seem to be ten million in each table.
  await owner.query('update pg_class set reltuples = 1e7 where relname = any($1)', [LARGE]);
});
afterAll(async () => {
  await database?.close();
  await owner?.drop();
});

let plans = 0;

/** The plans of statements, which are not run. */
async function plansOf(send: (db: Queryable) => Promise<unknown>, role: 'app' | 'reader' = 'app'): Promise<string> {
  const told: string[] = [];
  const explaining: Queryable = {
    query: async ({ text, values }) => {
      const name = `explain ${plans++}`;
      const { rows } = await database.forTenant('default')[role].query({ name, text: `explain ${text}`, values });
      told.push(...(rows as Record<string, string>[]).map((row) => row['QUERY PLAN']!));
      return { rows: [{ index_version: 9, count: 0, since: new Date().toISOString() }] };
    },
  };
  const asked = plans;
  // It makes nothing of that answer; a statement that cannot be planned leaves no plan.
  await send(explaining).catch(() => undefined);
  expect(told.filter((line) => !line.startsWith(' ')).length).toBeGreaterThanOrEqual(plans - asked);
  return told.join('\n');
}

/** The tables that statements read from end to end. */
async function readAsWhole(send: (db: Queryable) => Promise<unknown>, role: 'app' | 'reader' = 'app') {
  const read = [...(await plansOf(send, role)).matchAll(/Seq Scan on (\w+)/g)].map(([, table]) => table!);
  return [...new Set(read)].filter((table) => LARGE.includes(table));
}

const hour = () => ({
  from: new Date(Date.now() - 5e9).toISOString(),
  to: new Date(Date.now() - 4.9964e9).toISOString(),
});
const bounds = { settledForMs: 0, lineageDepths: { chat: 2, audio: 2, screenshot: 2 } };
const id = randomUUID();
const record = { tenant: 'default', interactionId: id, kind: 'transcript', piece: 0 } as const;

type Send = (db: Queryable) => Promise<unknown>;

describe('of tables with ten million rows, none is read as a whole', () => {
  it.each<[string, Send]>([
    ['where a part ends', (db) => partEnd(db, 'default', hour(), 2_000)],
    ['the next record', (db) => nextAcceptedAt(db, 'default', hour().from)],
    ['the first record', (db) => nextAcceptedAt(db, 'default', '-infinity')],
    ['tallies', (db) => tallyBuckets(db, 'default', hour(), bounds)],
    ...COMPARED_STORES.map((store): [string, Send] => [
      `missing of ${store}`,
      (db) => listMissing(db, 'default', hour(), bounds, store, 200),
    ]),
    ['duplicates', (db) => countDuplicates(db, 'default', hour(), 1)],
    ['edges without ends', (db) => removeOrphanEdges(db, 'default', hour(), 1_000)],
    ['vectors of dropped versions', (db) => removeOrphanVectors(db, 'default')],
    ['a sample of raw objects', (db) => drawRawObjects(db, 'default', id, 200)],
    ['records that wait for too long', (db) => ringForStuck(db, 'default', 1_000)],
    ['sessions that sleep over them', (db) => wakeStuckSessions(db, 'default', 1_000)],
    ['repairs that are waited for', (db) => countUnreachable(db, 'default', [id])],
    ['what stands for a piece', (db) => standingArtifact(db, record)],
    ['what comes back into service', (db) => returnArtifact(db, record, id, 'active', null)],
  ])('by a reconciliation: %s', async (_name, send) => {
    expect(await readAsWhole(send)).toEqual([]);
  });

  it('by a sample of the backlog', async () => {
    expect(await readAsWhole(sampleBacklog)).toEqual([]);
  });

  const search = (of: Partial<ExposureSearch>): ExposureSearch => ({
    ...{ tenant: 'default', interactionId: null, customerKey: null, from: null, to: null, after: null, limit: 100 },
    ...of,
  });
  const customerKey = 'c4ca4238a0b923820dcc509a6f75849b';
  it.each<[string, Send]>([
    ['a sample of vectors', (db) => drawVectors(db, 'default', VERSION, id, 20)],
    ['answers about a record', (db) => exposedAnswers(db, search({ interactionId: id }))],
    ['answers about a customer', (db) => exposedAnswers(db, search({ customerKey }))],
    ['views of a record', (db) => exposedViews(db, search({ interactionId: id }))],
    ['what was made within a time', (db) => touchedRecords(db, 'default', impact(), id, 100)],
    ['what is held back', (db) => listHeldBack(db, 'default', heldBack('quarantined'))],
    ['what was let go', (db) => listHeldBack(db, 'default', heldBack('released'))],
    ['how much is held back', (db) => qualityLoad(db, 'default')],
    ['the coverage of an hour', (db) => coverage(db, 'default', 1, 3_600_000)],
  ])('by a question: %s', async (_name, send) => {
    expect(await readAsWhole(send, 'reader')).toEqual([]);
  });

  it.each<[string, Send]>([
    ['notes of exposures', (db) => noteExposures(db, REPLACEMENT)],
    ['facts of a record', (db) => findRecordFacts(db, 'default', id, 1_000)],
    ['rates of checks', (db) => checkRates(db, 'default', 3_600_000, 86_400_000)],
    ['moves of a threshold', (db) => findMoves(db, 'default', REEVALUATION, null, 100)],
    ['arrivals', (db) => markArrivals(db, 'default', null)],
    ['changes', (db) => markChanged(db, 'default', [id])],
    ['counts of an hour', (db) => countWindow(db, { tenant: 'default', modality: 'chat', hour: new Date() }, 1_000)],
  ])('by a check: %s', async (_name, send) => {
    expect(await readAsWhole(send)).toEqual([]);
  });

  it.each<[string, Send]>([
    ['what one version shows', (db) => showInVersion(db, REPLACEMENT, 2)],
    ['records of versions that are decided', (db) => decidedRecords(db, 'default', 200)],
    ['texts that are kept', (db) => keepVersionTexts(db, 'default', DECIDED)],
    ['texts that are given up', (db) => giveUpVersionTexts(db, 'default', DECIDED)],
    ['artifacts to drop', (db) => artifactsToDrop(db, 'default', new Date(), 200)],
  ])('by a version that is recognised anew: %s', async (_name, send) => {
    expect(await readAsWhole(send)).toEqual([]);
  });

  it('and the test would tell', async () => {
    const text = 'select count(*) from chunk where tenant = $1 and active';
    expect(await readAsWhole((db) => db.query({ name: 'count', text, values: ['default'] }))).toEqual(['chunk']);
  });
});

describe('while very many records wait for paused sources', () => {
  beforeAll(async () => {
    await owner.query(`
      update freshness set
        state = 'accepted', parked_at = now(), waits_for = (array['speech', 'vision'])[1 + (random() < 0.5)::integer]
      where random() < 0.9`);
    await owner.query('vacuum analyze freshness');
    await owner.query(`update pg_class set reltuples = 1e7 where relname = 'freshness'`);
  });

  it('a sample of the backlog reads none of them', async () => {
    const plan = await plansOf(sampleBacklog);
    expect(plan).toContain('freshness_waiting');
    expect(plan).not.toMatch(/freshness_(to_drain|pending|parked )/);
  });

  it('those that are woken are read in the order of their index', async () => {
    const plan = await plansOf((db) => wakeParked(db, 'default', 200));
    expect(plan).toContain('Index Scan using freshness_parked on');
    // All that is sorted are those that may be woken, and not all that wait.
    expect([...plan.matchAll(/Sort Key: (.*)/g)].map(([, key]) => key)).toEqual(['each.accepted_at']);
  });
});

describe('counts over all of a tenant', () => {
  it('have a limit of their own, half an hour, whatever that of statements is', async () => {
    const limitAfter = (count: (connection: OwnerConnection) => Promise<number>) =>
      ownerOf(`${owner.url}`)('default', async (connection) => {
        const counted = await count(connection);
        const { rows } = await connection.query<{ statement_timeout: string }>('show statement_timeout');
        return [counted, rows[0]?.statement_timeout];
      });
    expect(await limitAfter((connection) => countServed(connection, 'default', 1))).toEqual([3_000, '30min']);
    expect(await limitAfter((connection) => countRecords(connection, 'default', REPLAY))).toEqual([3_000, '30min']);
  });
});

const sampleBacklog: Send = (db) => {
  const budgets = { chat: 10_000, screenshot: 20_000, audio: 180_000 };
  const rules = { stuckBudgets: 10, lateAfterMs: 900_000 };
  return measureBacklog(db, 'default', budgets, rules, new Date(Date.now() - 2_000));
};
const REPLAY = {
  captured_from: null,
  captured_to: new Date(),
  customer_key: null,
  modalities: null,
} as unknown as ReplayRow;
const DECIDED = { interaction_id: id, index_version: 2, decision: 'keep' } as const;
const VERSION = {
  index_version: 1,
  model: 'm',
  dimensions: 384,
  storage: 'vector',
  state: 'live',
  segments: [],
} as const;
const REPLACEMENT: Replacement = {
  ...{ tenant: 'default', interactionId: id, kinds: ['transcript'], artifactIds: [id], madeIds: [id] },
  redactor: 'r',
};
const REEVALUATION = {
  ...{ reevaluation_id: id, modality: null, thresholds: { transcript: 0.5, screen_text: 0.5, caption: 0.5 } },
  ...{ started_by: 'k', started_at: new Date(), checked: 0, released: 0, held_back: 0, finished_at: null },
} satisfies ReevaluationRow;

const impact = (): ImpactFilter => ({
  ...{ model: null, modelVersion: null, chunker: null, redactor: null, codeVersion: null },
  ...{ from: new Date(Date.now() - 3_600_000), to: null },
});
const heldBack = (state: 'quarantined' | 'released') =>
  ({ state, modality: null, check: null, before: null, limit: 50 }) as const;
