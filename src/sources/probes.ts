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
  const ask = await questionTo(models, source);
  try {
    await ask(AbortSignal.timeout(PROBE_WITHIN_MS));
    return true;
  } catch (error) {
    return error instanceof EarshotError && error.code !== 'model_unavailable';
  }
}

/** Made before anything is asked: material that is missing here says nothing of an endpoint. */
async function questionTo(
  models: ProbedModels,
  source: ModelSource,
): Promise<(signal: AbortSignal) => Promise<unknown>> {
  const id = randomUUID();
  switch (source) {
    case 'embedding': {
      const words = canaryWords(id);
      return (signal) => models.embedding().embed([words], signal);
    }
    case 'speech': {
      const recording = await canaryRecording(id);
      return (signal) => models.speech.transcribe(recording, 'probe.wav', signal);
    }
    case 'vision': {
      const screen = await canaryScreen(id);
      return (signal) => models.vision.readText(screen, signal);
    }
  }
}
