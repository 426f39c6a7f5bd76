import type { DialReader } from '../dial-reader.ts';
import type { ForecastRules } from '../domain/forecast.ts';
import type { PressureRules } from '../domain/pressure.ts';

type Dials = Pick<DialReader, 'get'>;

export function measuringRules(dials: Dials): { stuckBudgets: number; lateAfterMs: number } {
  return { stuckBudgets: dials.get('backlog.stuck_after_budgets'), lateAfterMs: dials.get('late.after_ms') };
}

export function forecastRules(dials: Dials, budgetMs: number): ForecastRules {
  return {
    budgetMs,
    windowBudgets: dials.get('forecast.window_budgets'),
    minPoints: dials.get('forecast.min_points'),
    minWaiting: dials.get('forecast.min_waiting'),
    leastAgeShare: dials.get('forecast.least_age_share'),
    refusingAgeShare: dials.get('forecast.refusing_age_share'),
    minRefusing: dials.get('forecast.min_refusing'),
    refusingShare: dials.get('forecast.refusing_share'),
    surenessZ: dials.get('forecast.sureness_z'),
    horizonMinutes: dials.get('forecast.horizon_minutes'),
  };
}

export function pressureRules(dials: Dials): PressureRules {
  return {
    enterMinutes: {
      slow_reprocessing: dials.get('pressure.slow_reprocessing_within_minutes'),
      grow_batches: dials.get('pressure.grow_batches_within_minutes'),
      drop_captions: dials.get('pressure.drop_captions_within_minutes'),
      refuse_bulk: dials.get('pressure.refuse_bulk_within_minutes'),
      refuse_live: dials.get('pressure.refuse_live_within_minutes'),
    },
    leastAgeShare: dials.get('forecast.least_age_share'),
    refusingAgeShare: dials.get('forecast.refusing_age_share'),
    leaveTimes: dials.get('pressure.leave_at_times'),
    leaveAtLeastMinutes: dials.get('pressure.leave_at_least_minutes'),
    leaveAfterMs: dials.get('pressure.leave_after_ms'),
    riseAfterMs: dials.get('pressure.rise_after_ms'),
    refuseLiveAfterMs: dials.get('pressure.refuse_live_after_ms'),
  };
}
