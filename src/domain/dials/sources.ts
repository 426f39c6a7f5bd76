import { HOUR, MINUTE, SECOND, type DialDefinition } from './definition.ts';

/** What the endpoints of models are asked for, and when a kind of model is paused. */
export const SOURCE_DIALS = {
  'models.embedding_requests_per_second': {
    defaultValue: 0,
    min: 0,
    max: 10_000,
    reason: 'Most requests for vectors that all processes together send in a second; 0 is no limit and costs nothing.',
  },
  'models.speech_requests_per_second': {
    defaultValue: 0,
    min: 0,
    max: 10_000,
    reason: 'The same for speech recognition.',
  },
  'models.vision_requests_per_second': {
    defaultValue: 0,
    min: 0,
    max: 10_000,
    reason: 'The same for text recognition and captions of pictures.',
  },
  'models.embedding_tokens_per_minute': {
    defaultValue: 0,
    min: 0,
    max: 1_000_000_000,
    reason:
      'Most tokens, as estimated from characters, that all processes together have embedded in a minute; 0 is no limit.',
  },
  'models.slots_ahead_ms': {
    defaultValue: 250,
    min: 10,
    max: 10 * SECOND,
    reason:
      'How far ahead a process takes slots: fewer round trips, but a 429 that another process gets, and live traffic of another process, come that much later.',
  },
  'models.longest_wait_ms': {
    defaultValue: 30 * SECOND,
    min: 100,
    max: HOUR,
    reason: 'How long a live request waits for its slot; then its step is given back to be tried again.',
  },
  'sources.pause_after_failures': {
    defaultValue: 10,
    min: 1,
    max: 1_000_000,
    reason: 'Failures of an endpoint in a row, over all workers, before its source may be paused.',
  },
  'sources.pause_after_ms': {
    defaultValue: 5 * MINUTE,
    min: 0,
    max: 24 * HOUR,
    reason:
      'How long a row of failures lasts before the source is paused: an endpoint that is restarted, weights and all, is back sooner, and retries mend that without anybody.',
  },
  'sources.probe_interval_ms': {
    defaultValue: 0,
    min: 0,
    max: 24 * HOUR,
    reason:
      'How often a source that was paused for failures is asked whether it answers again, and resumed when it does; 0 waits for an operator.',
  },
  'sources.woken_per_round': {
    defaultValue: 200,
    min: 1,
    max: 10_000,
    reason:
      'Records that a resumed source gets back in each round of the sweep: all at once would fill the queues before new records.',
  },
} as const satisfies Record<string, DialDefinition>;
