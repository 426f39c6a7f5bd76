import type pg from 'pg';
import { percentile } from '../scenario.ts';

const ROWS = 500;
const ROUNDS = 3;

/** Rows per second into a table like a version's partition, with an HNSW index that is kept live, and without one. */
export interface SinkRates {
  readonly live: number;
  readonly tiered: number;
}

/** Both ways in turn, A-B-B-A, the median of each; each begins with the same 20,000 rows. */
export async function measureSink(owner: pg.ClientBase): Promise<SinkRates> {
  for (const table of ['sink_live', 'sink_tiered']) {
    await owner.query(`create table ${table} (like embedding_v1 including defaults including constraints)`);
    await owner.query(`insert into ${table} select * from embedding_v1 order by sequence desc limit 20000`);
    await owner.query(`alter table ${table} add primary key (index_version, tenant, chunk_id)`);
    await owner.query(`create index on ${table} (tenant, chunk_id)`);
    await owner.query(`create index on ${table} (tenant, customer_key)`);
    await owner.query(`create index on ${table} (tenant, sequence)`);
  }
  await owner.query(`set maintenance_work_mem = '512MB'`);
  await owner.query('create index on sink_live using hnsw ((embedding::vector(384)) vector_cosine_ops)');
  const rates: Record<string, number[]> = { sink_live: [], sink_tiered: [] };
  for (let round = 0; round < ROUNDS * 2; round++) {
    const order = round % 2 === 0 ? ['sink_live', 'sink_tiered'] : ['sink_tiered', 'sink_live'];
    for (const table of order) {
      const started = performance.now();
      await owner.query(
        `insert into ${table} (index_version, tenant, chunk_id, customer_key, embedding, model_version, embedded_at,
           committed_at, reachable_at)
         select index_version, tenant, gen_random_uuid(), customer_key, embedding, model_version, embedded_at,
           committed_at, reachable_at
         from embedding_v1 where tenant = 'default' and sequence % 10 = $1 order by sequence limit ${ROWS}`,
        [round],
      );
      rates[table]!.push((ROWS * 1_000) / (performance.now() - started));
    }
  }
  await owner.query('drop table sink_live, sink_tiered');
  return { live: percentile(rates['sink_live']!, 0.5), tiered: percentile(rates['sink_tiered']!, 0.5) };
}
