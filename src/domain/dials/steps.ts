import { SECOND, MINUTE, HOUR, DAY, MEBIBYTE, type DialDefinition } from './definition.ts';

/** What is done at each step against too much to do (docs/backpressure.md). */
export const STEP_DIALS = {
  'pressure.background_first_pause_ms': {
    defaultValue: SECOND,
    min: 0,
    max: HOUR,
    reason: 'The first pause of reprocessing and backfill under pressure; each one after it is twice as long.',
  },
  'pressure.background_last_pieces': {
    defaultValue: 4,
    min: 0,
    max: 20,
    reason: 'Pieces of work of a process that are still done, one after each pause; then none. 0 stops at once.',
  },
  'pressure.batch_growth_factor': {
    defaultValue: 4,
    min: 1,
    max: 50,
    reason: 'How many times larger batches may become. More spares model calls and lengthens each retry.',
  },
  'pressure.redo_captions_interval_ms': {
    defaultValue: MINUTE,
    min: 0,
    max: DAY,
    reason: 'How often it is looked for captions that were left for later and can be made now; 0 never makes them.',
  },
  'pressure.redo_captions_page': {
    defaultValue: 50,
    min: 1,
    max: 500,
    reason: 'Captions made between two looks at the pressure. More reacts later.',
  },
  'pressure.redo_captions_in_parallel': {
    defaultValue: 2,
    min: 1,
    max: 64,
    reason: 'Captions made at a time of those left for later. Live pictures share the model with them.',
  },
  'pressure.bulk_after_ms': {
    defaultValue: 6 * HOUR,
    min: MINUTE,
    max: 400 * DAY,
    reason: 'A record captured longer ago is history, whoever sends it. Shorter takes a channel’s outage for history.',
  },
  'pressure.refuse_bulk_at_step': {
    defaultValue: 4,
    min: 1,
    max: 6,
    reason: 'Step from which history and new reprocessing are told to come back; before it they are buffered. 6 never.',
  },
  'pressure.refuse_audio_at_step': {
    defaultValue: 5,
    min: 1,
    max: 6,
    reason: 'Step from which live calls are told to come back; before it they are buffered. 6 never.',
  },
  'pressure.refuse_screenshot_at_step': {
    defaultValue: 5,
    min: 1,
    max: 6,
    reason: 'Step from which live screenshots are told to come back; before it they are buffered. 6 never.',
  },
  'pressure.refuse_chat_at_waiting_records': {
    defaultValue: 1_000_000,
    min: 1,
    max: 1_000_000_000,
    reason: 'Live chat is buffered at every step, until so many records of its tenant wait at the last one.',
  },
  'pressure.retry_after_min_ms': {
    defaultValue: 15 * SECOND,
    min: SECOND,
    max: HOUR,
    reason: 'The least that a refused sender is asked to wait. Less only has more requests to refuse.',
  },
  'pressure.retry_after_max_ms': {
    defaultValue: 10 * MINUTE,
    min: SECOND,
    max: DAY,
    reason: 'The most that a refused sender is asked to wait, however long the backlog would take.',
  },
} as const satisfies Record<string, DialDefinition>;

/** What one tenant may hand over in a minute, over all API processes. */
export const QUOTA_DIALS = {
  'quota.live_records_per_minute': {
    defaultValue: 60_000,
    min: 0,
    max: 100_000_000,
    reason: 'Live records of a tenant; 0 is no quota. Far above the Monday surge: stops a runaway channel.',
  },
  'quota.live_bytes_per_minute': {
    defaultValue: 8_192 * MEBIBYTE,
    min: 0,
    max: 1_048_576 * MEBIBYTE,
    reason: 'Bytes of a tenant’s live records; 0 is no quota. A hundred calls of an hour a minute stay below it.',
  },
  'quota.bulk_records_per_minute': {
    defaultValue: 30_000,
    min: 0,
    max: 100_000_000,
    reason: 'Records of history of a tenant, counted apart from live ones; 0 is no quota.',
  },
  'quota.bulk_bytes_per_minute': {
    defaultValue: 4_096 * MEBIBYTE,
    min: 0,
    max: 1_048_576 * MEBIBYTE,
    reason: 'Bytes of a tenant’s history, counted apart from live records; 0 is no quota.',
  },
  'quota.report_share': {
    defaultValue: 0.02,
    min: 0.0001,
    max: 0.5,
    reason:
      'Share of a quota after whose use a process tells the others. More exceeds it by more, less asks Postgres more.',
  },
} as const satisfies Record<string, DialDefinition>;
