import { lockSubject } from './erasures.ts';
import { run, type Queryable, type TenantDatabase } from './pools.ts';

export interface LegalHoldRow {
  readonly hold_id: string;
  readonly customer_key: string;
  readonly sealed_reason: Buffer;
  readonly placed_by: string;
  readonly placed_at: Date;
  readonly review_at: Date | null;
  readonly released_at: Date | null;
}

const COLUMNS = 'hold_id, customer_key, sealed_reason, placed_by, placed_at, review_at, released_at';

export interface NewLegalHold {
  readonly tenant: string;
  readonly holdId: string;
  readonly customerKey: string;
  readonly sealedReason: Uint8Array;
  readonly placedBy: string;
  readonly reviewAt: Date | null;
}

/**
 * Places a hold, or answers the one that stands. Undefined when an erasure of the customer is under way: it is too late.
 * The subject's lock orders it with a request for erasure that comes at the same moment.
 */
export async function placeHold(database: TenantDatabase, hold: NewLegalHold): Promise<LegalHoldRow | undefined> {
  const statement = {
    name: 'place_hold',
    text: `
      insert into legal_hold (tenant, hold_id, customer_key, sealed_reason, placed_by, review_at)
      select $1, $2::uuid, $3, $4, $5, $6::timestamptz
      where not exists (select from erasure where tenant = $1 and customer_key = $3 and state = 'running')
      on conflict (tenant, customer_key) where released_at is null do update set review_at = excluded.review_at
      returning ${COLUMNS}`,
  };
  const { tenant, holdId, customerKey, sealedReason, placedBy, reviewAt } = hold;
  const values = [tenant, holdId, customerKey, sealedReason, placedBy, reviewAt];
  return database.transaction(async (transaction) => {
    await lockSubject(transaction, tenant, customerKey);
    return (await run<LegalHoldRow>(transaction, statement, values))[0];
  });
}

/** Lifts the customer's hold; false when there was none. */
export async function releaseHold(db: Queryable, tenant: string, customerKey: string): Promise<boolean> {
  const statement = {
    name: 'release_hold',
    text: `
      update legal_hold set released_at = now()
      where tenant = $1 and customer_key = $2 and released_at is null
      returning hold_id`,
  };
  return (await run(db, statement, [tenant, customerKey])).length > 0;
}

/** The hold that stands for a customer. */
export async function findHold(db: Queryable, tenant: string, customerKey: string): Promise<LegalHoldRow | undefined> {
  const statement = {
    name: 'find_hold',
    text: `select ${COLUMNS} from legal_hold where tenant = $1 and customer_key = $2 and released_at is null`,
  };
  return (await run<LegalHoldRow>(db, statement, [tenant, customerKey]))[0];
}

/** Holds that stand, oldest first. */
export async function listHolds(reader: Queryable, tenant: string, limit: number): Promise<LegalHoldRow[]> {
  const statement = {
    name: 'list_holds',
    text: `
      select ${COLUMNS}
      from legal_hold
      where tenant = $1 and released_at is null
      order by placed_at
      limit $2`,
  };
  return run<LegalHoldRow>(reader, statement, [tenant, limit]);
}
