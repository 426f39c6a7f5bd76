import { SECOND, MINUTE, HOUR, DAY, type DialDefinition } from './definition.ts';

/** How what was made is made anew, indexed anew and traced. */
export const DERIVATION_DIALS = {
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
  'lineage.depth': {
    defaultValue: 2,
    min: 1,
    max: 2,
    reason:
      'At 2 every step from raw bytes to vector is an edge with model, code and run. At 1 edges end at the artifact: ' +
      'a third of the rows, and the walk no longer knows which run cut and embedded.',
  },
  'lineage.chat_depth': {
    defaultValue: 0,
    min: 0,
    max: 2,
    reason: 'Of chat messages, the most numerous and the cheapest to make again; 0 is lineage.depth.',
  },
  'lineage.audio_depth': {
    defaultValue: 0,
    min: 0,
    max: 2,
    reason: 'Of calls; 0 is lineage.depth. A call has many chunks of one artifact, so 1 spares most of its edges.',
  },
  'lineage.screenshot_depth': {
    defaultValue: 0,
    min: 0,
    max: 2,
    reason: 'Of screenshots; 0 is lineage.depth.',
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
  'reindex.chunks_per_request_beside_live': {
    defaultValue: 2,
    min: 1,
    max: 256,
    reason:
      'The same while live traffic is there. On a CPU two short texts take 40 ms, which a live text may have to wait; ' +
      'an endpoint with a GPU takes more in the same time.',
  },
  'reindex.requests_in_flight_beside_live': {
    defaultValue: 1,
    min: 1,
    max: 64,
    reason:
      'The same while live traffic is there. More lets a live text wait for more, unless the endpoint computes several ' +
      'at a time.',
  },
  'reindex.live_linger_ms': {
    defaultValue: 10 * SECOND,
    min: 0,
    max: HOUR,
    reason:
      'How long live traffic counts as there after the last of it. Shorter lets more first messages wait for requests ' +
      'of full size; longer slows re-embedding where little comes in.',
  },
  'reindex.min_share_beside_live': {
    defaultValue: 0.2,
    min: 0.01,
    max: 1,
    reason:
      'Of the time in which a request is under way while chat messages wait: at 0.2 one that takes 40 ms is followed by ' +
      'up to 160 ms for them, in which a lone message is done. More delays chats; 1 leaves no room.',
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
  'progress.look_every_ms': {
    defaultValue: SECOND,
    min: 20,
    max: MINUTE,
    reason:
      'How often a stream of progress reads its row. Shorter tells sooner and costs a query each, for each stream.',
  },
  'progress.heartbeat_ms': {
    defaultValue: 15 * SECOND,
    min: 20,
    max: 5 * MINUTE,
    reason: 'After so long without a change a stream sends a comment: proxies close what is silent for a minute.',
  },
} as const satisfies Record<string, DialDefinition>;
