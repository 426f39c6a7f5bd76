/**
 * Whether a chunk `c` is served by an index version: it is active, and no text that was recognised anew for a version
 * stands for it there. `version` is a number or a parameter.
 */
export function servedBy(version: number | string): string {
  return `c.active and (c.shown_in is null or c.shown_in = ${version}) and c.hidden_in is distinct from ${version}`;
}

/** The same at a moment: the chunk was in service then. `moment` is a parameter. */
export function servedAt(version: number | string, moment: string): string {
  return `c.activated_at <= ${moment} and (c.withdrawn_at is null or c.withdrawn_at > ${moment})
    and (c.shown_in is null or c.shown_in = ${version}) and c.hidden_in is distinct from ${version}`;
}

/** Whether an index version that may yet be given up shows artifacts of its own of a record. `$1` is the tenant. */
export function showsItsOwn(interactionId: string): string {
  return `exists (
            select
            from artifact shown
            where shown.tenant = $1 and shown.interaction_id = ${interactionId} and shown.shown_in is not null)`;
}
