import type { ArtifactState, RecordRow } from '../../src/db/artifacts.ts';
import type { IndexVersionRow } from '../../src/db/index-versions.ts';
import { lockRecord } from '../../src/db/record-lock.ts';
import { recutChunks } from '../../src/db/recut-chunks.ts';
import type { MadeArtifact } from '../../src/db/replaced-artifacts.ts';
import { chunkPassages } from '../../src/domain/chunking.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import { chunkIdOf } from '../../src/domain/ids.ts';
import type { ArtifactKind } from '../../src/domain/interaction.ts';
import { REDACTOR_VERSION } from '../../src/domain/redaction.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { isSameLogic, isSameRecognition, type Part } from './plan.ts';
import { giveVectors } from './vectors.ts';

/** One record in the hands of a replay. */
export interface Remaking {
  readonly deps: ActivityDependencies;
  readonly tenant: string;
  readonly record: RecordRow;
  /** What the record has, of all kinds. */
  readonly made: readonly MadeArtifact[];
  /** The index versions that what is made is written to, the one that is to serve it first. */
  readonly versions: readonly IndexVersionRow[];
  /** The one that alone will serve it; null for all. */
  readonly forVersion: number | null;
  readonly signal: AbortSignal;
}

/** One kind of a record, made and not in service yet. */
export interface RemadeKind {
  readonly kind: ArtifactKind;
  /** Its artifacts from now on, one per piece. */
  readonly artifactIds: readonly string[];
  /** Of these, those that are to come into service. */
  readonly madeIds: readonly string[];
  /** Whether anything is to be replaced. */
  readonly changed: boolean;
  /** Whether chunks or vectors were given back to what stays. */
  readonly mended: boolean;
  /** Whether something of this kind was in service before. */
  readonly replaces: boolean;
  /** The state of what was made, where it keeps what is in service from being replaced. */
  readonly heldBack: string | undefined;
}

interface MadePart {
  readonly part: Part;
  readonly artifactId: string;
  readonly state: ArtifactState;
  readonly isNew: boolean;
}

/** States that are an answer, not an attempt: such an artifact is not made again. */
const SETTLED: readonly ArtifactState[] = ['active', 'quarantined', 'discarded'];

/** Which of several artifacts of equal logic counts. */
const BY_WORTH: readonly ArtifactState[] = [...SETTLED, 'staged', 'superseded', 'failed'];

/** Ends a record's turn before the next model call. What was made by then is kept for the next turn. */
export class HeldByBrake extends Error {
  override readonly name = 'HeldByBrake';
}

/** Makes the parts of one kind that the record does not have yet, one after the other. */
export async function remakeKind(run: Remaking, kind: ArtifactKind, parts: readonly Part[]): Promise<RemadeKind> {
  const known = run.made.filter((row) => row.kind === kind);
  refuseForeignVersion(known, run.forVersion);
  if (run.forVersion !== null) refuseOlderRedaction(known);
  const all: MadePart[] = [];
  let mended = false;
  for (const part of parts) {
    run.signal.throwIfAborted();
    const row = bestOf(known.filter((each) => isSameLogic(each, part) || isDiscarded(each, part)));
    mended = (row !== undefined && (await restoreChunks(run, part, row))) || mended;
    if (row === undefined && !run.deps.brake.pass()) throw new HeldByBrake();
    all.push(row === undefined ? await makePart(part, known) : keptPart(part, row));
  }
  const artifactIds = all.map(({ artifactId }) => artifactId);
  const isServed = ({ state }: MadePart) => state !== 'quarantined' && state !== 'discarded';
  const madeIds = all.filter((each) => each.isNew && isServed(each)).map(({ artifactId }) => artifactId);
  const old = known.filter(({ artifact_id: id, shown_in: shownIn }) => !artifactIds.includes(id) && shownIn === null);
  const [first, ...besides] = run.versions;
  await giveVectors(run.deps, run.tenant, first!, madeIds, run.signal);
  // A version beside may have lost its model: what it lacks is given by whoever builds or keeps it.
  for (const version of besides) {
    await giveVectors(run.deps, run.tenant, version, madeIds, run.signal).catch(unlessOfModel);
  }
  const stay = all.filter(({ isNew, state }) => !isNew && state === 'active').map(({ artifactId }) => artifactId);
  // A version that is being built is given the vectors of what stays by whoever builds it.
  const given =
    run.forVersion === null ? await giveVectors(run.deps, run.tenant, run.versions[0]!, stay, run.signal) : 0;
  return {
    kind,
    artifactIds,
    madeIds,
    changed: madeIds.length > 0 || old.some(({ state }) => state === 'active' || state === 'quarantined'),
    mended: mended || given > 0,
    replaces: old.some(({ state }) => state === 'active'),
    heldBack: heldBack(all, old),
  };
}

/**
 * While two index versions serve different artifacts of a record, there is no one thing to replace: it has to wait
 * until the other version is dropped.
 */
function refuseForeignVersion(known: readonly MadeArtifact[], forVersion: number | null): void {
  const foreign = known.some(({ shown_in: shownIn }) => shownIn !== null && shownIn !== forVersion);
  if (foreign) throw twoVersions();
}

export function twoVersions(): EarshotError {
  return new EarshotError('reindexing', 'two index versions serve different artifacts of this record');
}

/**
 * What an older redactor let through must go from all versions at once, and from the past: that is for a replay of the
 * record, not for a version that may be gone back from.
 */
function refuseOlderRedaction(known: readonly MadeArtifact[]): void {
  const isOlder = ({ redactor_version: redactor }: MadeArtifact) =>
    redactor !== 'none' && redactor !== REDACTOR_VERSION;
  if (known.some((row) => (row.state === 'active' || row.state === 'quarantined') && isOlder(row))) {
    throw new EarshotError('wrong_state', 'an older redactor made this record: POST /v1/replays comes first');
  }
}

/** An operator's word on what a model said stands, whatever redacts and cuts it. */
function isDiscarded(row: MadeArtifact, part: Part): boolean {
  return row.state === 'discarded' && isSameRecognition(row, part);
}

function unlessOfModel(error: unknown): void {
  if (!(error instanceof EarshotError) || !error.code.startsWith('model_')) throw error;
}

function bestOf(rows: readonly MadeArtifact[]): MadeArtifact | undefined {
  return rows.toSorted((a, b) => BY_WORTH.indexOf(a.state) - BY_WORTH.indexOf(b.state))[0];
}

function keptPart(part: Part, { artifact_id: artifactId, state }: MadeArtifact): MadePart {
  return { part, artifactId, state, isNew: !SETTLED.includes(state) };
}

async function makePart(part: Part, known: readonly MadeArtifact[]): Promise<MadePart> {
  const { artifactId, state } = await part.make(known);
  return { part, artifactId, state, isNew: true };
}

/** Cuts an artifact's content again where chunks of it are not there; answers whether there were any. */
async function restoreChunks(run: Remaking, part: Part, row: MadeArtifact): Promise<boolean> {
  const isHeldBack = row.state === 'quarantined' || row.state === 'discarded';
  const chunks = isHeldBack ? [] : chunkPassages(row.content);
  if (chunks.length <= row.chunks) return false;
  const { deps, tenant, record } = run;
  const { interaction_id: interactionId } = record;
  const { admitted, state } = await deps.database.forTenant(tenant).transaction(async (transaction) => {
    await lockRecord(transaction, tenant, interactionId);
    return recutChunks(transaction, {
      ...{ tenant, interactionId, artifactId: row.artifact_id, activity: part.activity },
      chunkerVersion: row.chunker_version,
      chunks: chunks.map((chunk) => ({ ...chunk, chunkId: chunkIdOf(row.artifact_id, chunk.ordinal) })),
      eventTimes: chunks.map((chunk) => part.eventTime(chunk)),
    });
  });
  if (!admitted) throw new EarshotError('erased', 'the fence refused the chunks of a record');
  if (state !== row.state) throw new EarshotError('not_reachable', 'an artifact was replaced while it was repaired');
  return true;
}

/**
 * What is in service is not given up for what would be quarantined: neither a piece for the same piece, nor the whole
 * for nothing. Pieces that are quarantined today as they were before hold back nothing.
 */
function heldBack(all: readonly MadePart[], old: readonly MadeArtifact[]): string | undefined {
  const served = old.filter(({ state }) => state === 'active');
  const refused = all.filter(({ state }) => state === 'quarantined' || state === 'discarded');
  const worse = refused.find(({ part }) => served.some((row) => row.piece === part.piece && sameStretch(row, part)));
  const nothingLeft = served.length > 0 && refused.length === all.length ? refused[0] : undefined;
  return (worse ?? nothingLeft)?.state;
}

function sameStretch({ parameters }: MadeArtifact, part: Part): boolean {
  return parameters['startMs'] === part.parameters['startMs'] && parameters['endMs'] === part.parameters['endMs'];
}
