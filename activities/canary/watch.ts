import { setTimeout as delay } from 'node:timers/promises';
import { CanaryClient } from '../../src/canary/canary-client.ts';
import { endCanary, type CanaryMoments } from '../../src/db/canaries.ts';
import { raiseViolation, resolveViolations } from '../../src/db/quality-violations.ts';
import { diagnose, type CanaryCode, type CanaryOutcome, type PlantedCanary } from '../../src/domain/canary.ts';
import type { DialName } from '../../src/domain/dials.ts';
import type { Modality } from '../../src/domain/interaction.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { lookFor, type CanaryLook } from './look.ts';
import { timeBegins } from './time-begins.ts';

const BUDGETS: Readonly<Record<Modality, DialName>> = {
  chat: 'canary.chat_budget_ms',
  audio: 'canary.audio_budget_ms',
  screenshot: 'canary.screenshot_budget_ms',
};

type Moments = { -readonly [Moment in keyof CanaryMoments]: Date | null };

/** Looks for a canary until it is reachable or its time is over, and writes down how it went. */
export async function watchCanary(
  deps: ActivityDependencies,
  planted: PlantedCanary,
  signal: AbortSignal,
): Promise<CanaryOutcome> {
  const moments: Moments = {
    acceptedAt: planted.record === null ? null : new Date(planted.plantedAt),
    presentAt: null,
    textReachableAt: null,
    vectorReachableAt: null,
    reachableAt: null,
  };
  const code = planted.record === null ? 'not_accepted' : await wait(deps, planted, moments, signal);
  await conclude(deps, planted, moments, code);
  return { modality: planted.modality, code };
}

async function wait(
  deps: ActivityDependencies,
  { tenant, modality, plantedAt, record }: PlantedCanary,
  moments: Moments,
  signal: AbortSignal,
): Promise<CanaryCode | null> {
  const client = new CanaryClient(deps.canaries, tenant, signal);
  const textDeadline = timeBegins(new Date(plantedAt)) + deps.dials.get(BUDGETS[modality]);
  for (;;) {
    const look = await lookFor(deps, client, modality, { tenant, interactionId: record!.interactionId });
    signal.throwIfAborted();
    note(moments, look);
    const code = look.answered ? diagnose(look) : 'not_reachable';
    // A record of which a part is still being recognised is not judged by the other.
    if (code === null && look.state === 'reachable') {
      moments.reachableAt = new Date();
      return null;
    }
    const ended = look.state === 'failed' || look.state === 'quarantined';
    const deadline =
      moments.presentAt === null
        ? textDeadline
        : moments.presentAt.getTime() + deps.dials.get('canary.index_budget_ms');
    if ((ended && code !== null) || Date.now() > deadline) return code ?? 'not_reachable';
    await delay(deps.dials.get('canary.poll_ms'), undefined, { signal });
  }
}

function note(moments: Moments, look: CanaryLook): void {
  const now = new Date();
  if (look.chunks > 0) moments.presentAt ??= now;
  if (look.foundByWords) moments.textReachableAt ??= now;
  if (look.foundByVector) moments.vectorReachableAt ??= now;
}

async function conclude(
  deps: ActivityDependencies,
  planted: PlantedCanary,
  moments: Moments,
  code: CanaryCode | null,
): Promise<void> {
  const { tenant, canaryId, modality, plantedAt } = planted;
  const { app } = deps.database.forTenant(tenant);
  if (code === null) {
    await resolveViolations(app, tenant, 'canary', modality);
    observeStages(deps, modality, new Date(plantedAt), moments);
  } else {
    await raiseViolation(app, tenant, { check: 'canary', modality, code, severity: 'red', affected: 1 });
    deps.metrics.canaryFailures.inc({ modality, code });
    deps.log.error({ tenant, modality, code }, 'a canary was not reachable');
  }
  await endCanary(app, { tenant, canaryId }, modality, moments, code);
}

function observeStages({ metrics }: ActivityDependencies, modality: Modality, planted: Date, moments: Moments): void {
  const stages = {
    present: moments.presentAt,
    text: moments.textReachableAt,
    vector: moments.vectorReachableAt,
    reachable: moments.reachableAt,
  };
  for (const [stage, at] of Object.entries(stages)) {
    if (at !== null) metrics.canaryReachable.observe({ modality, stage }, (at.getTime() - planted.getTime()) / 1000);
  }
}
