import { EarshotError } from '../domain/errors.ts';
import type { Evidence, IndexStorage, ReindexProgress } from '../domain/index-version.ts';
import type { ReplayRef } from '../domain/replay.ts';
import { SEGMENTS } from './index-segments.ts';
import type { IndexVersionRow } from './index-versions.ts';
import { run, type Queryable, type TenantDatabase } from './pools.ts';

/** A version with its whole story. */
export interface ReindexRow extends IndexVersionRow {
  readonly source: 'text' | 'raw';
  readonly asr_model: string | null;
  readonly vision_model: string | null;
  readonly asked_by: string | null;
  readonly created_at: Date;
  readonly prepared_at: Date | null;
  readonly indexed_at: Date | null;
  readonly dropped_at: Date | null;
  readonly removed_at: Date | null;
  readonly rebuilt_at: Date | null;
  readonly drop_after: Date | null;
  readonly live_from: Date | null;
  readonly live_to: Date | null;
  readonly replays: readonly ReplayRef[];
  readonly given_up: unknown;
  readonly progress: Partial<ReindexProgress>;
  readonly evidence: Evidence | null;
  readonly rebuild: unknown;
}

const REINDEX_ROWS = `
  select v.index_version, v.model, v.dimensions, v.storage, v.state, v.source, v.asr_model, v.vision_model, v.asked_by,
    v.created_at, v.prepared_at, v.indexed_at, v.dropped_at, v.removed_at, v.rebuilt_at, v.drop_after, v.replays, v.given_up,
    v.progress, v.evidence, v.rebuild, period.live_from, period.live_to, ${SEGMENTS}
  from index_version v
  left join lateral (
    select live_from, live_to
    from index_version_period p
    where p.index_version = v.index_version
    order by live_from desc
    limit 1
  ) as period on true`;

/** All versions that ever were. */
export async function listReindexes(db: Queryable): Promise<ReindexRow[]> {
  return run<ReindexRow>(db, { name: 'list_reindexes', text: `${REINDEX_ROWS} order by v.index_version` }, []);
}

export async function findReindex(db: Queryable, indexVersion: number): Promise<ReindexRow | undefined> {
  const statement = { name: 'find_reindex', text: `${REINDEX_ROWS} where v.index_version = $1` };
  return (await run<ReindexRow>(db, statement, [indexVersion]))[0];
}

export interface NewReindex {
  readonly model: string;
  readonly dimensions: number;
  readonly storage: IndexStorage;
  readonly source: 'text' | 'raw';
  readonly asrModel: string | null;
  readonly visionModel: string | null;
  readonly askedBy: string;
  readonly givenUp: unknown;
  /** How long until the sweep makes sure that the workflow runs. */
  readonly startAfterMs: number;
}

/**
 * Writes down a version to be built, and gives up the one to go back to in the same transaction.
 *
 * @throws EarshotError `wrong_state` while another one is being built.
 */
export async function openReindex(database: TenantDatabase, reindex: NewReindex): Promise<number> {
  return database.transaction(async (transaction) => {
    // One request at a time: what it found to be there is still there when it writes.
    await run(transaction, { name: 'lock_index_versions', text: 'select pg_advisory_xact_lock($1)' }, [REINDEX_LOCK]);
    const building = {
      name: 'find_building',
      text: `select index_version from index_version where state = 'building'`,
    };
    const [other] = await run<{ index_version: number }>(transaction, building, []);
    if (other !== undefined) {
      throw new EarshotError('wrong_state', `version ${other.index_version} is being built; cancel it or wait for it`);
    }
    const retire = {
      name: 'give_up_retired',
      text: `update index_version set state = 'dropped', dropped_at = clock_timestamp() where state = 'retired'`,
    };
    await run(transaction, retire, []);
    const [row] = await run<{ index_version: number }>(transaction, OPEN, [
      reindex.model,
      reindex.dimensions,
      reindex.storage,
      reindex.source,
      reindex.asrModel,
      reindex.visionModel,
      reindex.askedBy,
      JSON.stringify(reindex.givenUp),
      reindex.startAfterMs,
    ]);
    return row!.index_version;
  });
}

/** "index" in ASCII, cut to what fits. */
const REINDEX_LOCK = 0x696e6465;

const OPEN = {
  name: 'open_reindex',
  text: `
    insert into index_version (
      model, dimensions, storage, source, asr_model, vision_model, asked_by, given_up, start_after, state)
    values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, now() + $9::double precision * interval '1 ms', 'building')
    returning index_version`,
};

/** Keeps counts and times of a run. */
export async function noteProgress(
  db: Queryable,
  indexVersion: number,
  progress: Partial<ReindexProgress>,
): Promise<void> {
  const statement = {
    name: 'note_reindex_progress',
    text: 'update index_version set progress = progress || $2::jsonb where index_version = $1',
  };
  await run(db, statement, [indexVersion, JSON.stringify(progress)]);
}

/** Keeps which replays recognise anew for a version. */
export async function noteReplays(db: Queryable, indexVersion: number, replays: readonly ReplayRef[]): Promise<void> {
  const statement = {
    name: 'note_version_replays',
    text: 'update index_version set replays = $2::jsonb where index_version = $1',
  };
  await run(db, statement, [indexVersion, JSON.stringify(replays)]);
}

/** Keeps the figures of a measurement. */
export async function noteEvidence(db: Queryable, indexVersion: number, evidence: Evidence): Promise<void> {
  const statement = {
    name: 'note_evidence',
    text: 'update index_version set evidence = $2::jsonb where index_version = $1',
  };
  await run(db, statement, [indexVersion, JSON.stringify(evidence)]);
}

/** Says that the HNSW index is there. */
export async function noteIndexed(db: Queryable, indexVersion: number): Promise<void> {
  const statement = {
    name: 'note_indexed',
    text: 'update index_version set indexed_at = coalesce(indexed_at, clock_timestamp()) where index_version = $1',
  };
  await run(db, statement, [indexVersion]);
}

export interface RebuildReport {
  readonly recallBefore: number | null;
  readonly recallAfter: number | null;
  readonly k: number;
  readonly tookMs: number;
}

export async function noteRebuilt(db: Queryable, indexVersion: number, report: RebuildReport): Promise<void> {
  const statement = {
    name: 'note_rebuilt',
    text: `update index_version set rebuilt_at = clock_timestamp(), rebuild = $2::jsonb where index_version = $1`,
  };
  await run(db, statement, [indexVersion, JSON.stringify(report)]);
}

/**
 * Has a version answer queries from this moment on, and retires the one that did, all or nothing. Answers false when it
 * cannot; true also when it does already. Two unique indexes forbid a second live version and a second one beside it, and
 * look at each row as it is written: the version is taken out for a moment that nobody else sees.
 */
export async function switchTo(database: TenantDatabase, indexVersion: number, graceMs: number): Promise<boolean> {
  return database.transaction(async (transaction) => {
    await run(transaction, { name: 'lock_index_versions', text: 'select pg_advisory_xact_lock($1)' }, [REINDEX_LOCK]);
    const taken = await run(transaction, TAKE_OUT, [indexVersion]);
    // A switch whose answer was lost has happened.
    if (taken.length === 0) return (await run(transaction, IS_LIVE, [indexVersion])).length > 0;
    await run(transaction, RETIRE_LIVE, [graceMs]);
    await run(transaction, MAKE_LIVE, [indexVersion]);
    return true;
  });
}

const IS_LIVE = {
  name: 'switch_is_live',
  text: `select from index_version where index_version = $1 and state = 'live'`,
};

const TAKE_OUT = {
  name: 'switch_take_out',
  text: `
    update index_version set state = 'dropped'
    where index_version = $1 and state in ('building', 'retired') and indexed_at is not null
    returning index_version`,
};

const RETIRE_LIVE = {
  name: 'switch_retire_live',
  text: `
    with retired as (
      update index_version set state = 'retired', drop_after = now() + $1::double precision * interval '1 ms'
      where state = 'live'
      returning index_version
    )
    update index_version_period p set live_to = now()
    from retired
    where p.index_version = retired.index_version and p.live_to is null`,
};

const MAKE_LIVE = {
  name: 'switch_make_live',
  text: `
    with live as (
      update index_version set state = 'live', drop_after = null where index_version = $1 returning index_version
    )
    insert into index_version_period (index_version, live_from) select index_version, now() from live`,
};

/** Ends a version that is being built, or a retired one whose time is over; answers whether it did. */
export async function dropVersion(db: Queryable, indexVersion: number, when: 'building' | 'expired'): Promise<boolean> {
  const statement = {
    name: 'drop_version',
    text: `
      update index_version set state = 'dropped', dropped_at = clock_timestamp()
      where index_version = $1
        and (($2 = 'building' and state = 'building') or ($2 = 'expired' and state = 'retired' and drop_after <= now()))
      returning index_version`,
  };
  return (await run(db, statement, [indexVersion, when])).length > 0;
}

/** The live version and the one beside it. */
export interface VersionPair {
  /** The newer of the two, whose workflow keeps both; null when there is one alone. */
  readonly keeper: number | null;
  readonly live: number;
  readonly beside: number | null;
  readonly beside_state: 'building' | 'retired' | null;
  /** Rest of the time in which a retired version can be gone back to. */
  readonly drop_in_ms: number | null;
}

export async function findPair(db: Queryable): Promise<VersionPair> {
  const statement = {
    name: 'find_version_pair',
    text: `
      select greatest(live.index_version, beside.index_version) as keeper,
        live.index_version as live, beside.index_version as beside, beside.state as beside_state,
        case when beside.drop_after is not null
          then greatest(0, extract(epoch from beside.drop_after - now()) * 1000) end::float8 as drop_in_ms
      from index_version live
      left join index_version beside on beside.state in ('building', 'retired')
      where live.state = 'live'`,
  };
  const [pair] = await run<VersionPair>(db, statement, []);
  if (pair === undefined) throw new EarshotError('misconfigured', 'there is no live index version');
  return pair.beside === null ? { ...pair, keeper: null } : pair;
}

/** The version whose workflow should run and is to be made sure of now; each is claimed by one sweep at a time. */
export async function claimReindexToStart(db: Queryable, againAfterMs: number): Promise<number | undefined> {
  const statement = {
    name: 'claim_reindex_to_start',
    text: `
      with claimed as (
        update index_version set start_after = now() + $1::double precision * interval '1 ms'
        where state in ('building', 'retired') and start_after <= now()
        returning index_version
      )
      select max(v.index_version) as keeper
      from index_version v, claimed
      where v.state <> 'dropped'`,
  };
  const [row] = await run<{ keeper: number | null }>(db, statement, [againAfterMs]);
  return row?.keeper ?? undefined;
}

/** The database's time, and the oldest transaction that may still write what it read before. */
export async function writersHorizon(db: Queryable): Promise<{ now: string; oldest: string; next: string }> {
  const statement = {
    name: 'writers_horizon',
    text: `
      select clock_timestamp()::text as now, pg_snapshot_xmin(pg_current_snapshot())::text as oldest,
        pg_snapshot_xmax(pg_current_snapshot())::text as next`,
  };
  const [row] = await run<{ now: string; oldest: string; next: string }>(db, statement, []);
  return row!;
}
