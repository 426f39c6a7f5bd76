import { QUALITY_DIALS } from './dials-quality.ts';

/** One tuned constant. The unit is the end of its name; `reason` says what too little and too much would break. */
export interface DialDefinition {
  readonly defaultValue: number;
  readonly min: number;
  readonly max: number;
  readonly reason: string;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;
const MEBIBYTE = 1024 * 1024;

/** Every tuned constant, changeable at run time by `PUT /v1/dials/{name}`; each change is recorded. */
export const DIALS = {
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
    defaultValue: 4 * 60 * MINUTE,
    min: SECOND,
    max: 24 * 60 * MINUTE,
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
  'intake.future_tolerance_ms': {
    defaultValue: 5 * MINUTE,
    min: 0,
    max: 24 * 60 * MINUTE,
    reason: 'Clocks of channels run ahead by seconds; a time hours ahead is a mistake and would poison freshness.',
  },
  'intake.ring_timeout_ms': {
    defaultValue: 2 * SECOND,
    min: 50,
    max: 30 * SECOND,
    reason: 'The record is durable already: past this the sweep starts the workflow, and the channel gets its answer.',
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
    max: 24 * 60 * MINUTE,
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
  ...QUALITY_DIALS,
  'retrieval.candidates': {
    defaultValue: 50,
    min: 8,
    max: 500,
    reason: 'Rows taken from each ranking before fusion. Too few loses what is middling in both.',
  },
  'retrieval.rank_constant': {
    defaultValue: 60,
    min: 1,
    max: 1_000,
    reason: 'k of reciprocal rank fusion (Cormack et al., SIGIR 2009).',
  },
  'retrieval.recency_weight': {
    defaultValue: 0.1,
    min: 0,
    max: 1,
    reason: 'Against 1 for text and 1 for vector: orders near-ties by time, lifts no poor match.',
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
    max: 60 * MINUTE,
    reason: 'How long a record may wait before the sweep rings for it. Shorter rings twice for what is only slow.',
  },
  'sweep.stuck_after_ms': {
    defaultValue: MINUTE,
    min: 100,
    max: 24 * 60 * MINUTE,
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
  'import.max_late_records': {
    defaultValue: 10,
    min: 1,
    max: 1_000_000,
    reason:
      'Records that may have used up half their budget before an import pauses. A few that fail must not stop it.',
  },
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
    max: 60 * MINUTE,
    reason:
      'Longest that a rewrite of a table may keep writers waiting. Tables that take longer keep dead bytes until a ' +
      'maintenance window (docs/erasure.md).',
  },
  'erasure.window_lock_max_ms': {
    defaultValue: 0,
    min: 0,
    max: 12 * 60 * MINUTE,
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
  'redaction.sound_margin_ms': {
    defaultValue: 250,
    min: 0,
    max: 5 * SECOND,
    reason: 'Silence before and after a redacted word: speech models tell times of words to about a fifth of a second.',
  },
  'redaction.picture_margin_percent': {
    defaultValue: 50,
    min: 0,
    max: 500,
    reason: 'Of a line’s height, on either side of a masked value: where letters stand in a line is estimated.',
  },
  'redaction.whole_line_below_confidence': {
    defaultValue: 0.8,
    min: 0,
    max: 1,
    reason: 'A line that was read with less has its whole box masked: what was misread may stand elsewhere in it.',
  },
  'retention.retrieval_days': {
    defaultValue: 0,
    min: 0,
    max: 36_500,
    reason: 'Age at which recorded answers are deleted; 0 keeps them.',
  },
  'lineage.depth': {
    defaultValue: 2,
    min: 1,
    max: 2,
    reason:
      'At 2 every step from raw bytes to vector is an edge with model, code and run. At 1 edges end at the artifact: ' +
      'a third of the rows, and the walk no longer knows which run cut and embedded.',
  },
  'lineage.flush_interval_ms': {
    defaultValue: SECOND,
    min: 50,
    max: MINUTE,
    reason:
      'How long OpenLineage events wait in memory for company. A process that is killed loses those of this long.',
  },
  'lineage.outbox_max_events': {
    defaultValue: 100_000,
    min: 100,
    max: 10_000_000,
    reason:
      'Events of a tenant that wait for the collector: about 2 KB each. Beyond it the oldest are dropped and counted.',
  },
  'replay.max_records_per_second': {
    defaultValue: 20,
    min: 0.1,
    max: 10_000,
    reason: 'Records made anew per second by one replay. More ends sooner and takes model time from what comes in.',
  },
  'replay.records_in_parallel': {
    defaultValue: 2,
    min: 1,
    max: 64,
    reason: 'Of one replay. Half of the steps that a process runs for a model: live records find a free place at once.',
  },
  'replay.page_records': {
    defaultValue: 200,
    min: 1,
    max: 1_000,
    reason: 'Records looked at before progress is noted. More is fewer statements, and more done again after a crash.',
  },
  'replay.keep_superseded_days': {
    defaultValue: 90,
    min: 0,
    max: 3_650,
    reason: 'How long what was replaced can be asked about as of then. Longer takes space; 0 drops it at night.',
  },
  'canary.interval_ms': {
    defaultValue: MINUTE,
    min: 0,
    max: DAY,
    reason: 'How often canaries are planted; 0 plants none. A silent loss is known within two; each costs model calls.',
  },
  'canary.chat_budget_ms': {
    defaultValue: 15 * SECOND,
    min: 100,
    max: 60 * MINUTE,
    reason: 'How long a planted message may take until its text is stored.',
  },
  'canary.screenshot_budget_ms': {
    defaultValue: 60 * SECOND,
    min: 100,
    max: 60 * MINUTE,
    reason: 'How long a planted screenshot may take until its text is stored. Shorter cries wolf when vision is busy.',
  },
  'canary.audio_budget_ms': {
    defaultValue: 180 * SECOND,
    min: 100,
    max: 60 * MINUTE,
    reason: 'How long a planted call may take until its text is stored: the freshness budget of audio.',
  },
  'canary.index_budget_ms': {
    defaultValue: 20 * SECOND,
    min: 100,
    max: 60 * MINUTE,
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
    defaultValue: 60 * MINUTE,
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
    max: 60 * MINUTE,
    reason: 'Records that became reachable within this are left out: their last writes may not be committed yet.',
  },
  'reconcile.stuck_after_ms': {
    defaultValue: 30 * MINUTE,
    min: SECOND,
    max: DAY,
    reason: 'Age at which a record that waits is rung for again. Shorter rings for what is only slow.',
  },
  'reconcile.orphan_grace_ms': {
    defaultValue: 60 * MINUTE,
    min: 0,
    max: 30 * DAY,
    reason:
      'Age at which what nothing names is removed: far longer than any write takes between its first and last row.',
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
    max: 60 * MINUTE,
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
    defaultValue: 60 * MINUTE,
    min: MINUTE,
    max: 30 * DAY,
    reason: 'Health counts the coverage of what was accepted within this; older rows are for the reconciliation.',
  },
  'reindex.max_chunks_per_second': {
    defaultValue: 0,
    min: 0,
    max: 1_000_000,
    reason: 'Bounds what re-embedding takes of the model endpoint; 0 takes what live traffic leaves.',
  },
  'reindex.chunks_per_request': {
    defaultValue: 8,
    min: 1,
    max: 256,
    reason:
      'Texts of one model request. A live message waits for the requests that are ahead of it: more delays it, fewer ' +
      'waste the endpoint’s time.',
  },
  'reindex.requests_in_flight': {
    defaultValue: 2,
    min: 1,
    max: 64,
    reason: 'One is computed while the next is on its way. More helps endpoints that compute several at a time.',
  },
  'reindex.batch_chunks': {
    defaultValue: 2_000,
    min: 1,
    max: 50_000,
    reason: 'Chunks of one step. More are repeated after a crash, fewer cost more workflow history.',
  },
  'reindex.sample_size': {
    defaultValue: 50,
    min: 1,
    max: 2_000,
    reason: 'Chunks that are asked for before a switch. More is surer; each costs a search through all vectors.',
  },
  'reindex.sample_k': {
    defaultValue: 10,
    min: 1,
    max: 100,
    reason: 'k of recall@k and overlap@k: what an answer shows.',
  },
  'reindex.min_parity': {
    defaultValue: 1,
    min: 0,
    max: 1,
    reason: 'Least share of chunks and of records, per modality, that a version must have to go live.',
  },
  'reindex.min_recall': {
    defaultValue: 0.95,
    min: 0,
    max: 1,
    reason: 'Least recall@k of its index against exact search.',
  },
  'reindex.min_overlap': {
    defaultValue: 0.3,
    min: 0,
    max: 1,
    reason: 'Least overlap@k with the live version. A model that means other things by near may need 0.',
  },
  'reindex.min_canaries': {
    defaultValue: 1,
    min: 0,
    max: 1,
    reason: 'Least share of recent records that a question in their own words finds.',
  },
  'reindex.grace_ms': {
    defaultValue: 7 * DAY,
    min: 0,
    max: 90 * DAY,
    reason: 'How long one can go back to a retired version. Longer costs its disk and a second vector for each text.',
  },
  'reindex.beside_deadline_ms': {
    defaultValue: 5 * SECOND,
    min: 0,
    max: MINUTE,
    reason: 'Longest try to write a live text into the version beside too; past it the run that keeps that one does.',
  },
  'reindex.build_memory_mb': {
    defaultValue: 256,
    min: 16,
    max: 65_536,
    reason: 'Memory for building an HNSW index; a graph that does not fit is built several times as slowly.',
  },
  'reindex.build_workers': {
    defaultValue: 0,
    min: 0,
    max: 16,
    reason: 'Further processes that build an HNSW index. Each is faster and takes a core from live traffic.',
  },
  'reindex.rebuild_after_days': {
    defaultValue: 30,
    min: 0,
    max: 3_650,
    reason: 'Age at which the live HNSW index is built anew at night, for deletes leave holes in it; 0 never does.',
  },
} as const satisfies Record<string, DialDefinition>;

export type DialName = keyof typeof DIALS;
export type DialValues = Readonly<Record<DialName, number>>;

export const DIAL_NAMES = Object.keys(DIALS) as DialName[];

export function isDialName(name: string): name is DialName {
  return name in DIALS;
}

/** Defaults, overridden by the values given. Unknown names and values out of bounds are ignored. */
export function dialValues(overrides: readonly { readonly name: string; readonly value: number }[]): DialValues {
  const values: Record<string, number> = Object.fromEntries(DIAL_NAMES.map((name) => [name, DIALS[name].defaultValue]));
  for (const { name, value } of overrides) {
    if (isDialName(name) && value >= DIALS[name].min && value <= DIALS[name].max) values[name] = value;
  }
  return values as Record<DialName, number>;
}
