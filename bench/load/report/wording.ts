import type { StageTimes } from '../../../src/domain/freshness.ts';

const TITLES: Readonly<Record<keyof StageTimes, string>> = {
  ingestMs: 'Δi ingest',
  streamMs: 'Δs stream',
  transformMs: 'Δt transform',
  indexMs: 'Δx index',
  totalMs: 'total',
};

export function stageTitle(stage: keyof StageTimes): string {
  return TITLES[stage];
}

/** A time in milliseconds below ten seconds, else in seconds. */
export function told(ms: number): string {
  return ms < 10_000 ? String(Math.round(ms)) : `${(ms / 1000).toFixed(ms < 100_000 ? 1 : 0)} s`;
}
