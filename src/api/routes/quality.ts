import { z } from 'zod';
import { checkRates, listAlarms } from '../../db/quality.ts';
import { listWindows, type WindowRow } from '../../db/rollups.ts';
import { shareOf } from '../../domain/quality-alarm.ts';
import { sum } from '../../domain/rollup.ts';
import { invalidField } from '../../domain/errors.ts';
import { route } from '../route.ts';
import { modality, time } from '../schemas.ts';

const share = z.object({ recognitions: z.int(), heldBack: z.int(), share: z.number() });

const MAX_ALARMS = 100;

export const getQuality = route({
  method: 'get',
  path: '/v1/quality',
  scope: 'operator',
  summary: 'See how often each check holds something back, now and before, and which alarms are up',
  status: 200,
  answer: z.object({
    windowMs: z.number(),
    baselineMs: z.number(),
    checks: z.array(z.object({ kind: z.string(), check: z.string(), now: share, before: share })),
    alarms: z.array(
      z.object({
        kind: z.string(),
        check: z.string(),
        recognitions: z.int(),
        share: z.number(),
        baselineShare: z.number(),
        raisedAt: time,
        clearedAt: time.nullable(),
      }),
    ),
  }),
  handle: async ({ deps, caller: { tenant } }) => {
    const { reader } = deps.database.forTenant(tenant);
    const windowMs = deps.dials.get('quality.alarm_window_ms');
    const baselineMs = deps.dials.get('quality.alarm_baseline_ms');
    const [rates, alarms] = await Promise.all([
      checkRates(reader, tenant, windowMs, baselineMs),
      listAlarms(reader, tenant, MAX_ALARMS),
    ]);
    const described = (recognitions: number, heldBack: number) => ({
      recognitions,
      heldBack,
      share: shareOf(heldBack, recognitions),
    });
    const checks = rates.map(({ kind, check, recognitions, failed, baselineRecognitions, baselineFailed }) => ({
      kind,
      check,
      now: described(recognitions, failed),
      before: described(baselineRecognitions, baselineFailed),
    }));
    return { windowMs, baselineMs, checks, alarms };
  },
});

const counts = z.record(z.string(), z.number());

/** Three modalities for some three months. */
const MAX_WINDOWS = 6_600;

export const getRollups = route({
  method: 'get',
  path: '/v1/rollups',
  scope: 'operator',
  summary: 'Read the counts by hour of event time, with their revisions and the corrections for what came too late',
  query: z.object({ from: time, to: time, modality: modality.optional() }),
  status: 200,
  answer: z.object({
    windows: z.array(
      z.object({
        modality,
        from: time,
        to: time,
        revision: z.int(),
        computedAt: time.nullable(),
        closedAt: time.nullable(),
        counts,
        corrections: z.array(z.object({ number: z.int(), delta: counts, why: z.string(), madeAt: time })),
        /** The counts with all corrections. */
        corrected: counts,
      }),
    ),
    /** Whether the range holds more than one answer gives. */
    more: z.boolean(),
  }),
  handle: async ({ deps, caller: { tenant }, query }) => {
    const from = new Date(String(query['from']));
    const to = new Date(String(query['to']));
    if (to <= from) throw invalidField('to', 'must lie after from');
    const only = (query['modality'] as 'chat' | undefined) ?? null;
    const { reader } = deps.database.forTenant(tenant);
    const rows = await listWindows(reader, tenant, { from, to, modality: only }, MAX_WINDOWS + 1);
    return { windows: rows.slice(0, MAX_WINDOWS).map(describe), more: rows.length > MAX_WINDOWS };
  },
});

function describe(row: WindowRow) {
  return {
    modality: row.modality,
    from: row.hour,
    to: new Date(row.hour.getTime() + 3_600_000),
    revision: row.revision,
    computedAt: row.computed_at,
    closedAt: row.closed_at,
    counts: row.counts,
    corrections: row.corrections,
    corrected: sum(row.counts, row.corrected),
  };
}
