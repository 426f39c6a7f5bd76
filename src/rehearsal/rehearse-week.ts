import type { Database } from '../db/pools.ts';
import type { DialReader } from '../dial-reader.ts';
import { EarshotError } from '../domain/errors.ts';
import { MODALITIES, type Modality } from '../domain/interaction.ts';
import { percentileOf } from '../domain/percentile.ts';
import { manyTimes, placesNeeded, rehearse, restOf, type RehearsedRecord, type Servers } from '../domain/rehearsal.ts';
import { freshnessBudgets } from '../freshness-budgets.ts';
import { pastArrivals, type ByModality, type Period } from './past-arrivals.ts';

export interface RehearsalPlan {
  readonly tenant: string;
  /** Whose arrivals come again. */
  readonly period: Period;
  /** How many times as many. */
  readonly times: number;
  /** Places for each modality: those of the time that is rehearsed, and those that it is rehearsed with. */
  readonly placesThen: ByModality<number>;
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
  /** Null where nothing came. */
  readonly withinBudget: boolean | null;
  readonly mostWaiting: number;
  readonly drainSeconds: number;
  /** For how long places are busy with it: what a model costs is paid for this. */
  readonly busyHours: number;
}

export interface ModalityRehearsal {
  readonly modality: Modality;
  readonly budgetMs: number;
  readonly places: number;
  /** What a record takes beside its pieces when it does not queue. */
  readonly restMs: number;
  readonly measured: Lags;
  /** Records without a time of the model for each piece, which count as long as others. */
  readonly unmeasured: number;
  /** The same arrivals once: how near the rehearsal comes to what was measured says how far to trust it. */
  readonly once: Prediction;
  readonly rehearsed: Prediction;
  /** The fewest places with which it would keep the budget; null where no number does. */
  readonly placesNeeded: number | null;
  readonly against: Lags | null;
}

/** Beyond this a rehearsal would take gigabytes. */
const MOST_RECORDS = 3_000_000;

/**
 * Lets what came within a period come again, so many times, against a shadow of the queues with the times that were
 * measured. Nothing is started and nothing is written.
 *
 * @throws EarshotError `misconfigured` when it is too much, or when nothing came.
 */
export async function rehearseWeek(
  { database, dials }: { readonly database: Database; readonly dials: Pick<DialReader, 'get'> },
  plan: RehearsalPlan,
): Promise<ModalityRehearsal[]> {
  const { reader } = database.forTenant(plan.tenant);
  const lateAfterMs = dials.get('late.after_ms');
  const arrivals = await pastArrivals(reader, plan.tenant, plan.period, lateAfterMs);
  checkSize(MODALITIES.reduce((sum, modality) => sum + arrivals[modality].records.length, 0) * plan.times);
  const against = plan.against === null ? null : await pastArrivals(reader, plan.tenant, plan.against, lateAfterMs);
  const budgets = freshnessBudgets(dials);
  return MODALITIES.map((modality) => {
    const { records, unmeasured } = arrivals[modality];
    const budgetMs = budgets[modality];
    const queue = queueOf(modality, dials);
    const then = { ...queue, places: plan.placesThen[modality] };
    const servers = { ...queue, places: plan.places[modality] };
    const restMs = restOf(records, then);
    const again = manyTimes(records, plan.times);
    return {
      ...{ modality, budgetMs, places: servers.places, restMs, unmeasured },
      measured: measuredOf(records),
      once: predictionOf(records, then, { restMs, budgetMs }),
      rehearsed: predictionOf(again, servers, { restMs, budgetMs }),
      placesNeeded: placesNeeded(again, queue, restMs, budgetMs),
      against: against && measuredOf(against[modality].records),
    };
  });
}

function checkSize(records: number): void {
  if (records === 0) throw new EarshotError('misconfigured', 'nothing came from this tenant within that time');
  if (records <= MOST_RECORDS) return;
  throw new EarshotError(
    'misconfigured',
    `at most ${MOST_RECORDS} records are rehearsed: take less time or fewer times`,
  );
}

/** How a modality queues, but for its places. */
function queueOf(modality: Modality, dials: Pick<DialReader, 'get'>): Omit<Servers, 'places'> {
  return {
    together: modality === 'chat' ? dials.get('embedding.join_max_texts') : 1,
    perRecord: modality === 'audio' ? dials.get('call.pieces_in_parallel') : Infinity,
  };
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
    ...{ withinBudget: lags.p99Ms === null ? null : lags.p99Ms <= budgetMs, mostWaiting },
    drainSeconds: drainMs / 1_000,
    busyHours: busyMs / 3_600_000,
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
