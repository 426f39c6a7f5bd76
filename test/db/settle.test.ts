import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ActivityDependencies } from '../../activities/dependencies.ts';
import { settleRecords } from '../../activities/settle.ts';
import { storeArtifact } from '../../src/db/artifacts.ts';
import { storeEmbeddings } from '../../src/db/embeddings.ts';
import { acceptInteraction } from '../../src/db/intake.ts';
import { openDatabase, type Database } from '../../src/db/pools.ts';
import { ensureSubject } from '../../src/db/subjects.ts';
import { JoinedWrites } from '../../src/joined-writes.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { fakeVector } from '../support/fake-models.ts';
import { interactionOf } from '../support/records.ts';

let owner: TestDatabase;
let database: Database;

beforeAll(async () => {
  owner = await createDatabase();
  database = openDatabase({ url: owner.url });
});
afterAll(async () => {
  await database?.close();
  await owner?.drop();
});

const PIECES = 4;

/** A recording whose pieces are recognised and embedded, and not settled yet; answers the chunk of each. */
async function recordingOfPieces(): Promise<{ interactionId: string; chunkIds: string[] }> {
  const { app } = database.forTenant('default');
  const record = interactionOf({ channel: 'call', modality: 'audio', author: null, piecesTotal: PIECES });
  await ensureSubject(app, 'default', record.customerKey);
  await acceptInteraction(app, record, undefined);
  const chunkIds = Array.from({ length: PIECES }, () => randomUUID());
  const made = {
    model: 'm',
    modelVersion: 'm',
    promptVersion: 'none',
    codeVersion: 't',
    workflowId: null,
    runId: null,
  };
  for (const [piece, chunkId] of chunkIds.entries()) {
    const place = { kind: 'time', startMs: piece, endMs: piece + 1 } as const;
    const chunk = { chunkId, ordinal: 0, text: 'words', place, confidence: 1 };
    await storeArtifact(app, {
      ...made,
      tenant: 'default',
      interactionId: record.interactionId,
      artifactId: randomUUID(),
      kind: 'transcript',
      piece,
      state: 'active',
      reason: null,
      content: [],
      redactions: {},
      confidence: 1,
      parameters: {},
      redactorVersion: 't',
      chunkerVersion: 't',
      modelMs: 1,
      sealedObject: null,
      activity: 'test',
      chunks: [chunk],
      eventTimes: [new Date()],
    });
    const by = { workflowId: null, runId: null, pickedUpAt: null };
    const rows = [{ chunkId, embeddingId: randomUUID(), vector: fakeVector('words'), ...by }];
    await storeEmbeddings(app, { ...made, tenant: 'default', indexVersion: 1, rows });
  }
  return { interactionId: record.interactionId, chunkIds };
}

it('a record is settled however the last steps of its pieces interleave', async () => {
  const indexVersions = { live: () => ({ index_version: 1 }) };
  // Steps of one process share statements, those of two do not.
  const processes = [1, 2].map(() => {
    const writes = new JoinedWrites({
      database,
      limits: () => ({ size: 100, waitMs: 0, inParallel: 2 }),
      onStatement: () => undefined,
    });
    return { database, indexVersions, writes } as unknown as ActivityDependencies;
  });
  for (let round = 0; round < 60; round++) {
    const { interactionId, chunkIds } = await recordingOfPieces();
    const settling = chunkIds.map((chunkId, index) =>
      settleRecords(processes[index % 2]!, 'default', [interactionId], [chunkId]),
    );
    await Promise.all(settling);
    const [row] = await owner.query('select state from freshness where interaction_id = $1', [interactionId]);
    expect(row).toEqual({ state: 'reachable' });
  }
});
