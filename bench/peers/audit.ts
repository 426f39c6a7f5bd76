import type pg from 'pg';

/** What a database holds of messages: the record of each row, in no order. */
export interface StoredRows {
  readonly chunks: readonly string[];
  readonly vectors: readonly string[];
  /** Of the lineage edges that lead to vectors. */
  readonly edges: readonly string[];
}

export interface Audit {
  /** Records that were acknowledged and are not there with all three rows. */
  readonly lost: readonly string[];
  /** Records of which a row is there more than once. */
  readonly doubled: readonly string[];
  /** Records that are there and that nobody was promised. */
  readonly unasked: readonly string[];
}

/** Holds what a client was promised against what is stored: each acknowledged message with one row of each kind. */
export function audit(acknowledged: readonly string[], { chunks, vectors, edges }: StoredRows): Audit {
  const counts = [countOf(chunks), countOf(vectors), countOf(edges)];
  const promised = new Set(acknowledged);
  const present = new Set([...chunks, ...vectors, ...edges]);
  return {
    lost: acknowledged.filter((id) => counts.some((count) => !count.has(id))),
    doubled: [...present].filter((id) => counts.some((count) => (count.get(id) ?? 0) > 1)),
    unasked: [...present].filter((id) => !promised.has(id)),
  };
}

export function isClean({ lost, doubled, unasked }: Audit): boolean {
  return lost.length + doubled.length + unasked.length === 0;
}

function countOf(ids: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/** All rows of a contender's tables, whose names are the same for all. */
export async function storedRows(database: pg.Pool): Promise<StoredRows> {
  const records = async (text: string): Promise<string[]> => {
    const { rows } = await database.query<{ id: string }>(text);
    return rows.map(({ id }) => id);
  };
  return {
    chunks: await records('select interaction_id as id from chunk'),
    vectors: await records(
      'select c.interaction_id as id from embedding e join chunk c on c.tenant = e.tenant and c.chunk_id = e.chunk_id',
    ),
    edges: await records(`select interaction_id as id from lineage_edge where to_kind = 'embedding'`),
  };
}
