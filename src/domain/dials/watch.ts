import { SECOND, MINUTE, HOUR, DAY, type DialDefinition } from './definition.ts';

/** How the memory is watched: canaries, reconciliation, health. */
export const WATCH_DIALS = {
  'canary.interval_ms': {
    defaultValue: MINUTE,
    min: 0,
    max: DAY,
    reason: 'How often canaries are planted; 0 plants none. A silent loss is known within two; each costs model calls.',
  },
  'canary.chat_budget_ms': {
    defaultValue: 15 * SECOND,
    min: 100,
    max: HOUR,
    reason: 'How long a planted message may take until its text is stored.',
  },
  'canary.screenshot_budget_ms': {
    defaultValue: 60 * SECOND,
    min: 100,
    max: HOUR,
    reason: 'How long a planted screenshot may take until its text is stored. Shorter cries wolf when vision is busy.',
  },
  'canary.audio_budget_ms': {
    defaultValue: 180 * SECOND,
    min: 100,
    max: HOUR,
    reason: 'How long a planted call may take until its text is stored: the freshness budget of audio.',
  },
  'canary.index_budget_ms': {
    defaultValue: 20 * SECOND,
    min: 100,
    max: HOUR,
    reason: 'From text to reachable by vector. With the interval it decides how soon a silent loss is known.',
  },
  'canary.poll_ms': {
    defaultValue: 500,
    min: 20,
    max: MINUTE,
    reason: 'Between two looks for a canary: the precision of its times, against requests.',
  },
  'canary.keep_days': {
    defaultValue: 7,
    min: 1,
    max: 3_650,
    reason: 'How long the times of past canaries are kept. Violations are kept for good.',
  },
  'reconcile.interval_ms': {
    defaultValue: HOUR,
    min: 0,
    max: 7 * DAY,
    reason: 'How often the stores are compared; 0 compares on demand alone.',
  },
  'reconcile.recent_hours': {
    defaultValue: 48,
    min: 1,
    max: 24 * 365,
    reason: 'What a scheduled comparison looks at, but for one of all time each day.',
  },
  'reconcile.all_every_ms': {
    defaultValue: DAY,
    min: 0,
    max: 365 * DAY,
    reason: 'How often a scheduled comparison is of all time. It reads every row once.',
  },
  'reconcile.settled_for_ms': {
    defaultValue: 30 * SECOND,
    min: 0,
    max: HOUR,
    reason: 'Records that became reachable within this are left out: their last writes may not be committed yet.',
  },
  'reconcile.stuck_after_ms': {
    defaultValue: 30 * MINUTE,
    min: SECOND,
    max: DAY,
    reason: 'Age at which a record that waits is rung for again. Shorter rings for what is only slow.',
  },
  'reconcile.orphan_grace_ms': {
    defaultValue: HOUR,
    min: 0,
    max: 30 * DAY,
    reason:
      'Age at which what nothing names is removed: far longer than any write takes between its first and last row.',
  },
  'reconcile.part_records': {
    defaultValue: 2_000,
    min: 1,
    max: 100_000,
    reason: 'Records, of one hour, that one statement compares with all that hangs on them: far under its 15 s.',
  },
  'reconcile.page_rows': {
    defaultValue: 200,
    min: 1,
    max: 5_000,
    reason: 'Rows that are repaired at a time: one model call for missing vectors.',
  },
  'reconcile.index_probes': {
    defaultValue: 20,
    min: 0,
    max: 1_000,
    reason: 'Vectors, drawn anew each time, that the index is asked for by themselves; 0 asks for none.',
  },
  'reconcile.raw_probes': {
    defaultValue: 200,
    min: 0,
    max: 100_000,
    reason: 'Raw objects, drawn anew each time, that are looked for in the raw store. Each is a request.',
  },
  'reconcile.repair_wait_ms': {
    defaultValue: 60 * SECOND,
    min: 0,
    max: HOUR,
    reason: 'How long a comparison waits for workflows that make anew what is missing, before it calls it unrepaired.',
  },
  'health.canary_age_intervals': {
    defaultValue: 3,
    min: 1,
    max: 1_000,
    reason: 'Health is red when no canary was reachable for so many intervals and the longest that a canary may take.',
  },
  'health.waiting_budgets': {
    defaultValue: 3,
    min: 1,
    max: 1_000,
    reason: 'Health is yellow when the oldest waiting record is past its freshness budget, red past so many of them.',
  },
  'health.window_ms': {
    defaultValue: HOUR,
    min: MINUTE,
    max: 30 * DAY,
    reason: 'Health counts the coverage of what was accepted within this; older rows are for the reconciliation.',
  },
} as const satisfies Record<string, DialDefinition>;
