/** How late a record came, told from the times that are kept of it. */
export interface Lateness {
  /** Whether it came later after its capture than the dial `late.after_ms` allows. */
  readonly late: boolean;
  /** From capture to acceptance, in milliseconds; negative when the channel's clock runs ahead. */
  readonly lateByMs: number;
}

export function latenessOf(capturedAt: Date, acceptedAt: Date, lateAfterMs: number): Lateness {
  const lateByMs = acceptedAt.getTime() - capturedAt.getTime();
  return { late: lateByMs > lateAfterMs, lateByMs };
}
