import type pg from 'pg';
import type { BenchQuestion } from './questions.ts';

/** What the reference knows of a chunk. */
export interface KnownChunk {
  readonly id: string;
  readonly customerKey: string;
  readonly modality: string;
  readonly eventTime: Date;
}

/** A condition on chunks. */
export interface ChunkFilter {
  readonly what: string;
  readonly passes: (chunk: KnownChunk, question: BenchQuestion) => boolean;
}

/** The most neighbours that are kept of a question. */
const MOST = 50;
/** Rows of one page: some 8 MB. */
const PAGE = 5_000;

/**
 * The exact nearest chunks of each question under each filter, computed once from all vectors in memory, so that recall has a
 * reference which no index and no operator of the database has touched.
 */
export class Reference {
  readonly #nearest: ReadonlyMap<string, ReadonlyMap<BenchQuestion, readonly string[]>>;

  private constructor(nearest: ReadonlyMap<string, ReadonlyMap<BenchQuestion, readonly string[]>>) {
    this.#nearest = nearest;
  }

  static async compute(
    owner: pg.ClientBase,
    dimensions: number,
    questions: readonly BenchQuestion[],
    filters: readonly ChunkFilter[],
  ): Promise<Reference> {
    const { chunks, vectors } = await readAll(owner, dimensions);
    const nearest = new Map(filters.map(({ what }) => [what, new Map<BenchQuestion, string[]>()]));
    for (const question of questions) {
      const scores = similarities(question.vector, vectors);
      for (const { what, passes } of filters) {
        const rows = best(scores, (row) => passes(chunks[row]!, question));
        nearest.get(what)!.set(
          question,
          rows.map((row) => chunks[row]!.id),
        );
      }
    }
    return new Reference(nearest);
  }

  /** The ids of the `k` nearest chunks of a question that pass a filter, nearest first. */
  nearest(filter: string, question: BenchQuestion, k: number): readonly string[] {
    return this.#nearest.get(filter)!.get(question)!.slice(0, k);
  }
}

/** All vectors at length 1, one after the other, and their chunks in the same order. */
async function readAll(
  owner: pg.ClientBase,
  dimensions: number,
): Promise<{ chunks: KnownChunk[]; vectors: Float32Array }> {
  const { rows: known } = await owner.query<KnownChunk>(
    `select e.chunk_id as id, e.customer_key as "customerKey", c.modality, c.event_time as "eventTime"
     from embedding_v1 e join chunk c using (tenant, chunk_id) where c.active order by e.sequence`,
  );
  const vectors = new Float32Array(known.length * dimensions);
  let read = 0;
  for (let after = '-1'; ;) {
    const { rows } = await owner.query<{ sequence: string; vector: Buffer }>(
      `select e.sequence, vector_send(e.embedding) as vector
       from embedding_v1 e join chunk c using (tenant, chunk_id)
       where e.tenant = 'default' and c.active and e.sequence > $1 order by e.sequence limit ${PAGE}`,
      [after],
    );
    for (const { vector } of rows) normalize(vector, vectors.subarray(read * dimensions, ++read * dimensions));
    const last = rows.at(-1);
    if (last === undefined) break;
    after = last.sequence;
  }
  if (read !== known.length) throw new Error('vectors were written while the reference was read');
  return { chunks: known, vectors };
}

/** What `vector_send` answers: two numbers of 16 bits, then the components, big-endian. */
function normalize(sent: Buffer, into: Float32Array): void {
  const view = new DataView(sent.buffer, sent.byteOffset + 4, sent.byteLength - 4);
  let square = 0;
  for (let at = 0; at < into.length; at++) {
    const value = view.getFloat32(at * 4);
    into[at] = value;
    square += value * value;
  }
  const length = Math.sqrt(square);
  for (let at = 0; at < into.length; at++) into[at]! /= length;
}

/** Of each vector to the one asked for, up to that one's length: greater is nearer. */
function similarities(asked: readonly number[], vectors: Float32Array): Float64Array {
  const target = Float64Array.from(asked);
  const scores = new Float64Array(vectors.length / target.length);
  for (let row = 0, at = 0; row < scores.length; row++) {
    let sum = 0;
    for (let part = 0; part < target.length; part++, at++) sum += target[part]! * vectors[at]!;
    scores[row] = sum;
  }
  return scores;
}

/** The places of the `MOST` greatest scores that pass, greatest first. */
function best(scores: Float64Array, passes: (row: number) => boolean): number[] {
  const found: number[] = [];
  for (let row = 0; row < scores.length; row++) {
    const score = scores[row]!;
    if (found.length === MOST && score <= scores[found[MOST - 1]!]!) continue;
    if (!passes(row)) continue;
    const place = found.findIndex((other) => scores[other]! < score);
    found.splice(place === -1 ? found.length : place, 0, row);
    if (found.length > MOST) found.pop();
  }
  return found;
}
