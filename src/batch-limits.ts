import type { CoalesceLimits } from './coalescer.ts';
import type { DialReader } from './dial-reader.ts';
import { atLeast } from './domain/pressure.ts';
import type { JoinLimits } from './joined-embedding.ts';
import type { PressureSource } from './pressure-reader.ts';

interface BatchDependencies {
  readonly dials: Pick<DialReader, 'get'>;
  readonly pressure: PressureSource;
}

/**
 * How many chat messages of a conversation are embedded and written together, and how long they wait for each other. The
 * wait is the same at every step: under load texts of many conversations wait for a model request that is under way
 * anyhow, and join the next one, so that waiting longer for one's own would cost freshness and spare hardly a request.
 */
export function chatBatchLimits(deps: BatchDependencies): { readonly messages: number; readonly windowMs: number } {
  const { dials } = deps;
  return { messages: grown(deps, dials.get('chat.batch_max_messages')), windowMs: dials.get('chat.batch_window_ms') };
}

/** What one joined request to the embedding model may hold. */
export function joinedRequestLimits(deps: BatchDependencies): JoinLimits {
  const { dials } = deps;
  return {
    maxTexts: grown(deps, dials.get('embedding.join_max_texts')),
    maxTokens: Math.min(grown(deps, dials.get('embedding.join_max_tokens')), mostTokensAtOnce(dials)),
    waitMs: dials.get('embedding.join_wait_ms'),
    inFlight: dials.get('embedding.requests_in_flight'),
  };
}

/** An endpoint may refuse a request that alone is larger than what it allows a minute. */
function mostTokensAtOnce(dials: Pick<DialReader, 'get'>): number {
  const perMinute = dials.get('models.embedding_tokens_per_minute');
  return perMinute === 0 ? Infinity : perMinute / 4;
}

/** What one joined statement may hold, in rows. */
export function joinedStatementLimits(deps: BatchDependencies): CoalesceLimits {
  const { dials } = deps;
  return {
    size: grown(deps, dials.get('writes.join_max_rows')),
    waitMs: dials.get('writes.join_wait_ms'),
    inParallel: dials.get('writes.statements_in_flight'),
  };
}

/** A bound of a batch (items, tokens, rows) as it is at the step that is taken: larger under pressure. */
export function grown({ dials, pressure }: BatchDependencies, bound: number): number {
  const growing = atLeast(pressure.step(), 'grow_batches');
  return growing ? Math.floor(bound * dials.get('pressure.batch_growth_factor')) : bound;
}
