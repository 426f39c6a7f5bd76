import type { RollupResult } from '../src/domain/activities.ts';
import { judgeWindow } from '../src/domain/rollup.ts';
import {
  countWindow,
  deleteWindows,
  markArrivals,
  windowsToCompute,
  writeCorrection,
  writeWindow,
  type WindowToCompute,
} from '../src/db/rollups.ts';
import { eachTenant } from '../src/each-tenant.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { beat } from './heartbeat.ts';
import { judgeRates } from './quality-alarms.ts';

const DAY_MS = 86_400_000;

/**
 * Brings the windows of counts up to date: hours in which something arrived or changed are counted anew from their
 * rows, those past their time closed, those too old to open corrected. Repeated or overlapping runs change nothing.
 */
export async function rollUp(deps: ActivityDependencies): Promise<RollupResult> {
  const total = { windows: 0, revised: 0, corrections: 0, alarms: 0 };
  await eachTenant(deps, 'counts were not brought up to date', async (tenant) => {
    const { app } = deps.database.forTenant(tenant);
    const days = deps.dials.get('rollup.keep_days');
    const keepAfter = days === 0 ? null : new Date(Date.now() - days * DAY_MS);
    await markArrivals(app, tenant, keepAfter);
    for (const window of await windowsToCompute(app, tenant, deps.dials.get('rollup.windows_per_run'))) {
      const did = await compute(deps, tenant, window);
      total.windows += 1;
      if (did === 'revise') total.revised += 1;
      if (did === 'correct') total.corrections += 1;
      beat();
    }
    if (keepAfter !== null) await deleteWindows(app, tenant, keepAfter);
    total.alarms += await judgeRates(deps, tenant);
  });
  return total;
}

async function compute(
  { database, dials }: ActivityDependencies,
  tenant: string,
  window: WindowToCompute,
): Promise<'revise' | 'correct' | 'keep'> {
  const { app } = database.forTenant(tenant);
  const { modality, hour, revision, dirtiedAt } = window;
  const key = { tenant, modality, hour };
  const counted = await countWindow(app, key, dials.get('late.after_ms'));
  const rules = { delayMs: dials.get('rollup.delay_ms'), reopenMaxMs: dials.get('rollup.reopen_max_ms') };
  const verdict = judgeWindow(window, counted, rules, new Date());
  switch (verdict.kind) {
    case 'revise': {
      const { counts, closed, settled } = verdict;
      await writeWindow(app, { ...key, counts, closed, settled, revision, dirtiedAt });
      break;
    }
    case 'keep':
      await writeWindow(app, {
        ...key,
        counts: null,
        closed: verdict.closed,
        settled: verdict.settled,
        revision,
        dirtiedAt,
      });
      break;
    case 'correct': {
      const why = verdict.delta.records > 0 ? 'came_after_the_cutoff' : 'changed_after_the_cutoff';
      const correction = { number: window.corrections + 1, delta: verdict.delta, why };
      await writeCorrection(app, key, correction, dirtiedAt);
      break;
    }
  }
  return verdict.kind;
}
