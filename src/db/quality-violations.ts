import { run, type Queryable } from './pools.ts';

/** A fault of the memory, as one look saw it. It never quotes what was looked at. */
export interface SeenViolation {
  /** Which check saw it: `canary` or `reconciliation`. */
  readonly check: string;
  /** Empty for a fault that concerns all. */
  readonly modality: string;
  readonly code: string;
  readonly severity: 'yellow' | 'red';
  readonly affected: number;
}

/** Writes a violation down, or that one which is open was seen again. */
export async function raiseViolation(db: Queryable, tenant: string, seen: SeenViolation): Promise<void> {
  const statement = {
    name: 'raise_violation',
    text: `
      insert into quality_violation as v (tenant, check_name, modality, code, severity, affected)
      values ($1, $2, $3, $4, $5, $6)
      on conflict (tenant, check_name, modality, code) where resolved_at is null do update set
        times_seen = v.times_seen + 1,
        last_seen_at = now(),
        severity = excluded.severity,
        affected = excluded.affected`,
  };
  await run(db, statement, [tenant, seen.check, seen.modality, seen.code, seen.severity, seen.affected]);
}

/** Closes what a check no longer sees: all of it in one modality, but for the codes given. */
export async function resolveViolations(
  db: Queryable,
  tenant: string,
  check: string,
  modality: string,
  stillSeen: readonly string[] = [],
): Promise<void> {
  const statement = {
    name: 'resolve_violations',
    text: `
      update quality_violation set resolved_at = now()
      where tenant = $1 and check_name = $2 and modality = $3 and resolved_at is null and not code = any($4::text[])`,
  };
  await run(db, statement, [tenant, check, modality, stillSeen]);
}

export type OpenViolationRow = Pick<ViolationRow, 'check_name' | 'code' | 'severity' | 'affected'>;

/** All that stand. They are few: one for each check, modality and code, all of which the code names. */
export async function openViolations(reader: Queryable, tenant: string): Promise<OpenViolationRow[]> {
  const statement = {
    name: 'open_violations',
    text: `
      select check_name, code, severity, affected::float8 as affected
      from quality_violation
      where tenant = $1 and resolved_at is null
      order by first_seen_at desc`,
  };
  return run<OpenViolationRow>(reader, statement, [tenant]);
}

export interface ViolationRow {
  readonly violation_id: string;
  readonly check_name: string;
  readonly modality: string;
  readonly code: string;
  readonly severity: 'yellow' | 'red';
  readonly affected: number;
  readonly times_seen: number;
  readonly first_seen_at: Date;
  readonly last_seen_at: Date;
  readonly resolved_at: Date | null;
}

/** Newest first; those that stand before those that are resolved. */
export async function listViolations(
  reader: Queryable,
  tenant: string,
  openOnly: boolean,
  limit: number,
): Promise<ViolationRow[]> {
  const statement = {
    name: 'list_violations',
    text: `
      select violation_id, check_name, modality, code, severity, affected::float8 as affected, times_seen,
        first_seen_at, last_seen_at, resolved_at
      from quality_violation
      where tenant = $1 and (not $2::boolean or resolved_at is null)
      order by resolved_at is not null, first_seen_at desc
      limit $3`,
  };
  return run<ViolationRow>(reader, statement, [tenant, openOnly, limit]);
}
