import { randomUUID } from 'node:crypto';
import type { IndexVersionRow } from '../../src/db/index-versions.ts';
import { findPair, findReindex, noteEvidence, type ReindexRow } from '../../src/db/reindexes.ts';
import { vectorLiteral } from '../../src/db/embeddings.ts';
import { listTenants } from '../../src/db/subjects.ts';
import {
  countParity,
  distanceOf,
  exactDistances,
  nearest,
  recentChunks,
  sampleChunks,
  type Neighbour,
  type SampledChunk,
} from '../../src/db/version-evidence.ts';
import { listFailures } from '../../src/db/version-vectors.ts';
import type { MeasureRequest, Verdict } from '../../src/domain/activities.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import {
  parityShare,
  shortfalls,
  type Evidence,
  type EvidenceBounds,
  type ParityFigure,
} from '../../src/domain/index-version.ts';
import { backgroundModel, turnsFor } from '../background-model.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { loadVersion } from './version.ts';

/** Distances that differ by less are ties: equal texts have equal vectors, and halves are rounded. */
const TIE = 1e-4;

/** The same words embedded twice by one model are nearer than this. */
const SAME_WORDS = 0.05;

/** More failures than this are counted as this many. */
const MOST_FAILURES = 10_000;

/** Measures a version against the live one and judges it by the bounds of the dials; keeps ids and numbers alone. */
export async function measureVersion(
  deps: ActivityDependencies,
  request: MeasureRequest,
  signal: AbortSignal,
): Promise<Verdict> {
  const version = await loadVersion(deps, request);
  const live = await liveBeside(deps, version);
  const figures: TenantFigures[] = [];
  for (const tenant of await listTenants(deps.database.deployment)) {
    figures.push(await measureTenant(deps, tenant, version, live, request.asOf, signal));
  }
  const evidence = summary(deps, request.asOf, figures);
  await noteEvidence(deps.database.deployment, request.indexVersion, evidence);
  return { evidence, shortfalls: shortfalls(evidence, boundsOf(deps, version)) };
}

/** Who goes back may do so because the live version answers nonsense: it is no measure then. */
function boundsOf({ dials }: ActivityDependencies, { state }: IndexVersionRow): EvidenceBounds {
  return {
    parity: dials.get('reindex.min_parity'),
    recall: dials.get('reindex.min_recall'),
    overlap: state === 'retired' ? 0 : dials.get('reindex.min_overlap'),
    canaries: dials.get('reindex.min_canaries'),
  };
}

async function liveBeside(deps: ActivityDependencies, version: IndexVersionRow): Promise<IndexVersionRow> {
  const { live, beside } = await findPair(deps.database.deployment);
  const row = await findReindex(deps.database.deployment, live);
  if (beside !== version.index_version || row === undefined) {
    throw new EarshotError('wrong_state', `version ${version.index_version} is not beside the live one`);
  }
  return row;
}

interface TenantFigures {
  readonly parity: Evidence['parity'];
  readonly failures: number;
  readonly recalls: readonly number[];
  readonly overlaps: readonly number[];
  readonly found: readonly boolean[];
}

async function measureTenant(
  deps: ActivityDependencies,
  tenant: string,
  version: ReindexRow,
  live: IndexVersionRow,
  asOf: string,
  signal: AbortSignal,
): Promise<TenantFigures> {
  const { reader } = deps.database.forTenant(tenant);
  const size = deps.dials.get('reindex.sample_size');
  const { index_version: number } = version;
  const parity = await deps.withOwner(tenant, (owner) =>
    countParity(owner, tenant, number, live.index_version, asOf, number > live.index_version),
  );
  const samples = await sampleChunks(reader, tenant, number, randomPlaces(size));
  const recalls = await recallsOf(deps, tenant, version, samples, signal);
  const overlaps = await overlapsOf(deps, tenant, version, live, samples, signal);
  const recent = await recentChunks(reader, tenant, number, asOf, size);
  return {
    parity,
    failures: (await listFailures(reader, tenant, number, MOST_FAILURES)).length,
    recalls,
    overlaps,
    found: await canariesOf(deps, tenant, version, recent, signal),
  };
}

function randomPlaces(size: number): string[] {
  return Array.from({ length: size }, () => randomUUID());
}

/**
 * recall@k of the index for chunks that stand for questions: the share of what it answers that is as near as the k-th
 * nearest of all. By distance and not by id, as ann-benchmarks counts: of equal texts any may be answered.
 */
export async function recallsOf(
  deps: ActivityDependencies,
  tenant: string,
  version: IndexVersionRow,
  samples: readonly SampledChunk[],
  signal: AbortSignal,
): Promise<number[]> {
  const k = deps.dials.get('reindex.sample_k');
  const { reader } = deps.database.forTenant(tenant);
  return deps.withOwner(tenant, async (owner) => {
    const recalls: number[] = [];
    for (const { vector } of samples) {
      signal.throwIfAborted();
      const exact = await exactDistances(owner, tenant, version.index_version, vector!, k);
      const bound = (exact.at(-1) ?? 0) + TIE;
      const found = await nearest(reader, tenant, version, vector!, k);
      recalls.push(found.filter(({ distance }) => distance <= bound).length / exact.length);
    }
    return recalls;
  });
}

/** Chunks of a version at random, by which its recall is measured. */
export async function recallSamples(
  deps: ActivityDependencies,
  tenant: string,
  version: IndexVersionRow,
): Promise<SampledChunk[]> {
  const places = randomPlaces(deps.dials.get('reindex.sample_size'));
  return sampleChunks(deps.database.forTenant(tenant).reader, tenant, version.index_version, places);
}

/**
 * The same questions to both versions, each by its own model: the share of the live version's answers that come again.
 * A version that was recognised anew has texts of its own: its answers are compared by record.
 */
async function overlapsOf(
  deps: ActivityDependencies,
  tenant: string,
  version: ReindexRow,
  live: IndexVersionRow,
  samples: readonly SampledChunk[],
  signal: AbortSignal,
): Promise<number[]> {
  if (samples.length === 0) return [];
  const k = deps.dials.get('reindex.sample_k');
  const { reader } = deps.database.forTenant(tenant);
  const texts = samples.map(({ text }) => text);
  const turns = turnsFor(deps, version);
  const ask = (one: IndexVersionRow) => backgroundModel(deps, one, turns).embed(texts, signal);
  const asked = await ask(version);
  const askedLive = await ask(live).catch(unlessBuilding(version));
  if (askedLive === undefined) return [];
  const overlaps: number[] = [];
  for (const index of samples.keys()) {
    const found = await nearest(reader, tenant, version, vectorLiteral(asked[index]!), k);
    const usual = await nearest(reader, tenant, live, vectorLiteral(askedLive[index]!), k);
    const nameOf = ({ chunk_id, interaction_id }: Neighbour) => (version.source === 'raw' ? interaction_id : chunk_id);
    const names = new Set(found.map(nameOf));
    if (usual.length > 0) overlaps.push(usual.filter((each) => names.has(nameOf(each))).length / usual.length);
  }
  return overlaps;
}

/** One can go back while the model of the live version does not answer. */
function unlessBuilding({ state }: IndexVersionRow): (error: unknown) => undefined {
  return (error) => {
    if (state === 'building') throw error;
    return undefined;
  };
}

/**
 * Whether each chunk is found by a question in its own words, embedded anew. One that is as near as the last of the
 * answers is a tie; one whose stored vector is far from its own words has a wrong one, and was found by chance.
 */
async function canariesOf(
  deps: ActivityDependencies,
  tenant: string,
  version: ReindexRow,
  canaries: readonly SampledChunk[],
  signal: AbortSignal,
): Promise<boolean[]> {
  if (canaries.length === 0) return [];
  const k = deps.dials.get('reindex.sample_k');
  const { reader } = deps.database.forTenant(tenant);
  const model = backgroundModel(deps, version, turnsFor(deps, version));
  // Without an owner, that is anew: what is remembered may be the fault that is looked for.
  const asked = await model.embed(
    canaries.map(({ text }) => text),
    signal,
  );
  const found: boolean[] = [];
  for (const [index, { chunk_id: chunkId }] of canaries.entries()) {
    const vector = vectorLiteral(asked[index]!);
    const answers = await nearest(reader, tenant, version, vector, k);
    const own = await distanceOf(reader, tenant, version.index_version, chunkId, vector);
    const among = answers.some((answer) => answer.chunk_id === chunkId);
    const tied = own !== undefined && answers.length >= k && own <= answers.at(-1)!.distance + TIE;
    found.push((among || tied) && (own ?? 1) <= SAME_WORDS);
  }
  return found;
}

function summary(deps: ActivityDependencies, asOf: string, figures: readonly TenantFigures[]): Evidence {
  const parity: Record<string, { chunks: ParityFigure; records: ParityFigure }> = {};
  for (const [modality, figure] of figures.flatMap((each) => Object.entries(each.parity))) {
    const known = parity[modality];
    parity[modality] =
      known === undefined
        ? figure
        : { chunks: added(known.chunks, figure.chunks), records: added(known.records, figure.records) };
  }
  const recalls = figures.flatMap((each) => each.recalls);
  return {
    asOf,
    measuredAt: new Date().toISOString(),
    k: deps.dials.get('reindex.sample_k'),
    samples: recalls.length,
    parity,
    parityShare: parityShare(parity),
    failures: figures.reduce((sum, each) => sum + each.failures, 0),
    recall: mean(recalls),
    overlap: mean(figures.flatMap((each) => each.overlaps)),
    canaries: mean(figures.flatMap((each) => each.found.map(Number))),
  };
}

function added(one: ParityFigure, other: ParityFigure): ParityFigure {
  return { expected: one.expected + other.expected, present: one.present + other.present };
}

export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
