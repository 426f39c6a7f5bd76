import {
  condition,
  continueAsNew,
  defineQuery,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { PROGRESS_QUERY, type SessionRef } from '../src/domain/workflows.ts';
import { CallRun, type CallProgress } from './call-run.ts';
import { listenForRings } from './doorbell.ts';
import { intake } from './proxies.ts';

export const callProgressQuery = defineQuery<CallProgress>(PROGRESS_QUERY);

/**
 * Makes one call searchable: a whole recording, cut into pieces, or segments while the call goes on. Each piece is
 * recognised, then embedded and indexed on its own, so the first is searchable before the last is heard. The run
 * closes when all is done and the end of the call is known, or when nothing comes any more; a late segment reopens it.
 */
export async function call(session: SessionRef): Promise<CallProgress> {
  const doorbell = listenForRings();
  const run = new CallRun(session.tenant);
  setHandler(callProgressQuery, () => run.progress);

  for (;;) {
    doorbell.answer();
    const work = await intake.takeCallWork(session);
    run.begin(work);
    setCurrentDetails(run.describe());
    if (run.busy) {
      await condition(() => !run.busy || doorbell.ringing());
      run.throwIfFaulted();
    } else if (work.complete || !(await doorbell.wait(work.abandonedAfterMs))) {
      const asleep = await intake.sleepUnlessRung({ ...session, arrivals: work.arrivals });
      if (asleep && !doorbell.answer()) return run.progress;
    }
    if (!run.busy && workflowInfo().continueAsNewSuggested) await continueAsNew<typeof call>(session);
  }
}
