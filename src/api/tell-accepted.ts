import type { AcceptedText, NewInteraction } from '../db/intake.ts';
import { acceptRunId } from '../domain/ids.ts';
import { ACCEPT } from '../lineage/jobs.ts';
import { emptyNotes, type RunNotes } from '../lineage/run-notes.ts';
import type { ApiDependencies } from './dependencies.ts';

/** Tells collectors of lineage that a record came in: what was written, never what or whose it is. */
export function tellAccepted(
  { lineage }: ApiDependencies,
  { tenant, interactionId, rawObject }: NewInteraction,
  text: AcceptedText | undefined,
  startedAt: Date,
): void {
  const { events } = lineage;
  if (events === undefined) return;
  const run = { tenant, job: ACCEPT, jobName: 'accept', runId: acceptRunId(tenant, interactionId) };
  const notes: RunNotes = {
    ...emptyNotes(),
    made: {
      interaction: 1,
      raw: rawObject === null ? 0 : 1,
      artifact: text === undefined ? 0 : 1,
      chunk: text?.chunks.length ?? 0,
    },
    versions: text === undefined ? {} : { redactor: text.redactorVersion, chunker: text.chunkerVersion },
  };
  lineage.emit(tenant, events.started(run, startedAt), events.completed(run, notes));
}
