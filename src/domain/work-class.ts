/**
 * How urgent work is. `live`: somebody may ask about it now. `bulk`: history that is handed over, and records of long
 * ago. `reprocessing`: made anew of what is served already.
 */
export type WorkClass = 'live' | 'bulk' | 'reprocessing';
export type IntakeClass = Exclude<WorkClass, 'reprocessing'>;

/**
 * The class of a record that comes in: bulk if its sender says so, or if it is of so long ago that nobody waits for it.
 *
 * @param bulkAfterMs how long after its capture a record is history.
 */
export function intakeClassOf(
  record: { readonly bulk: boolean; readonly capturedAt: Date },
  now: number,
  bulkAfterMs: number,
): IntakeClass {
  return record.bulk || now - record.capturedAt.getTime() > bulkAfterMs ? 'bulk' : 'live';
}

/** RFC 9218: urgency 7 is for what nobody waits for. */
const BACKGROUND = /(?:^|,)[ \t]*u=7[ \t]*(?=[,;]|$)/;

/** Whether a request says by its header `Priority` that it is in no hurry. What cannot be understood says nothing. */
export function saysBulk(priorityHeader: string | undefined): boolean {
  return priorityHeader !== undefined && BACKGROUND.test(priorityHeader);
}
