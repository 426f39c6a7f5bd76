import { z } from 'zod';
import { lagHistory } from '../../db/lag-history.ts';
import { route } from '../route.ts';
import { modality, time } from '../schemas.ts';
import { pointsAsked, stretchMsOf, windowAsked, windowMsOf } from '../window.ts';

/** Points of a chart's line, at the most, unless more are asked for. */
const POINTS = 120;

/** The longest window: its records are read again each time. */
const LONGEST_MS = 86_400_000;

/** Of what was accepted before the window, records of at least an hour are read: in an overload they take so long. */
const LOOK_BACK_AT_LEAST_MS = 3_600_000;

export const getLagHistory = route({
  method: 'get',
  path: '/v1/freshness/history',
  scope: 'operator',
  summary: 'See how old records were when they became reachable, over time: percentiles by modality',
  query: z.object({
    window: windowAsked('1h').refine((text) => {
      const ms = windowMsOf(text);
      return ms > 0 && ms <= LONGEST_MS;
    }, 'must be longer than nothing and at most 24h'),
    points: pointsAsked(POINTS),
  }),
  status: 200,
  answer: z.object({
    window: z.string(),
    stretchMs: z.number(),
    modalities: z.array(
      z.object({
        at: time,
        modality,
        reached: z.int(),
        total: z.object({ p50: z.number(), p95: z.number(), p99: z.number() }),
      }),
    ),
  }),
  handle: async ({ deps, caller: { tenant }, query }) => {
    const window = String(query['window']);
    const windowMs = windowMsOf(window);
    const stretchMs = stretchMsOf(windowMs, Number(query['points']), deps.dials.get('backlog.sample_interval_ms'));
    const lookBackMs = Math.max(windowMs, LOOK_BACK_AT_LEAST_MS);
    const { reader } = deps.database.forTenant(tenant);
    const lateAfterMs = deps.dials.get('late.after_ms');
    const rows = await lagHistory(reader, tenant, { windowMs, stretchMs, lookBackMs }, lateAfterMs);
    const modalities = rows.map(({ at, modality: of, reached, lag: [p50, p95, p99] }) => {
      return { at, modality: of, reached, total: { p50, p95, p99 } };
    });
    return { window, stretchMs, modalities };
  },
});
