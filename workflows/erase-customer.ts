import {
  ActivityFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineUpdate,
  isCancellation,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import type { RunsRequest } from '../src/domain/activities.ts';
import {
  totalOf,
  type ErasureProgress,
  type ErasureRef,
  type ErasureStep,
  type StoreCounts,
} from '../src/domain/erasure.ts';
import { CANCEL_ERASURE_UPDATE, PROGRESS_QUERY } from '../src/domain/workflows.ts';
import { failureReason } from './failure.ts';
import { erasure as steps } from './proxies.ts';

export const erasureProgressQuery = defineQuery<ErasureProgress>(PROGRESS_QUERY);

/** Cancels the erasure, while it waits for the end of its grace period. */
export const cancelErasureUpdate = defineUpdate<void>(CANCEL_ERASURE_UPDATE);

/** A step that failed for good, or a look that found something, is tried again after this, twice as long each time. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60 * 60_000;

/**
 * Forgets one customer for good. The ledger and the fence come first, so that nothing can be written back; then all is
 * destroyed and looked for by other code, again until nothing is found; then once more after the longest possible late
 * write; then it is certified.
 *
 * All that it knows is in the ledger: a run that begins again at the top repeats idempotent steps.
 */
export async function eraseCustomer(ref: ErasureRef): Promise<ErasureProgress> {
  const run = new ErasureRun(ref);
  setHandler(erasureProgressQuery, () => run.progress);
  let begun = false;
  let cancelled = false;
  const tooLate = () => ApplicationFailure.nonRetryable('the erasure has begun', 'conflict');
  setHandler(
    cancelErasureUpdate,
    async () => {
      if (!(await steps('cancel').cancelScheduled(ref))) throw tooLate();
      cancelled = true;
    },
    {
      validator: () => {
        if (begun) throw tooLate();
      },
    },
  );
  const { state, graceMs, secondPassAfterMs } = await run.step('scheduled', () => steps('open').openErasure(ref));
  if (state === 'scheduled' && graceMs > 0) await condition(() => cancelled, graceMs);
  begun = true;
  const fenced = await run.step('raiseFence', () => steps('fence').raiseFence(ref));
  await condition(allHandlersFinished);
  if (fenced !== 'running') return run.progress;
  run.fenced();
  await run.step('writeLedger', () => steps('ledger').writeLedger(ref));
  await run.eraseUntilClean(1);
  await run.pauseBeforeSecondPass(secondPassAfterMs);
  await run.eraseUntilClean(2);
  await run.step('certify', () => steps('certify').certify(ref));
  return run.done();
}

/** One run of the workflow, with what it tells of itself. */
class ErasureRun {
  readonly #ref: ErasureRef;
  #request: RunsRequest;
  #progress: ErasureProgress = { step: 'scheduled', rounds: 0, leftovers: 0, blockedBy: null };

  constructor(ref: ErasureRef) {
    this.#ref = ref;
    this.#request = { ...ref, startedBefore: '' };
  }

  /** Runs that begin from now on have records of after the fence to do. The time is that of the server. */
  fenced(): void {
    this.#request = { ...this.#ref, startedBefore: new Date().toISOString() };
  }

  get progress(): ErasureProgress {
    return this.#progress;
  }

  done(): ErasureProgress {
    this.#tell({ step: 'completed', blockedBy: null });
    return this.#progress;
  }

  /** Runs a step, again after a pause when it fails for good: an erasure is never given up. */
  async step<T>(step: ErasureStep, action: () => Promise<T>): Promise<T> {
    this.#tell({ step, blockedBy: null });
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      try {
        return await action();
      } catch (error) {
        if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
        this.#tell({ blockedBy: failureReason(error) });
        await sleep(pause);
      }
    }
  }

  /** The second pass looks before it destroys: what it finds came late. */
  async eraseUntilClean(pass: 1 | 2): Promise<void> {
    if (pass === 2 && (await this.#verify(pass)) === 0) return;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      await this.#eraseOnce();
      if ((await this.#verify(1)) === 0) return;
      await sleep(pause);
      if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof eraseCustomer>(this.#ref);
    }
  }

  /** Waits for the longest possible late write. */
  async pauseBeforeSecondPass(pauseMs: number): Promise<void> {
    this.#tell({ step: 'secondPass' });
    await sleep(pauseMs);
  }

  async #eraseOnce(): Promise<void> {
    const ref = this.#ref;
    const request = this.#request;
    await this.step('stopRuns', () => steps('end running workflows').stopRuns(request));
    await this.step('markRecords', () => steps('write tombstones').markRecords(ref));
    await this.step('countBefore', () => steps('count what there is').countBefore(request));
    await this.step('destroyKeys', () => steps('destroy data keys').destroyKeys(ref));
    await this.step('deleteRuns', () => steps('delete executions').deleteRuns(request));
    await this.step('deleteRows', () => steps('delete rows').deleteRows(ref));
    await this.step('deleteObjects', () => steps('delete raw objects').deleteObjects(ref));
    await this.step('awaitRuns', () => steps('wait until executions are gone').awaitRuns(request));
    await this.step('clearResidue', () => steps('remove what deletes leave').clearResidue(ref));
  }

  async #verify(pass: 1 | 2): Promise<number> {
    const rounds = this.#progress.rounds + 1;
    const left: StoreCounts = await this.step('verify', () =>
      steps(`look everywhere, pass ${pass}`).verifyErasure({ ...this.#request, pass, rounds }),
    );
    this.#tell({ rounds, leftovers: totalOf(left) });
    return totalOf(left);
  }

  #tell(change: Partial<ErasureProgress>): void {
    this.#progress = { ...this.#progress, ...change };
    const { step, rounds, leftovers, blockedBy } = this.#progress;
    setCurrentDetails(
      `${step}${blockedBy === null ? '' : `, held up by ${blockedBy}`}; ${rounds} looks, the last found ${leftovers}`,
    );
  }
}
