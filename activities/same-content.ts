import type { RecordRow } from '../src/db/artifacts.ts';
import { findKeptAnswers } from '../src/db/same-content.ts';
import { EarshotError } from '../src/domain/errors.ts';
import { movedBy } from '../src/domain/transcript.ts';
import type { Recognition } from '../src/models/ports.ts';
import type { ActivityDependencies } from './dependencies.ts';
import { offsetInCall } from './offset-in-call.ts';
import type { RecognitionStep } from './recognise.ts';

/**
 * What a model has answered for the same bytes of the same customer in another record: same model, same parameters,
 * same generation of the customer's key. The caller keeps a copy of its own under its own record, so that either record
 * can go without the other. Undefined when there is none, and the model must be asked.
 */
export async function answerForSameContent(
  deps: ActivityDependencies,
  step: RecognitionStep,
  record: RecordRow,
  signal: AbortSignal,
): Promise<Recognition | undefined> {
  if (record.content_hash === null) return undefined;
  const { tenant } = step;
  const kept = await findKeptAnswers(deps.database.forTenant(tenant).app, {
    tenant,
    interactionId: record.interaction_id,
    customerKey: record.customer_key,
    generation: record.key_generation,
    contentHash: record.content_hash,
    kind: step.kind,
    piece: step.piece,
    model: step.model,
    prompt: step.prompt,
    parameters: step.parameters,
  });
  for (const { sealed_object: key } of kept) {
    const answer = await openAnswer(deps, tenant, record.customer_key, key, signal);
    const moved = answer === undefined ? undefined : movedToRecord(answer, step, record);
    if (moved === undefined) continue;
    deps.metrics.modelCallsSpared.inc({ kind: step.kind });
    return moved;
  }
  return undefined;
}

/** Undefined when the other record, or its key, was erased at this moment. */
async function openAnswer(
  { rawStore, keyRing }: ActivityDependencies,
  tenant: string,
  customerKey: string,
  key: string,
  signal: AbortSignal,
): Promise<Recognition | undefined> {
  try {
    const opened = await keyRing.open(tenant, customerKey, await rawStore.get(key, signal), key);
    return JSON.parse(opened.toString()) as Recognition;
  } catch (error) {
    if (error instanceof EarshotError && GONE.has(error.code)) return undefined;
    throw error;
  }
}

const GONE = new Set<string>(['raw_object_missing', 'data_key_destroyed']);

/** Times count from the start of a call, and the other recording may have begun at another moment of another call. */
function movedToRecord(answer: Recognition, { kind }: RecognitionStep, record: RecordRow): Recognition | undefined {
  if (kind !== 'transcript') return { ...answer, modelMs: 0 };
  if (answer.originMs === undefined) return undefined;
  const originMs = offsetInCall(record);
  return { ...movedBy(answer, originMs - answer.originMs), originMs, modelMs: 0 };
}
