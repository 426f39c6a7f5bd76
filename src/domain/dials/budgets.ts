import { DAY, HOUR, SECOND, type DialDefinition } from './definition.ts';

const duration = (defaultValue: number, reason: string): DialDefinition => ({
  defaultValue,
  min: 1,
  max: HOUR,
  reason,
});

const percent = (defaultValue: number, reason: string): DialDefinition => ({ defaultValue, min: 0, max: 100, reason });

/** What freshness and service are held to. Stages leave headroom to the whole, which ./freshness.ts bounds. */
export const BUDGET_DIALS = {
  'budget.chat_ingest_ms': duration(
    500,
    'From sent to accepted, at p99: the channel’s way to the API and one transaction.',
  ),
  'budget.chat_stream_ms': duration(2 * SECOND, 'From accepted to taken: a ring, or the window of a batch.'),
  'budget.chat_transform_ms': duration(1_500, 'From taken to its vector: one request to the embedding model.'),
  'budget.chat_index_ms': duration(2 * SECOND, 'From its vector to reachable: an upsert and a probe.'),
  'budget.audio_ingest_ms': duration(10 * SECOND, 'From the end of the recording to accepted: the upload.'),
  'budget.audio_stream_ms': duration(20 * SECOND, 'From accepted to taken.'),
  'budget.audio_transform_ms': duration(
    120 * SECOND,
    'From taken to its last vector: nearly all is speech recognition.',
  ),
  'budget.audio_index_ms': duration(5 * SECOND, 'From its last vector to reachable.'),
  'budget.screenshot_ingest_ms': duration(2 * SECOND, 'From taken by the agent’s screen to accepted: the upload.'),
  'budget.screenshot_stream_ms': duration(3 * SECOND, 'From accepted to taken.'),
  'budget.screenshot_transform_ms': duration(
    12 * SECOND,
    'From taken to its last vector: text recognition and caption.',
  ),
  'budget.screenshot_index_ms': duration(2 * SECOND, 'From its last vector to reachable.'),
  'budget.tell_pickup_after_ms': {
    defaultValue: SECOND,
    min: 10,
    max: HOUR,
    reason:
      'A batch of messages that waits longer for its vectors says in its rows that it was taken, so that what waits is put down to the right stage. Sooner costs a statement for batches that are not slow.',
  },
  'sla.availability_percent': percent(
    99.9,
    'Requests that are answered without a fault of ours: 43 minutes a month are left.',
  ),
  'sla.retrieval_p95_ms': duration(250, 'A copilot’s question, at p95: it waits in the middle of a conversation.'),
  'sla.retrieval_p99_ms': duration(500, 'The same at p99.'),
  'sla.acceptance_p95_ms': duration(500, 'A record’s 202, at p95: a channel waits for it.'),
  'sla.acceptance_p99_ms': duration(2 * SECOND, 'The same at p99.'),
  'sla.canaries_found_percent': percent(99, 'Planted records that were found in time by their words and their vector.'),
  'sla.held_back_percent': percent(
    5,
    'Records that quality checks hold back or that fail: more says that a source is bad.',
  ),
  'sla.keep_days': {
    defaultValue: 40,
    min: 1,
    max: 3_650,
    reason: 'How long the counts of each minute are kept: more than a month is needed to tell one.',
  },
  'sla.flush_ms': {
    defaultValue: 5 * SECOND,
    min: 50,
    max: DAY,
    reason: 'How often a process writes its counts down: what a killed one has counted since is lost.',
  },
} as const satisfies Record<string, DialDefinition>;
