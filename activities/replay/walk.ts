import { countRecords, replayRecords, type ReplayRecordRow } from '../../src/db/replay-pages.ts';
import { findReplay, moveReplay, notePage, noteTotal, type ReplayRow } from '../../src/db/replays.ts';
import { currentLogic } from '../../src/current-logic.ts';
import type { DoneReplayPage } from '../../src/domain/activities.ts';
import {
  QUEUE_OF,
  RECORD_OUTCOMES,
  type ReplayCursor,
  type ReplayPage,
  type ReplayRef,
  type ReplayState,
} from '../../src/domain/replay.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { modelsOf } from './plan.ts';
import { kindsInScope } from './remake.ts';

/** Counts what is to be gone through, once; answers where the replay stands. */
export async function openReplay(deps: ActivityDependencies, ref: ReplayRef): Promise<ReplayState> {
  const { app } = deps.database.forTenant(ref.tenant);
  const replay = await findReplay(app, ref);
  if (replay === undefined) return 'cancelled';
  if (replay.records_total === null) {
    const total = await deps.withOwner(ref.tenant, (owner) => countRecords(owner, ref.tenant, replay));
    await noteTotal(app, ref, total);
  }
  return replay.state;
}

/** The next page of records, and which of them are to be made anew. Settings are those of now, not of the start. */
export async function nextReplayPage(deps: ActivityDependencies, ref: ReplayRef): Promise<ReplayPage> {
  const { dials, database, indexVersions } = deps;
  const { app } = database.forTenant(ref.tenant);
  const replay = await findReplay(app, ref);
  const pace = {
    parallel: dials.get('replay.records_in_parallel'),
    maxPerSecond: dials.get('replay.max_records_per_second'),
  };
  if (replay === undefined) return { after: null, end: null, seen: 0, items: [], ...pace };
  const logic = currentLogic({ dials, ...modelsOf(deps, replay) });
  const limit = dials.get('replay.page_records');
  const version = replay.for_version ?? indexVersions.live().index_version;
  const rows = await replayRecords(app, ref.tenant, replay, logic, version, limit);
  const last = rows.at(-1);
  return {
    after: cursorOf(replay),
    end: last === undefined ? null : { capturedAt: last.captured_at, interactionId: last.interaction_id },
    seen: rows.length,
    items: rows
      .filter((row) => isTaken(replay, row))
      .map(({ interaction_id: interactionId, modality }) => ({ interactionId, queue: QUEUE_OF[modality] })),
    ...pace,
  };
}

function cursorOf({ cursor_time: capturedAt, cursor_id: interactionId }: ReplayRow): ReplayCursor | null {
  return capturedAt === null || interactionId === null ? null : { capturedAt, interactionId };
}

/**
 * A record that a workflow is at work on is made by the logic of today as it is. What one version alone is to show must
 * not meet what a workflow has yet to make for all.
 */
function isTaken(replay: ReplayRow, row: ReplayRecordRow): boolean {
  if (row.in_work || (row.unsettled && replay.for_version !== null) || kindsInScope(replay, row).length === 0)
    return false;
  if (replay.only_records === 'all') return true;
  return replay.only_records === 'stale' ? row.stale : row.missing;
}

/** Counts a page and moves on; a page that was counted before changes nothing. */
export async function noteReplayPage(
  deps: ActivityDependencies,
  { tenant, replayId, page, outcomes, failures }: DoneReplayPage,
): Promise<void> {
  if (page.end === null) return;
  const { after, end, seen } = page;
  await notePage(deps.database.forTenant(tenant).app, { tenant, replayId, after, end, seen, outcomes, failures });
  RECORD_OUTCOMES.forEach((outcome) => deps.metrics.replayed.inc({ outcome }, outcomes[outcome]));
  deps.log.info({ replayId, results: outcomes.remade + outcomes.repaired }, 'replayed a page of records');
}

export async function moveTo(
  { database }: ActivityDependencies,
  { tenant, replayId, state }: ReplayRef & { readonly state: ReplayState },
): Promise<void> {
  await moveReplay(database.forTenant(tenant).app, { tenant, replayId }, state);
}
