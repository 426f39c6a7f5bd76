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
    reason:
      'A breach foretold within this makes batches larger: fewer requests, each longer and more to repeat; -1 never.',
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
  'pressure.refuse_live_after_ms': {
    defaultValue: MINUTE,
    min: 0,
    max: HOUR,
    reason:
      'How long a modality has to be over its budget without a break before its live records are refused. Shorter refuses ' +
      'for a burst that would be worked off; longer lets more come late.',
  },
  'pressure.rise_after_ms': {
    defaultValue: 5 * SECOND,
    min: 0,
    max: HOUR,
    reason:
      'How long a step may show what it does before the next is taken, but for bursts. Shorter skips steps, longer loses lead.',
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
    reason:
      'Calm is a breach farther away than so many times the minutes at which the step was taken, and an age of what waits ' +
      'below this part of the share of the budget. More flaps less, and keeps a step for longer than it is of use.',
  },
  'pressure.leave_at_least_minutes': {
    defaultValue: 1,
    min: 0,
    max: 24 * 60,
    reason:
      'Calm is at least so far away from a breach: twice 0 is 0, and a step would be left at once and taken again.',
  },
  'pressure.stale_after_ms': {
    defaultValue: MINUTE,
    min: SECOND,
    max: HOUR,
    reason:
      'A step that nobody has decided on for so long counts as none: refusing needs a standing reason. Shorter gives ' +
      'way when a busy sampler is late.',
  },
  'backlog.sample_interval_ms': {
    defaultValue: 2 * SECOND,
    min: 0,
    max: 10 * MINUTE,
    reason:
      'How often the backlog is measured; 0 never, and then nothing is foretold. A forecast needs a few samples within ' +
      'the shortest budget; each reads all that waits.',
  },
  'backlog.keep_hours': {
    defaultValue: 48,
    min: 0.01,
    max: 24 * 365,
    reason: 'How long samples are kept: a Monday is compared with the days before. A day of them takes about 60 MB.',
  },
  'backlog.prune_rows': {
    defaultValue: 1_000,
    min: 1,
    max: 100_000,
    reason: 'Samples that are deleted at a time when they are too old: more than come in with one sample.',
  },
  'backlog.stuck_after_budgets': {
    defaultValue: 10,
    min: 1,
    max: 10_000,
    reason:
      'A record that has waited for so many budgets is stuck, which is a fault and no load: it counts in no forecast. ' +
      'Fewer lets a long overload fall out of sight.',
  },
  'forecast.window_budgets': {
    defaultValue: 1,
    min: 0.1,
    max: 100,
    reason: 'What growth and rates are seen over, in budgets. Longer is surer and later.',
  },
  'forecast.min_points': {
    defaultValue: 8,
    min: 4,
    max: 1_000,
    reason: 'Samples that a forecast needs. Fewer take chance for growth.',
  },
  'forecast.min_waiting': {
    defaultValue: 3,
    min: 1,
    max: 1_000_000,
    reason: 'Fewer records that wait are no backlog: a single slow one must not stop reprocessing.',
  },
  'forecast.least_age_share': {
    defaultValue: 0.4,
    min: 0,
    max: 1,
    reason:
      'Of the budget: what waits must have built up for so long before a breach is foretold. Less takes what is under way ' +
      'for a queue, and chance for growth; more leaves less of the budget to act in.',
  },
  'forecast.refusing_age_share': {
    defaultValue: 0.7,
    min: 0,
    max: 1,
    reason:
      'The same before anybody is refused: records that take half their budget while more and more come are no queue.',
  },
  'forecast.min_refusing': {
    defaultValue: 20,
    min: 1,
    max: 1_000_000,
    reason:
      'Fewer records that wait, or are late, refuse nobody: some slow ones are no overload, and refusing mends nothing.',
  },
  'forecast.refusing_share': {
    defaultValue: 0.25,
    min: 0,
    max: 1,
    reason: 'Nor do fewer than this share of what is completed within a budget: of thousands twenty are always slow.',
  },
  'forecast.horizon_minutes': {
    defaultValue: 60,
    min: 1,
    max: 7 * 24 * 60,
    reason: 'A breach that is farther away is not foretold: what grows for seconds says nothing of hours.',
  },
  'forecast.sureness_z': {
    defaultValue: 1.645,
    min: 0,
    max: 6,
    reason: 'z of the Mann-Kendall test that growth must pass: at 1.645 chance passes once in 20 times.',
  },
} as const satisfies Record<string, DialDefinition>;
