import type { ErasureReport, ErasureScope, ErasureState, ErasureStep } from '../domain/erasure.ts';
import { only, run, type Queryable, type TenantDatabase } from './pools.ts';

/** A row of the ledger. */
export interface ErasureRow {
  readonly tenant: string;
  readonly erasure_id: string;
  readonly customer_key: string | null;
  readonly scope: ErasureScope;
  readonly state: ErasureState;
  readonly sealed_reason: Buffer | null;
  readonly requested_at: Date;
  readonly erase_after: Date;
  readonly due_at: Date;
  readonly erased_before: Date | null;
  readonly destroyed_generation: number | null;
  readonly step: ErasureStep;
  readonly report: ErasureReport;
  readonly completed_at: Date | null;
}

const COLUMNS = `
  tenant, erasure_id, customer_key, scope, state, sealed_reason, requested_at, erase_after, due_at, erased_before,
  destroyed_generation, step, report, completed_at`;

export interface NewErasure {
  readonly tenant: string;
  readonly erasureId: string;
  readonly customerKey: string;
  readonly sealedReason: Uint8Array;
  readonly graceMs: number;
  readonly deadlineMs: number;
  /** How long the API has to start the workflow before the sweep does. */
  readonly startAfterMs: number;
}

/**
 * Writes a request to the ledger and, without a grace period, raises the fence in the same transaction. A request that
 * repeats an open one, or a finished one after which nothing new has come, is answered with that one; one against a
 * legal hold is written down as refused.
 */
export async function requestErasure(database: TenantDatabase, request: NewErasure): Promise<ErasureRow> {
  const { tenant, customerKey } = request;
  return database.transaction(async (transaction) => {
    await lockSubject(transaction, tenant, customerKey);
    const known = await findEqualRequest(transaction, tenant, customerKey);
    if (known !== undefined) return known;
    const row = await insertRequest(transaction, request);
    return row.state === 'scheduled' && request.graceMs === 0 ? raiseFenceWithin(transaction, row) : row;
  });
}

/** The eraser's lock: sinks that hold the row "for share" end first, others wait and then see what is done here. */
export async function lockSubject(transaction: Queryable, tenant: string, customerKey: string): Promise<void> {
  const text = 'select from subject where tenant = $1 and customer_key = $2 for update';
  await run(transaction, { name: 'lock_subject', text }, [tenant, customerKey]);
}

async function findEqualRequest(
  transaction: Queryable,
  tenant: string,
  customerKey: string,
): Promise<ErasureRow | undefined> {
  const statement = {
    name: 'find_equal_erasure',
    text: `
      select ${COLUMNS}
      from erasure e
      where tenant = $1 and customer_key = $2
        and (
          state in ('scheduled', 'running')
          or state = 'completed'
            and not exists (select from interaction where tenant = $1 and customer_key = $2)
            and not exists (select from retrieval where tenant = $1 and customer_key = $2)
            and not exists (select from data_key where tenant = $1 and customer_key = $2)
          or state = 'refused'
            and exists (
              select
              from legal_hold h
              where h.tenant = $1 and h.customer_key = $2 and h.released_at is null and h.placed_at <= e.requested_at))
      order by state in ('scheduled', 'running') desc, requested_at desc
      limit 1`,
  };
  return (await run<ErasureRow>(transaction, statement, [tenant, customerKey]))[0];
}

async function insertRequest(transaction: Queryable, request: NewErasure): Promise<ErasureRow> {
  const statement = {
    name: 'insert_erasure',
    text: `
      with hold as (
        select from legal_hold where tenant = $1 and customer_key = $3 and released_at is null
      )
      insert into erasure (
        tenant, erasure_id, customer_key, scope, state, sealed_reason, requested_at, erase_after, due_at, start_after)
      select $1, $2::uuid, $3, 'customer', case when exists (select from hold) then 'refused' else 'scheduled' end, $4,
        clock_timestamp(), clock_timestamp() + $5::double precision * interval '1 ms',
        clock_timestamp() + $6::double precision * interval '1 ms',
        clock_timestamp() + $7::double precision * interval '1 ms'
      returning ${COLUMNS}`,
  };
  const { tenant, erasureId, customerKey, sealedReason, graceMs, deadlineMs, startAfterMs } = request;
  return only(
    await run<ErasureRow>(transaction, statement, [
      tenant,
      erasureId,
      customerKey,
      sealedReason,
      graceMs,
      deadlineMs,
      startAfterMs,
    ]),
  );
}

/**
 * Raises the fence of a scheduled erasure whose grace period is over: the watermark, and a new key generation for what
 * comes after it. A hold that was placed meanwhile refuses it. Done before, it changes nothing.
 */
export async function raiseFence(database: TenantDatabase, erasureId: string): Promise<ErasureRow | undefined> {
  const { tenant } = database;
  return database.transaction(async (transaction) => {
    const known = await findErasure(transaction, tenant, erasureId);
    if (known === undefined || known.customer_key === null || known.state !== 'scheduled') return known;
    await lockSubject(transaction, tenant, known.customer_key);
    const held = {
      name: 'refuse_held_erasure',
      text: `
        update erasure set state = 'refused'
        where tenant = $1 and erasure_id = $2::uuid and state = 'scheduled'
          and exists (
            select from legal_hold h where h.tenant = $1 and h.customer_key = $3 and h.released_at is null)
        returning ${COLUMNS}`,
    };
    const [refused] = await run<ErasureRow>(transaction, held, [tenant, erasureId, known.customer_key]);
    if (refused !== undefined) return refused;
    const current = await findErasure(transaction, tenant, erasureId);
    return current?.state === 'scheduled' ? raiseFenceWithin(transaction, current) : current;
  });
}

async function raiseFenceWithin(transaction: Queryable, { tenant, erasure_id: id }: ErasureRow): Promise<ErasureRow> {
  const statement = {
    name: 'raise_fence',
    text: `
      with fenced as (
        update subject set
          -- Whole milliseconds, upwards: that is what clients of this database compare with.
          erased_before = greatest(
            subject.erased_before, date_trunc('milliseconds', clock_timestamp()) + interval '1 ms'),
          key_generation = key_generation + 1
        from erasure e
        where e.tenant = $1 and e.erasure_id = $2::uuid
          and subject.tenant = $1 and subject.customer_key = e.customer_key
        returning subject.erased_before, key_generation - 1 as destroyed_generation
      )
      update erasure set
        state = 'running',
        step = 'raiseFence',
        erased_before = fenced.erased_before,
        destroyed_generation = fenced.destroyed_generation
      from fenced
      where tenant = $1 and erasure_id = $2
      returning erasure.*`,
  };
  return only(await run<ErasureRow>(transaction, statement, [tenant, id]));
}

/** Cancels an erasure that has not begun; false when it is too late. */
export async function cancelErasure(db: Queryable, tenant: string, erasureId: string): Promise<boolean> {
  const statement = {
    name: 'cancel_erasure',
    text: `
      update erasure set state = 'cancelled', completed_at = now()
      where tenant = $1 and erasure_id = $2::uuid and state in ('scheduled', 'cancelled')
      returning erasure_id`,
  };
  return (await run(db, statement, [tenant, erasureId])).length > 0;
}

export async function findErasure(db: Queryable, tenant: string, erasureId: string): Promise<ErasureRow | undefined> {
  const text = `select ${COLUMNS} from erasure where tenant = $1 and erasure_id = $2::uuid`;
  return (await run<ErasureRow>(db, { name: 'find_erasure', text }, [tenant, erasureId]))[0];
}

/** The ledger, newest first, after a place in it. */
export async function listErasures(
  reader: Queryable,
  tenant: string,
  state: ErasureState | null,
  before: { readonly moment: string; readonly id: string } | null,
  limit: number,
): Promise<(ErasureRow & { readonly moment: string })[]> {
  const statement = {
    name: 'list_erasures',
    text: `
      select ${COLUMNS}, requested_at::text as moment
      from erasure
      where tenant = $1 and ($2::text is null or state = $2)
        and ($3::timestamptz is null or (requested_at, erasure_id) < ($3, $4::uuid))
      order by requested_at desc, erasure_id desc
      limit $5`,
  };
  return run(reader, statement, [tenant, state, before?.moment ?? null, before?.id ?? null, limit]);
}

/** Notes which step an erasure is at and adds to its report; the sweep then leaves it to its workflow for a while. */
export async function noteStep(
  db: Queryable,
  { tenant, erasureId }: { readonly tenant: string; readonly erasureId: string },
  step: ErasureStep,
  report: ErasureReport = {},
): Promise<void> {
  const statement = {
    name: 'note_erasure_step',
    text: `
      update erasure set
        step = $3,
        report = report || $4::jsonb,
        start_after = greatest(start_after, now() + interval '5 minutes')
      where tenant = $1 and erasure_id = $2::uuid and state = 'running'`,
  };
  await run(db, statement, [tenant, erasureId, step, JSON.stringify(report)]);
}

/** Adds to the report what it does not say yet: a repeated step would see less than the first did. */
export async function noteOnce(
  db: Queryable,
  { tenant, erasureId }: { readonly tenant: string; readonly erasureId: string },
  report: ErasureReport,
): Promise<void> {
  const statement = {
    name: 'note_erasure_once',
    text: `
      update erasure set report = $3::jsonb || report
      where tenant = $1 and erasure_id = $2::uuid and state = 'running'`,
  };
  await run(db, statement, [tenant, erasureId, JSON.stringify(report)]);
}

export async function completeErasure(db: Queryable, tenant: string, erasureId: string): Promise<void> {
  const statement = {
    name: 'complete_erasure',
    text: `
      update erasure set state = 'completed', step = 'completed', completed_at = coalesce(completed_at, now())
      where tenant = $1 and erasure_id = $2::uuid and state = 'running'`,
  };
  await run(db, statement, [tenant, erasureId]);
}

/** Completed erasures whose certificate says that one of these stores keeps dead bytes, or that wait for a new one. */
export async function erasuresWithDeadSpace(
  db: Queryable,
  tenant: string,
  stores: readonly string[],
): Promise<ErasureRow[]> {
  const statement = {
    name: 'erasures_with_dead_space',
    text: `
      select ${COLUMNS}
      from erasure
      where tenant = $1 and state = 'completed'
        and (
          report ? 'recertify'
          or exists (
            select
            from jsonb_array_elements(report -> 'exceptions') as exception
            where exception ->> 'store' = any($2::text[])))
      order by completed_at`,
  };
  return run<ErasureRow>(db, statement, [tenant, stores]);
}

/** Replaces what the report of a completed erasure says of residue, and marks it for a new certificate. */
export async function noteResidueCleared(
  db: Queryable,
  tenant: string,
  erasureId: string,
  report: Pick<ErasureReport, 'exceptions' | 'residue' | 'residueClearedAt'>,
): Promise<void> {
  const statement = {
    name: 'note_residue_cleared',
    text: `
      update erasure set report = report || $3::jsonb || '{"recertify": true}'
      where tenant = $1 and erasure_id = $2::uuid and state = 'completed'`,
  };
  await run(db, statement, [tenant, erasureId, JSON.stringify(report)]);
}

/** Takes the mark away, once the new certificate is out. */
export async function noteRecertified(db: Queryable, tenant: string, erasureId: string): Promise<void> {
  const text = `update erasure set report = report - 'recertify' where tenant = $1 and erasure_id = $2::uuid`;
  await run(db, { name: 'note_recertified', text }, [tenant, erasureId]);
}

/** Open erasures whose workflow may not run; each is answered again after five minutes. */
export async function claimErasuresToStart(db: Queryable, tenant: string, limit: number): Promise<ErasureRow[]> {
  const statement = {
    name: 'claim_erasures_to_start',
    text: `
      with due as (
        select erasure_id
        from erasure
        where tenant = $1 and state in ('scheduled', 'running') and start_after < now()
        order by start_after
        limit $2
        for update skip locked
      )
      update erasure set start_after = now() + interval '5 minutes'
      where tenant = $1 and erasure_id in (select erasure_id from due)
      returning ${COLUMNS}`,
  };
  return run<ErasureRow>(db, statement, [tenant, limit]);
}

/** Open erasures, and how near the nearest deadline is. */
export interface ErasureLoad {
  readonly open: number;
  /** Those within the warning time of their deadline, or past it. */
  readonly late: number;
  /** Until the nearest deadline; negative past it, null when none is open. */
  readonly seconds_to_deadline: number | null;
}

export async function erasureLoad(reader: Queryable, tenant: string, warnBeforeMs: number): Promise<ErasureLoad> {
  const statement = {
    name: 'erasure_load',
    text: `
      select
        count(*)::integer as open,
        (count(*) filter (where due_at < now() + $2::double precision * interval '1 ms'))::integer as late,
        extract(epoch from min(due_at) - now())::float8 as seconds_to_deadline
      from erasure
      where tenant = $1 and state in ('scheduled', 'running')`,
  };
  return only(await run<ErasureLoad>(reader, statement, [tenant, warnBeforeMs]));
}
