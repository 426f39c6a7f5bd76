/** The moments of one record. `null` means: not yet. */
export interface Stamps {
  readonly capturedAt: Date;
  readonly acceptedAt: Date;
  readonly pickedUpAt: Date | null;
  readonly transformedAt: Date | null;
  readonly reachableAt: Date | null;
}

/** The freshness gap by stage, in milliseconds: Δi, Δs, Δt, Δx and their sum. */
export interface StageTimes {
  readonly ingestMs: number | null;
  readonly streamMs: number | null;
  readonly transformMs: number | null;
  readonly indexMs: number | null;
  readonly totalMs: number | null;
}

/** Differences of neighbouring stamps. A negative Δi (the channel's clock is ahead) is kept: it shows the skew. */
export function stageTimes(stamps: Stamps): StageTimes {
  return {
    ingestMs: between(stamps.capturedAt, stamps.acceptedAt),
    streamMs: between(stamps.acceptedAt, stamps.pickedUpAt),
    transformMs: between(stamps.pickedUpAt, stamps.transformedAt),
    indexMs: between(stamps.transformedAt, stamps.reachableAt),
    totalMs: between(stamps.capturedAt, stamps.reachableAt),
  };
}

function between(from: Date | null, to: Date | null): number | null {
  return from === null || to === null ? null : to.getTime() - from.getTime();
}
