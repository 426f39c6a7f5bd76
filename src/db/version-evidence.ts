import type { Evidence } from '../domain/index-version.ts';
import type { Modality } from '../domain/interaction.ts';
import type { IndexVersionRow } from './index-versions.ts';
import { nearestVectors, overSegments } from './nearest.ts';
import type { OwnerConnection } from './owner.ts';
import { run, type Queryable } from './pools.ts';
import { ofRealCustomers } from './real-customers.ts';
import { servedBy } from './served.ts';

interface ParityRow {
  readonly modality: Modality;
  readonly chunks_expected: number;
  readonly chunks_present: number;
  readonly records_expected: number;
  readonly records_present: number;
}

/**
 * What the reference version finds and the other one should: chunks that both serve, and records, which they may serve by
 * texts of their own. Vectors that were written after `asOf` are not expected yet. By the owner, because it reads
 * all of a tenant's vectors.
 *
 * @param newer whether the version is the newer of the two: the older one need not have records that it has no text of.
 */
export async function countParity(
  owner: OwnerConnection,
  tenant: string,
  version: number,
  reference: number,
  asOf: string,
  newer: boolean,
): Promise<Evidence['parity']> {
  const { rows } = await owner.query<ParityRow>(
    `with served as (
       select c.modality, c.interaction_id,
         (${servedBy(reference)}) and r.chunk_id is not null and r.committed_at <= $2::timestamptz
           and coalesce(c.activated_at, '-infinity') <= $2::timestamptz as by_reference,
         (${servedBy(version)}) as by_version,
         v.chunk_id is not null as present
       from chunk c
       left join embedding_v${reference} r on r.tenant = $1 and r.chunk_id = c.chunk_id
       left join embedding_v${version} v on v.tenant = $1 and v.chunk_id = c.chunk_id
       where c.tenant = $1 and c.active
     ), record as (
       select modality, interaction_id,
         count(*) filter (where by_reference and by_version) as chunks_expected,
         count(*) filter (where by_reference and by_version and present) as chunks_present,
         bool_or(by_reference) and ($3::boolean or bool_or(by_version)) as expected,
         bool_or(by_version and present) as present
       from served
       group by modality, interaction_id
     )
     select modality,
       sum(chunks_expected)::integer as chunks_expected,
       sum(chunks_present)::integer as chunks_present,
       count(*) filter (where expected)::integer as records_expected,
       count(*) filter (where expected and present)::integer as records_present
     from record
     group by modality
     order by modality`,
    [tenant, asOf, newer],
  );
  return Object.fromEntries(
    rows.map((row) => [
      row.modality,
      {
        chunks: { expected: row.chunks_expected, present: row.chunks_present },
        records: { expected: row.records_expected, present: row.records_present },
      },
    ]),
  );
}

/** A chunk that is asked for. Its text stays in the step that measures. */
export interface SampledChunk {
  readonly chunk_id: string;
  readonly text: string;
  /** pgvector's text form of its vector in the version that is measured; null where it has none. */
  readonly vector: string | null;
}

/**
 * Chunks of a version at random. Chunk ids are hashes, so the next one after a random id is as random.
 *
 * @param places random ids, one for each chunk wanted.
 */
export async function sampleChunks(
  reader: Queryable,
  tenant: string,
  indexVersion: number,
  places: readonly string[],
): Promise<SampledChunk[]> {
  const statement = {
    name: `sample_chunks_v${indexVersion}`,
    text: `
      select distinct on (found.chunk_id) found.chunk_id, found.text, found.vector
      from unnest($2::uuid[]) as place (id)
      cross join lateral (
        select c.chunk_id, c.text, e.embedding::text as vector
        from embedding_v${indexVersion} e
        join chunk c on c.tenant = $1 and c.chunk_id = e.chunk_id
        where e.tenant = $1 and e.index_version = ${indexVersion} and e.chunk_id >= place.id
          and ${ofRealCustomers('c.customer_key')} and ${servedBy(indexVersion)}
        order by e.chunk_id
        limit 1
      ) as found`,
  };
  return run<SampledChunk>(reader, statement, [tenant, places]);
}

/** The first chunks of the newest records that were reachable at a time, whether the version has them or not. */
export async function recentChunks(
  reader: Queryable,
  tenant: string,
  indexVersion: number,
  asOf: string,
  limit: number,
): Promise<SampledChunk[]> {
  const statement = {
    name: `recent_chunks_v${indexVersion}`,
    text: `
      with newest as materialized (
        select interaction_id
        from freshness
        where tenant = $1 and state = 'reachable' and reachable_at <= $3::timestamptz and ${ofRealCustomers('customer_key')}
        order by accepted_at desc
        limit $2
      )
      select c.chunk_id, c.text, e.embedding::text as vector
      from newest
      join chunk c on c.tenant = $1 and c.interaction_id = newest.interaction_id and ${servedBy(indexVersion)}
      left join embedding_v${indexVersion} e
        on e.index_version = ${indexVersion} and e.tenant = $1 and e.chunk_id = c.chunk_id
      where c.ordinal = 0`,
  };
  return run<SampledChunk>(reader, statement, [tenant, limit, asOf]);
}

/** A chunk and its exact cosine distance from what was asked. */
export interface Neighbour {
  readonly chunk_id: string;
  readonly interaction_id: string;
  readonly distance: number;
}

/** The k nearest as a search over all customers finds them: by the tiers of the index, with the settings of the reader's role. */
export async function nearest(
  reader: Queryable,
  tenant: string,
  version: IndexVersionRow,
  vector: string,
  k: number,
): Promise<Neighbour[]> {
  const text = `
    select found.chunk_id, c.interaction_id, e.embedding <=> $2::vector as distance
    from ${nearestVectors(version, { vector: '$2', limit: '$3' })} as found
    join embedding_v${version.index_version} e
      on e.index_version = ${version.index_version} and e.tenant = $1 and e.chunk_id = found.chunk_id
    join chunk c on c.tenant = $1 and c.chunk_id = found.chunk_id
    order by distance`;
  const statement = overSegments(`nearest_v${version.index_version}`, version, text);
  return run<Neighbour>(reader, statement, [tenant, vector, k]);
}

/** The distance of the k-th nearest of all, without any index; undefined where there are fewer. */
export async function exactDistances(
  owner: OwnerConnection,
  tenant: string,
  indexVersion: number,
  vector: string,
  k: number,
): Promise<number[]> {
  const { rows } = await owner.query<{ distance: number }>(
    `with measured as materialized (
       select embedding <=> $2::vector as distance from embedding_v${indexVersion} where tenant = $1
     )
     select distance from measured order by distance limit $3`,
    [tenant, vector, k],
  );
  return rows.map(({ distance }) => distance);
}

/** The distance of one chunk's vector from what is asked. */
export async function distanceOf(
  reader: Queryable,
  tenant: string,
  indexVersion: number,
  chunkId: string,
  vector: string,
): Promise<number | undefined> {
  const statement = {
    name: `distance_of_v${indexVersion}`,
    text: `
      select embedding <=> $3::vector as distance
      from embedding_v${indexVersion}
      where index_version = ${indexVersion} and tenant = $1 and chunk_id = $2::uuid`,
  };
  const [row] = await run<{ distance: number }>(reader, statement, [tenant, chunkId, vector]);
  return row?.distance;
}
