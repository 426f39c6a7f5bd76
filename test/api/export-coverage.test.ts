import { expect, it } from 'vitest';
import { COVERED_TABLES } from '../../src/db/erased-rows.ts';

/** What of each table that holds a trace of somebody is in an archive, or why it is not. */
const DECIDED = {
  interaction: 'interactions.jsonl, raw/',
  session: 'interactions.jsonl',
  freshness: 'interactions.jsonl',
  artifact: 'interactions.jsonl, recognised/',
  chunk: 'chunks.jsonl',
  embedding: 'chunks.jsonl: that there is a vector; its numbers tell nobody anything',
  retrieval: 'retrievals.jsonl',
  retrieval_hit: 'retrievals.jsonl',
  lineage_edge: 'lineage.jsonl',
  media_view: 'views.jsonl',
  quarantine_decision: 'decisions.jsonl',
  redacted_media: 'redacted.jsonl; the bytes are those of the raw file less what is hidden',
  exposure: 'exposures.jsonl',
  embedding_failure: 'no: codes of attempts that concern the machine',
  replay: 'no: which work an operator ordered',
  replay_failure: 'no: codes of attempts that concern the machine',
  legal_hold: 'no: to tell of it could defeat it',
  data_key: 'no: keys',
  subject: 'no: the suppression row',
  erasure: 'no: the ledger of requests, answered by its certificate',
  tombstone: 'no: what is gone',
} satisfies Record<string, string>;

// That the eraser knows all tables is tested against the catalogue (test/erasure/coverage.test.ts).
it('an export is decided about for every table that holds a trace of somebody', () => {
  expect(Object.keys(DECIDED).sort()).toEqual([...COVERED_TABLES].sort());
});
