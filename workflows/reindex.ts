import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { ActivationOutcome, ChunkCursor, VersionRef } from '../src/domain/activities.ts';
import type { ReindexProgress } from '../src/domain/index-version.ts';
import {
  ACTIVATE_UPDATE,
  CANCEL_SIGNAL,
  PAUSE_SIGNAL,
  PROGRESS_QUERY,
  RESUME_SIGNAL,
} from '../src/domain/workflows.ts';
import { reindexing as steps } from './proxies.ts';
import { GivenUp, ReindexRun } from './reindex-run.ts';

export const reindexProgressQuery = defineQuery<ReindexProgress>(PROGRESS_QUERY);
export const pauseSignal = defineSignal(PAUSE_SIGNAL);
/** Goes on after a pause, and asks the model again for texts that it refused. */
export const resumeSignal = defineSignal(RESUME_SIGNAL);
export const cancelSignal = defineSignal(CANCEL_SIGNAL);
export const activateUpdate = defineUpdate<ActivationOutcome, [number]>(ACTIVATE_UPDATE);

export interface ReindexInput extends VersionRef {
  /** Where an earlier run has come to. */
  readonly after?: ChunkCursor | null;
  readonly progress?: ReindexProgress;
  readonly workedMs?: number;
  readonly paused?: boolean;
}

/**
 * Builds an index version beside the live one and keeps both until one of them is dropped: fills it, builds its index,
 * measures it; then waits to be told to activate it, or, afterwards, to go back. All that it needs to know is in the
 * database: a run that begins again at the top goes on where the rows end.
 */
export async function reindex(input: ReindexInput): Promise<ReindexProgress> {
  const run = new ReindexRun(input);
  setHandler(reindexProgressQuery, () => run.progress);
  setHandler(pauseSignal, () => run.pause());
  setHandler(resumeSignal, () => run.resume());
  setHandler(cancelSignal, () => run.cancel());
  setHandler(activateUpdate, (version) => run.requestActivation(version));
  const { indexVersion } = input;
  try {
    await build(run, input);
    await keep(run, indexVersion);
  } catch (error) {
    if (!(error instanceof GivenUp)) throw error;
    await run.step('dropping', () => steps('give it up').dropVersion({ indexVersion, when: 'building' }));
  }
  run.refuseAll();
  await run.step('dropping', () => steps('remove what is no more').collectVersions());
  await condition(allHandlersFinished);
  return run.finish();
}

/** Fills a version, builds its index and measures it. One that has its index was filled before. */
async function build(run: ReindexRun, input: ReindexInput): Promise<void> {
  const { indexVersion } = input;
  const opened = await run.step('preparing', () => steps('make the partition').prepareVersion({ indexVersion }));
  if (opened.state !== 'building') return;
  if (!opened.indexed) {
    for (const replay of opened.replays) await run.remake(replay);
    await fillFirst(run, input);
    await run.step('indexing', () => steps('build the HNSW index').buildVersionIndex({ indexVersion }));
  }
  await run.measure(indexVersion);
}

/** Walks over all chunks, from where an earlier run has come to. */
async function fillFirst(run: ReindexRun, { indexVersion, after = null }: ReindexInput): Promise<void> {
  await run.survey(indexVersion);
  let cursor: ChunkCursor | null = after;
  do {
    cursor = await run.fillSome(indexVersion, cursor);
    if (cursor !== null && workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof reindex>(run.handover(indexVersion, cursor));
    }
  } while (cursor !== null);
}

/** Does what it is told while there are two versions. */
async function keep(run: ReindexRun, indexVersion: number): Promise<void> {
  for (;;) {
    const { beside, live, dropInMs } = await run.step('ready', () => steps('look').readPair({ indexVersion }));
    if (beside === null) return;
    if (dropInMs === 0) {
      const expired = { indexVersion: beside, when: 'expired' } as const;
      await run.step('dropping', () => steps('drop what was retired').dropVersion(expired));
      continue;
    }
    await run.tell({ step: dropInMs === null ? 'ready' : 'keeping' });
    const asked = await run.somethingToDo(dropInMs);
    if (run.over) throw new GivenUp();
    if (asked === 'activate') await run.activate(live, beside);
    if (asked === 'refill') await run.measure(beside);
    if (workflowInfo().continueAsNewSuggested && !run.asked) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof reindex>(run.handover(indexVersion, null));
    }
  }
}
