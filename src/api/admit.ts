import { reservedKeyOf } from '../domain/canary.ts';
import { EarshotError } from '../domain/errors.ts';
import { MODALITY_OF, type Channel, type Modality } from '../domain/interaction.ts';
import { refusalOf, type Refusal, type RefusalRules } from '../domain/overload.ts';
import { atLeast, type PressureStep } from '../domain/pressure.ts';
import { intakeClassOf, type IntakeClass } from '../domain/work-class.ts';
import type { ApiDependencies } from './dependencies.ts';

/** A record that asks to be taken. */
export interface Arrival {
  readonly tenant: string;
  readonly payload: { readonly channel: Channel; readonly customerId: string; readonly text?: string };
  /** Whether its sender says that nobody waits for it. */
  readonly bulk?: boolean;
  readonly capturedAt: Date;
  readonly media?: { readonly bytes: Buffer };
}

type Admission = Pick<ApiDependencies, 'pressure' | 'dials' | 'drain' | 'quotas' | 'metrics'>;

/**
 * Takes a record or refuses it, before anything is done for it; answers its class. Canaries are always taken: they tell
 * how bad it is.
 *
 * @throws EarshotError `overloaded` or `quota_exceeded`, each with when to come back.
 */
export async function admit(deps: Admission, arrival: Arrival): Promise<IntakeClass> {
  const { tenant, payload, capturedAt, bulk = false } = arrival;
  const { channel } = payload;
  const bulkAfterMs = deps.dials.get('pressure.bulk_after_ms');
  const intakeClass = intakeClassOf({ bulk, capturedAt }, Date.now(), bulkAfterMs);
  if (reservedKeyOf(payload.customerId) !== undefined) return intakeClass;
  await refuseByStep(deps, tenant, { modality: MODALITY_OF[channel], intakeClass }, channel);
  try {
    const bytes = arrival.media?.bytes.length ?? Buffer.byteLength(payload.text ?? '');
    deps.quotas.take(tenant, intakeClass, { records: 1, bytes });
  } catch (error) {
    deps.metrics.intake.inc({ channel, class: intakeClass, outcome: 'over_quota' });
    deps.metrics.overQuota.inc({ tenant });
    throw error;
  }
  return intakeClass;
}

/** Refuses an upload before its bytes are read, by what is known of it then: its modality, and what its sender says. */
export async function admitUnread(
  deps: Admission,
  tenant: string,
  file: 'audio' | 'image',
  bulk: boolean,
): Promise<void> {
  const channel = file === 'audio' ? 'call' : 'screenshot';
  await refuseByStep(deps, tenant, { modality: MODALITY_OF[channel], intakeClass: bulk ? 'bulk' : 'live' }, channel);
}

/** Refuses to begin what would go through much of the memory again. @throws EarshotError `overloaded` */
export async function admitReprocessing(deps: Admission, tenant: string): Promise<void> {
  await refuseByStep(deps, tenant, { modality: 'chat', intakeClass: 'bulk' }, 'none');
}

async function refuseByStep(
  deps: Admission,
  tenant: string,
  record: { readonly modality: Modality; readonly intakeClass: IntakeClass },
  channel: Channel | 'none',
): Promise<void> {
  const step = deps.pressure.step();
  // No step before this one refuses anything by default, and none at all costs a look.
  if (step === 'none') return;
  const rules = rulesOf(deps);
  // Only what waits decides on chat, and only at the last step.
  const asked = record.modality === 'chat' && atLeast(step, 'refuse_live');
  const waiting = asked ? (await deps.drain.look(tenant)).waiting : null;
  const refusal = refusalOf(record, step, deps.pressure.overloaded(record.modality), waiting, rules);
  if (refusal === undefined) return;
  if (channel !== 'none') deps.metrics.intake.inc({ channel, class: record.intakeClass, outcome: 'refused' });
  throw overloaded(refusal, step, await retryAfterMs(deps, tenant));
}

function rulesOf({ dials }: Admission): RefusalRules {
  return {
    bulkAtStep: dials.get('pressure.refuse_bulk_at_step'),
    audioAtStep: dials.get('pressure.refuse_audio_at_step'),
    screenshotAtStep: dials.get('pressure.refuse_screenshot_at_step'),
    chatAtWaiting: dials.get('pressure.refuse_chat_at_waiting_records'),
  };
}

/** As long as what waits takes to become reachable, within the dials' bounds. */
async function retryAfterMs({ drain, dials }: Admission, tenant: string): Promise<number> {
  const { drainMs } = await drain.look(tenant);
  const [min, max] = [dials.get('pressure.retry_after_min_ms'), dials.get('pressure.retry_after_max_ms')];
  return Math.max(min, Math.min(drainMs ?? 0, max));
}

const WHAT: Readonly<Record<Refusal, string>> = {
  bulk: 'history and reprocessing',
  audio: 'calls',
  screenshot: 'screenshots',
  chat: 'chat messages',
};

function overloaded(refusal: Refusal, step: PressureStep, retryAfterMs: number): EarshotError {
  const message = `too much is under way: ${WHAT[refusal]} are not taken at the moment, and nothing of it was kept`;
  return new EarshotError('overloaded', message, { retryAfterMs, details: { step, refused: refusal } });
}
