import { lockRecord } from '../../src/db/record-lock.ts';
import { settleAgain } from '../../src/db/replaced-records.ts';
import { markChanged } from '../../src/db/rollups.ts';
import {
  decidedRecords,
  giveUpVersionTexts,
  keepVersionTexts,
  type DecidedRecord,
} from '../../src/db/version-texts.ts';
import { eachOf } from '../../src/domain/each-of.ts';
import type { ActivityDependencies } from '../dependencies.ts';

const PAGE = 200;
const PARALLEL = 4;

/**
 * Makes what was recognised anew for index versions that are decided the only text of its records, or gives it up,
 * record by record: a version that is decided serves the same before and after.
 */
export async function settleVersionTexts(
  deps: Pick<ActivityDependencies, 'database'>,
  tenant: string,
  signal: AbortSignal,
): Promise<number> {
  let settled = 0;
  for (;;) {
    signal.throwIfAborted();
    const records = await decidedRecords(deps.database.forTenant(tenant).app, tenant, PAGE);
    if (records.length === 0) return settled;
    await eachOf(records, PARALLEL, (record) => settle(deps, tenant, record));
    settled += records.length;
  }
}

async function settle(
  deps: Pick<ActivityDependencies, 'database'>,
  tenant: string,
  record: DecidedRecord,
): Promise<void> {
  const { interaction_id: interactionId, index_version: indexVersion, decision } = record;
  await deps.database.forTenant(tenant).transaction(async (transaction) => {
    await lockRecord(transaction, tenant, interactionId);
    if (decision === 'give_up') return giveUpVersionTexts(transaction, tenant, record);
    await keepVersionTexts(transaction, tenant, record);
    await markChanged(transaction, tenant, [interactionId]);
    await settleAgain(transaction, tenant, interactionId, null, indexVersion);
  });
}
