import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  isCancellation,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  NO_OUTCOMES,
  type OutcomeCounts,
  type RemadeRecord,
  type ReplayFailure,
  type ReplayItem,
  type ReplayPage,
  type ReplayProgress,
  type ReplayRef,
  type ReplayState,
} from '../src/domain/replay.ts';
import { PROGRESS_QUERY } from '../src/domain/workflows.ts';
import { remaking, replaying as steps } from './proxies.ts';
import { ReplayControl } from './replay-control.ts';

/** A record that is held back, by pressure or a pause, is asked for again after this, twice as long each time. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 2 * 60_000;

/** Progress of this run of the workflow; that of the whole replay is in its row. */
export const replayProgressQuery = defineQuery<ReplayProgress>(PROGRESS_QUERY);

/**
 * Goes through the records of a scope in the order of their capture and makes what is derived of them anew where other
 * logic made it or it is not there. Its row says where it stands: a run that begins again goes on from the last page.
 */
export async function replay(ref: ReplayRef): Promise<ReplayProgress> {
  try {
    return await goThrough(ref);
  } catch (error) {
    // By the Temporal UI, or by the re-embedding that it belongs to.
    if (isCancellation(error)) {
      await CancellationScope.nonCancellable(() =>
        steps('note cancelled').noteReplayState({ ...ref, state: 'cancelled' }),
      );
    }
    throw error;
  }
}

async function goThrough(ref: ReplayRef): Promise<ReplayProgress> {
  let progress: ReplayProgress = { state: 'running', seen: 0, ...NO_OUTCOMES };
  const tell = (state: ReplayState) => (progress = { ...progress, state });
  const note = async (state: ReplayState) => {
    await steps(`note ${state}`).noteReplayState({ ...ref, state });
    tell(state);
  };
  setHandler(replayProgressQuery, () => progress);
  const state = await steps('open').openReplay(ref);
  if (state === 'completed' || state === 'cancelled') return tell(state);
  const control = new ReplayControl(state === 'paused', note);

  while (await control.goesOn()) {
    const begun = Date.now();
    const page = await steps('find records').nextReplayPage(ref);
    if (page.end === null) {
      await note('completed');
      return progress;
    }
    const { outcomes, failures, left } = await remakePage(ref, page, control);
    if (control.cancelled) break;
    if (left) {
      if (!(await control.goesOn())) break;
      await continueAsNew<typeof replay>(ref);
    }
    await steps('note progress').noteReplayPage({ ...ref, page: withoutItems(page), outcomes, failures });
    progress = { ...progress, ...sum(progress, outcomes), seen: progress.seen + page.seen };
    setCurrentDetails(
      `${progress.seen} records seen by this run, ${progress.remade} remade, ${progress.failed} failed`,
    );
    const restMs = (1_000 * page.items.length) / page.maxPerSecond - (Date.now() - begun);
    if (restMs > 0) await condition(() => control.waiting, restMs);
    if (workflowInfo().continueAsNewSuggested && !control.waiting) await continueAsNew<typeof replay>(ref);
  }
  await note('cancelled');
  return progress;
}

interface RemadePage {
  readonly outcomes: OutcomeCounts;
  readonly failures: ReplayFailure[];
  /** Not all was made: the next run finds the page again. */
  readonly left: boolean;
}

/**
 * Makes the records of a page anew, so many at a time; ends early when the replay is cancelled, and when records have
 * been held back until the history is long.
 */
async function remakePage(ref: ReplayRef, page: ReplayPage, control: ReplayControl): Promise<RemadePage> {
  const waiting = [...page.items];
  const failures: ReplayFailure[] = [];
  let outcomes = NO_OUTCOMES;
  let left = false;
  const lane = async () => {
    let pauseMs = FIRST_PAUSE_MS;
    for (let item = waiting.shift(); item !== undefined && (await control.goesOn()); item = waiting.shift()) {
      if (left) return;
      const remade = await remake(ref, item);
      if (remade.held === true) {
        if ((left ||= workflowInfo().continueAsNewSuggested)) return;
        waiting.push(item);
        await condition(() => control.waiting, pauseMs);
        pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
        continue;
      }
      pauseMs = FIRST_PAUSE_MS;
      outcomes = { ...outcomes, [remade.outcome]: outcomes[remade.outcome] + 1 };
      failures.push(...remade.failures);
    }
  };
  await Promise.all(Array.from({ length: page.parallel }, lane));
  return { outcomes, failures, left };
}

async function remake(ref: ReplayRef, { interactionId, queue }: ReplayItem): Promise<RemadeRecord> {
  try {
    return await remaking(queue, `make ${interactionId} anew`).remakeRecord({ ...ref, interactionId });
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    const code = error.cause instanceof ApplicationFailure ? (error.cause.type ?? 'unexpected') : 'timed_out';
    return { outcome: 'failed', failures: [{ interactionId, kind: 'record', code }] };
  }
}

function withoutItems({ after, end, seen, parallel, maxPerSecond }: ReplayPage): Omit<ReplayPage, 'items'> {
  return { after, end, seen, parallel, maxPerSecond };
}

function sum(a: OutcomeCounts, b: OutcomeCounts): OutcomeCounts {
  return {
    remade: a.remade + b.remade,
    repaired: a.repaired + b.repaired,
    unchanged: a.unchanged + b.unchanged,
    held_back: a.held_back + b.held_back,
    failed: a.failed + b.failed,
    erased: a.erased + b.erased,
  };
}
