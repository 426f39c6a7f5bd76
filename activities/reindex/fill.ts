import { setTimeout as delay } from 'node:timers/promises';
import { settle } from '../../src/db/embeddings.ts';
import type { IndexVersionRow } from '../../src/db/index-versions.ts';
import { noteProgress, type ReindexRow } from '../../src/db/reindexes.ts';
import { listTenants } from '../../src/db/subjects.ts';
import {
  chunksOfVersion,
  FIRST_CHUNK,
  noteFailures,
  type ChunkOfVersion,
  type EmbeddingFailure,
} from '../../src/db/version-vectors.ts';
import type { ChunkCursor, FillRequest, FillResult } from '../../src/domain/activities.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import { NO_COUNTS, type ReindexCounts } from '../../src/domain/index-version.ts';
import { paceOf } from '../../src/domain/pace.ts';
import type { EmbeddingModel } from '../../src/models/ports.ts';
import { eachOf } from '../../src/domain/each-of.ts';
import { backgroundModel, turnsFor } from '../background-model.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { currentRun } from '../heartbeat.ts';
import { prove, storeAndProve, type MadeVector } from '../write-beside.ts';
import { loadVersion } from './version.ts';

/** A step sends no request after this, so that a pause is soon obeyed. */
const SLICE_MS = 5_000;

/** Chunks that are read at a time, at the most; after each page the progress is told. */
const PAGE = 500;

/** The first page of a step, whose pace is not known yet, and the least that is worth reading. */
const FIRST_PAGE = 64;

/** Vectors that are written with one statement. */
const ROWS_PER_WRITE = 64;

/**
 * Embeds the next chunks that a version lacks, in the order of their ids. Run again it finds what the attempt before it
 * has stored; a text that the model refuses is listed and left out.
 */
export async function fillVersion(
  deps: ActivityDependencies,
  request: FillRequest,
  signal: AbortSignal,
): Promise<FillResult> {
  const started = Date.now();
  const limit = deps.dials.get('reindex.batch_chunks');
  let counts = NO_COUNTS;
  let after = request.after;
  let seen = 0;
  for (;;) {
    const version = await loadVersion(deps, request);
    if (version.state === 'dropped') return { counts, after, gone: true };
    const worked = counts.added + counts.failed + counts.left;
    const leftMs = SLICE_MS - (Date.now() - started);
    if (worked >= limit || leftMs <= 0) return { counts, after, gone: false };
    const size = pageSize(deps, limit - worked, seen / (SLICE_MS - leftMs), leftMs);
    const page = await nextPage(deps, request.indexVersion, after, size);
    if (page === null) return { counts, after: null, gone: false };
    const { tenant } = page;
    const filled = await fillPage(deps, version, page, () => Date.now() - started >= SLICE_MS, signal);
    seen += filled.dealt.length;
    counts = sum(counts, filled.counts);
    after = { tenant, chunkId: filled.dealt.at(-1)!.chunk_id };
    await tell(deps, request, counts, Date.now() - started);
  }
}

/** A page is no larger than what is left of a slice of time takes, at the pace that is allowed and that was seen. */
function pageSize({ dials }: ActivityDependencies, left: number, seenPerMs: number, leftMs: number): number {
  const perSecond = dials.get('reindex.max_chunks_per_second');
  const allowed = perSecond === 0 ? PAGE : Math.ceil((perSecond * SLICE_MS) / 1_000);
  const expected = seenPerMs > 0 ? Math.max(FIRST_PAGE, Math.floor(seenPerMs * leftMs)) : FIRST_PAGE;
  return Math.max(1, Math.min(PAGE, left, allowed, expected));
}

interface Page {
  readonly tenant: string;
  readonly chunks: readonly ChunkOfVersion[];
}

/** The next chunks of the tenant, or of the next one that has any; null after the last. */
async function nextPage(
  deps: ActivityDependencies,
  indexVersion: number,
  after: ChunkCursor | null,
  limit: number,
): Promise<Page | null> {
  const tenants = [...(await listTenants(deps.database.deployment))].sort();
  for (const tenant of tenants.filter((each) => after === null || each >= after.tenant)) {
    const from = after?.tenant === tenant ? after.chunkId : FIRST_CHUNK;
    const chunks = await chunksOfVersion(deps.database.forTenant(tenant).app, tenant, indexVersion, from, limit);
    if (chunks.length > 0) return { tenant, chunks };
  }
  return null;
}

/** Deals with the chunks of a page, or, when the time is over before, with the first of them; answers those. */
async function fillPage(
  deps: ActivityDependencies,
  version: ReindexRow,
  { tenant, chunks }: Page,
  isOver: () => boolean,
  signal: AbortSignal,
): Promise<{ counts: ReindexCounts; dealt: readonly ChunkOfVersion[] }> {
  const idsOf = (some: readonly ChunkOfVersion[], standing: ChunkOfVersion['standing']) =>
    some.filter((chunk) => chunk.standing === standing).map(({ chunk_id }) => chunk_id);
  await prove(deps, tenant, version.index_version, idsOf(chunks, 'unproven'));
  const model = backgroundModel(deps, version, turnsFor(deps, version));
  const pace = paced(deps, signal);
  const writer = new VectorWriter(deps, tenant, version);
  let failed = 0;
  const requests = requestsOf(deps, chunks);
  const sent = await untilOver(requests, deps.dials.get('reindex.requests_in_flight'), isOver, async (some) => {
    await deps.brake.wait(signal);
    await pace(some.length);
    const { made, failures } = await embedEach(model, some, signal);
    failed += failures.length;
    if (failures.length > 0) {
      await noteFailures(deps.database.forTenant(tenant).app, tenant, version.index_version, failures);
    }
    await writer.add(made);
  });
  const { added, left } = await writer.end();
  const dealt = chunksBefore(chunks, requests[sent]?.[0]);
  if (version.state === 'live') {
    const given = chunks.filter(({ standing }) => standing === 'unproven' || standing === 'missing');
    await settleThese(deps, tenant, version, given);
  }
  deps.metrics.reindexed.inc({ outcome: 'added' }, added);
  deps.metrics.reindexed.inc({ outcome: 'failed' }, failed);
  const unchanged = idsOf(dealt, 'present').length + idsOf(dealt, 'unproven').length;
  return { counts: { unchanged, added, failed, left }, dealt };
}

/**
 * Does an action for the items in their order, so many at a time, until the time is over; for one at least. Answers for
 * how many it was done: all before that, none from there on.
 */
export async function untilOver<T>(
  items: readonly T[],
  parallel: number,
  isOver: () => boolean,
  action: (item: T) => Promise<unknown>,
): Promise<number> {
  let begun = 0;
  let over = false;
  await eachOf(items, parallel, async (item) => {
    over ||= begun > 0 && isOver();
    if (over) return;
    begun += 1;
    await action(item);
  });
  return begun;
}

function chunksBefore(chunks: readonly ChunkOfVersion[], first: ChunkOfVersion | undefined): readonly ChunkOfVersion[] {
  return first === undefined ? chunks : chunks.slice(0, chunks.indexOf(first));
}

/** After a switch this run may be the one that makes a record whole: its own step may have come between two statements. */
async function settleThese(
  deps: ActivityDependencies,
  tenant: string,
  version: IndexVersionRow,
  chunks: readonly ChunkOfVersion[],
): Promise<void> {
  const ids = [...new Set(chunks.map(({ interaction_id }) => interaction_id))];
  if (ids.length === 0) return;
  const request = { interactionIds: ids, reachableChunks: [] };
  await settle(deps.database.forTenant(tenant).app, tenant, version.index_version, [request]);
}

/** Writes vectors in larger portions than they are made, and while the next ones are made. */
class VectorWriter {
  readonly #store: (rows: readonly MadeVector[]) => Promise<void>;
  #rows: MadeVector[] = [];
  #writing: Promise<void> = Promise.resolve();
  #added = 0;
  #left = 0;

  constructor(deps: ActivityDependencies, tenant: string, version: IndexVersionRow) {
    const run = currentRun();
    this.#store = async (rows) => {
      const stored = await storeAndProve(deps, tenant, version, rows, run);
      this.#added += stored.length;
      this.#left += rows.length - stored.length;
    };
  }

  /** Waits for the portion before when the next one is full. */
  async add(rows: readonly MadeVector[]): Promise<void> {
    this.#rows.push(...rows);
    if (this.#rows.length >= ROWS_PER_WRITE) await this.#next();
  }

  async end(): Promise<{ added: number; left: number }> {
    await this.#next();
    await this.#writing;
    return { added: this.#added, left: this.#left };
  }

  async #next(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    const before = this.#writing;
    this.#writing = rows.length === 0 ? before : before.then(() => this.#store(rows));
    // It is waited for by the next portion, or at the end.
    this.#writing.catch(() => undefined);
    await before;
  }
}

function requestsOf(deps: ActivityDependencies, chunks: readonly ChunkOfVersion[]): ChunkOfVersion[][] {
  const missing = chunks.filter(({ standing }) => standing === 'missing');
  const size = deps.dials.get('reindex.chunks_per_request');
  return Array.from({ length: Math.ceil(missing.length / size) }, (_, index) =>
    missing.slice(index * size, (index + 1) * size),
  );
}

/** Waits before each request so long that no more texts are sent per second than the dial allows. */
function paced(deps: ActivityDependencies, signal: AbortSignal): (chunks: number) => Promise<void> {
  let next = Date.now();
  return async (chunks) => {
    const perSecond = deps.dials.get('reindex.max_chunks_per_second');
    if (perSecond === 0) return;
    const wait = next - Date.now();
    next = Math.max(next, Date.now()) + (chunks * 1_000) / perSecond;
    if (wait > 0) await delay(wait, undefined, { signal });
  };
}

interface Embedded {
  readonly made: readonly MadeVector[];
  readonly failures: readonly EmbeddingFailure[];
}

/** One request for all; one that is refused, or answered with nonsense, is halved until the text at fault is alone. */
async function embedEach(
  model: EmbeddingModel,
  chunks: readonly ChunkOfVersion[],
  signal: AbortSignal,
): Promise<Embedded> {
  const made: MadeVector[] = [];
  const failures: EmbeddingFailure[] = [];
  const embedAll = async (some: readonly ChunkOfVersion[]): Promise<void> => {
    try {
      const texts = some.map(({ text }) => text ?? '');
      const vectors = await model.embed(texts, signal);
      some.forEach(({ chunk_id: chunkId }, index) => made.push({ chunkId, vector: vectors[index]! }));
    } catch (error) {
      const code = faultOfText(error);
      if (code === undefined) throw error;
      if (some.length === 1) return void failures.push({ chunkId: some[0]!.chunk_id, code });
      const half = Math.ceil(some.length / 2);
      await embedAll(some.slice(0, half));
      await embedAll(some.slice(half));
    }
  };
  await embedAll(chunks);
  if (failures.length > 0) await checkModel(model, signal);
  return { made, failures };
}

/** A code that may be the fault of the text alone. */
function faultOfText(error: unknown): string | undefined {
  const code = error instanceof EarshotError ? error.code : undefined;
  return code === 'model_rejected' || code === 'model_answer_invalid' ? code : undefined;
}

let checks = 0;

/**
 * Tells a bad text from a bad endpoint: a plain word must get a vector. A word of its own each time, lest an earlier
 * answer is remembered.
 *
 * @throws EarshotError `model_unavailable`
 */
async function checkModel(model: EmbeddingModel, signal: AbortSignal): Promise<void> {
  try {
    checks += 1;
    await model.embed([`check ${process.pid} ${checks}`], signal);
  } catch (error) {
    if (faultOfText(error) === undefined) throw error;
    throw new EarshotError('model_unavailable', `embedding by ${model.model}: the endpoint refuses every text`);
  }
}

function sum(one: ReindexCounts, other: ReindexCounts): ReindexCounts {
  return {
    unchanged: one.unchanged + other.unchanged,
    added: one.added + other.added,
    failed: one.failed + other.failed,
    left: one.left + other.left,
  };
}

/** Tells how far the run is, also within a step. */
async function tell(
  deps: ActivityDependencies,
  { indexVersion, progress, workedMs }: FillRequest,
  counts: ReindexCounts,
  elapsedMs: number,
): Promise<void> {
  const all = sum(progress, counts);
  const worked = all.added + all.failed;
  const left = progress.total - all.unchanged - worked;
  const pace = paceOf(worked, workedMs + elapsedMs, left, Date.now());
  await noteProgress(deps.database.deployment, indexVersion, { ...all, ...pace });
}
