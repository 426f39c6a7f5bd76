import { only, run, type Queryable } from './pools.ts';

/** Rows of earlier minutes decide nothing any more. */
const KEEP_MINUTES = 2;

/** Adds to what a tenant has used of a quota in a minute, and answers the sum over all processes. */
export async function reportQuotaUse(
  db: Queryable,
  tenant: string,
  quota: string,
  minute: number,
  used: number,
): Promise<number> {
  const statement = {
    name: 'report_quota_use',
    text: `
      with dropped as (
        delete from quota_use where tenant = $1 and quota = $2 and minute < $3::bigint - ${KEEP_MINUTES}
      )
      insert into quota_use as q (tenant, quota, minute, used)
      values ($1, $2, $3, $4)
      on conflict (tenant, quota, minute) do update set used = q.used + excluded.used
      returning used::double precision as used`,
  };
  return only(await run<{ used: number }>(db, statement, [tenant, quota, minute, used])).used;
}
