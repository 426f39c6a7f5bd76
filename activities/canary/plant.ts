import { setTimeout as delay } from 'node:timers/promises';
import { CanaryClient, CanaryRefused } from '../../src/canary/canary-client.ts';
import { canaryRecording, canaryScreen, canaryWords } from '../../src/canary/canary-material.ts';
import { openCanary } from '../../src/db/canaries.ts';
import type { PlantedCanaries } from '../../src/domain/activities.ts';
import {
  CANARY_CUSTOMER,
  DISTRACTOR_CUSTOMER,
  type CanaryRef,
  type PlantedCanary,
  type PlantedRecord,
} from '../../src/domain/canary.ts';
import { MODALITIES, type Modality } from '../../src/domain/interaction.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { timeBegins } from './time-begins.ts';

/** Length of the recording. */
const VOICE_MS = 2_700;

/**
 * Hands over one record of each modality and a distractor, as a channel does. Run again, it hands over the same: ids,
 * times and bytes follow from the canary's own.
 */
export async function plantCanaries(
  deps: ActivityDependencies,
  ref: CanaryRef,
  signal: AbortSignal,
): Promise<PlantedCanaries> {
  const plantedAt = await openCanary(deps.database.forTenant(ref.tenant).app, ref, MODALITIES);
  const client = new CanaryClient(deps.canaries, ref.tenant, signal);
  const deadline = timeBegins(plantedAt) + deps.dials.get('canary.chat_budget_ms');
  const hand = (what: () => Promise<PlantedRecord>) => insist(deps, what, deadline, signal);
  const name = `canary-${ref.canaryId}`;
  const message = (customerId: string, conversation: string) =>
    client.message(conversation, {
      messageId: conversation,
      customerId,
      sentAt: plantedAt.toISOString(),
      author: 'customer',
      text: canaryWords(ref.canaryId),
    });
  const customerId = CANARY_CUSTOMER.id;
  const distractor = await hand(() => message(DISTRACTOR_CUSTOMER.id, `${name}-distractor`));
  const ways: Record<Modality, () => Promise<PlantedRecord>> = {
    chat: () => message(customerId, name),
    audio: async () =>
      client.upload('/v1/calls', 'audio', await canaryRecording(ref.canaryId), {
        callId: name,
        customerId,
        startedAt: new Date(plantedAt.getTime() - VOICE_MS).toISOString(),
        endedAt: plantedAt.toISOString(),
      }),
    screenshot: async () =>
      client.upload('/v1/screenshots', 'image', await canaryScreen(ref.canaryId), {
        screenshotId: name,
        customerId,
        capturedAt: plantedAt.toISOString(),
      }),
  };
  const canaries = await Promise.all(
    MODALITIES.map(async (modality): Promise<PlantedCanary> => ({
      ...ref,
      modality,
      plantedAt: plantedAt.toISOString(),
      record: (await hand(ways[modality])) ?? null,
    })),
  );
  return { canaries, distractor: distractor ?? null };
}

/** A refusal that the request itself is not the cause of. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof CanaryRefused)) return false;
  return error.status === undefined || error.status === 429 || error.status >= 500;
}

/** Tries again while the API is starting or overloaded; undefined when the intake does not take it in time. */
async function insist(
  { dials, log }: ActivityDependencies,
  hand: () => Promise<PlantedRecord>,
  deadline: number,
  signal: AbortSignal,
): Promise<PlantedRecord | undefined> {
  for (;;) {
    try {
      const { interactionId, workflowId } = await hand();
      return { interactionId, workflowId };
    } catch (error) {
      if (!(error instanceof CanaryRefused)) throw error;
      signal.throwIfAborted();
      if (isPassing(error) && Date.now() < deadline) {
        await delay(dials.get('canary.poll_ms'), undefined, { signal });
        continue;
      }
      log.warn({ code: 'not_accepted', reason: error.message }, 'a canary was not accepted');
      return undefined;
    }
  }
}
