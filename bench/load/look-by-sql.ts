import type pg from 'pg';
import type { InteractionState, Modality } from '../../src/domain/interaction.ts';
import type { FoundRecord, Look } from './audit.ts';

const PAGE = 500;

interface FoundRow {
  readonly interaction_id: string;
  readonly modality: Modality;
  readonly state: InteractionState;
  readonly released: boolean;
  readonly captured_at: Date;
  readonly accepted_at: Date;
  readonly picked_up_at: Date | null;
  readonly transformed_at: Date | null;
  readonly reachable_at: Date | null;
  readonly texts: number;
  readonly without_vector: number;
  readonly doubled: number;
}

/**
 * Of each record: its row in the log and its freshness, its texts in service, those of them without a vector that a
 * probe has seen, and what is there twice. Written for the auditor alone: it must not share a mistake with what it audits.
 */
const FOUND = `
  with asked as (
    select unnest($2::uuid[]) as interaction_id
  ), live as (
    select index_version from index_version where state = 'live'
  ), shown as (
    select a.interaction_id, a.artifact_id, a.kind, a.piece
    from artifact a join asked using (interaction_id)
    where a.tenant = $1 and a.state = 'active'
  ), texts as (
    select c.interaction_id, c.artifact_id, c.ordinal, c.chunk_id
    from chunk c join shown using (artifact_id)
    where c.tenant = $1 and c.active and c.withdrawn_at is null
  ), vectors as (
    select t.interaction_id, t.chunk_id,
      count(*) filter (where e.reachable_at is not null) as reachable, count(e.chunk_id) as vectors
    from texts t
    left join embedding e on e.tenant = $1 and e.chunk_id = t.chunk_id
      and e.index_version = (select index_version from live)
    group by t.interaction_id, t.chunk_id
  ), twice as (
    select interaction_id from shown group by interaction_id, kind, piece having count(*) > 1
    union all
    select interaction_id from texts group by interaction_id, artifact_id, ordinal having count(*) > 1
    union all
    select interaction_id from vectors where vectors > 1
  )
  select f.interaction_id, f.modality, f.state, f.released_at is not null as released, f.captured_at, f.accepted_at,
    f.picked_up_at, f.transformed_at, f.reachable_at,
    (select count(*)::integer from texts t where t.interaction_id = f.interaction_id) as texts,
    (select count(*)::integer from vectors v where v.interaction_id = f.interaction_id and v.reachable = 0)
      as without_vector,
    (select count(*)::integer from twice t where t.interaction_id = f.interaction_id) as doubled
  from asked
  join freshness f on f.tenant = $1 and f.interaction_id = asked.interaction_id
  join interaction i on i.tenant = $1 and i.interaction_id = asked.interaction_id`;

const ERASED = `
  select interaction_id, modality, erased_at from tombstone where tenant = $1 and interaction_id = any($2::uuid[])`;

/** Looks into the database itself. */
export function lookBySql(database: pg.Pool, tenant: string): Look {
  return async (ids) => {
    const found: FoundRecord[] = [];
    for (let start = 0; start < ids.length; start += PAGE) {
      const page = ids.slice(start, start + PAGE);
      const { rows } = await database.query<FoundRow>(FOUND, [tenant, page]);
      const known = rows.map(recordOf);
      const there = new Set(known.map(({ interactionId }) => interactionId));
      const missing = page.filter((id) => !there.has(id));
      found.push(...known, ...(missing.length === 0 ? [] : await erased(database, tenant, missing)));
    }
    return found;
  };
}

function recordOf(row: FoundRow): FoundRecord {
  return {
    interactionId: row.interaction_id,
    modality: row.modality,
    state: row.state,
    released: row.released,
    capturedAt: row.captured_at,
    acceptedAt: row.accepted_at,
    pickedUpAt: row.picked_up_at,
    transformedAt: row.transformed_at,
    reachableAt: row.reachable_at,
    texts: row.texts,
    textsWithoutVector: row.without_vector,
    doubled: row.doubled,
  };
}

async function erased(database: pg.Pool, tenant: string, ids: readonly string[]): Promise<FoundRecord[]> {
  const { rows } = await database.query<{ interaction_id: string; modality: Modality; erased_at: Date }>(ERASED, [
    tenant,
    ids,
  ]);
  return rows.map(({ interaction_id, modality, erased_at }) => erasedRecord(interaction_id, modality, erased_at));
}

/** What is left of a record that was erased as its customer asked. */
export function erasedRecord(interactionId: string, modality: Modality, erasedAt: Date): FoundRecord {
  return {
    interactionId,
    modality,
    state: 'erased',
    released: false,
    capturedAt: erasedAt,
    acceptedAt: erasedAt,
    pickedUpAt: null,
    transformedAt: null,
    reachableAt: null,
    texts: 0,
    textsWithoutVector: 0,
    doubled: 0,
  };
}
