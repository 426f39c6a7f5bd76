import { Context } from '@temporalio/activity';
import { findRecord, type RecordRow } from '../../src/db/artifacts.ts';
import type { IndexVersionRow } from '../../src/db/index-versions.ts';
import { noteExposures } from '../../src/db/noted-exposures.ts';
import {
  artifactsOf,
  countNotActive,
  countUnserved,
  replaceArtifacts,
  stampArtifacts,
  type MadeArtifact,
  type Replacement,
} from '../../src/db/replaced-artifacts.ts';
import { lockRecord } from '../../src/db/record-lock.ts';
import { reviveFreshness, settleAgain } from '../../src/db/replaced-records.ts';
import { markChanged } from '../../src/db/rollups.ts';
import { findReplay, type ReplayRow } from '../../src/db/replays.ts';
import { countNotShown, isUndecided, showInVersion } from '../../src/db/version-texts.ts';
import type { RemakeRequest } from '../../src/domain/activities.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import type { ArtifactKind } from '../../src/domain/interaction.ts';
import { REDACTOR_VERSION } from '../../src/domain/redaction.ts';
import { remakeRedactedMedia } from '../../src/redacted-media/remake.ts';
import { REMAKE_ATTEMPTS, type RecordOutcome, type RemadeRecord, type ReplayFailure } from '../../src/domain/replay.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { currentRun } from '../heartbeat.ts';
import { KINDS_OF, modelsOf, partsOf } from './plan.ts';
import { HeldByBrake, remakeKind, twoVersions, type RemadeKind, type Remaking } from './remake-kind.ts';

const GONE: RemadeRecord = { outcome: 'erased', failures: [] };
const HELD: RemadeRecord = { outcome: 'unchanged', failures: [], held: true };

/**
 * Makes what is derived of a record anew where other logic made it, or where it is not there, and replaces it in one
 * transaction. What cannot be made keeps what it had. A failure that may heal is thrown, to be tried again, until the
 * last attempt; then the other kinds are replaced without the one that fails. Under pressure, and while a model is
 * paused, it gives its place in the queue of the model to live records at once.
 */
export async function remakeRecord(
  deps: ActivityDependencies,
  request: RemakeRequest,
  signal: AbortSignal,
): Promise<RemadeRecord> {
  const { tenant, interactionId } = request;
  const { app } = deps.database.forTenant(tenant);
  const replay = await findReplay(app, request);
  const record = await findRecord(app, tenant, interactionId);
  if (record === undefined || replay === undefined) return GONE;
  try {
    const made = await artifactsOf(app, tenant, interactionId);
    const versions = await versionsOf(deps, replay.for_version);
    const run: Remaking = { deps, tenant, record, made, versions, forVersion: replay.for_version, signal };
    const { remade, failures } = await remakeKinds(run, replay);
    await putIntoService(run, remade);
    failures.push(...(await remakeMedia(run)));
    return { outcome: outcomeOf(run, remade, failures), failures: [...failures, ...heldBackOf(record, remade)] };
  } catch (error) {
    if (error instanceof HeldByBrake || (error instanceof EarshotError && error.code === 'model_paused')) return HELD;
    if (error instanceof EarshotError && (error.code === 'erased' || error.code === 'data_key_destroyed')) return GONE;
    throw error;
  }
}

/** What is made is written to the live version and the one beside it, or to the one that it is made for alone. */
async function versionsOf(
  { indexVersions }: ActivityDependencies,
  forVersion: number | null,
): Promise<readonly IndexVersionRow[]> {
  if (forVersion === null) return [indexVersions.live(), ...indexVersions.besides()];
  const find = () => indexVersions.besides().find(({ index_version }) => index_version === forVersion);
  // It may be younger than what this process knows.
  if (find() === undefined) await indexVersions.refresh();
  const version = find();
  if (version === undefined) throw notBuilding(forVersion);
  return [version];
}

function notBuilding(indexVersion: number): EarshotError {
  return new EarshotError('reindexing', `index version ${indexVersion} is not being built`);
}

async function remakeKinds(run: Remaking, replay: ReplayRow) {
  const { deps, tenant, record, signal } = run;
  const models = modelsOf(deps, replay);
  const remade: RemadeKind[] = [];
  const failures: ReplayFailure[] = [];
  for (const kind of kindsInScope(replay, record)) {
    try {
      remade.push(await remakeKind(run, kind, await partsOf(deps, models, tenant, record, kind, signal)));
    } catch (error) {
      failures.push({ interactionId: record.interaction_id, kind, code: lastingCode(error) });
    }
  }
  return { remade, failures };
}

export function kindsInScope(replay: ReplayRow, { modality }: Pick<RecordRow, 'modality'>): ArtifactKind[] {
  return KINDS_OF[modality].filter((kind) => replay.kinds === null || replay.kinds.includes(kind));
}

/** Not of one kind: all of the record is gone, or has to wait. */
const OF_THE_RECORD: readonly string[] = ['erased', 'data_key_destroyed', 'model_paused'];

/** The code of a failure that ends the record's turn; throws what ends more than that, or may heal yet. */
function lastingCode(error: unknown): string {
  if (!(error instanceof EarshotError) || OF_THE_RECORD.includes(error.code)) throw error;
  if (error.retryable && Context.current().info.attempt < REMAKE_ATTEMPTS) throw error;
  return error.code;
}

/** Replaces all kinds at one moment and settles the record by what it has then. */
async function putIntoService(run: Remaking, remade: readonly RemadeKind[]): Promise<void> {
  const { deps, tenant, record, forVersion } = run;
  const { interaction_id: interactionId } = record;
  const database = deps.database.forTenant(tenant);
  const ready = remade.filter(({ heldBack }) => heldBack === undefined);
  const changed = ready.filter((kind) => kind.changed);
  const replacement: Replacement = {
    ...{ tenant, interactionId, redactor: REDACTOR_VERSION },
    kinds: changed.map(({ kind }) => kind),
    artifactIds: changed.flatMap(({ artifactIds }) => artifactIds),
    madeIds: changed.flatMap(({ madeIds }) => madeIds),
  };
  const versions = run.versions.map(({ index_version }) => index_version);
  if (forVersion !== null) {
    if (changed.length === 0) return;
    return database.transaction(async (transaction) => {
      await lockRecord(transaction, tenant, interactionId);
      const { admitted, building, settled } = await showInVersion(transaction, replacement, forVersion);
      if (!building) throw notBuilding(forVersion);
      refuseErased(admitted);
      if (!settled) throw new EarshotError('not_reachable', 'a workflow is at work on this record');
      refuseGone(await countNotShown(transaction, tenant, replacement.madeIds, forVersion));
      await stampArtifacts(transaction, tenant, replacement.madeIds, versions);
    });
  }
  const all = ready.flatMap(({ artifactIds }) => artifactIds);
  await reviveFreshness(database.app, tenant, interactionId);
  await database.transaction(async (transaction) => {
    await lockRecord(transaction, tenant, interactionId);
    if (changed.length > 0) {
      // A version that is being built may have shown its own meanwhile.
      if (await isUndecided(transaction, tenant, interactionId)) throw twoVersions();
      await noteExposures(transaction, replacement);
      refuseErased(await replaceArtifacts(transaction, replacement));
      await markChanged(transaction, tenant, [interactionId]);
    }
    refuseGone(await countNotActive(transaction, tenant, replacement.madeIds));
    await stampArtifacts(transaction, tenant, replacement.madeIds, versions);
    await stampArtifacts(transaction, tenant, all, versions.slice(0, 1));
    await settleAgain(transaction, tenant, interactionId, piecesOf(remade), versions[0]!);
  });
  const unserved = await countUnserved(database.reader, tenant, all, deps.indexVersions.live().index_version);
  if (unserved > 0) throw new EarshotError('not_reachable', `${unserved} chunks were replaced and are not served`);
}

/**
 * Has the redacted copy of a recording or picture follow its text. A failure leaves the text as it is made, and the
 * copy is handed out to nobody until it is made by the redactor of now (`showRedacted`).
 */
async function remakeMedia({ deps, tenant, record, signal }: Remaking): Promise<ReplayFailure[]> {
  const { interaction_id: interactionId, modality, raw_object: object } = record;
  if (object === null) return [];
  try {
    await remakeRedactedMedia(deps, tenant, interactionId, currentRun(), signal);
    return [];
  } catch (error) {
    const code = lastingCode(error);
    // That none can be made is an answer.
    return code === 'no_redacted_copy' ? [] : [{ interactionId, kind: KINDS_OF[modality][0]!, code }];
  }
}

function refuseErased(admitted: boolean): void {
  if (!admitted) throw new EarshotError('erased', 'the fence refused what was made of a record');
}

/** What was to take the place of the old may have been dropped or withdrawn meanwhile: then nothing is replaced. */
function refuseGone(gone: number): void {
  if (gone > 0) throw new EarshotError('not_reachable', `${gone} artifacts that were made are not there any more`);
}

/** How many artifacts the record has when it is whole, where a new cut of a recording changes that. */
function piecesOf(remade: readonly RemadeKind[]): number | null {
  const transcript = remade.find(({ kind }) => kind === 'transcript');
  return transcript === undefined || transcript.heldBack !== undefined ? null : transcript.artifactIds.length;
}

function outcomeOf(run: Remaking, remade: readonly RemadeKind[], failures: readonly ReplayFailure[]): RecordOutcome {
  if (failures.length > 0) return 'failed';
  if (remade.some(({ heldBack }) => heldBack !== undefined)) return 'held_back';
  const changed = remade.filter((kind) => kind.changed);
  if (changed.some(({ replaces }) => replaces)) return 'remade';
  if (remade.some(({ madeIds, mended }) => madeIds.length > 0 || mended)) return 'repaired';
  // An attempt before this one may have put all into service and died before it could say so.
  return run.made.some((row) => isOwn(row, remade)) ? 'remade' : 'unchanged';
}

function isOwn(row: MadeArtifact, remade: readonly RemadeKind[]): boolean {
  const isCurrent = remade.some(({ artifactIds }) => artifactIds.includes(row.artifact_id));
  return isCurrent && row.state === 'active' && row.workflow_id === currentRun().workflowId;
}

function heldBackOf({ interaction_id: interactionId }: RecordRow, remade: readonly RemadeKind[]): ReplayFailure[] {
  return remade.flatMap(({ kind, heldBack }) =>
    heldBack === undefined ? [] : [{ interactionId, kind, code: heldBack }],
  );
}
