import { lockSubject } from './erasures.ts';
import { only, run, type Queryable, type TenantDatabase } from './pools.ts';

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
  /** Of the data key that sealed the reason. */
  readonly keyGeneration: number;
  readonly placedBy: string;
  readonly reviewAt: Date | null;
}

/** `erasing`: it is too late. `stale_key`: the data key was replaced meanwhile, seal again. */
export type PlacedHold = LegalHoldRow | 'erasing' | 'stale_key';

/**
 * Places a hold, or answers the one that stands, unchanged. The subject's lock orders it with a request for erasure that
 * comes at the same moment; what follows the lock sees what was committed before it.
 */
export async function placeHold(database: TenantDatabase, hold: NewLegalHold): Promise<PlacedHold> {
  const { tenant, customerKey } = hold;
  return database.transaction(async (transaction) => {
    await lockSubject(transaction, tenant, customerKey);
    const standing = await findHold(transaction, tenant, customerKey);
    if (standing !== undefined) return standing;
    const { erasing, generation } = await stateOf(transaction, tenant, customerKey);
    if (erasing) return 'erasing';
    return generation === hold.keyGeneration ? insertHold(transaction, hold) : 'stale_key';
  });
}

async function stateOf(
  transaction: Queryable,
  tenant: string,
  customerKey: string,
): Promise<{ erasing: boolean; generation: number }> {
  const statement = {
    name: 'hold_state',
    text: `
      select key_generation as generation,
        exists (select from erasure where tenant = $1 and customer_key = $2 and state = 'running') as erasing
      from subject
      where tenant = $1 and customer_key = $2`,
  };
  return only(await run<{ erasing: boolean; generation: number }>(transaction, statement, [tenant, customerKey]));
}

async function insertHold(transaction: Queryable, hold: NewLegalHold): Promise<LegalHoldRow> {
  const statement = {
    name: 'insert_hold',
    text: `
      insert into legal_hold (tenant, hold_id, customer_key, sealed_reason, placed_by, review_at)
      values ($1, $2::uuid, $3, $4, $5, $6::timestamptz)
      returning ${COLUMNS}`,
  };
  const { tenant, holdId, customerKey, sealedReason, placedBy, reviewAt } = hold;
  const values = [tenant, holdId, customerKey, sealedReason, placedBy, reviewAt];
  return only(await run<LegalHoldRow>(transaction, statement, values));
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
