import { SEGMENTS } from './index-segments.ts';
import type { IndexVersionRow } from './index-versions.ts';
import { only, run, type Queryable } from './pools.ts';
import { erasedSince, type ErasedSince } from './surroundings.ts';

/** The version that answered queries at a moment; before there was any, the first. */
export async function indexVersionAt(db: Queryable, moment: Date): Promise<IndexVersionRow | undefined> {
  const statement = {
    name: 'index_version_at',
    text: `
      select v.index_version, v.model, v.dimensions, v.storage, v.state, ${SEGMENTS}
      from index_version_period p
      join index_version v using (index_version)
      order by p.live_from <= $1::timestamptz desc, abs(extract(epoch from p.live_from - $1)), v.index_version
      limit 1`,
  };
  return (await run<IndexVersionRow>(db, statement, [moment]))[0];
}

/** A version by its number, also one whose vectors were dropped since. */
export async function indexVersionNumbered(db: Queryable, indexVersion: number): Promise<IndexVersionRow | undefined> {
  const statement = {
    name: 'index_version_numbered',
    text: `
      select index_version, model, dimensions, storage, state, ${SEGMENTS} from index_version v where index_version = $1`,
  };
  return (await run<IndexVersionRow>(db, statement, [indexVersion]))[0];
}

/** Records that were erased after a moment. */
export async function countErasedSince(
  reader: Queryable,
  tenant: string,
  customerKey: string | null,
  moment: Date,
): Promise<ErasedSince> {
  const statement = { name: 'count_erased_since', text: `select (${erasedSince('$3')}) as since` };
  return only(await run<{ since: ErasedSince }>(reader, statement, [tenant, customerKey, moment])).since;
}
