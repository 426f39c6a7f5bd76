import { countErasedSince } from '../db/as-of.ts';
import { findMissing, recordFacts, tryReach, type Explained, type RecordFactsRow } from '../db/explain.ts';
import { freshnessBudgets } from '../freshness-budgets.ts';
import { explain, type Explanation, type Reach, type RecordFacts } from '../domain/explanation.ts';
import { sentenceOf } from '../domain/explanation-text.ts';
import { stageTimes, type StageTimes } from '../domain/freshness.ts';
import type { Modality } from '../domain/interaction.ts';
import { askedQuestion, type AskedQuestion, type Inquiry } from './asked-question.ts';
import { recordedVersion, versionFor } from './moment.ts';
import { rankFacts } from './rank-facts.ts';
import { queryVector, type RetrievalDependencies } from './retrieve.ts';

/** One record, and why the copilot did not know it, or that it did. */
export interface ExplainedRecord extends Explanation {
  readonly interactionId: string;
  readonly modality: Modality | null;
  readonly capturedAt: Date | null;
  readonly sentence: string;
  readonly stages: StageTimes | null;
}

export interface ExplainAnswer {
  readonly at: Date;
  /** The index version that is told about: of a recorded answer the one that it was found in, else that of the moment. */
  readonly indexVersion: number;
  readonly model: string;
  /** Whether its vectors were dropped since: ranks are those in words alone. */
  readonly vectorsDropped: boolean;
  readonly question: {
    readonly retrievalId: string | null;
    readonly mode: string;
    readonly k: number;
    readonly degraded: readonly string[];
  } | null;
  /** Of the record asked about; of several, of the newest that was not shown. */
  readonly verdict: Explanation['verdict'];
  readonly sentence: string;
  readonly records: readonly ExplainedRecord[];
  /** Records of the customer that were erased since the moment; null for a question about now. */
  readonly erasedSince: number | null;
}

/** Says which stage or rule hid what the customer sent, now or from an answer of the past. */
export async function explainAnswer(deps: RetrievalDependencies, inquiry: Inquiry): Promise<ExplainAnswer> {
  const { tenant, customerKey, interactionId } = inquiry;
  const { reader } = deps.database.forTenant(tenant);
  const question = await askedQuestion(deps, inquiry);
  const moment = question?.moment ?? inquiry.asOf;
  const recorded = question?.indexVersion ?? null;
  const version =
    recorded === null ? await versionFor(deps.database, moment) : await recordedVersion(deps.database, recorded);
  const explained: Explained = { tenant, customerKey, version, moment };
  const ids = interactionId === null ? null : [interactionId];
  const triesReach = interactionId !== null && moment === null;
  const [vector, rows, reach, since] = await Promise.all([
    question === null ? null : vectorOf(deps, version, inquiry, question),
    recordFacts(reader, explained, ids, inquiry.limit),
    triesReach ? tryReach(reader, explained, interactionId) : null,
    moment === null ? null : countErasedSince(reader, tenant, customerKey, moment),
  ]);
  const wanted = rows.map((row) => row.interaction_id);
  const ranks = question === null ? null : await rankFacts(deps, explained, question, vector, wanted);
  const at = moment ?? new Date();
  const budgets = freshnessBudgets(deps.dials);
  const records = rows.map((row) => {
    const tried =
      reach === null ? null : { exact: row.reachable === row.served, index: reach.by_index, words: reach.by_words };
    const explanation = explain(
      factsOf(row, budgets[row.modality], version, tried),
      ranks?.get(row.interaction_id) ?? null,
      {
        at,
        past: moment !== null,
      },
    );
    return describe(row, explanation);
  });
  if (interactionId !== null && rows.length === 0) records.push(await missing(deps, tenant, interactionId));
  const first = records.find(({ verdict }) => verdict !== 'shown') ?? records[0];
  return {
    at,
    indexVersion: version.index_version,
    model: version.model,
    vectorsDropped: isDropped(version),
    question: question === null ? null : described(question, vector),
    verdict: first?.verdict ?? 'not_captured',
    sentence: first?.sentence ?? sentenceOf({ verdict: 'not_captured', details: {} }),
    records,
    erasedSince: since?.erased ?? null,
  };
}

/** Null when the answer had to do without, or has to now. */
async function vectorOf(
  deps: RetrievalDependencies,
  version: Explained['version'],
  owner: { readonly tenant: string; readonly customerKey: string },
  question: AskedQuestion,
) {
  const { words, mode, degraded } = question;
  if (words === null || mode === 'text' || degraded.includes('vector')) return null;
  return (await queryVector(deps, version, { ...owner, query: words, mode: 'hybrid' })).vector;
}

/** @param vector null where the question is asked again without one. */
function described(
  { retrievalId, mode, k, degraded }: AskedQuestion,
  vector: readonly number[] | null,
): ExplainAnswer['question'] {
  const lacksVector = retrievalId === null && mode !== 'text' && vector === null;
  return { retrievalId, mode, k, degraded: lacksVector ? ['vector'] : degraded };
}

function isDropped({ state }: Explained['version']): boolean {
  return state === 'dropped';
}

function factsOf(
  row: RecordFactsRow,
  budgetMs: number,
  version: Explained['version'],
  reach: Reach | null,
): RecordFacts {
  return {
    modality: row.modality,
    budgetMs,
    state: row.state,
    acceptedAt: row.accepted_at,
    pickedUpAt: row.picked_up_at,
    textReachableAt: row.text_reachable_at,
    reachableAt: row.reachable_at,
    piecesDone: row.pieces_done,
    piecesTotal: row.pieces_total,
    erasedBefore: row.erased_before,
    quarantined: row.quarantined,
    failed: row.failed,
    redactions: row.redactions,
    cut: row.cut,
    served: row.served,
    present: row.present,
    reachable: row.reachable,
    droppedVersion: isDropped(version) ? version.index_version : null,
    withdrawnAt: row.withdrawn_at,
    reach,
  };
}

function describe(row: RecordFactsRow, explanation: Explanation): ExplainedRecord {
  return {
    interactionId: row.interaction_id,
    modality: row.modality,
    capturedAt: row.captured_at,
    ...explanation,
    sentence: sentenceOf(explanation),
    stages: stageTimes({
      capturedAt: row.captured_at,
      acceptedAt: row.accepted_at,
      pickedUpAt: row.picked_up_at,
      transformedAt: row.transformed_at,
      reachableAt: row.reachable_at,
    }),
  };
}

/** A record that is not in the customer's log: erased, or never accepted of this customer. */
async function missing(deps: RetrievalDependencies, tenant: string, interactionId: string): Promise<ExplainedRecord> {
  const left = await findMissing(deps.database.forTenant(tenant).reader, tenant, interactionId);
  const explanation: Explanation =
    left.erasure_id === null
      ? { verdict: 'not_captured', details: { ofAnotherCustomer: left.of_another } }
      : { verdict: 'erased', details: { erasureId: left.erasure_id, erasedAt: left.erased_at } };
  const nothing = { modality: null, capturedAt: null, stages: null };
  return { interactionId, ...explanation, sentence: sentenceOf(explanation), ...nothing };
}
