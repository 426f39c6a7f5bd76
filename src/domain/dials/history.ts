import { SECOND, MINUTE, type DialDefinition } from './definition.ts';

/** How chats that come in as history share a run (docs/backpressure.md). */
export const HISTORY_DIALS = {
  'history.lane': {
    defaultValue: 1,
    min: 0,
    max: 1,
    reason:
      'At 1 one run per tenant indexes the messages of history, many conversations at a time; at 0 each conversation has ' +
      'a run of its own, which takes some 17 ms of CPU.',
  },
  'history.batch_max_messages': {
    defaultValue: 256,
    min: 1,
    max: 512,
    reason: 'Messages of history that one step takes. More spares steps and lengthens what a lost worker repeats.',
  },
  'history.window_ms': {
    defaultValue: 2 * SECOND,
    min: 10,
    max: MINUTE,
    reason:
      'How long messages of history wait for company when fewer than a batch are there. Longer spares steps; an import ' +
      'pauses when they have waited for half the budget of chats.',
  },
  'history.steps_per_run': {
    defaultValue: 250,
    min: 1,
    max: 1_000,
    reason:
      'After so many steps the lane goes on as a new run, which has nothing to replay. The server asks for that after some ' +
      '4,000 events; a step and the ring after it are a dozen.',
  },
  'history.hold_at_most_ms': {
    defaultValue: MINUTE,
    min: 0,
    max: 60 * MINUTE,
    reason:
      'Under pressure a batch of history waits for so long, then goes nevertheless: it is slowed down and never held for ' +
      'good. 0 never holds.',
  },
} as const satisfies Record<string, DialDefinition>;
