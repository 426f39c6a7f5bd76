import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import {
  deleteReconciliation,
  findReconciliation,
  listReconciliations,
  openReconciliation,
  type ReconciliationRow,
} from '../../db/reconciliations.ts';
import { EarshotError } from '../../domain/errors.ts';
import { startReconciliation } from '../../temporal/start-reconciliation.ts';
import { nextCursor, pageAsked, pageOf, paging } from '../cursor.ts';
import { route } from '../route.ts';
import { time, uuid } from '../schemas.ts';

const scope = z.enum(['recent', 'all']);
const counts = z.record(z.string(), z.int());

const reconciliation = z
  .object({
    reconciliationId: uuid,
    scope,
    startedAt: time,
    endedAt: time.nullable(),
    buckets: z.int(),
    differing: z.int(),
    missing: counts,
    repaired: counts,
    orphansRemoved: counts,
    unrepairable: counts,
    duplicates: z.int(),
    vectors: z.int(),
  })
  .openapi('Reconciliation');

export const postReconciliation = route({
  method: 'post',
  path: '/v1/reconciliations',
  scope: 'operator',
  summary: 'Compare the stores with each other now, and repair what differs',
  body: z.strictObject({ scope: scope.default('all') }),
  status: 202,
  answer: z.object({ reconciliationId: uuid, workflowId: z.string() }),
  handle: async ({ deps, caller: { tenant }, body }) => {
    const ref = { tenant, reconciliationId: randomUUID() };
    const { app } = deps.database.forTenant(tenant);
    const openedAt = await openReconciliation(app, ref, body.scope);
    const timeoutMs = deps.dials.get('intake.ring_timeout_ms');
    const workflowId = await startReconciliation(deps.temporal, ref, body.scope, timeoutMs).catch(
      async (error: unknown) => {
        await deleteReconciliation(app, ref, openedAt);
        throw new EarshotError('temporal_unavailable', 'the workflow could not be started; ask again', {
          cause: error,
        });
      },
    );
    return { reconciliationId: ref.reconciliationId, workflowId };
  },
});

export const getReconciliations = route({
  method: 'get',
  path: '/v1/reconciliations',
  scope: 'operator',
  summary: 'List comparisons of the stores, newest first',
  query: z.object(paging(200, 50)),
  status: 200,
  answer: z.object({ reconciliations: z.array(reconciliation), nextCursor }),
  handle: async ({ deps, caller: { tenant }, query }) => {
    const { limit, after } = pageAsked(query);
    const rows = await listReconciliations(deps.database.forTenant(tenant).reader, tenant, after, limit + 1);
    const { page, nextCursor } = pageOf(rows, limit, (row) => ({ moment: row.moment, id: row.reconciliation_id }));
    return { reconciliations: page.map(describe), nextCursor };
  },
});

export const getReconciliation = route({
  method: 'get',
  path: '/v1/reconciliations/{reconciliationId}',
  scope: 'operator',
  summary: 'Read what a comparison found and did',
  params: z.object({ reconciliationId: uuid }),
  status: 200,
  answer: reconciliation,
  handle: async ({ deps, caller: { tenant }, params: { reconciliationId } }) => {
    const row = await findReconciliation(deps.database.forTenant(tenant).reader, { tenant, reconciliationId });
    if (row === undefined) throw new EarshotError('not_found', 'there is no such reconciliation');
    return describe(row);
  },
});

function describe({ reconciliation_id, scope: of, started_at, ended_at, report }: ReconciliationRow) {
  return {
    reconciliationId: reconciliation_id,
    scope: of,
    startedAt: started_at,
    endedAt: ended_at,
    buckets: report.buckets ?? 0,
    differing: report.differing ?? 0,
    missing: report.missing ?? {},
    repaired: report.repaired ?? {},
    orphansRemoved: report.orphansRemoved ?? {},
    unrepairable: report.unrepairable ?? {},
    duplicates: report.duplicates ?? 0,
    vectors: report.vectors ?? 0,
  };
}
