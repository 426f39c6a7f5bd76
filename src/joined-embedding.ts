import { Coalescer, type Blame } from './coalescer.ts';
import { EarshotError } from './domain/errors.ts';
import { estimateTokens } from './domain/request-cost.ts';
import type { EmbeddingModel } from './models/ports.ts';
import { standing, withStanding } from './sources/background.ts';

/** What one joined request may hold, how long texts wait for company, and how many requests go at a time. */
export interface JoinLimits {
  readonly maxTexts: number;
  readonly maxTokens: number;
  readonly waitMs: number;
  readonly inFlight: number;
}

/** A refusal is of a text. An unusable answer may be about one text, or what an endpoint says that is not well. */
function blame(error: unknown): Blame {
  const code = error instanceof EarshotError ? error.code : undefined;
  if (code === 'model_rejected') return 'one';
  return code === 'model_answer_invalid' ? 'perhaps one' : 'all';
}

/**
 * The same model for callers that ask at the same time: their texts go in one request, and each has its own answer. When
 * the endpoint refuses the request, or one vector of its answer is unusable, the callers' texts go apart: one
 * caller's bad text is no other's failure. Several unusable ones of one tenant may be taken for an endpoint that is not
 * well, and fail what that tenant asked with them, but nothing of another tenant.
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
    embed: (texts, signal) => {
      const { behindLive, tenant = '' } = standing();
      return (behindLive ? behind : live).ask({ texts, tenant }, signal);
    },
  };
}

/** Texts of one step. */
interface Asked {
  readonly texts: readonly string[];
  readonly tenant: string;
}

/** Requests of one standing, in turns of tenants: what waits behind live records must neither carry them nor take their turn. */
function openLane(
  model: EmbeddingModel,
  behindLive: boolean,
  limits: () => JoinLimits,
  onRequest: (callers: number) => void,
): Coalescer<Asked, readonly number[][]> {
  return new Coalescer<Asked, readonly number[][]>({
    run: (requests, signal) =>
      withStanding({ behindLive, waitsOutPauses: false }, async () => {
        const vectors = await model.embed(
          requests.flatMap(({ texts }) => texts),
          signal,
        );
        let next = 0;
        return requests.map(({ texts }) => vectors.slice(next, (next += texts.length)));
      }),
    limits: () => ({ size: 1, waitMs: limits().waitMs, inParallel: limits().inFlight }),
    // The larger of two shares of 1: together they exceed neither limit.
    sizeOf: ({ texts }) => Math.max(texts.length / limits().maxTexts, estimateTokens(texts) / limits().maxTokens),

    turnOf: ({ tenant }) => tenant,
    blame,
    onBatch: onRequest,
  });
}
