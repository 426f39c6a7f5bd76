import type { ErasureScope } from '../domain/erasure.ts';
import { run, type Queryable, type TenantDatabase } from './pools.ts';

/** What a restored database is told again of an erasure. Times are RFC 3339. */
export interface LedgerEntry {
  readonly tenant: string;
  readonly erasureId: string;
  readonly customerKey: string;
  readonly requestedAt: string;
  readonly dueAt: string;
  readonly erasedBefore: string;
  readonly destroyedGeneration: number;
}

/**
 * Raises the fence of an earlier erasure again, after a restore: watermark and generation go up, never down. The row
 * becomes `running`, whatever the restored state says, and is counted anew; or `completed`, when a later erasure of the
 * same customer covers it. A customer has one open erasure: what the dump says is still in its grace period has been
 * cancelled since when it is older than this one; when it is newer, the dump is from after this one's end.
 */
export async function reapplyFence(database: TenantDatabase, entry: LedgerEntry, covered: boolean): Promise<void> {
  await database.transaction(async (transaction) => {
    const { tenant, customerKey } = entry;
    const subject = {
      name: 'reapply_fence',
      text: `
        insert into subject as s (tenant, customer_key, key_generation, erased_before)
        values ($1, $2, $3::integer + 1, $4::timestamptz)
        on conflict (tenant, customer_key) do update set
          key_generation = greatest(s.key_generation, excluded.key_generation),
          erased_before = greatest(s.erased_before, excluded.erased_before)`,
    };
    await run(transaction, subject, [tenant, customerKey, entry.destroyedGeneration, entry.erasedBefore]);
    const scheduled = {
      name: 'cancel_restored_erasure',
      text: `
        update erasure set state = 'cancelled', completed_at = now()
        where tenant = $1 and customer_key = $2 and state = 'scheduled' and requested_at < $3::timestamptz`,
    };
    await run(transaction, scheduled, [tenant, customerKey, entry.requestedAt]);
    const ledger = {
      name: 'reapply_erasure',
      text: `
        insert into erasure as e (
          tenant, erasure_id, customer_key, scope, state, requested_at, erase_after, due_at, erased_before,
          destroyed_generation, report, start_after)
        select $1, $2::uuid, $3, 'customer',
          case
            when exists (
              select
              from erasure o
              where o.tenant = $1 and o.customer_key = $3 and o.erasure_id <> $2::uuid
                and o.state in ('scheduled', 'running')) then 'completed'
            else $4
          end,
          $5::timestamptz, $5::timestamptz, $6::timestamptz, $7::timestamptz, $8::integer,
          jsonb_build_object('reappliedAt', now()), now() + interval '5 minutes'
        on conflict (tenant, erasure_id) do update set
          state = excluded.state,
          completed_at = case when excluded.state = 'completed' then coalesce(e.completed_at, now()) end,
          erased_before = excluded.erased_before,
          destroyed_generation = excluded.destroyed_generation,
          report = case
            when excluded.state = 'running' then (e.report - array['before', 'late', 'residueClearedAt']) || excluded.report
            else e.report
          end,
          start_after = excluded.start_after`,
    };
    await run(transaction, ledger, [
      tenant,
      entry.erasureId,
      customerKey,
      covered ? 'completed' : 'running',
      entry.requestedAt,
      entry.dueAt,
      entry.erasedBefore,
      entry.destroyedGeneration,
    ]);
  });
}

/** What a certificate says of an erasure that the restored database does not know. */
export interface CertifiedErasure {
  readonly tenant: string;
  readonly erasureId: string;
  readonly scope: ErasureScope;
  readonly customerKey: string | null;
  readonly requestedAt: string;
  readonly dueAt: string;
  readonly erasedBefore: string | null;
  readonly destroyedKeyGenerations: number | null;
  readonly completedAt: string;
}

/** Gives a certificate that is younger than a restored dump the row that it belongs to, unless that is there. */
export async function restoreCompleted(db: Queryable, erasure: CertifiedErasure): Promise<void> {
  const statement = {
    name: 'restore_completed_erasure',
    text: `
      insert into erasure (
        tenant, erasure_id, customer_key, scope, state, requested_at, erase_after, due_at, erased_before,
        destroyed_generation, step, completed_at, start_after)
      values ($1, $2::uuid, $3, $4, 'completed', $5, $5, $6, $7, $8, 'completed', $9, $5)
      on conflict do nothing`,
  };
  await run(db, statement, [
    erasure.tenant,
    erasure.erasureId,
    erasure.customerKey,
    erasure.scope,
    erasure.requestedAt,
    erasure.dueAt,
    erasure.erasedBefore,
    erasure.destroyedKeyGenerations,
    erasure.completedAt,
  ]);
}
