import { Coalescer } from './coalescer.ts';
import { EarshotError } from './domain/errors.ts';
import type { EmbeddingModel } from './models/ports.ts';
import { standing, withStanding } from './sources/background.ts';

/** What one joined request may hold, how long texts wait for company, and how many requests go at a time. */
export interface JoinLimits {
  readonly maxTexts: number;
  readonly maxTokens: number;
  readonly waitMs: number;
  readonly inFlight: number;
}

/** Of English text in the usual tokenizers (OpenAI, "What are tokens and how to count them"). */
const CHARACTERS_PER_TOKEN = 4;

const ONE_TEXT_MAY_CAUSE: ReadonlySet<string> = new Set(['model_rejected', 'model_answer_invalid']);

/**
 * The same model for callers that ask at the same time: their texts go in one request, and each has its own answer. When
 * the endpoint refuses the request, or one vector of its answer is unusable, each caller's texts go alone: one caller's
 * bad text is no other's failure.
 */
export function joinedEmbedding(
  model: EmbeddingModel,
  limits: () => JoinLimits,
  onRequest: (callers: number) => void,
): EmbeddingModel {
  const opened = (behindLive: boolean) => openLane(model, behindLive, limits, onRequest);
  const [live, behind] = [opened(false), opened(true)];
  return {
    model: model.model,
    dimensions: model.dimensions,
    embed: (texts, signal) => (standing().behindLive ? behind : live).ask(texts, signal),
  };
}

/** Requests of one standing: what waits behind live records must neither carry them nor take their turn. */
function openLane(
  model: EmbeddingModel,
  behindLive: boolean,
  limits: () => JoinLimits,
  onRequest: (callers: number) => void,
): Coalescer<readonly string[], readonly number[][]> {
  return new Coalescer<readonly string[], readonly number[][]>({
    run: (requests, signal) =>
      withStanding({ behindLive, waitsOutPauses: false }, async () => {
        const vectors = await model.embed(requests.flat(), signal);
        let next = 0;
        return requests.map((texts) => vectors.slice(next, (next += texts.length)));
      }),
    limits: () => ({ size: 1, waitMs: limits().waitMs, inParallel: limits().inFlight }),
    // The larger of two shares of 1: together they exceed neither limit.
    sizeOf: (texts) => Math.max(texts.length / limits().maxTexts, tokensOf(texts) / limits().maxTokens),
    mayBeOneOf: (error) => error instanceof EarshotError && ONE_TEXT_MAY_CAUSE.has(error.code),
    onBatch: onRequest,
  });
}

function tokensOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length / CHARACTERS_PER_TOKEN, 0);
}
