import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findArtifact, storeArtifact, type NewArtifact } from '../../src/db/artifacts.ts';
import { acceptInteraction } from '../../src/db/intake.ts';
import { openDatabase, type Database, type TenantDatabase } from '../../src/db/pools.ts';
import { releaseArtifact } from '../../src/db/quarantine.ts';
import { lockRecord } from '../../src/db/record-lock.ts';
import { recutChunks } from '../../src/db/recut-chunks.ts';
import { replaceArtifacts } from '../../src/db/replaced-artifacts.ts';
import { ensureSubject } from '../../src/db/subjects.ts';
import { artifactsToDrop } from '../../src/db/superseded.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { interactionOf } from '../support/records.ts';

let owner: TestDatabase;
let database: Database;
let tenant: TenantDatabase;

beforeAll(async () => {
  owner = await createDatabase();
  database = openDatabase({ url: owner.url });
  tenant = database.forTenant('default');
});
afterAll(async () => {
  await database?.close();
  await owner?.drop();
});

const passage = { text: 'words', place: { kind: 'time', startMs: 0, endMs: 1 }, confidence: 1 } as const;
const run = { codeVersion: 't', workflowId: null, runId: null };

async function recording(): Promise<string> {
  const record = interactionOf({ channel: 'call', modality: 'audio', author: null });
  await ensureSubject(tenant.app, 'default', record.customerKey);
  await acceptInteraction(tenant.app, record, undefined);
  return record.interactionId;
}

function artifactOf(interactionId: string, state: NewArtifact['state']): NewArtifact {
  return {
    ...{
      tenant: 'default',
      interactionId,
      artifactId: randomUUID(),
      kind: 'transcript',
      piece: 0,
      state,
      reason: null,
    },
    ...{ content: [passage], redactions: {}, confidence: 1, model: 'm', modelVersion: 'm', promptVersion: 'none' },
    ...{ parameters: {}, redactorVersion: 't', chunkerVersion: 't', modelMs: 1, sealedObject: null, activity: 'test' },
    ...run,
    chunks: state === 'quarantined' ? [] : [{ ...passage, chunkId: randomUUID(), ordinal: 0 }],
    eventTimes: state === 'quarantined' ? [] : [new Date()],
  };
}

async function stored(interactionId: string, state: NewArtifact['state']): Promise<NewArtifact> {
  const artifact = artifactOf(interactionId, state);
  await storeArtifact(tenant.app, artifact);
  return artifact;
}

function swap({ interactionId, artifactId }: NewArtifact): Promise<boolean> {
  const ids = { artifactIds: [artifactId], madeIds: [artifactId] };
  return tenant.transaction(async (transaction) => {
    await lockRecord(transaction, 'default', interactionId);
    const redactor = 't';
    return replaceArtifacts(transaction, { tenant: 'default', interactionId, kinds: ['transcript'], ...ids, redactor });
  });
}

function release({ interactionId, artifactId }: NewArtifact): Promise<boolean> {
  const chunks = [{ ...passage, chunkId: randomUUID(), ordinal: 0 }];
  return tenant.transaction(async (transaction) => {
    await lockRecord(transaction, 'default', interactionId);
    const cut = { chunkerVersion: 't', ...run, chunks, eventTimes: [new Date()] };
    return releaseArtifact(transaction, { tenant: 'default', artifactId, ...cut });
  });
}

function recut(artifact: NewArtifact) {
  return tenant.transaction(async (transaction) => {
    await lockRecord(transaction, 'default', artifact.interactionId);
    return recutChunks(transaction, artifact);
  });
}

const servedChunks = (interactionId: string) =>
  owner.query('select from chunk where interaction_id = $1 and active', [interactionId]);

describe('of several at once that put artifacts of a record into service', () => {
  it('one remains served, whether they are swaps or a swap and a release', async () => {
    for (let round = 0; round < 20; round++) {
      const interactionId = await recording();
      const held = await stored(interactionId, 'quarantined');
      const staged = [await stored(interactionId, 'staged'), await stored(interactionId, 'staged')];
      await Promise.all([release(held), ...staged.map(swap)]);
      expect(await servedChunks(interactionId)).toHaveLength(1);
    }
  });
});

describe('chunks that are cut again', () => {
  it('are served where the artifact is, and bring back none that was replaced or is gone', async () => {
    const interactionId = await recording();
    const old = await stored(interactionId, 'active');
    await owner.query('delete from chunk where artifact_id = $1', [old.artifactId]);
    expect(await recut(old)).toEqual({ admitted: true, state: 'active' });
    expect(await servedChunks(interactionId)).toHaveLength(1);
    await owner.query('delete from chunk where artifact_id = $1', [old.artifactId]);
    await swap(await stored(interactionId, 'staged'));
    expect(await recut(old)).toEqual({ admitted: true, state: 'superseded' });
    await owner.query('delete from artifact where artifact_id = $1', [old.artifactId]);
    expect(await recut(old)).toEqual({ admitted: true, state: null });
    expect(await findArtifact(tenant.app, 'default', old.artifactId)).toBeUndefined();
    expect(await servedChunks(interactionId)).toHaveLength(1);
  });
});

describe('what is staged', () => {
  it('is not dropped on the day on which it was made, however short the dial keeps it', async () => {
    const artifact = await stored(await recording(), 'staged');
    const dropped = async () => {
      const rows = await artifactsToDrop(tenant.app, 'default', new Date(), 1_000);
      return rows.some(({ artifact_id: id }) => id === artifact.artifactId);
    };
    expect(await dropped()).toBe(false);
    const ageing = `update artifact set created_at = now() - interval '25 hours' where artifact_id = $1`;
    await owner.query(ageing, [artifact.artifactId]);
    expect(await dropped()).toBe(true);
    expect((await findArtifact(tenant.app, 'default', artifact.artifactId))?.state).toBe('staged');
  });
});
