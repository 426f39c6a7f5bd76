import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeArtifact, type NewArtifact } from '../../src/db/artifacts.ts';
import { storeEmbeddings } from '../../src/db/embeddings.ts';
import { acceptInteraction } from '../../src/db/intake.ts';
import { lineageImpact, touchedRecords } from '../../src/db/lineage-impact.ts';
import { openDatabase, type Database, type Queryable, type TenantDatabase } from '../../src/db/pools.ts';
import { ensureSubject } from '../../src/db/subjects.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { fakeVector } from '../support/fake-models.ts';
import { interactionOf, textOf } from '../support/records.ts';

let owner: TestDatabase;
let database: Database;
let tenant: TenantDatabase;

beforeAll(async () => {
  owner = await createDatabase();
  database = openDatabase({ url: owner.url });
  tenant = database.forTenant('default');
  await ensureSubject(tenant.app, 'default', 'a'.repeat(32));
});
afterAll(async () => {
  await database?.close();
  await owner?.drop();
});

function artifactOf(interactionId: string): NewArtifact {
  const passage = { text: 'hello', place: { kind: 'message' }, confidence: 1 } as const;
  return {
    ...{ tenant: 'default', interactionId, artifactId: randomUUID(), kind: 'transcript', piece: 0, state: 'active' },
    ...{ reason: null, content: [passage], redactions: {}, confidence: 1, model: 'm', modelVersion: '1' },
    promptVersion: 'none',
    ...{ parameters: {}, redactorVersion: 'r', chunkerVersion: 'c', codeVersion: 't', modelMs: 1, sealedObject: null },
    ...{ activity: 'transcribePiece', workflowId: null, runId: null, eventTimes: [new Date(), new Date()] },
    chunks: [0, 1].map((ordinal) => ({ ...passage, ordinal, chunkId: randomUUID() })),
  };
}

const BY_NOBODY = { workflowId: null, runId: null, pickedUpAt: null };

const embeddingsOf = (chunkId: string, chatDepth = 2) => ({
  ...{ tenant: 'default', indexVersion: 1, model: 'm', modelVersion: 'm', codeVersion: 't' },
  lineageDepths: { chat: chatDepth, audio: 3 - chatDepth, screenshot: 1 },
  rows: [{ chunkId, embeddingId: randomUUID(), vector: fakeVector('hello'), ...BY_NOBODY }],
});

const count = async (table: string, interactionId: string) =>
  (await owner.query(`select from ${table} where interaction_id = $1`, [interactionId])).length;

describe('lineage', () => {
  it('is there with the data, or neither is: what fails between them leaves nothing', async () => {
    const whole = interactionOf();
    const text = textOf('accepted before');
    await acceptInteraction(tenant.app, whole, text);
    await owner.query(`
      create function fail_here() returns trigger language plpgsql as $$ begin raise 'killed'; end $$`);
    await owner.query('create trigger killed before insert on lineage_edge execute function fail_here()');

    const torn = interactionOf();
    await expect(acceptInteraction(tenant.app, torn, textOf('never there'))).rejects.toThrow();
    for (const table of ['interaction', 'freshness', 'artifact', 'chunk'])
      expect(await count(table, torn.interactionId)).toBe(0);
    await expect(storeArtifact(tenant.app, artifactOf(whole.interactionId))).rejects.toThrow();
    expect(await count('artifact', whole.interactionId)).toBe(1);
    await expect(storeEmbeddings(tenant.app, embeddingsOf(text.chunks[0]!.chunkId))).rejects.toThrow();
    expect(await owner.query('select from embedding')).toEqual([]);

    await owner.query('drop trigger killed on lineage_edge');
    await storeEmbeddings(tenant.app, embeddingsOf(text.chunks[0]!.chunkId));
    expect(await count('lineage_edge', whole.interactionId)).toBe(3);
  });

  it('is as deep as the dial says: at 1 the edge to the artifact alone', async () => {
    for (const [lineageDepth, edges] of [
      [2, 7],
      [1, 2],
    ] as const) {
      const record = { ...interactionOf(), lineageDepth };
      await acceptInteraction(tenant.app, record, textOf('a message'));
      const artifact = { ...artifactOf(record.interactionId), lineageDepth };
      await storeArtifact(tenant.app, artifact);
      for (const { chunkId } of artifact.chunks) await storeEmbeddings(tenant.app, embeddingsOf(chunkId, lineageDepth));
      expect(await count('lineage_edge', record.interactionId)).toBe(edges);
    }
  });
});

describe('the plan of an impact', () => {
  it('finds what a model version made, and what was made within a time, by an index', async () => {
    const none = {
      model: null,
      modelVersion: null,
      redactor: null,
      chunker: null,
      codeVersion: null,
      from: null,
      to: null,
    };
    const record = interactionOf();
    await acceptInteraction(tenant.app, record, textOf('one of many'));
    await owner.query(
      `insert into artifact (tenant, artifact_id, interaction_id, customer_key, kind, state, confidence, model,
         model_version, redactor_version, code_version, created_at)
       select tenant, gen_random_uuid(), interaction_id, customer_key, 'transcript', 'active', 1, 'm' || n % 100, '1',
         'r', 'c', now() - n * interval '1 hour'
       from interaction, generate_series(1, 5000) n
       where interaction_id = $1`,
      [record.interactionId],
    );
    await owner.query('analyze artifact');
    await owner.query(
      `do $$ begin execute format('alter database %I set enable_seqscan = off', current_database()); end $$`,
    );
    const explained = openDatabase({ url: owner.url });
    const { reader } = explained.forTenant('default');
    const plans: string[] = [];
    const explaining: Queryable = {
      query: async ({ name, text, values }) => {
        const { rows } = await reader.query({ name: `explain ${name}`, text: `explain ${text}`, values });
        plans.push((rows as Record<string, string>[]).map((row) => row['QUERY PLAN']).join('\n'));
        return { rows: [{}] };
      },
    };
    await lineageImpact(explaining, 'default', { ...none, model: 'm7', modelVersion: '1' });
    await lineageImpact(explaining, 'default', {
      ...none,
      redactor: 'r',
      from: new Date(Date.now() - 86_400_000),
      to: new Date(),
    });
    await touchedRecords(
      explaining,
      'default',
      { ...none, codeVersion: 'c', from: new Date(Date.now() - 86_400_000) },
      randomUUID(),
      10,
    );
    await explained.close();
    expect(plans[0]).toContain('artifact_by_model');
    expect(plans[1]).toContain('artifact_by_model');
    expect(plans[2]).toContain('artifact_by_model');
    expect(plans.join()).not.toContain('Seq Scan');
  });
});
