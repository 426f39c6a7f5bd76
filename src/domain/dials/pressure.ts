import { SECOND, MINUTE, HOUR, DAY, type DialDefinition } from './definition.ts';

/** How the backlog is measured and foretold, and at which forecasts Earshot spares what (docs/backpressure.md). */
export const PRESSURE_DIALS = {
  'pressure.at_least_step': {
    defaultValue: 0,
    min: 0,
    max: 5,
    reason: 'Forces a step by its number, 0 (none) to 5 (live records are refused), whatever forecasts say.',
  },
  'pressure.slow_reprocessing_within_minutes': {
    defaultValue: 15,
    min: -1,
    max: 24 * 60,
    reason: 'A breach foretold within this stops reprocessing. Costs nobody freshness, so it comes first; -1 never.',
  },
  'pressure.grow_batches_within_minutes': {
    defaultValue: 5,
    min: -1,
    max: 24 * 60,
    reason: 'A breach foretold within this makes batches larger: seconds of freshness for throughput; -1 never.',
  },
  'pressure.drop_captions_within_minutes': {
    defaultValue: 2,
    min: -1,
    max: 24 * 60,
    reason: 'A breach foretold within this leaves captions of screenshots for later; -1 never.',
  },
  'pressure.refuse_bulk_within_minutes': {
    defaultValue: 1,
    min: -1,
    max: 24 * 60,
    reason: 'A breach foretold within this tells bulk intake to come back later; -1 never.',
  },
  'pressure.refuse_live_within_minutes': {
    defaultValue: 0,
    min: -1,
    max: 24 * 60,
    reason: 'Live records are refused after all else, and at 0 only when a budget is breached; -1 never.',
  },
  'pressure.rise_after_ms': {
    defaultValue: 5 * SECOND,
    min: 0,
    max: HOUR,
    reason: 'How long a step may show what it does before the next is taken. Shorter skips steps, longer loses lead.',
  },
  'pressure.leave_after_ms': {
    defaultValue: MINUTE,
    min: 0,
    max: DAY,
    reason: 'How long it must be calm before a step is left. Shorter lets what was spared bring the pressure back.',
  },
  'pressure.leave_at_times': {
    defaultValue: 2,
    min: 1,
    max: 100,
    reason: 'Calm is a breach farther away than so many times the minutes at which the step was taken.',
  },
  'pressure.stale_after_ms': {
    defaultValue: MINUTE,
    min: SECOND,
    max: HOUR,
    reason:
      'A step that nobody has decided on for so long counts as none: refusing needs a standing reason. Shorter gives ' +
      'way when a busy sampler is late.',
  },
} as const satisfies Record<string, DialDefinition>;
