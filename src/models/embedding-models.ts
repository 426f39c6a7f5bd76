import type OpenAI from 'openai';
import { openAiEmbedding } from './embedding.ts';
import { rememberVectors } from './embedding-memory.ts';
import type { EmbeddingModel, EmbeddingModels } from './ports.ts';

/** The models of one endpoint, each with a memory of its own. */
export function openAiEmbeddings(client: OpenAI): EmbeddingModels {
  const models = new Map<string, EmbeddingModel>();
  return {
    of: ({ model, dimensions }) => {
      const name = `${dimensions} ${model}`;
      const known = models.get(name);
      if (known !== undefined) return known;
      const opened = rememberVectors(openAiEmbedding(client, model, dimensions));
      models.set(name, opened);
      return opened;
    },
  };
}
