import { z } from 'zod';
import { findInteractions } from '../../db/records.ts';
import { isUndecided } from '../../db/version-texts.ts';
import { listFailures, reopenFailed, type FailureFilter, type FailureRow } from '../../db/failures.ts';
import { findTombstone } from '../../db/tombstones.ts';
import { EarshotError } from '../../domain/errors.ts';
import { MODALITIES } from '../../domain/interaction.ts';
import { nextCursor, pageAsked, pageOf, paging } from '../cursor.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { ringNow } from '../ring-now.ts';
import { route } from '../route.ts';
import { modality, time, uuid } from '../schemas.ts';

const code = z.string().regex(/^[a-z_]{1,60}$/, 'must be a code as the list gives it');

const failedPiece = z.object({
  kind: z.string(),
  piece: z.int(),
  code: z.string(),
  detail: z.string().nullable(),
  failedAt: time,
  workflowId: z.string().nullable(),
  runId: z.string().nullable(),
});

const failure = z
  .object({
    interactionId: uuid,
    modality,
    state: z.enum(['failed', 'degraded']),
    capturedAt: time,
    firstFailedAt: time,
    lastFailedAt: time,
    attempts: z.int(),
    workflowId: z.string(),
    pieces: z.array(failedPiece),
  })
  .openapi('Failure');

export const getFailures = route({
  method: 'get',
  path: '/v1/failures',
  scope: 'operator',
  summary: 'List records that failed or lack a piece, with the real error, the latest first',
  query: z.object({
    state: z.enum(['failed', 'degraded']).optional(),
    modality: z.enum(MODALITIES).optional(),
    code: code.optional(),
    ...paging(500, 50),
  }),
  status: 200,
  answer: z.object({ failures: z.array(failure), nextCursor }),
  handle: async ({ deps, caller: { tenant }, query }) => {
    const filter = query as Partial<FailureFilter>;
    const { limit, after } = pageAsked(query);
    const rows = await listFailures(
      deps.database.forTenant(tenant).reader,
      tenant,
      { state: filter.state ?? null, modality: filter.modality ?? null, code: filter.code ?? null },
      after === null ? null : { last_failed_at: after.moment, interaction_id: after.id },
      limit + 1,
    );
    const { page, nextCursor } = pageOf(rows, limit, (row) => ({ moment: row.last_failed_at, id: row.interaction_id }));
    return { failures: page.map(describeFailure), nextCursor };
  },
});

function describeFailure(row: FailureRow) {
  return {
    interactionId: row.interaction_id,
    modality: row.modality,
    // A record of which something else is reachable, or held back, only lacks the piece.
    state: row.state === 'failed' ? 'failed' : 'degraded',
    capturedAt: row.captured_at,
    firstFailedAt: row.first_failed_at,
    lastFailedAt: new Date(row.last_failed_at),
    // The first run, and those that were asked for.
    attempts: row.attempts + 1,
    workflowId: row.workflow_id,
    pieces: row.pieces,
  };
}

export const resolveFailure = route({
  method: 'post',
  path: '/v1/failures/{interactionId}/resolve',
  scope: 'operator',
  summary: 'Run one failed record again; what was made of it is kept and served meanwhile',
  params: z.object({ interactionId: uuid }),
  status: 202,
  answer: z.object({ interactionId: uuid, workflowId: z.string(), resolved: z.boolean() }),
  handle: async ({ deps, caller: { tenant }, params: { interactionId } }) => {
    const { app } = deps.database.forTenant(tenant);
    const [reopened] = await reopenFailed(app, tenant, [interactionId]);
    if (reopened === undefined) return nothingToResolve(deps, tenant, interactionId);
    const { session_id: sessionId, customer_key: customerKey, workflow_id: workflowId, channel } = reopened;
    await ringNow(deps, { tenant, sessionId, channel, customerKey, workflowId });
    return { interactionId, workflowId, resolved: true };
  },
});

/** A record without a failed piece is left alone, so that asking twice is harmless; an erased one is gone. */
async function nothingToResolve(deps: ApiDependencies, tenant: string, interactionId: string) {
  const { app } = deps.database.forTenant(tenant);
  const [found] = await findInteractions(app, tenant, [interactionId], deps.indexVersions.live().index_version);
  const record = found?.record ?? undefined;
  const erased = record === undefined ? (await findTombstone(app, tenant, interactionId)) !== undefined : false;
  if (erased || record?.state === 'erased') throw new EarshotError('erased', 'this record was erased');
  if (record === undefined) throw new EarshotError('not_found', 'there is no such interaction');
  if (await isUndecided(app, tenant, interactionId)) {
    throw new EarshotError(
      'reindexing',
      'an index version that is not decided yet has artifacts of its own of this record',
    );
  }
  if (record.state === 'failed') throw new EarshotError('erased', 'this record is being erased');
  return { interactionId, workflowId: record.workflow_id, resolved: false };
}

/** Records reopened in one transaction. */
const PAGE = 200;

export const resolveFailures = route({
  method: 'post',
  path: '/v1/failures/resolve',
  scope: 'operator',
  reprocesses: true,
  summary: 'Run all failed records again, or those of one modality or error',
  body: z.strictObject({ modality: z.enum(MODALITIES).optional(), code: code.optional() }),
  status: 202,
  answer: z.object({ resolved: z.int() }),
  handle: async ({ deps, caller: { tenant }, body }) => {
    const { app } = deps.database.forTenant(tenant);
    const filter = { state: null, modality: body.modality ?? null, code: body.code ?? null };
    let resolved = 0;
    // The walk goes back in time, so that what fails again meanwhile is not met again.
    for (let before: FailureRow | null = null; ;) {
      const page: FailureRow[] = await listFailures(app, tenant, filter, before, PAGE);
      const ids = page.map(({ interaction_id }) => interaction_id);
      // The sweep rings for their sessions, a hundred at a time, as after an outage.
      resolved += ids.length === 0 ? 0 : (await reopenFailed(app, tenant, ids)).length;
      if (page.length < PAGE) return { resolved };
      before = page.at(-1)!;
    }
  },
});
