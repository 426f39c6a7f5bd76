import type { Database } from '../db/pools.ts';
import type { DialReader } from '../dial-reader.ts';
import { MODALITIES, type Modality } from '../domain/interaction.ts';
import {
  manyTimes,
  percentileOf,
  placesNeeded,
  rehearse,
  restOf,
  type RehearsedRecord,
  type Servers,
} from '../domain/rehearsal.ts';
import { freshnessBudgets } from '../freshness-budgets.ts';
import { pastArrivals, type ByModality, type Period } from './past-arrivals.ts';

export interface RehearsalPlan {
  readonly tenant: string;
  /** Whose arrivals come again. */
  readonly period: Period;
  /** How many times as many. */
  readonly times: number;
  readonly places: ByModality<number>;
  /** What really came afterwards, to be compared with. */
  readonly against: Period | null;
}

/** Freshness, from capture to reachable, in milliseconds; null of nothing. */
export interface Lags {
  readonly records: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
}

export interface Prediction extends Lags {
  readonly withinBudget: boolean;
  readonly mostWaiting: number;
  readonly drainSeconds: number;
  /** For how long places are busy with it: what a model costs is paid for this. */
  readonly busyHours: number;
  /** The fewest places that keep the budget; null where no number does. */
  readonly placesNeeded: number | null;
}

export interface ModalityRehearsal {
  readonly modality: Modality;
  readonly budgetMs: number;
  readonly places: number;
  /** What a record takes beside its longest piece when it does not queue. */
  readonly restMs: number;
  readonly measured: Lags;
  /** The same arrivals once: how near the rehearsal comes to what was measured says how far to trust it. */
  readonly once: Prediction;
  readonly rehearsed: Prediction;
  readonly against: Lags | null;
}

/**
 * Lets what came within a period come again, so many times, against a shadow of the queues with the times that were
 * measured. Nothing is started and nothing is written.
 */
export async function rehearseWeek(
  { database, dials }: { readonly database: Database; readonly dials: Pick<DialReader, 'get'> },
  plan: RehearsalPlan,
): Promise<ModalityRehearsal[]> {
  const { reader } = database.forTenant(plan.tenant);
  const lateAfterMs = dials.get('late.after_ms');
  const arrivals = await pastArrivals(reader, plan.tenant, plan.period, lateAfterMs);
  const against = plan.against === null ? null : await pastArrivals(reader, plan.tenant, plan.against, lateAfterMs);
  const budgets = freshnessBudgets(dials);
  return MODALITIES.map((modality) => {
    const records = arrivals[modality];
    const budgetMs = budgets[modality];
    const places = plan.places[modality];
    const servers = { places, together: modality === 'chat' ? dials.get('embedding.join_max_texts') : 1 };
    const restMs = restOf(records);
    const predict = (times: number) => predictionOf(manyTimes(records, times), servers, { restMs, budgetMs });
    return {
      ...{ modality, budgetMs, places, restMs },
      measured: measuredOf(records),
      once: predict(1),
      rehearsed: predict(plan.times),
      against: against && measuredOf(against[modality]),
    };
  });
}

function predictionOf(
  records: readonly RehearsedRecord[],
  servers: Servers,
  { restMs, budgetMs }: { readonly restMs: number; readonly budgetMs: number },
): Prediction {
  const { lagsMs, mostWaiting, drainMs, busyMs } = rehearse(records, servers, restMs);
  const lags = lagsOf(lagsMs);
  return {
    ...lags,
    ...{ withinBudget: (lags.p99Ms ?? 0) <= budgetMs, mostWaiting },
    drainSeconds: drainMs / 1_000,
    busyHours: busyMs / 3_600_000,
    placesNeeded: placesNeeded(records, servers.together, restMs, budgetMs),
  };
}

function measuredOf(records: readonly RehearsedRecord[]): Lags {
  const known = records.flatMap(({ measuredMs, capturedAgoMs }) =>
    measuredMs === null ? [] : [capturedAgoMs + measuredMs],
  );
  return { ...lagsOf(known), records: records.length };
}

function lagsOf(lagsMs: readonly number[]): Lags {
  const at = (share: number) => percentileOf(lagsMs, share);
  return { records: lagsMs.length, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}
