import { SECOND, MINUTE, HOUR, type DialDefinition } from './definition.ts';

/** How what many workflows ask at the same time is joined, and when a chat needs no step of its own. */
export const BATCHING_DIALS = {
  'embedding.join_max_texts': {
    defaultValue: 64,
    min: 1,
    max: 2_048,
    reason: 'Texts of records that one model request joins. More spare requests; all of them wait for the longest.',
  },
  'embedding.join_max_tokens': {
    defaultValue: 16_000,
    min: 1,
    max: 300_000,
    reason:
      'Of one joined request, at four characters each. OpenAI takes 300,000; a CPU is busy for seconds with 16,000.',
  },
  'embedding.join_wait_ms': {
    defaultValue: 0,
    min: 0,
    max: SECOND,
    reason:
      'How long a text waits for company while a request could go. At 0 a lone text loses nothing, and under load texts ' +
      'join while requests are under way.',
  },
  'embedding.requests_in_flight': {
    defaultValue: 2,
    min: 1,
    max: 256,
    reason:
      'Joined requests of one process at a time. Fewer are larger; more help endpoints that compute many at once.',
  },
  'writes.join_max_rows': {
    defaultValue: 256,
    min: 1,
    max: 2_000,
    reason:
      'Rows of several conversations that one statement reads or writes. More lengthens what one failure repeats.',
  },
  'writes.join_wait_ms': {
    defaultValue: 0,
    min: 0,
    max: SECOND,
    reason: 'How long a statement waits for company while it could go. At 0 a lone message loses nothing.',
  },
  'writes.statements_in_flight': {
    defaultValue: 2,
    min: 1,
    max: 10,
    reason: 'Joined statements of a kind and tenant at a time, per process. Fewer are larger; more keep cores busy.',
  },
  'chat.in_one_task': {
    defaultValue: 1,
    min: 0,
    max: 1,
    reason:
      'At 1 a conversation indexes its messages within its workflow task, six events instead of twelve; at 0 by an ' +
      'activity on the embedding queue, as it does whenever the model does not answer in time.',
  },
  'chat.at_once_deadline_ms': {
    defaultValue: 5 * SECOND,
    min: 100,
    max: 30 * SECOND,
    reason: 'Longest that a workflow task waits for its messages to be indexed before an activity takes them over.',
  },
  'chat.defer_after_failure_ms': {
    defaultValue: 10 * SECOND,
    min: 0,
    max: 10 * MINUTE,
    reason:
      'After the model failed within a task, conversations go by an activity for so long: none waits for it in vain.',
  },
  'database.statistics_interval_ms': {
    defaultValue: 2 * SECOND,
    min: 0,
    max: HOUR,
    reason:
      'How often tables that have doubled are shown to the planner; 0 leaves it to autovacuum, which looks once a minute: ' +
      'the first thousands of records of a new database would be found by reading all of them.',
  },
} as const satisfies Record<string, DialDefinition>;
