import type { ArtifactKind, Modality } from '../domain/interaction.ts';
import type {
  OutcomeCounts,
  ReplayCursor,
  ReplayFailure,
  ReplayRef,
  ReplaySelection,
  ReplayState,
} from '../domain/replay.ts';
import { only, run, type Queryable } from './pools.ts';

/** What a replay is asked to take. Null takes all. */
export interface NewReplay extends ReplayRef {
  readonly from: Date | null;
  /** Records captured later are made by the logic of today as they come. */
  readonly to: Date;
  readonly customerKey: string | null;
  readonly modalities: readonly Modality[] | null;
  readonly kinds: readonly ArtifactKind[] | null;
  readonly selection: ReplaySelection;
  /** Models to recognise with; null is the one that records are recognised with as they come. */
  readonly asrModel: string | null;
  readonly visionModel: string | null;
  /** The index version that alone will serve what is made; null puts it into service at once. */
  readonly forVersion: number | null;
  readonly requestedBy: string;
}

export interface ReplayRow {
  readonly replay_id: string;
  readonly state: ReplayState;
  readonly captured_from: Date | null;
  readonly captured_to: Date;
  readonly customer_key: string | null;
  readonly modalities: Modality[] | null;
  readonly kinds: ArtifactKind[] | null;
  readonly only_records: ReplaySelection;
  readonly asr_model: string | null;
  readonly vision_model: string | null;
  readonly for_version: number | null;
  /** Postgres' own text, of which a time loses no digit. */
  readonly cursor_time: string | null;
  readonly cursor_id: string | null;
  readonly records_total: number | null;
  readonly seen: number;
  readonly remade: number;
  readonly repaired: number;
  readonly unchanged: number;
  readonly held_back: number;
  readonly failed: number;
  readonly erased: number;
  readonly requested_by: string;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly finished_at: Date | null;
}

/** A replay in the list of them. */
export interface ListedReplayRow extends ReplayRow {
  /** Its creation in Postgres' own text, by which the list is ordered. */
  readonly moment: string;
}

const COLUMNS = `
  replay_id, state, captured_from, captured_to, customer_key, modalities, kinds, only_records, asr_model, vision_model,
  for_version, cursor_time::text as cursor_time, cursor_id, records_total::float8 as records_total, seen::float8 as seen,
  remade::float8 as remade, repaired::float8 as repaired, unchanged::float8 as unchanged, held_back::float8 as held_back,
  failed::float8 as failed, erased::float8 as erased, requested_by, created_at, updated_at, finished_at`;

/** Writes a replay down, unless it is there; its workflow reads all else from this row. Answers whether it was not there. */
export async function createReplay(db: Queryable, replay: NewReplay): Promise<boolean> {
  const statement = {
    name: 'create_replay',
    text: `
      insert into replay (
        tenant, replay_id, captured_from, captured_to, customer_key, modalities, kinds, only_records, asr_model,
        vision_model, for_version, requested_by)
      values ($1, $2::uuid, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
      on conflict (tenant, replay_id) do update set updated_at = replay.updated_at
      returning xmax = 0 as inserted`,
  };
  const values = [
    replay.tenant,
    replay.replayId,
    replay.from,
    replay.to,
    replay.customerKey,
    replay.modalities,
    replay.kinds,
    replay.selection,
    replay.asrModel,
    replay.visionModel,
    replay.forVersion,
    replay.requestedBy,
  ];
  return only(await run<{ inserted: boolean }>(db, statement, values)).inserted;
}

export async function findReplay(db: Queryable, { tenant, replayId }: ReplayRef): Promise<ReplayRow | undefined> {
  const statement = {
    name: 'find_replay',
    text: `select ${COLUMNS} from replay where tenant = $1 and replay_id = $2::uuid`,
  };
  return (await run<ReplayRow>(db, statement, [tenant, replayId]))[0];
}

/** Newest first. */
export async function listReplays(
  reader: Queryable,
  tenant: string,
  before: { readonly moment: string; readonly id: string } | null,
  limit: number,
): Promise<ListedReplayRow[]> {
  const statement = {
    name: 'list_replays',
    text: `
      select ${COLUMNS}, created_at::text as moment
      from replay
      where tenant = $1 and ($2::timestamptz is null or (created_at, replay_id) < ($2, $3::uuid))
      order by created_at desc, replay_id desc
      limit $4`,
  };
  return run<ListedReplayRow>(reader, statement, [tenant, before?.moment ?? null, before?.id ?? null, limit]);
}

/** Takes back a replay whose workflow could not be started: one that was started after all finds no row and ends. */
export async function deleteReplay(db: Queryable, { tenant, replayId }: ReplayRef): Promise<void> {
  const statement = { name: 'delete_replay', text: 'delete from replay where tenant = $1 and replay_id = $2::uuid' };
  await run(db, statement, [tenant, replayId]);
}

/** Notes how many records the scope has. */
export async function noteTotal(db: Queryable, { tenant, replayId }: ReplayRef, total: number): Promise<void> {
  const statement = {
    name: 'note_replay_total',
    text: 'update replay set records_total = $3 where tenant = $1 and replay_id = $2::uuid',
  };
  await run(db, statement, [tenant, replayId, total]);
}

/** Moves a replay to a state, unless it has come to its end. */
export async function moveReplay(db: Queryable, { tenant, replayId }: ReplayRef, state: ReplayState): Promise<void> {
  const statement = {
    name: 'move_replay',
    text: `
      update replay set
        state = $3,
        updated_at = now(),
        finished_at = case when $3 in ('completed', 'cancelled') then now() end
      where tenant = $1 and replay_id = $2::uuid and state in ('running', 'paused')`,
  };
  await run(db, statement, [tenant, replayId, state]);
}

/** A page that is done, with the place where the page before it ended. */
export interface DonePage extends ReplayRef {
  readonly after: ReplayCursor | null;
  readonly end: ReplayCursor;
  readonly seen: number;
  readonly outcomes: OutcomeCounts;
  readonly failures: readonly ReplayFailure[];
}

/**
 * Counts a page and moves on, once: only from the place where the page before it ended. Failures of records that are
 * gone meanwhile are not written; a part that failed before and now did not is no failure any more.
 */
export async function notePage(db: Queryable, page: DonePage): Promise<void> {
  const statement = {
    name: 'note_replay_page',
    text: `
      with moved as (
        update replay set
          cursor_time = $5::timestamptz, cursor_id = $6::uuid, seen = seen + $7, remade = remade + $8,
          repaired = repaired + $9, unchanged = unchanged + $10, held_back = held_back + $11, failed = failed + $12,
          erased = erased + $13, updated_at = now()
        where tenant = $1 and replay_id = $2::uuid
          and cursor_time is not distinct from $3::timestamptz and cursor_id is not distinct from $4::uuid
        returning replay_id
      )
      insert into replay_failure (tenant, replay_id, interaction_id, kind, code)
      select $1, moved.replay_id, i.interaction_id, given.kind, given.code
      from moved
      cross join unnest($14::uuid[], $15::text[], $16::text[]) as given (interaction_id, kind, code)
      join interaction i on i.tenant = $1 and i.interaction_id = given.interaction_id
      on conflict (tenant, replay_id, interaction_id, kind) do nothing`,
  };
  const { outcomes, failures } = page;
  await run(db, statement, [
    page.tenant,
    page.replayId,
    page.after?.capturedAt ?? null,
    page.after?.interactionId ?? null,
    page.end.capturedAt,
    page.end.interactionId,
    page.seen,
    outcomes.remade,
    outcomes.repaired,
    outcomes.unchanged,
    outcomes.held_back,
    outcomes.failed,
    outcomes.erased,
    failures.map(({ interactionId }) => interactionId),
    failures.map(({ kind }) => kind),
    failures.map(({ code }) => code),
  ]);
}

export interface ReplayFailureRow {
  readonly interaction_id: string;
  readonly kind: ArtifactKind;
  readonly code: string;
  readonly failed_at: Date;
}

export async function listFailures(
  db: Queryable,
  { tenant, replayId }: ReplayRef,
  limit: number,
): Promise<ReplayFailureRow[]> {
  const statement = {
    name: 'list_replay_failures',
    text: `
      select interaction_id, kind, code, failed_at
      from replay_failure
      where tenant = $1 and replay_id = $2::uuid
      order by interaction_id, kind
      limit $3`,
  };
  return run<ReplayFailureRow>(db, statement, [tenant, replayId, limit]);
}
