import { z } from 'zod';
import { SERVICE_KINDS } from '../../domain/service.ts';
import { STAGES } from '../../domain/stage-budget.ts';
import { serviceLevelOf } from '../../service-level.ts';
import { route } from '../route.ts';
import { modality } from '../schemas.ts';
import { windowAsked, windowMsOf } from '../window.ts';

const ms = z.number().nullable();
const status = z.enum(['green', 'red']);

const budget = z
  .object({
    modality,
    status,
    overBudget: z.array(z.enum([...STAGES, 'total'])),
    budgetMs: z.number(),
    p99Ms: ms,
    oldestWaitingMs: ms,
    stages: z.array(z.object({ stage: z.enum(STAGES), status, budgetMs: z.number(), p99Ms: ms, oldestWaitingMs: ms })),
  })
  .openapi('BudgetVerdict');

export const getServiceLevel = route({
  method: 'get',
  path: '/v1/sla',
  scope: 'operator',
  summary:
    'See what is promised and what was kept: freshness by stage, serving, availability, correctness and data quality',
  query: z.object({ window: windowAsked('24h') }),
  status: 200,
  answer: z.object({
    window: z.string(),
    met: z.boolean(),
    objectives: z.array(
      z.object({
        name: z.string(),
        unit: z.enum(['percent', 'ms', 'count']),
        target: z.number(),
        measured: z.number().nullable(),
        met: z.boolean().nullable(),
      }),
    ),
    freshness: z.array(budget),
    service: z.array(
      z.object({
        kind: z.enum(SERVICE_KINDS),
        requests: z.number(),
        failed: z.number(),
        p50Ms: ms,
        p95Ms: ms,
        p99Ms: ms,
      }),
    ),
    minutes: z.object({ known: z.int(), alive: z.int() }),
    recovery: z.object({ longestOverBudgetMinutes: z.int() }),
  }),
  handle: async ({ deps, caller: { tenant }, query }) => {
    const window = String(query['window']);
    return { window, ...(await serviceLevelOf(deps, tenant, windowMsOf(window))) };
  },
});
