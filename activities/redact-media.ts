import type { InteractionRef, RedactionResult } from '../src/domain/activities.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { remakeRedactedMedia } from '../src/redacted-media/remake.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { currentRun, withHeartbeat } from './heartbeat.ts';

/** Makes the redacted copy of a recording or picture. That none can be made is an answer, for trying again cannot help. */
export function redactMedia(
  deps: ActivityDependencies,
  { tenant, interactionId }: InteractionRef,
): Promise<RedactionResult> {
  return withHeartbeat(async (signal) => {
    try {
      await remakeRedactedMedia(deps, tenant, interactionId, currentRun(), signal);
      return { made: true };
    } catch (error) {
      if (error instanceof EarshotError && error.code === 'no_redacted_copy') return { made: false };
      throw error;
    }
  });
}
