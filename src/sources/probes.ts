import { randomUUID } from 'node:crypto';
import { canaryRecording, canaryScreen, canaryWords } from '../canary/canary-material.ts';
import { EarshotError } from '../domain/errors.ts';
import type { ModelSource } from '../domain/model-source.ts';
import type { EmbeddingModel, SpeechModel, VisionModel } from '../models/ports.ts';

/** Longest that a probe may take. */
export const PROBE_WITHIN_MS = 60_000;

/** The models that records are made with, past the gate. */
export interface ProbedModels {
  embedding(): EmbeddingModel;
  readonly speech: SpeechModel;
  readonly vision: VisionModel;
}

/**
 * Asks a source with material of canaries whether its endpoint works, so that no record which breaks a model is taken
 * for a broken model. An answer of any kind will do.
 */
export async function endpointAnswers(models: ProbedModels, source: ModelSource): Promise<boolean> {
  try {
    await ask(models, source, AbortSignal.timeout(PROBE_WITHIN_MS));
    return true;
  } catch (error) {
    return error instanceof EarshotError && error.code !== 'model_unavailable';
  }
}

async function ask(models: ProbedModels, source: ModelSource, signal: AbortSignal): Promise<void> {
  const id = randomUUID();
  switch (source) {
    case 'embedding':
      await models.embedding().embed([canaryWords(id)], signal);
      return;
    case 'speech':
      await models.speech.transcribe(await canaryRecording(id), 'probe.wav', signal);
      return;
    case 'vision':
      await models.vision.readText(await canaryScreen(id), signal);
  }
}
