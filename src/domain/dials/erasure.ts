import { SECOND, MINUTE, HOUR, DAY, type DialDefinition } from './definition.ts';

/** How customers are forgotten, and records that are too old. */
export const ERASURE_DIALS = {
  'erasure.grace_ms': {
    defaultValue: 0,
    min: 0,
    max: 30 * DAY,
    reason: 'How long an erasure may be cancelled before it begins. Longer forgives mistakes and eats of the deadline.',
  },
  'erasure.deadline_ms': {
    defaultValue: 30 * DAY,
    min: SECOND,
    max: 90 * DAY,
    reason: 'GDPR art. 12(3): one month from the request.',
  },
  'erasure.warn_before_ms': {
    defaultValue: 7 * DAY,
    min: 0,
    max: 30 * DAY,
    reason: 'How long before its deadline an open erasure counts as late in the metrics.',
  },
  'erasure.drain_ms': {
    defaultValue: 30 * SECOND,
    min: 0,
    max: 20 * MINUTE,
    reason: 'How long runs that were cancelled may finish what is in flight; then they are terminated.',
  },
  'erasure.second_pass_after_ms': {
    defaultValue: 150 * SECOND,
    min: 0,
    max: DAY,
    reason:
      'The longest possible late write: a key in memory (60 s), then an upload sealed with it (60 s). A step of a run ' +
      'that had to be terminated notices sooner, at its next heartbeat.',
  },
  'erasure.page_records': {
    defaultValue: 200,
    min: 1,
    max: 5_000,
    reason: 'Records deleted in one transaction. More is faster and holds locks, memory and snapshots for longer.',
  },
  'erasure.rewrite_lock_max_ms': {
    defaultValue: 900,
    min: 0,
    max: HOUR,
    reason:
      'Longest that a rewrite of a table may keep writers waiting. Tables that take longer keep dead bytes until a ' +
      'maintenance window (docs/erasure.md).',
  },
  'erasure.window_lock_max_ms': {
    defaultValue: 0,
    min: 0,
    max: 12 * HOUR,
    reason:
      'Longest that a rewrite of a postponed table may keep writers waiting at night (schedule residue-window); 0 has ' +
      'no window. Writers are told to come back meanwhile.',
  },
  'erasure.residue_deadline_ms': {
    defaultValue: 30 * DAY,
    min: 0,
    max: 90 * DAY,
    reason: 'By when a certificate promises that postponed rewrites are done.',
  },
  'erasure.backup_retention_ms': {
    defaultValue: 30 * DAY,
    min: 0,
    max: 3_650 * DAY,
    reason: 'How long backups of the database are kept: a certificate names the day on which the last one is gone.',
  },
  'retention.chat_days': {
    defaultValue: 0,
    min: 0,
    max: 36_500,
    reason: 'Age at which chat messages are erased; 0 keeps them.',
  },
  'retention.audio_days': {
    defaultValue: 0,
    min: 0,
    max: 36_500,
    reason: 'Age at which calls are erased; 0 keeps them.',
  },
  'retention.screenshot_days': {
    defaultValue: 0,
    min: 0,
    max: 36_500,
    reason: 'Age at which screenshots are erased; 0 keeps them.',
  },
  'retention.retrieval_days': {
    defaultValue: 0,
    min: 0,
    max: 36_500,
    reason: 'Age at which recorded answers are deleted; 0 keeps them.',
  },
} as const satisfies Record<string, DialDefinition>;
