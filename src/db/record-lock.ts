import { run, type Queryable } from './pools.ts';

/**
 * Has a transaction alone decide which artifacts of a record are served. It must be the first statement: what waited
 * for it then sees what was committed meanwhile. The customer's row comes first, in the order of the eraser.
 */
export async function lockRecord(transaction: Queryable, tenant: string, interactionId: string): Promise<void> {
  const statement = {
    name: 'lock_record',
    text: `
      with fence as materialized (
        select
        from subject
        where tenant = $1
          and customer_key = (select customer_key from interaction where tenant = $1 and interaction_id = $2::uuid)
        for share
      )
      select
      from interaction
      where tenant = $1 and interaction_id = $2 and exists (select from fence)
      for no key update`,
  };
  await run(transaction, statement, [tenant, interactionId]);
}
