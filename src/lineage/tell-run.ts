import { errorForLog } from '../observe/log.ts';
import type { Lineage } from './emitter.ts';
import type { LineageRun } from './run-events.ts';
import { addNotes, emptyNotes, withNotes } from './run-notes.ts';

/**
 * Runs a step and tells of it: START, then COMPLETE with what it noted, FAIL or ABORT.
 *
 * @param request what the step was asked, for what `LineageJob.told` makes of it.
 */
export async function tellRun<Answer>(
  lineage: Lineage,
  run: LineageRun,
  request: unknown,
  step: () => Promise<Answer>,
  isCancelled: () => boolean = () => false,
): Promise<Answer> {
  const { events } = lineage;
  if (events === undefined) return step();
  const { tenant, job } = run;
  const notes = emptyNotes();
  lineage.emit(tenant, events.started(run));
  try {
    const answer = await withNotes(notes, step);
    addNotes(notes, job.told?.(answer, request) ?? {});
    lineage.emit(tenant, events.completed(run, notes));
    return answer;
  } catch (error) {
    lineage.emit(tenant, isCancelled() ? events.aborted(run) : events.failed(run, errorForLog(error).code));
    throw error;
  }
}
