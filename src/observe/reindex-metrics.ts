import { Counter, type Registry } from 'prom-client';

export interface ReindexMetrics {
  readonly besides: Counter<'outcome'>;
  readonly reindexed: Counter<'outcome'>;
  readonly backgroundRequests: Counter<'beside_live'>;
  readonly backgroundHeld: Counter;
}

/** What happens to index versions beside the live one. */
export function reindexMetrics(registry: Registry): ReindexMetrics {
  const registers = [registry];
  return {
    besides: new Counter({
      name: 'earshot_beside_writes_total',
      help: 'Live texts for the version beside the live one: stored, failed, or skipped because too much was under way.',
      labelNames: ['outcome'],
      registers,
    }),
    reindexed: new Counter({
      name: 'earshot_reindexed_chunks_total',
      help: 'Chunks that re-embeddings have added, or listed as failed.',
      labelNames: ['outcome'],
      registers,
    }),
    backgroundRequests: new Counter({
      name: 'earshot_background_embedding_requests_total',
      help: 'Embedding requests that nobody waits for, and whether live traffic was there, which makes them small.',
      labelNames: ['beside_live'],
      registers,
    }),
    backgroundHeld: new Counter({
      name: 'earshot_background_embedding_held_seconds_total',
      help: 'How long embedding requests that nobody waits for were held back because a message waited.',
      registers,
    }),
  };
}
