import { currentAttempt } from '../heartbeat.ts';

/**
 * When the time of a canary begins, in milliseconds: when it was planted; for a step that was taken up again, now. While
 * nobody ran it nobody may have run the canary's records either.
 */
export function timeBegins(plantedAt: Date): number {
  return currentAttempt() > 1 ? Date.now() : plantedAt.getTime();
}
