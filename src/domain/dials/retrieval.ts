import { type DialDefinition } from './definition.ts';

/** How questions are answered. */
export const RETRIEVAL_DIALS = {
  'retrieval.candidates': {
    defaultValue: 50,
    min: 8,
    max: 500,
    reason: 'Rows taken from each ranking before fusion. Too few loses what is middling in both.',
  },
  'retrieval.text_rows': {
    defaultValue: 1_000,
    min: 100,
    max: 1_000_000,
    reason:
      'Rows whose words are ranked, of all customers or of one with more chunks, chosen by the rarest words of the ' +
      'question. Each costs 2 to 10 µs; fewer lose texts that share common words alone.',
  },
  'retrieval.exact_rows': {
    defaultValue: 5_000,
    min: 1,
    max: 1_000_000,
    reason:
      'Of a question over all customers: of a time with up to so many chunks, and of a tenant with up to so many vectors, ' +
      'all are measured, at 3 µs each; with more, HNSW indexes, which hold all times and tenants, are searched until enough ' +
      'of what they find passes.',
  },
  'retrieval.ef_search': {
    defaultValue: 100,
    min: 10,
    max: 1_000,
    reason:
      'Of a question over all customers: vectors that the search of each HNSW index keeps in view. More find more of what ' +
      'is nearest and take longer, about in proportion.',
  },
  'retrieval.scan_rows': {
    defaultValue: 5_000,
    min: 100,
    max: 1_000_000,
    reason:
      'Of a question over all customers and a time or modalities: vectors, of all tenants, that are looked at in each HNSW ' +
      'index before it is given up. An index with nothing that passes is searched until then, at some 10 µs each; fewer ' +
      'lose what passes rarely. Other questions are given up after 20,000 (pgvector).',
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
  'retrieval.batch_max_questions': {
    defaultValue: 50,
    min: 1,
    max: 500,
    reason: 'Questions of one call: they share one request for their vectors, and the slowest of them decides.',
  },
  'interactions.batch_max_ids': {
    defaultValue: 200,
    min: 1,
    max: 5_000,
    reason: 'Records told of in one call, by one statement that must end within 15 s.',
  },
  'index.seal_after_rows': {
    defaultValue: 4_000,
    min: 1,
    max: 1_000_000,
    reason:
      'New vectors that are searched exactly, at 1 µs each, before an HNSW index is built for them. Fewer build more often.',
  },
  'index.max_segments': {
    defaultValue: 8,
    min: 1,
    max: 32,
    reason:
      'HNSW indexes that a question over all customers may have to search. With 8 a vector is built into some 5 graphs ' +
      'until there are 4 million, with 4 into 19.',
  },
} as const satisfies Record<string, DialDefinition>;
