import { randomUUID } from 'node:crypto';
import type { IndexVersionRow } from '../db/index-versions.ts';
import type { Database, Queryable, TenantDatabase } from '../db/pools.ts';
import { hasFilters, readSurroundings, retrieveAll, type CandidateRow, type RetrievalQuery } from '../db/retrieval.ts';
import type { Surroundings } from '../db/surroundings.ts';
import type { DialReader } from '../dial-reader.ts';
import { RESERVED_KEYS } from '../domain/canary.ts';
import { EarshotError, invalidField } from '../domain/errors.ts';
import type { Modality } from '../domain/interaction.ts';
import { fuse } from '../domain/rank-fusion.ts';
import { storableText } from '../domain/storable-text.ts';
import type { ExpectationSource } from '../expectations.ts';
import type { IndexVersions } from '../index-version-reader.ts';
import type { EmbeddingModels } from '../models/ports.ts';
import { errorForLog, type Logger } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { KeyRing } from '../raw-store/key-ring.ts';
import type { CommonWords } from './common-words.ts';
import { fusionCandidate } from './fusion-candidate.ts';
import { describeHit, type Hit } from './hit.ts';
import { describePast, versionFor, type AsOf } from './moment.ts';
import { pendingOf, type Pending } from './pending.ts';
import { recordAnswer } from './record-answer.ts';
import { fusionOptions, searchLimits } from './search-limits.ts';

export type RetrievalMode = 'hybrid' | 'vector' | 'text';

export interface Question {
  readonly tenant: string;
  /** Whether a canary asks for itself, by the same indexes as everybody. It is shown canaries alone. */
  readonly canary: boolean;
  readonly query: string;
  readonly customerKey: string | null;
  /** Name of the API key that asks. */
  readonly askedBy: string;
  readonly modalities: readonly Modality[] | null;
  readonly from: Date | null;
  readonly to: Date | null;
  readonly minConfidence: number;
  readonly k: number;
  readonly mode: RetrievalMode;
  /** Asks for what was reachable at this moment; null: now. */
  readonly asOf: Date | null;
}

export interface Answer {
  readonly results: readonly Hit[];
  readonly newestEventTime: Date | null;
  readonly history: 'none' | 'some';
  readonly pending: readonly Pending[];
  /** Parts that this answer had to do without. */
  readonly degraded: readonly string[];
  /** Of an answer about the past; null otherwise. */
  readonly asOf: AsOf | null;
  readonly retrievalId: string;
  readonly tookMs: number;
}

export interface RetrievalDependencies {
  readonly database: Database;
  readonly dials: DialReader;
  readonly expectations: ExpectationSource;
  readonly indexVersions: IndexVersions;
  readonly commonWords: CommonWords;
  readonly embeddings: EmbeddingModels;
  readonly keyRing: KeyRing;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** A query's vector that takes longer is done without: the copilot waits in the middle of a conversation. */
const EMBEDDING_DEADLINE_MS = 3_000;

/**
 * Answers a copilot's question from what is reachable, and says what is not yet. Without a vector, because the model
 * does not answer or the vectors of the moment asked for are dropped, words alone are searched and `degraded` says so.
 *
 * @throws EarshotError `model_unavailable` and its like when only vectors were asked for.
 */
export async function retrieve(deps: RetrievalDependencies, question: Question): Promise<Answer> {
  const started = performance.now();
  const { tenant, mode, asOf } = question;
  const database = deps.database.forTenant(tenant);
  const { version: answering, around, results, degraded } = await search(deps, database, question);
  const { newest, pending, erased } = around;
  const answer: Answer = {
    results,
    newestEventTime: newest,
    history: newest === null && pending.length === 0 ? 'none' : 'some',
    pending: pending.map((row) => pendingOf(row, deps.expectations.of(tenant, row.modality))),
    degraded,
    asOf: asOf === null || erased === null ? null : describePast(asOf, answering, erased),
    retrievalId: randomUUID(),
    tookMs: Math.round((performance.now() - started) * 10) / 10,
  };
  if (question.canary) return answer;
  deps.metrics.retrieval.observe({ mode }, answer.tookMs / 1000);
  // The copilot need not wait for the record of what it was told.
  void recordAnswer(deps, database, answering.index_version, question, answer).catch((error: unknown) =>
    deps.log.error(errorForLog(error), 'a retrieval was not recorded'),
  );
  return answer;
}

interface Found {
  readonly version: IndexVersionRow;
  readonly around: Surroundings;
  readonly results: readonly Hit[];
  readonly degraded: readonly string[];
}

/**
 * Searches the version that answers with a vector by its own model. Which one that is, is known from memory and told again
 * with the results: a search in a version that was switched away from, or dropped meanwhile, begins again with the one that
 * answers now.
 */
async function search(deps: RetrievalDependencies, database: TenantDatabase, question: Question): Promise<Found> {
  const version = question.asOf === null ? deps.indexVersions.live() : await versionFor(deps.database, question.asOf);
  try {
    const found = await searchIn(deps, database, version, question);
    if (question.asOf !== null || found.around.live === version.index_version) return found;
  } catch (error) {
    const now = await versionFor(deps.database, question.asOf);
    if (now.index_version === version.index_version && now.state === version.state) throw error;
  }
  await deps.indexVersions.refresh();
  return searchIn(deps, database, await versionFor(deps.database, question.asOf), question);
}

async function searchIn(
  deps: RetrievalDependencies,
  database: TenantDatabase,
  version: IndexVersionRow,
  question: Question,
): Promise<Found> {
  if (needsModel(deps, version, question)) {
    // Of a customer without anything to search no model is asked: the honest answer is at hand.
    const around = await readSurroundings(database.reader, version, question);
    if (around.newest === null) return { version, around, results: [], degraded: [] };
  }
  const { vector, degraded } = await queryVector(deps, version, question);
  const query = await asQuery(deps, database, question, vector);
  const { around, candidates } = await retrieveAll(readerFor(database, question), version, query);
  return { version, around, degraded, results: await bestHits(deps, version, question, candidates) };
}

function readerFor({ questions }: TenantDatabase, question: Question): Queryable {
  return hasFilters(question) ? questions.filtered : questions.plain;
}

/** Whether a question about a customer takes a call of the model, because its vector is not remembered. */
function needsModel(
  { embeddings }: RetrievalDependencies,
  version: IndexVersionRow,
  { tenant, customerKey, query, mode }: Question,
): boolean {
  if (customerKey === null || mode === 'text' || version.state === 'dropped') return false;
  return embeddings.of(version).remembers?.(query, ownerOf(tenant, customerKey)) !== true;
}

/** For whom a question's vector is remembered. */
function ownerOf(tenant: string, customerKey: string | null): string {
  return `${tenant}/${customerKey ?? ''}`;
}

/** The question's vector by the model of a version; null, with the reason in `degraded`, where there can be none. */
export async function queryVector(
  deps: RetrievalDependencies,
  version: IndexVersionRow,
  { tenant, customerKey, query, mode }: Pick<Question, 'tenant' | 'customerKey' | 'query' | 'mode'>,
): Promise<{ vector: readonly number[] | null; degraded: string[] }> {
  if (mode === 'text') return { vector: null, degraded: [] };
  if (version.state === 'dropped') {
    if (mode === 'vector') throw invalidField('asOf', 'the vectors of that time were dropped; ask by words');
    return { vector: null, degraded: ['vector'] };
  }
  try {
    const deadline = AbortSignal.timeout(EMBEDDING_DEADLINE_MS);
    const [vector] = await deps.embeddings.of(version).embed([query], deadline, ownerOf(tenant, customerKey));
    return { vector: vector ?? null, degraded: [] };
  } catch (error) {
    if (mode === 'vector') throw asModelError(error);
    deps.metrics.degraded.inc({ part: 'vector' });
    deps.log.warn(errorForLog(error), 'a query was answered by words alone');
    return { vector: null, degraded: ['vector'] };
  }
}

function asModelError(error: unknown): EarshotError {
  if (error instanceof EarshotError) return error;
  return new EarshotError('model_unavailable', `no query vector within ${EMBEDDING_DEADLINE_MS} ms`);
}

async function asQuery(
  deps: RetrievalDependencies,
  { reader }: TenantDatabase,
  question: Question,
  vector: readonly number[] | null,
): Promise<RetrievalQuery> {
  const { tenant, canary, customerKey, modalities, from, to, minConfidence, mode, k, asOf } = question;
  const words = mode === 'vector' ? null : storableText(question.query);
  const limits = searchLimits(deps.dials);
  return {
    ...{ tenant, canary, customerKey, words, vector, modalities, from, to, minConfidence, asOf },
    ...limits,
    ...(words !== null && !canary
      ? { common: await deps.commonWords.among(reader, tenant, words, limits.textRows) }
      : {}),
    candidates: Math.max(k, deps.dials.get('retrieval.candidates')),
    // A canary is shown itself alone, wherever it stands.
    ...(canary ? {} : { best: { k, ...fusionOptions(deps.dials) } }),
  };
}

async function bestHits(
  deps: RetrievalDependencies,
  version: IndexVersionRow,
  { tenant, canary, k }: Question,
  rows: readonly CandidateRow[],
): Promise<Hit[]> {
  const shown = canary ? rows.filter(({ customer_key: key }) => RESERVED_KEYS.includes(key)) : rows;
  const candidates = shown.map((row) => ({ row, ...fusionCandidate(row) }));
  const best = fuse(candidates, fusionOptions(deps.dials)).slice(0, k);
  const lateAfterMs = deps.dials.get('late.after_ms');
  const hits = await Promise.all(
    best.map(({ row, score }) => describeHit(deps.keyRing, tenant, version, row, score, lateAfterMs)),
  );
  return hits.filter((hit) => hit !== undefined);
}
