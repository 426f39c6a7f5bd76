import { EMPTY_REPORT, type ReconciliationRef, type ReconciliationReport } from '../domain/reconciliation.ts';
import { only, run, type Queryable } from './pools.ts';
import type { ReconciliationScope } from '../domain/reconciliation.ts';

export interface ReconciliationRow {
  readonly reconciliation_id: string;
  readonly scope: ReconciliationScope;
  readonly started_at: Date;
  readonly ended_at: Date | null;
  readonly report: Partial<ReconciliationReport>;
}

/** With its place in the list: the time in Postgres' own text. */
export interface ListedReconciliationRow extends ReconciliationRow {
  readonly moment: string;
}

/** Notes that a comparison begins. Answers the moment: it moves on when the workflow takes up what was written for it. */
export async function openReconciliation(
  db: Queryable,
  { tenant, reconciliationId }: ReconciliationRef,
  scope: ReconciliationScope,
): Promise<string> {
  const statement = {
    name: 'open_reconciliation',
    text: `
      insert into reconciliation (tenant, reconciliation_id, scope)
      values ($1, $2::uuid, $3)
      on conflict (tenant, reconciliation_id) do update set started_at = clock_timestamp()
      returning started_at::text as moment`,
  };
  return only(await run<{ moment: string }>(db, statement, [tenant, reconciliationId, scope])).moment;
}

/**
 * Takes back one whose workflow could not be started, unless it was started after all and has taken it up since; one that
 * takes it up later writes it down again.
 */
export async function deleteReconciliation(
  db: Queryable,
  { tenant, reconciliationId }: ReconciliationRef,
  openedAt: string,
): Promise<void> {
  const statement = {
    name: 'delete_reconciliation',
    text: 'delete from reconciliation where tenant = $1 and reconciliation_id = $2::uuid and started_at = $3::timestamptz',
  };
  await run(db, statement, [tenant, reconciliationId, openedAt]);
}

export async function closeReconciliation(
  db: Queryable,
  { tenant, reconciliationId }: ReconciliationRef,
  report: ReconciliationReport,
): Promise<void> {
  const statement = {
    name: 'close_reconciliation',
    text: `
      update reconciliation set report = $3::jsonb, ended_at = coalesce(ended_at, now())
      where tenant = $1 and reconciliation_id = $2::uuid`,
  };
  await run(db, statement, [tenant, reconciliationId, JSON.stringify(report)]);
}

/** Whether a comparison of all time has begun within so long. */
export async function wasAllCompared(db: Queryable, tenant: string, withinMs: number): Promise<boolean> {
  const statement = {
    name: 'was_all_compared',
    text: `
      select exists (
        select
        from reconciliation
        where tenant = $1 and scope = 'all' and started_at > now() - $2::double precision * interval '1 ms'
      ) as compared`,
  };
  return only(await run<{ compared: boolean }>(db, statement, [tenant, withinMs])).compared;
}

const COLUMNS = 'reconciliation_id, scope, started_at, ended_at, report';

export async function findReconciliation(
  reader: Queryable,
  { tenant, reconciliationId }: ReconciliationRef,
): Promise<ReconciliationRow | undefined> {
  const statement = {
    name: 'find_reconciliation',
    text: `select ${COLUMNS} from reconciliation where tenant = $1 and reconciliation_id = $2::uuid`,
  };
  return (await run<ReconciliationRow>(reader, statement, [tenant, reconciliationId]))[0];
}

/** Newest first. */
export async function listReconciliations(
  reader: Queryable,
  tenant: string,
  before: { readonly moment: string; readonly id: string } | null,
  limit: number,
): Promise<ListedReconciliationRow[]> {
  const statement = {
    name: 'list_reconciliations',
    text: `
      select ${COLUMNS}, started_at::text as moment
      from reconciliation
      where tenant = $1 and ($2::timestamptz is null or (started_at, reconciliation_id) < ($2, $3::uuid))
      order by started_at desc, reconciliation_id desc
      limit $4`,
  };
  const values = [tenant, before?.moment ?? null, before?.id ?? null, limit];
  return run<ListedReconciliationRow>(reader, statement, values);
}

/** The last comparison that has ended, for the metrics. */
export async function lastReport(reader: Queryable, tenant: string): Promise<ReconciliationReport | undefined> {
  const statement = {
    name: 'last_report',
    text: `
      select report
      from reconciliation
      where tenant = $1 and ended_at is not null
      order by started_at desc
      limit 1`,
  };
  const [row] = await run<{ report: Partial<ReconciliationReport> }>(reader, statement, [tenant]);
  return row === undefined ? undefined : { ...EMPTY_REPORT, ...row.report };
}
