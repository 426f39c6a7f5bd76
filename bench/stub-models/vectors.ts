import { hashOf, randomOf } from '../random.ts';

/** Words whose vectors are kept; names and codes come once and would else take memory without end. */
const KEPT_WORDS = 2_000;

/**
 * Unit vectors of texts, made of their words: each word has a random direction of its own, and a text is the sum of its
 * words, so that texts that share words are near and others are about at right angles.
 */
export function vectorsOf(): (text: string, dimensions: number) => number[] {
  const kept = new Map<string, Float64Array>();
  const direction = (word: string, dimensions: number) => {
    const name = `${dimensions} ${word}`;
    const known = kept.get(name);
    if (known !== undefined) return known;
    const random = randomOf(hashOf(word));
    const made = Float64Array.from({ length: dimensions }, () => random.next() * 2 - 1);
    if (kept.size < KEPT_WORDS) kept.set(name, made);
    return made;
  };
  return (text, dimensions) => {
    const sum = new Float64Array(dimensions);
    for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ['']) {
      const own = direction(word, dimensions);
      for (let index = 0; index < dimensions; index++) sum[index]! += own[index]!;
    }
    const norm = Math.sqrt(sum.reduce((total, value) => total + value * value, 0));
    // As many digits as endpoints send: bodies have the size of real ones.
    return Array.from(sum, (value) => Math.round((value / norm) * 1e8) / 1e8);
  };
}

/** The vector as OpenAI's `base64` form: little-endian floats of 32 bits. */
export function inBase64(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  vector.forEach((value, index) => bytes.writeFloatLE(value, index * 4));
  return bytes.toString('base64');
}
