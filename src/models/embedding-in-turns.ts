import type { EmbeddingModel } from './ports.ts';

/** Says when a request may be sent, and how many texts it may have. */
export interface Turns {
  take<T>(signal: AbortSignal, send: (texts: number) => Promise<T>): Promise<T>;
}

/** The same model for work that nobody waits for: each request waits for its turn and has no more texts than that allows. */
export function embeddingInTurns(model: EmbeddingModel, turns: Turns): EmbeddingModel {
  return {
    model: model.model,
    dimensions: model.dimensions,
    embed: async (texts, signal, owner) => {
      const vectors: number[][] = [];
      const next = (most: number) => model.embed(texts.slice(vectors.length, vectors.length + most), signal, owner);
      while (vectors.length < texts.length) vectors.push(...(await turns.take(signal, next)));
      return vectors;
    },
  };
}
