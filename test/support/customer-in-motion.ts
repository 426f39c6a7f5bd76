import { randomBytes, randomUUID } from 'node:crypto';
import { findRecord, recordFailedPiece, storeArtifact } from '../../src/db/artifacts.ts';
import { storeEmbeddings } from '../../src/db/embeddings.ts';
import {
  deleteCustomerRows,
  deleteRecords,
  destroyKeys,
  FIRST_RECORD,
  markRecords,
  recordsToErase,
  type CustomerErasure,
} from '../../src/db/erased-rows.ts';
import { requestErasure } from '../../src/db/erasures.ts';
import { acceptInteraction, type AcceptResult } from '../../src/db/intake.ts';
import type { TenantDatabase } from '../../src/db/pools.ts';
import { recordRetrieval } from '../../src/db/retrieval-log.ts';
import { ensureSubject, keepDataKey } from '../../src/db/subjects.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import { customerPrefix, generationOf, rawObjectKey } from '../../src/raw-store/object-key.ts';
import type { RawStore } from '../../src/raw-store/raw-store.ts';
import { fakeVector } from './fake-models.ts';
import type { Actor } from './interleave.ts';
import { interactionOf, textOf } from './records.ts';

const TENANT = 'default';
const A_MINUTE = 60_000;
const signal = new AbortController().signal;

/** A record that is sent, perhaps often, and worked on. */
interface MovingRecord {
  readonly interactionId: string;
  readonly old: boolean;
  readonly capturedAt: Date;
  readonly text: ReturnType<typeof textOf>;
  readonly transcript: ReturnType<typeof textOf>;
}

/** One customer, with everything that Earshot does to them, in steps that others may come between. */
export class CustomerInMotion {
  readonly customerKey = randomBytes(16).toString('hex');
  readonly #database: TenantDatabase;
  readonly #store: RawStore;
  readonly #sessionId = randomUUID();
  readonly #records: readonly MovingRecord[];
  /** Set once the fence is up. */
  erasure: CustomerErasure | undefined;
  /** Steps that wrote what the fence should have refused. */
  readonly passed: string[] = [];

  constructor(database: TenantDatabase, store: RawStore, ages: readonly boolean[]) {
    this.#database = database;
    this.#store = store;
    this.#records = ages.map(recordOf);
  }

  /** What the API does with a record: again under the new key when that was replaced. */
  async *intake(index: number): Actor {
    for (let attempt = 0; attempt < 3; attempt++) {
      const generation = await ensureSubject(this.#database.app, TENANT, this.customerKey);
      yield;
      if (!(await this.#keepKey(generation))) continue;
      yield;
      const rawObject = this.#objectOf(index, generation, 'source');
      await this.#store.put(rawObject, Buffer.from('sealed'), signal);
      yield;
      const { outcome } = await this.accept(index, generation, rawObject);
      yield;
      if (outcome === 'stale_key') continue;
      if (outcome === 'erased') await this.#store.delete(rawObject, signal);
      return;
    }
  }

  async accept(index: number, keyGeneration: number, rawObject: string | null): Promise<AcceptResult> {
    const { interactionId, capturedAt, text } = this.#recordAt(index);
    const given = { interactionId, capturedAt, keyGeneration, rawObject, customerKey: this.customerKey };
    const interaction = interactionOf({ ...given, sessionId: this.#sessionId });
    return this.#guarded('accept', index, async () => {
      const result = await acceptInteraction(this.#database.app, interaction, text);
      return [result, result.outcome === 'accepted'];
    });
  }

  /** A recognition step whose model takes its time. */
  async *recognise(index: number): Actor {
    const { interactionId } = this.#recordAt(index);
    const record = await findRecord(this.#database.app, TENANT, interactionId);
    yield;
    if (record === undefined) return;
    const sealedObject = this.#objectOf(index, record.key_generation, 'transcript');
    await this.#store.put(sealedObject, Buffer.from('sealed'), signal);
    yield;
    const admitted = await this.#guarded('recognise', index, async () => {
      const stored = await storeArtifact(this.#database.app, this.#artifactOf(index, sealedObject));
      return [stored, stored];
    });
    yield;
    if (!admitted) await this.#store.delete(sealedObject, signal);
  }

  /** A recognition step that gives up. */
  async *giveUp(index: number): Actor {
    const { interactionId } = this.#recordAt(index);
    yield;
    await recordFailedPiece(this.#database.app, {
      ...{ tenant: TENANT, interactionId, artifactId: randomUUID(), kind: 'transcript', piece: 0 },
      ...{ reason: 'model_rejected', indexVersion: 1, codeVersion: 'test' },
    });
  }

  /** An indexing step whose model takes its time. */
  async *embed(index: number): Actor {
    const { text, transcript } = this.#recordAt(index);
    yield;
    await this.#guarded('embed', index, async () => {
      const written = await storeEmbeddings(this.#database.app, embeddingsOf([...text.chunks, ...transcript.chunks]));
      return [undefined, written.length > 0];
    });
  }

  /** A question about the customer whose answer is kept. */
  async *retrieve(index: number): Actor {
    const keyGeneration = await ensureSubject(this.#database.app, TENANT, this.customerKey);
    yield;
    const { text, transcript } = this.#recordAt(index);
    const hits = [...text.chunks, ...transcript.chunks].map(({ chunkId }) => ({
      ...{ chunkId, score: 1, textRank: 1, vectorRank: 1, reachableAt: null },
    }));
    await recordRetrieval(this.#database.app, {
      ...{ tenant: TENANT, retrievalId: randomUUID(), customerKey: this.customerKey, keyGeneration, hits },
      ...{
        sealedQuery: sealedUnder(keyGeneration),
        askedBy: 'test',
        mode: 'hybrid',
        filters: {},
        indexVersion: 1,
        degraded: [],
        tookMs: 1,
      },
    });
  }

  async *erase(): Actor {
    await ensureSubject(this.#database.app, TENANT, this.customerKey);
    yield;
    const row = await requestErasure(this.#database, {
      ...{
        tenant: TENANT,
        erasureId: randomUUID(),
        askedBy: 'test',
        customerKey: this.customerKey,
        sealedReason: Buffer.from('sealed'),
      },
      ...{ graceMs: 0, deadlineMs: A_MINUTE, startAfterMs: A_MINUTE },
    });
    this.erasure ??= {
      ...{ tenant: TENANT, erasureId: row.erasure_id, customerKey: this.customerKey },
      ...{ erasedBefore: row.erased_before!, destroyedGeneration: row.destroyed_generation! },
    };
    yield;
    yield* this.eraseOnce(this.erasure);
  }

  async *#eachRecord(erasure: CustomerErasure, action: (interactionId: string) => Promise<unknown>): Actor {
    let after = FIRST_RECORD;
    for (;;) {
      const [next] = await recordsToErase(this.#database.app, erasure, after, 1);
      if (next === undefined) return;
      yield;
      await action(next.interaction_id);
      after = next;
      yield;
    }
  }

  /** The steps of the workflow that destroy. */
  async *eraseOnce(erasure: CustomerErasure): Actor {
    const { app } = this.#database;
    const { erasureId, destroyedGeneration } = erasure;
    yield* this.#eachRecord(erasure, (id) => markRecords(app, { tenant: TENANT, erasureId }, [id]));
    await destroyKeys(app, erasure);
    yield;
    yield* this.#eachRecord(erasure, (id) => deleteRecords(this.#database, [id]));
    yield;
    await deleteCustomerRows(app, erasure);
    yield;
    const keep = (key: string) => (generationOf(key) ?? 0) > destroyedGeneration;
    await this.#store.deleteAll({ prefix: customerPrefix(TENANT, this.customerKey), keep }, signal);
  }

  /** Does a write and notes when it was let through although the fence was up before it began. */
  async #guarded<T>(step: string, index: number, write: () => Promise<[T, boolean]>): Promise<T> {
    const fenced = this.erasure !== undefined && this.#recordAt(index).old;
    const [result, wrote] = await write();
    if (fenced && wrote) this.passed.push(step);
    return result;
  }

  async #keepKey(generation: number): Promise<boolean> {
    const wrapped = Buffer.from('wrapped');
    return (await keepDataKey(this.#database.app, TENANT, this.customerKey, { generation, wrapped })) !== undefined;
  }

  #recordAt(index: number): MovingRecord {
    return this.#records[index % this.#records.length]!;
  }

  #objectOf(index: number, generation: number, name: string): string {
    const { interactionId } = this.#recordAt(index);
    return rawObjectKey({ tenant: TENANT, customerKey: this.customerKey, generation, interactionId, name });
  }

  #artifactOf(index: number, sealedObject: string): Parameters<typeof storeArtifact>[1] {
    const { interactionId, transcript, capturedAt } = this.#recordAt(index);
    return {
      ...{ tenant: TENANT, interactionId, ...transcript, kind: 'transcript', piece: 0, state: 'active', reason: null },
      ...{
        confidence: 1,
        model: 'm',
        modelVersion: 'm',
        promptVersion: 'none',
        parameters: {},
        codeVersion: 'test',
        modelMs: 1,
        sealedObject,
      },
      ...{ activity: 'transcribePiece', workflowId: null, runId: null, eventTimes: [capturedAt] },
      chunks: transcript.chunks.map((chunk) => ({ ...chunk, confidence: 1 })),
    };
  }
}

/** Old is of before any erasure; what is not is of a minute from now, and so of after all of them. */
function recordOf(old: boolean): MovingRecord {
  const capturedAt = new Date(Date.now() + (old ? -A_MINUTE : A_MINUTE));
  return {
    interactionId: randomUUID(),
    old,
    capturedAt,
    text: textOf('a message'),
    transcript: textOf('spoken words'),
  };
}

/** Says under which key it is sealed, as src/raw-store/envelope.ts does. */
function sealedUnder(generation: number): Buffer {
  const sealed = Buffer.alloc(17);
  sealed.writeUInt32BE(generation, 1);
  return sealed;
}

function embeddingsOf(chunks: readonly { chunkId: string }[]): Parameters<typeof storeEmbeddings>[1] {
  return {
    ...{ tenant: TENANT, indexVersion: 1, model: 'm', modelVersion: 'm', codeVersion: 'test' },
    rows: chunks.map(({ chunkId }) => ({
      ...{ chunkId, embeddingId: randomUUID(), vector: fakeVector('words') },
      ...{ workflowId: null, runId: null, pickedUpAt: null },
    })),
  };
}

/** Does a step again that the database refused because of another one, as Temporal and channels do. */
export async function* retrying(make: () => Actor): Actor {
  for (let attempt = 1; ; attempt++) {
    try {
      return yield* make();
    } catch (error) {
      if (!(error instanceof EarshotError) || error.code !== 'database_unavailable' || attempt === 20) throw error;
    }
  }
}
