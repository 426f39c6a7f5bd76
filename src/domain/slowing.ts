/** How work that nobody waits for comes to a halt. */
export interface SlowingRules {
  readonly firstPauseMs: number;
  /** Pieces of work that are still done, each after twice the pause of the one before; then none is. */
  readonly lastPieces: number;
}

/**
 * How long the next piece of work waits since the last one was let go, in milliseconds; infinite when none is done until
 * the pressure is over.
 *
 * @param done pieces that were done since the pressure began.
 */
export function pauseAfter(done: number, { firstPauseMs, lastPieces }: SlowingRules): number {
  return done < lastPieces ? firstPauseMs * 2 ** done : Infinity;
}
