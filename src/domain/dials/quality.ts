import { SECOND, MINUTE, HOUR, DAY, type DialDefinition } from './definition.ts';

/** What is held back for its quality, how lateness is told, and how windows of counts treat it. */
export const QUALITY_DIALS = {
  'quality.min_speech_confidence': {
    defaultValue: 0.15,
    min: 0,
    max: 1,
    reason: 'Below it a transcript is quarantined: noise recognised as words misleads more than it tells.',
  },
  'quality.min_screen_text_confidence': {
    defaultValue: 0.15,
    min: 0,
    max: 1,
    reason: 'Below it the text of a screen is quarantined: letters guessed from a blur make codes that nobody has.',
  },
  'quality.min_caption_confidence': {
    defaultValue: 0.15,
    min: 0,
    max: 1,
    reason: 'Below it a caption is quarantined. A model that always states one confidence passes whole or not at all.',
  },
  'quality.language_min_characters': {
    defaultValue: 80,
    min: 20,
    max: 10_000,
    reason: 'Letters from which a transcript’s language is judged. From fewer, names and loan words decide.',
  },
  'quality.max_words_per_second': {
    defaultValue: 10,
    min: 1,
    max: 100,
    reason: 'The fastest talkers on record reach 11; a model that gives more than this has invented words.',
  },
  'quality.duration_excess_max_ms': {
    defaultValue: 5 * SECOND,
    min: 0,
    max: HOUR,
    reason: 'How much longer a sound may be than the time in which it was recorded. Recorders round to seconds.',
  },
  'quality.recorded_share_min': {
    defaultValue: 0,
    min: 0,
    max: 1,
    reason: 'Share of its time that a recording must cover; 0 takes any, for holds and pauses are often not recorded.',
  },
  'quality.clock_skew_max_ms': {
    defaultValue: MINUTE,
    min: 0,
    max: DAY,
    reason: 'How far the times of one call may contradict each other. Synchronised clocks differ by far less.',
  },
  'quality.duplicate_window_ms': {
    defaultValue: 10 * MINUTE,
    min: 0,
    max: 30 * DAY,
    reason:
      'Equal content captured within it under another id was sent again; 0 takes nothing for a copy. Longer takes a ' +
      'screen that still shows the same error for one.',
  },
  'quality.duplicate_min_characters': {
    defaultValue: 200,
    min: 1,
    max: 200_000,
    reason: 'Shorter chat messages are never copies: people say "ok" as often as they mean it.',
  },
  'quality.reevaluate_page': {
    defaultValue: 50,
    min: 1,
    max: 500,
    reason: 'Artifacts moved between two reports of progress; as many are embedded side by side.',
  },
  'quality.alarm_window_ms': {
    defaultValue: HOUR,
    min: MINUTE,
    max: DAY,
    reason: 'What counts as now when the share that a check holds back is compared with the past.',
  },
  'quality.alarm_baseline_ms': {
    defaultValue: 7 * DAY,
    min: HOUR,
    max: 90 * DAY,
    reason: 'The past before that window. A week has each hour of the day and each day.',
  },
  'quality.alarm_min_recognitions': {
    defaultValue: 20,
    min: 1,
    max: 100_000,
    reason: 'Fewer say nothing of a share.',
  },
  'quality.alarm_min_share': {
    defaultValue: 0.1,
    min: 0,
    max: 1,
    reason: 'Smaller shares raise no alarm, however small they were before.',
  },
  'quality.alarm_factor': {
    defaultValue: 3,
    min: 1,
    max: 100,
    reason: 'How many times its past share a check must hold back. Less rings for chance.',
  },
  'late.after_ms': {
    defaultValue: 15 * MINUTE,
    min: SECOND,
    max: 30 * DAY,
    reason: 'A record that arrives later after its capture is marked late and kept out of freshness percentiles.',
  },
  'rollup.delay_ms': {
    defaultValue: 15 * MINUTE,
    min: 0,
    max: DAY,
    reason: 'How long after its end a window stays open. Shorter revises more windows, longer closes them later.',
  },
  'rollup.reopen_max_ms': {
    defaultValue: 7 * DAY,
    min: 0,
    max: 400 * DAY,
    reason: 'How long after its closing a window is counted anew for what comes late; later it gets a correction.',
  },
  'rollup.keep_days': {
    defaultValue: 0,
    min: 0,
    max: 36_500,
    reason: 'Age at which windows and their corrections are deleted; 0 keeps them.',
  },
  'rollup.windows_per_run': {
    defaultValue: 500,
    min: 1,
    max: 100_000,
    reason: 'Windows computed by one run; the rest waits for the next. Bounds a run after a long import.',
  },
} as const satisfies Record<string, DialDefinition>;
