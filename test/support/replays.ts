import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestEarshot } from './earshot.ts';
import { until } from './until.ts';

export interface Replay {
  readonly replayId: string;
  readonly workflowId: string;
  readonly state: string;
  readonly records: Record<
    'total' | 'seen' | 'remade' | 'repaired' | 'unchanged' | 'heldBack' | 'failed' | 'erased',
    number
  >;
  readonly failures: { interactionId: string; kind: string; code: string }[];
  readonly estimatedEnd: string | null;
  readonly heldBy: string | null;
}

export async function requestReplay(earshot: TestEarshot, scope: Record<string, unknown> = {}): Promise<string> {
  const { status, body } = await earshot.request<Replay>('POST', '/v1/replays', scope);
  if (status !== 202) throw new Error(`the replay was answered with ${status}: ${JSON.stringify(body)}`);
  return body.replayId;
}

export async function findReplay(earshot: TestEarshot, replayId: string): Promise<Replay> {
  return (await earshot.request<Replay>('GET', `/v1/replays/${replayId}`)).body;
}

export async function replayIn(earshot: TestEarshot, replayId: string, ...states: string[]): Promise<Replay> {
  return until(`replay ${replayId} is ${states.join(' or ')}`, async () => {
    const replay = await findReplay(earshot, replayId).catch(() => undefined);
    return replay !== undefined && states.includes(replay.state) && replay;
  });
}

/** Replays a scope and waits for its end. */
export async function replay(earshot: TestEarshot, scope: Record<string, unknown> = {}): Promise<Replay> {
  return replayIn(earshot, await requestReplay(earshot, scope), 'completed');
}

/** All that is derived and in service, by id: equal before and after when nothing was to be made anew. */
export async function derivedRows(earshot: TestEarshot): Promise<Record<string, unknown[]>> {
  const { database } = earshot;
  return {
    artifacts: await database.query(
      `select artifact_id, interaction_id, kind, piece, state, content, redactions, confidence, model, model_version,
         prompt_version, parameters, redactor_version, chunker_version, sealed_object
       from artifact where state in ('active', 'quarantined') order by 1`,
    ),
    chunks: await database.query(
      `select chunk_id, artifact_id, session_id, customer_key, modality, ordinal, author, text, words::text, place,
         confidence, event_time, chunker_version, active
       from chunk where active order by 1`,
    ),
    embeddings: await database.query(
      `select e.index_version, e.chunk_id, e.customer_key, e.embedding::text, e.model_version,
         e.reachable_at is not null as reachable
       from embedding e join chunk c using (tenant, chunk_id) where c.active order by 1, 2`,
    ),
    edges: await database.query(
      `select from_id, to_id, from_kind, to_kind, activity
       from lineage_edge
       where to_id in (select artifact_id from artifact where state in ('active', 'quarantined'))
         or to_id in (select chunk_id from chunk where active) or from_id in (select chunk_id from chunk where active)
       order by 1, 2`,
    ),
    states: await database.query(
      'select interaction_id, state, reason, degraded, pieces_total from freshness order by 1',
    ),
  };
}

/** Drops what is derived, as if it had never been made. */
export async function dropDerived({ database }: TestEarshot): Promise<void> {
  await database.query('delete from artifact');
  await database.query('delete from lineage_edge');
}

/** Drops kept answers of a kind, as if its model had never been asked so. */
export async function forgetAnswers(earshot: TestEarshot, kind: string): Promise<void> {
  const folder = join(earshot.folder, 'raw');
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.includes(`/${kind}-`));
  for (const file of files) await rm(join(folder, file));
}
