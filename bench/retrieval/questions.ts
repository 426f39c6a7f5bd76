import type pg from 'pg';

/** What is asked: words and a vector near those of a chunk of the data set, and whose it is. */
export interface BenchQuestion {
  readonly customerKey: string;
  readonly words: string;
  readonly vector: readonly number[];
}

/** How far a question's vector lies from that of the chunk it is about: as far as another text of the same kind. */
const APART = 0.35;

/** Questions about chunks drawn by the hash of their id: large customers are asked about more often, as they are in life. */
export async function drawQuestions(owner: pg.ClientBase, count: number): Promise<BenchQuestion[]> {
  const { rows } = await owner.query<{ customer_key: string; text: string; vector: string }>(
    `select c.customer_key, c.text, e.embedding::text as vector
     from chunk c
     join embedding_v1 e using (tenant, chunk_id)
     where c.chunker_version = 'bench'
     order by md5(c.chunk_id::text)
     limit $1`,
    [count],
  );
  const normal = seededNormal(7);
  return rows.map(({ customer_key: customerKey, text, vector }) => ({
    customerKey,
    // Four common words, five of its topic and the rare one.
    words: text.split(' ').slice(8, 17).concat(text.split(' ').slice(-1)).join(' '),
    vector: (JSON.parse(vector) as number[]).map((each) => each + (normal() * APART) / Math.sqrt(384)),
  }));
}

/** Sums of twelve numbers of a linear congruential generator (Numerical Recipes): near enough to normal. */
function seededNormal(seed: number): () => number {
  let state = seed;
  const next = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  return () => Array.from({ length: 12 }, next).reduce((sum, each) => sum + each, -6);
}
