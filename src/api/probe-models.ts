import { randomUUID } from 'node:crypto';
import { canaryRecording, canaryScreen } from '../canary/canary-material.ts';
import { EarshotError, invalidField } from '../domain/errors.ts';
import type { ApiDependencies } from './dependencies.ts';

const EMBED_WITHIN_MS = 10_000;
const RECOGNISE_WITHIN_MS = 60_000;

/**
 * One call tells a wrong name, and a model of other dimensions, before anything is made.
 *
 * @throws EarshotError `invalid_request` with the field at fault, `model_unavailable`.
 */
export async function probeModel(deps: ApiDependencies, model: string, dimensions: number): Promise<void> {
  const signal = AbortSignal.timeout(EMBED_WITHIN_MS);
  await probe('embeddingModel', () =>
    deps.embeddings.of({ model, dimensions }).embed([`probe ${randomUUID()}`], signal),
  );
}

/** The same for models that recognise, with a spoken sentence and a small screen. */
export async function probeRecognisers(
  { recognisers }: ApiDependencies,
  { asrModel, visionModel }: { readonly asrModel: string | undefined; readonly visionModel: string | undefined },
): Promise<void> {
  const signal = AbortSignal.timeout(RECOGNISE_WITHIN_MS);
  if (asrModel !== undefined) {
    const voice = await canaryRecording(randomUUID());
    await probe('asrModel', () => recognisers.speech(asrModel).transcribe(voice, 'probe.wav', signal));
  }
  if (visionModel !== undefined) {
    const screen = await canaryScreen(randomUUID());
    await probe('visionModel', () => recognisers.vision(visionModel).readText(screen, signal));
  }
}

async function probe(field: string, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof EarshotError)) throw new EarshotError('model_unavailable', 'the model does not answer');
    if (error.code === 'model_rejected') throw invalidField(field, 'the endpoint refuses this model');
    if (field === 'embeddingModel' && error.code === 'model_answer_invalid') {
      throw invalidField('dimensions', error.message);
    }
    throw error;
  }
}
