import { findRetrieval, type RetrievalRow } from '../db/retrieval-log.ts';
import { EarshotError } from '../domain/errors.ts';
import type { Modality } from '../domain/interaction.ts';
import type { KeyRing } from '../raw-store/key-ring.ts';
import { queryContext } from './record-answer.ts';
import type { RetrievalDependencies, RetrievalMode } from './retrieve.ts';

/** What is to be explained. */
export interface Inquiry {
  readonly tenant: string;
  readonly customerKey: string;
  /** One record; null: the customer's newest. */
  readonly interactionId: string | null;
  readonly retrievalId: string | null;
  readonly query: string | null;
  readonly modalities: readonly Modality[] | null;
  readonly from: Date | null;
  readonly to: Date | null;
  readonly minConfidence: number;
  readonly k: number;
  readonly mode: RetrievalMode;
  readonly asOf: Date | null;
  /** Records told of at most. */
  readonly limit: number;
}

/** A question as it was or would be answered. */
export interface AskedQuestion {
  readonly retrievalId: string | null;
  /** The index version that answered it; null when that follows from the moment. */
  readonly indexVersion: number | null;
  /** Null: now. */
  readonly moment: Date | null;
  /** Null when they are not known: of a question about all customers they are not kept. */
  readonly words: string | null;
  readonly mode: string;
  readonly k: number;
  readonly modalities: readonly Modality[] | null;
  readonly from: Date | null;
  readonly to: Date | null;
  readonly minConfidence: number;
  readonly degraded: readonly string[];
  /** Whom it asked about; null: all customers. Undefined for a question that was not recorded. */
  readonly askedAbout: string | null | undefined;
  /** What it got, best first. */
  readonly hits: readonly { readonly chunkId: string; readonly position: number }[];
}

/** The question in an inquiry: a recorded one, one to try, or none. @throws EarshotError `not_found` */
export async function askedQuestion(deps: RetrievalDependencies, inquiry: Inquiry): Promise<AskedQuestion | null> {
  const { tenant, retrievalId, query, asOf, k, mode, modalities, from, to, minConfidence } = inquiry;
  if (retrievalId !== null) return recordedQuestion(deps, tenant, retrievalId, query);
  if (query === null) return null;
  const asked = { words: query, mode, k, modalities, from, to, minConfidence };
  return { retrievalId, indexVersion: null, moment: asOf, ...asked, degraded: [], askedAbout: undefined, hits: [] };
}

interface RecordedFilters {
  readonly k: number;
  readonly minConfidence: number;
  readonly modalities: readonly Modality[] | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly asOf?: string | null;
}

async function recordedQuestion(
  { database, keyRing }: RetrievalDependencies,
  tenant: string,
  retrievalId: string,
  query: string | null,
): Promise<AskedQuestion> {
  const row = await findRetrieval(database.forTenant(tenant).reader, tenant, retrievalId);
  if (row === undefined) throw new EarshotError('not_found', 'no such retrieval was recorded');
  const { k, minConfidence, modalities, from, to, asOf } = row.filters as unknown as RecordedFilters;
  return {
    retrievalId,
    indexVersion: row.index_version,
    // It was recorded after it was answered: what came in between was not in it.
    moment: dateOf(asOf) ?? new Date(row.asked_at.getTime() - Math.ceil(row.took_ms)),
    words: (await wordsOf(keyRing, tenant, row)) ?? query,
    mode: row.mode,
    k,
    modalities,
    from: dateOf(from),
    to: dateOf(to),
    minConfidence,
    degraded: row.degraded,
    askedAbout: row.customer_key,
    hits: row.hits,
  };
}

/** Null when they were not kept, or the key was destroyed. */
async function wordsOf(keyRing: KeyRing, tenant: string, row: RetrievalRow): Promise<string | null> {
  if (row.sealed_query === null || row.customer_key === null) return null;
  const context = queryContext(tenant, row.retrieval_id);
  try {
    return (await keyRing.open(tenant, row.customer_key, row.sealed_query, context)).toString();
  } catch (error) {
    if (error instanceof EarshotError && error.code === 'data_key_destroyed') return null;
    throw error;
  }
}

function dateOf(value: string | null | undefined): Date | null {
  return value === null || value === undefined ? null : new Date(value);
}
