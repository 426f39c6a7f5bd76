import { SECOND, MINUTE, HOUR, DAY, MEBIBYTE, type DialDefinition } from './definition.ts';

/** How records are taken in and worked on. */
export const INTAKE_DIALS = {
  'intake.chat_max_characters': {
    defaultValue: 20_000,
    min: 1,
    max: 200_000,
    reason: 'Longer than any typed message; a pasted log beyond it belongs into a file.',
  },
  'intake.audio_max_bytes': {
    defaultValue: 128 * MEBIBYTE,
    min: 1024,
    max: 1024 * MEBIBYTE,
    reason: 'An hour of 16 kHz PCM is 110 MiB. Uploads are held in memory while they are checked and sealed.',
  },
  'intake.audio_max_duration_ms': {
    defaultValue: 4 * HOUR,
    min: SECOND,
    max: DAY,
    reason: 'No support call lasts longer; compressed silence could otherwise hold a model for days.',
  },
  'intake.image_max_bytes': {
    defaultValue: 16 * MEBIBYTE,
    min: 1024,
    max: 64 * MEBIBYTE,
    reason: 'A lossless 5K screenshot stays below it.',
  },
  'intake.image_max_pixels': {
    defaultValue: 40_000_000,
    min: 10_000,
    max: 200_000_000,
    reason: 'Two 5K screens side by side; more pixels cost 4 bytes of memory each when decoded.',
  },
  'intake.metadata_max_bytes': {
    defaultValue: 16 * 1024,
    min: 256,
    max: MEBIBYTE,
    reason: 'Metadata is a handful of ids and times.',
  },
  'intake.uploads_in_flight_max_bytes': {
    defaultValue: 512 * MEBIBYTE,
    min: MEBIBYTE,
    max: 16 * 1024 * MEBIBYTE,
    reason: 'Bounds the memory of one API process; beyond it uploads are told to come back (429).',
  },
  'intake.uploads_left_to_others_share': {
    defaultValue: 0.25,
    min: 0,
    max: 0.9,
    reason:
      'Share of that room which a tenant with uploads under way leaves to those without; with one tenant alone nothing.',
  },
  'intake.future_tolerance_ms': {
    defaultValue: 5 * MINUTE,
    min: 0,
    max: DAY,
    reason: 'Clocks of channels run ahead by seconds; a time hours ahead is a mistake and would poison freshness.',
  },
  'intake.ring_timeout_ms': {
    defaultValue: 2 * SECOND,
    min: 50,
    max: 30 * SECOND,
    reason: 'The record is durable already: past this the sweep starts the workflow, and the channel gets its answer.',
  },
  'intake.rings_at_once': {
    defaultValue: 16,
    min: 1,
    max: 1_000,
    reason:
      'Starts of workflows under way per process. More begins lone conversations no sooner; in a burst fewer leave ' +
      'messages of a conversation time to become one run.',
  },
  'intake.rings_waiting_max': {
    defaultValue: 1_000,
    min: 0,
    max: 100_000,
    reason:
      'Beyond it a channel waits for its answer, for the ring timeout at most. More is more for the sweep to find.',
  },
  'intake.requests_per_minute': {
    defaultValue: 60_000,
    min: 1,
    max: 10_000_000,
    reason: 'Per API key and process. Far above the Monday surge; stops a runaway client.',
  },
  'chat.batch_max_messages': {
    defaultValue: 200,
    min: 1,
    max: 2_000,
    reason: 'Messages embedded and written together. More gains little and lengthens a retry.',
  },
  'chat.batch_window_ms': {
    defaultValue: SECOND,
    min: 0,
    max: 10 * SECOND,
    reason:
      'How long messages that follow the first wait for company. Longer costs freshness, shorter costs model calls.',
  },
  'call.piece_target_ms': {
    defaultValue: 30 * SECOND,
    min: 5 * SECOND,
    max: 10 * MINUTE,
    reason: 'Whisper hears 30 s at a time. Shorter pieces lose context, longer ones lose parallelism.',
  },
  'call.pieces_in_parallel': {
    defaultValue: 4,
    min: 1,
    max: 64,
    reason: 'Of one call. More finishes one call sooner at the price of the others.',
  },
  'call.abandoned_after_ms': {
    defaultValue: 30 * MINUTE,
    min: SECOND,
    max: DAY,
    reason:
      'A live call without a segment or an end for this long no longer holds a workflow open; a late one reopens it.',
  },
  'vision.max_side_pixels': {
    defaultValue: 2_000,
    min: 256,
    max: 8_000,
    reason:
      'Longest side sent to the vision model; screens of more than twice as much are read in parts. Smaller blurs text ' +
      'or takes more calls, larger is scaled down by most models anyway.',
  },
  'sweep.interval_ms': {
    defaultValue: 5 * SECOND,
    min: 50,
    max: 10 * MINUTE,
    reason: 'How often a worker looks for records whose workflow did not start.',
  },
  'sweep.ring_after_ms': {
    defaultValue: 15 * SECOND,
    min: 100,
    max: HOUR,
    reason: 'How long a record may wait before the sweep rings for it. Shorter rings twice for what is only slow.',
  },
  'sweep.stuck_after_ms': {
    defaultValue: MINUTE,
    min: 100,
    max: DAY,
    reason: 'How long a record may wait in a session that sleeps before it is woken, and how often that is looked for.',
  },
  'import.max_records_per_second': {
    defaultValue: 50,
    min: 0.1,
    max: 10_000,
    reason: 'How fast history is read in. Faster is done sooner and takes more of the models from live records.',
  },
  'import.max_waiting_records': {
    defaultValue: 1_000,
    min: 1,
    max: 1_000_000,
    reason: 'Records that may wait in all before an import pauses. More hides an import from live records for longer.',
  },
  'import.max_parked_records': {
    defaultValue: 50_000,
    min: 1,
    max: 10_000_000,
    reason:
      'Records that may wait for paused models before an import pauses. More lets it go on through a longer pause, and ' +
      'has more to be worked off after it; they are counted each second.',
  },
  'import.max_late_records': {
    defaultValue: 10,
    min: 1,
    max: 1_000_000,
    reason:
      'Records that may have used up half their budget before an import pauses. A few that fail must not stop it.',
  },
} as const satisfies Record<string, DialDefinition>;
