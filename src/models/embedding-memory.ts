import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { EmbeddingModel } from './ports.ts';

/** Numbers kept per model and process, 8 bytes each: 5,000 vectors of 384. */
const NUMBERS = 5_000 * 384;
/** Long enough for every retry of a step that failed after its model call, short enough to be forgotten. */
const KEPT_MS = 10 * 60_000;

/**
 * Remembers vectors by the hash of their text and whose it is: a step that failed to store them does not pay for them
 * again, and the same query about a customer asked twice costs one model call. Equal texts of one request are embedded
 * once. Nobody learns, by how fast an answer comes, what was said to somebody else; what is nobody's is not remembered.
 */
export function rememberVectors(model: EmbeddingModel): EmbeddingModel {
  const vectors = new LRUCache<string, number[]>({
    max: Math.ceil(NUMBERS / model.dimensions),
    ttl: KEPT_MS,
  });
  return {
    model: model.model,
    dimensions: model.dimensions,
    remembers: (text, owner) => vectors.has(nameOf(text, owner)),
    embed: async (texts, signal, owner) => {
      const names = texts.map((text) => nameOf(text, owner));
      const known = new Map(names.map((name) => [name, owner === undefined ? undefined : vectors.get(name)]));
      const missing = new Map(
        texts.map((text, index) => [names[index]!, text]).filter(([name]) => !known.get(name!)) as [string, string][],
      );
      const made = missing.size === 0 ? [] : await model.embed([...missing.values()], signal);
      [...missing.keys()].forEach((name, index) => {
        if (owner !== undefined) vectors.set(name, made[index]);
        known.set(name, made[index]);
      });
      return names.map((name) => known.get(name)!);
    },
  };
}

function nameOf(text: string, owner: string | undefined): string {
  return createHash('sha256')
    .update(JSON.stringify([owner ?? null, text]))
    .digest('base64');
}
