import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';

/** Records of which presence is asked in one query. */
const ASKED = 50;

/** Long enough to cost little while a burst is worked off, short beside its length. */
const LOOK_EVERY_MS = 20;

/** While one record is waited for. */
const LOOK_CLOSELY_MS = 1;

/**
 * Waits until each record has a vector that is committed; answers those that have none when the time is over. Asks for
 * a few at a time, so that looking takes little from those who work.
 */
export async function untilReachable(
  database: pg.Pool,
  ids: readonly string[],
  timeoutMs: number,
): Promise<readonly string[]> {
  const deadline = performance.now() + timeoutMs;
  const everyMs = ids.length === 1 ? LOOK_CLOSELY_MS : LOOK_EVERY_MS;
  let missing = [...ids];
  while (missing.length > 0) {
    const asked = missing.slice(0, ASKED);
    const present = await reachableOf(database, asked);
    missing = missing.filter((id) => !present.has(id));
    if (present.size === asked.length) continue;
    if (performance.now() > deadline) return stillMissing(database, missing);
    await delay(everyMs);
  }
  return [];
}

async function stillMissing(database: pg.Pool, ids: readonly string[]): Promise<readonly string[]> {
  const present = await reachableOf(database, ids);
  return ids.filter((id) => !present.has(id));
}

async function reachableOf(database: pg.Pool, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await database.query<{ id: string }>({
    name: 'reachable_of',
    text: `
      select distinct c.interaction_id as id
      from chunk c
      join embedding e on e.tenant = c.tenant and e.chunk_id = c.chunk_id
      where c.tenant = 'default' and c.interaction_id = any($1::uuid[])`,
    values: [ids],
  });
  return new Set(rows.map(({ id }) => id));
}
