import { LRUCache } from 'lru-cache';
import type OpenAI from 'openai';
import { openAiEmbedding } from './embedding.ts';
import { rememberVectors } from './embedding-memory.ts';
import { OPEN_GATE, type EmbeddingModel, type EmbeddingModels, type ModelGate } from './ports.ts';

/** Two versions exist at a time; memories of earlier ones are let go. */
const MODELS = 4;

/**
 * The models of one endpoint, each with a memory of its own in each version: a version may be made to mend another.
 *
 * @param gate what each request goes through.
 * @param join how requests are joined that are made at the same time; without it each goes by itself.
 */
export function openAiEmbeddings(
  client: OpenAI,
  gate: ModelGate = OPEN_GATE,
  join: (model: EmbeddingModel) => EmbeddingModel = (model) => model,
): EmbeddingModels {
  const models = new LRUCache<string, EmbeddingModel>({ max: MODELS });
  return {
    of: ({ model, dimensions, index_version: version }) => {
      const name = `${version ?? ''} ${dimensions} ${model}`;
      const known = models.get(name);
      if (known !== undefined) return known;
      const opened = rememberVectors(join(openAiEmbedding(client, model, dimensions, gate)));
      models.set(name, opened);
      return opened;
    },
  };
}
