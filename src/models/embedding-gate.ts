import { z } from 'zod';
import { EarshotError } from '../domain/errors.ts';

const answerShape = z.object({
  data: z.array(z.object({ index: z.number().int(), embedding: z.array(z.number()) })),
});

/** Models give unit vectors. One this far from the unit sphere is a decoding fault, and near 0 it cannot be indexed. */
const MIN_NORM = 0.5;
const MAX_NORM = 2;

/**
 * Checks an endpoint's answer before anything is stored: as many vectors as inputs, each index once, put into the order
 * of the inputs, of the right dimensions, finite, and of a norm near 1.
 *
 * @throws EarshotError `model_answer_invalid` naming what is wrong.
 */
export function checkVectors(answer: unknown, inputs: number, dimensions: number): number[][] {
  const parsed = answerShape.safeParse(answer);
  if (!parsed.success) throw invalid('it is not a list of embeddings');
  const { data } = parsed.data;
  if (data.length !== inputs) throw invalid(`${data.length} vectors for ${inputs} inputs`);
  const ordered: number[][] = Array.from({ length: inputs });
  for (const { index, embedding } of data) {
    if (index < 0 || index >= inputs || ordered[index] !== undefined) throw invalid('an index is wrong or comes twice');
    ordered[index] = checkVector(embedding, dimensions);
  }
  return ordered;
}

function checkVector(vector: number[], dimensions: number): number[] {
  if (vector.length !== dimensions) {
    throw invalid(`a vector of ${vector.length} dimensions instead of EMBEDDING_DIMENSIONS=${dimensions}`);
  }
  const norm = Math.hypot(...vector);
  if (!Number.isFinite(norm)) throw invalid('a vector has a number that is not finite');
  if (norm < MIN_NORM || norm > MAX_NORM) throw invalid(`a vector of norm ${norm.toPrecision(3)}`);
  return vector;
}

function invalid(what: string): EarshotError {
  return new EarshotError('model_answer_invalid', `the embedding endpoint gave ${what}`);
}
