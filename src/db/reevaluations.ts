import type { ReevaluationCounts, ReevaluationCursor } from '../domain/activities.ts';
import type { RecognisedKind } from '../domain/quality.ts';
import { only, run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';

/** Least confidence by kind: what a look at the past judges by. */
export type MinConfidence = Readonly<Record<RecognisedKind, number>>;

export interface ReevaluationRow {
  readonly reevaluation_id: string;
  readonly modality: 'audio' | 'screenshot' | null;
  readonly thresholds: MinConfidence;
  readonly started_by: string;
  readonly started_at: Date;
  readonly checked: number;
  readonly released: number;
  readonly held_back: number;
  readonly finished_at: Date | null;
}

/**
 * What the thresholds would move: held back for doubt and now sure enough, or served and now too doubtful. What two index
 * versions disagree about waits until one of them is no more.
 */
const MOVES = `
  (
    (a.state = 'quarantined' and a.reason = 'low_confidence' and a.confidence >= tau.least)
    or (a.state = 'active' and a.confidence < tau.least)
  ) and a.shown_in is null and a.hidden_in is null and not exists (
    select from quarantine_decision d where d.tenant = $1 and d.artifact_id = a.artifact_id)`;

/** $2: thresholds by kind; $3: the modality, or null. */
const TAU = `
  join jsonb_each_text($2::jsonb) as named (kind, value) on named.kind = a.kind
    and ($3::text is null or (a.kind = 'transcript') = ($3 = 'audio'))
  cross join lateral (select named.value::real as least) as tau`;

/** What a look at the past would do, without doing it. Records whose other checks fail stay where they are. */
export async function countMoves(
  reader: Queryable,
  tenant: string,
  thresholds: MinConfidence,
  modality: string | null,
): Promise<{ release: number; hold_back: number; checked: number }> {
  const statement = {
    name: 'count_reevaluation',
    text: `
      select
        count(*)::integer as checked,
        (count(*) filter (where a.state = 'quarantined' and ${MOVES}))::integer as release,
        (count(*) filter (where a.state = 'active' and ${MOVES}))::integer as hold_back
      from artifact a
      ${TAU}
      where a.tenant = $1 and ${ofRealCustomers('a.customer_key')} and a.kind <> 'message'
        and a.state in ('active', 'quarantined')`,
  };
  return only(await run(reader, statement, [tenant, JSON.stringify(thresholds), modality]));
}

export interface MoveRow {
  readonly artifact_id: string;
  readonly interaction_id: string;
  readonly kind: RecognisedKind;
  readonly state: 'active' | 'quarantined';
  readonly created_at: string;
}

/** The next artifacts that the thresholds move, in the order in which they were made; none that is newer than the look. */
export async function findMoves(
  db: Queryable,
  tenant: string,
  reevaluation: ReevaluationRow,
  after: ReevaluationCursor | null,
  limit: number,
  only?: 'release' | 'hold_back',
): Promise<MoveRow[]> {
  const statement = {
    name: 'find_reevaluation_moves',
    text: `
      select a.artifact_id, a.interaction_id, a.kind, a.state, a.created_at::text as created_at
      from artifact a
      ${TAU}
      where a.tenant = $1 and ${ofRealCustomers('a.customer_key')} and a.kind <> 'message' and ${MOVES}
        and (a.created_at, a.artifact_id) > ($4::timestamptz, $5::uuid) and a.created_at <= $6
        and ($8::text is null or a.state = $8)
      order by a.created_at, a.artifact_id
      limit $7`,
  };
  return run<MoveRow>(db, statement, [
    tenant,
    JSON.stringify(reevaluation.thresholds),
    reevaluation.modality,
    after?.createdAt ?? '-infinity',
    after?.artifactId ?? '00000000-0000-0000-0000-000000000000',
    reevaluation.started_at,
    limit,
    only === undefined ? null : only === 'release' ? 'quarantined' : 'active',
  ]);
}

/** Opens a look at the past, or answers the one that is under way. */
export async function openReevaluation(
  db: Queryable,
  tenant: string,
  order: {
    readonly reevaluationId: string;
    readonly modality: string | null;
    readonly thresholds: MinConfidence;
    readonly startedBy: string;
  },
): Promise<ReevaluationRow> {
  const statement = {
    name: 'open_reevaluation',
    text: `
      with made as (
        insert into quality_reevaluation (tenant, reevaluation_id, modality, thresholds, started_by)
        values ($1, $2, $3, $4, $5)
        on conflict (tenant) where finished_at is null do nothing
        returning *
      )
      select * from made
      union all
      select * from quality_reevaluation where tenant = $1 and finished_at is null and not exists (select from made)`,
  };
  const values = [tenant, order.reevaluationId, order.modality, JSON.stringify(order.thresholds), order.startedBy];
  return only(await run<ReevaluationRow>(db, statement, values));
}

export async function findReevaluation(
  db: Queryable,
  tenant: string,
  reevaluationId: string,
): Promise<ReevaluationRow | undefined> {
  const statement = {
    name: 'find_reevaluation',
    text: 'select * from quality_reevaluation where tenant = $1 and reevaluation_id = $2::uuid',
  };
  return (await run<ReevaluationRow>(db, statement, [tenant, reevaluationId]))[0];
}

/** The one that is under way, which the sweep makes sure runs; undefined when there is none. */
export async function findOpenReevaluation(
  db: Queryable,
  tenant: string,
  startedBeforeMs: number,
): Promise<string | undefined> {
  const statement = {
    name: 'find_open_reevaluation',
    text: `
      select reevaluation_id
      from quality_reevaluation
      where tenant = $1 and finished_at is null and started_at < now() - $2::double precision * interval '1 ms'`,
  };
  return (await run<{ reevaluation_id: string }>(db, statement, [tenant, startedBeforeMs]))[0]?.reevaluation_id;
}

/** Notes how far a look at the past has come. Counts are of all of it. */
export async function noteReevaluation(
  db: Queryable,
  tenant: string,
  reevaluationId: string,
  { checked, released, heldBack }: ReevaluationCounts,
  finished: boolean,
): Promise<void> {
  const statement = {
    name: 'note_reevaluation',
    text: `
      update quality_reevaluation set
        checked = $3, released = $4, held_back = $5,
        finished_at = case when $6 then coalesce(finished_at, clock_timestamp()) end
      where tenant = $1 and reevaluation_id = $2::uuid`,
  };
  await run(db, statement, [tenant, reevaluationId, checked, released, heldBack, finished]);
}
