import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { BenchClient } from '../client.ts';
import { percentile } from '../scenario.ts';
import type { BenchQuestion } from './questions.ts';

/** Answers of the API to one kind of question: round trips over HTTP, with the question's vector remembered. */
export interface Answers {
  readonly what: string;
  readonly p50: number;
  readonly p99: number;
  /** Of Postgres, for each answer, beside the record of it that is written afterwards. */
  readonly roundTrips: number;
}

/** Each question is asked so often, so that the 99th percentile is not the slowest of a few. */
const TIMES = 5;

type Body = (question: BenchQuestion) => Record<string, unknown>;

export async function askByHttp(
  client: BenchClient,
  what: string,
  questions: readonly BenchQuestion[],
  bodyOf: Body,
): Promise<Answers> {
  const ask = (question: BenchQuestion) =>
    client.post('/v1/retrieve', { query: question.words, mode: 'hybrid', k: 10, ...bodyOf(question) });
  for (const question of questions) await ask(question);
  const before = await retrievals(client);
  const tookMs: number[] = [];
  for (const question of Array.from({ length: TIMES }, () => questions).flat()) {
    const started = performance.now();
    await ask(question);
    tookMs.push(performance.now() - started);
  }
  const roundTrips = ((await retrievals(client)) - before) / tookMs.length;
  const answers = { what, p50: percentile(tookMs, 0.5), p99: percentile(tookMs, 0.99), roundTrips };
  console.log(JSON.stringify(answers));
  return answers;
}

/** Statements of questions so far: those that answer them and those that look around them. */
async function retrievals(client: BenchClient): Promise<number> {
  const name = 'earshot_database_round_trips_total';
  const counts = ['retrieve_', 'surroundings_', 'common_words'].map((each) =>
    client.metric(name, `statement="${each}`),
  );
  return (await Promise.all(counts)).reduce((sum, each) => sum + each, 0);
}

/** Vectors written per second beside questions. */
const ROWS_PER_SECOND = 50;

/** Writes vectors of their own, each its own statement, until told to stop; answers how many. */
export async function writeMeanwhile(owner: pg.ClientBase, work: () => Promise<void>): Promise<number> {
  const stop = new AbortController();
  const writing = writeSteadily(owner, stop.signal);
  try {
    await work();
  } finally {
    stop.abort();
  }
  return writing;
}

async function writeSteadily(owner: pg.ClientBase, signal: AbortSignal): Promise<number> {
  const started = performance.now();
  for (let written = 0; ; written++) {
    const due = started + (written * 1_000) / ROWS_PER_SECOND;
    if (due > performance.now()) await delay(due - performance.now());
    if (signal.aborted) return written;
    await owner.query(COPY_ONE);
  }
}

/** A new chunk like one that is there, with a vector of its own: equal ones would be drawn lots for. */
const COPY_ONE = `
  with picked as (
    select * from chunk where chunk_id >= gen_random_uuid() and chunker_version = 'bench' order by tenant, chunk_id limit 1
  ), said as (
    insert into chunk (tenant, chunk_id, artifact_id, interaction_id, session_id, customer_key, modality, ordinal, text, place,
      confidence, event_time, chunker_version)
    select tenant, gen_random_uuid(), artifact_id, interaction_id, session_id, customer_key, modality, ordinal, text, place,
      confidence, now(), 'written'
    from picked
    returning tenant, chunk_id, customer_key
  )
  insert into embedding (index_version, tenant, chunk_id, customer_key, embedding, model_version, embedded_at, committed_at,
    reachable_at)
  select 1, said.tenant, said.chunk_id, said.customer_key, e.embedding + own.vector, 'bench', now(), now(), now()
  from said, picked
  join embedding_v1 e on e.index_version = 1 and e.tenant = picked.tenant and e.chunk_id = picked.chunk_id
  join part own on own.kind = 'own' and own.place = (select floor(random() * 2000)::integer)`;
