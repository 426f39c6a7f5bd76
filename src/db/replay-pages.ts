import type { CurrentLogic } from '../domain/logic.ts';
import type { Modality } from '../domain/interaction.ts';
import { ARTIFACT_KINDS } from '../domain/replay.ts';
import { logicValues, staleArtifact } from './logic.ts';
import { readAll, type OwnerConnection } from './owner.ts';
import { only, run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';
import type { ReplayRow } from './replays.ts';
import { servedBy } from './served.ts';

/** A record of the walk, and what is to say of it. */
export interface ReplayRecordRow {
  readonly interaction_id: string;
  readonly captured_at: string;
  readonly modality: Modality;
  /** Whether a workflow is at work on it: it is made by the logic of today then. */
  readonly in_work: boolean;
  /** Whether a workflow is to go on with it, if not now. */
  readonly unsettled: boolean;
  readonly stale: boolean;
  readonly missing: boolean;
}

/** By tenant, from and to, customer, modalities: `$1` to `$5`. */
const IN_SCOPE = `
  i.tenant = $1 and ${ofRealCustomers('i.customer_key')}
  and i.captured_at >= coalesce($2::timestamptz, '-infinity') and i.captured_at < $3::timestamptz
  and ($4::text is null or i.customer_key = $4)
  and ($5::text[] is null or i.modality = any($5))`;

const scopeValues = (tenant: string, replay: ReplayRow): unknown[] => [
  tenant,
  replay.captured_from,
  replay.captured_to,
  replay.customer_key,
  replay.modalities,
];

/** By the owner, because the scope may be all of a tenant. */
export async function countRecords(owner: OwnerConnection, tenant: string, replay: ReplayRow): Promise<number> {
  const text = `select count(*)::float8 as records from interaction i where ${IN_SCOPE}`;
  return only(await readAll<{ records: number }>(owner, text, scopeValues(tenant, replay))).records;
}

/** An active artifact `a` of which a chunk is not there: chunks are numbered without gaps. */
const LACKS_CHUNKS = `
  a.state = 'active' and a.content <> '[]' and (
    select count(*) = 0 or count(*) <> max(c.ordinal) + 1
    from chunk c
    where c.tenant = $1 and c.artifact_id = a.artifact_id)`;

/**
 * The next records of the scope in the order of `interaction_by_time`, those that need nothing too: a page costs the
 * same wherever the walk stands. A record is stale when an artifact of it was made by other logic than the given one,
 * and missing when it is not settled well, or lacks an artifact, a chunk or a vector that it should have.
 */
export async function replayRecords(
  db: Queryable,
  tenant: string,
  replay: ReplayRow,
  logic: CurrentLogic,
  indexVersion: number,
  limit: number,
): Promise<ReplayRecordRow[]> {
  const statement = {
    name: 'replay_records',
    text: `
      with page as materialized (
        select i.interaction_id, i.captured_at, i.modality, i.session_id
        from interaction i
        where ${IN_SCOPE}
          and (i.captured_at, i.interaction_id) > (
            coalesce($6::timestamptz, '-infinity'), coalesce($7::uuid, '00000000-0000-0000-0000-000000000000'))
        order by i.captured_at, i.interaction_id
        limit $8
      )
      select
        page.interaction_id, page.captured_at::text as captured_at, page.modality,
        coalesce(f.state in ('accepted', 'processing'), false) as unsettled,
        coalesce(f.state in ('accepted', 'processing') and s.awake_since is not null, false) as in_work,
        made.stale,
        f.state is null or f.state <> 'reachable' or f.degraded <> '{}' or made.pieces < f.pieces_total
          or made.lacks_chunks or exists (
            select
            from chunk c
            left join embedding e on e.index_version = $9 and e.tenant = $1 and e.chunk_id = c.chunk_id
            where c.tenant = $1 and c.interaction_id = page.interaction_id and ${servedBy('$9')}
              and e.chunk_id is null
          ) as missing
      from page
      join session s on s.tenant = $1 and s.session_id = page.session_id
      left join freshness f on f.tenant = $1 and f.interaction_id = page.interaction_id
      cross join lateral (
        select
          coalesce(bool_or(a.state in ('active', 'quarantined') and ${staleArtifact(10)}), false) as stale,
          coalesce(bool_or(${LACKS_CHUNKS}), false) as lacks_chunks,
          count(distinct (a.kind, a.piece)) filter (where a.state in ('active', 'quarantined', 'discarded')) as pieces
        from artifact a
        where a.tenant = $1 and a.interaction_id = page.interaction_id
      ) as made
      order by page.captured_at, page.interaction_id`,
  };
  return run<ReplayRecordRow>(db, statement, [
    ...scopeValues(tenant, replay),
    replay.cursor_time,
    replay.cursor_id,
    limit,
    indexVersion,
    ...logicValues(logic, replay.kinds ?? ARTIFACT_KINDS),
  ]);
}
