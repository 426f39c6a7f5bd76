import type OpenAI from 'openai';
import { EarshotError } from '../domain/errors.ts';
import { estimateTokens } from '../domain/request-cost.ts';
import { checkVectors } from './embedding-gate.ts';
import { callModel } from './openai-client.ts';
import { OPEN_GATE, type EmbeddingModel, type ModelGate } from './ports.ts';

/** Most inputs in one request: OpenAI takes 2,048 and 300,000 tokens; 256 chunks of 800 characters stay far below. */
const MAX_INPUTS = 256;

/** A batch takes well under a second; past this the endpoint hangs. */
const TIMEOUT_MS = 30_000;

/** Embeddings of an OpenAI-compatible endpoint. */
export function openAiEmbedding(
  client: OpenAI,
  model: string,
  dimensions: number,
  gate: ModelGate = OPEN_GATE,
): EmbeddingModel {
  const embedSome = async (texts: readonly string[], signal: AbortSignal): Promise<number[][]> => {
    const request = { source: 'embedding', model, tokens: estimateTokens(texts) } as const;
    const { answer } = await gate.pass(request, signal, () =>
      callModel(`embedding by ${model}`, TIMEOUT_MS, signal, (combined) =>
        client.embeddings.create(
          // Without "float" the client asks for base64 and turns a server's plain numbers into near-zero vectors.
          { model, input: [...texts], encoding_format: 'float' },
          { signal: combined },
        ),
      ),
    );
    return checkVectors(answer, texts.length, dimensions);
  };
  return {
    model,
    dimensions,
    embed: async (texts, signal) => {
      if (texts.some((text) => text.trim() === '')) {
        throw new EarshotError('model_rejected', 'an empty text cannot be embedded');
      }
      const vectors: number[][] = [];
      for (let start = 0; start < texts.length; start += MAX_INPUTS) {
        vectors.push(...(await embedSome(texts.slice(start, start + MAX_INPUTS), signal)));
      }
      return vectors;
    },
  };
}
