import { admits, fenceOfCustomer } from './fence.ts';
import { run, type Queryable } from './pools.ts';

/**
 * Has a transaction alone decide which artifacts of a record are served. It must be the first statement: what waited
 * for it then sees what was committed meanwhile. The customer's row comes first, in the order of the eraser.
 * Answers whether the fence lets the record through.
 */
export async function lockRecord(transaction: Queryable, tenant: string, interactionId: string): Promise<boolean> {
  const statement = {
    name: 'lock_record',
    text: `
      with ${fenceOfCustomer('(select customer_key from interaction where tenant = $1 and interaction_id = $2::uuid)')}
      select ${admits('i')} as admitted
      from interaction i, fence
      where i.tenant = $1 and i.interaction_id = $2
      for no key update of i`,
  };
  const [locked] = await run<{ admitted: boolean }>(transaction, statement, [tenant, interactionId]);
  return locked?.admitted === true;
}
