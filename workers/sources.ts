import type OpenAI from 'openai';
import type { Config } from '../src/config.ts';
import type { Database } from '../src/db/pools.ts';
import type { DialReader } from '../src/dial-reader.ts';
import type { ModelSource } from '../src/domain/model-source.ts';
import type { IndexVersions } from '../src/index-version-reader.ts';
import { openAiEmbedding } from '../src/models/embedding.ts';
import { openAiSpeech } from '../src/models/speech.ts';
import { openAiVision } from '../src/models/vision.ts';
import type { Logger } from '../src/observe/log.ts';
import type { SourceMetrics } from '../src/observe/source-metrics.ts';
import { SourceGate } from '../src/sources/model-gate.ts';
import type { ProbedModels } from '../src/sources/probes.ts';
import { SourceStates } from '../src/sources/source-states.ts';

export interface Sources {
  readonly sourceStates: SourceStates;
  readonly gate: SourceGate;
  readonly probedModels: ProbedModels;
}

interface SourcesDependencies {
  readonly database: Database;
  readonly dials: DialReader;
  readonly indexVersions: IndexVersions;
  readonly metrics: SourceMetrics;
  readonly log: Logger;
}

/** Wires what stands between this process and the model endpoints. */
export async function openSources(config: Config, endpoint: OpenAI, deps: SourcesDependencies): Promise<Sources> {
  const { ASR_MODEL, VISION_MODEL } = config;
  const sourceStates = await SourceStates.open(deps.database);
  const current: Readonly<Record<ModelSource, () => string>> = {
    embedding: () => deps.indexVersions.live().model,
    speech: () => ASR_MODEL,
    vision: () => VISION_MODEL,
  };
  const isCurrent = (source: ModelSource, model: string) => current[source]() === model;
  return {
    sourceStates,
    gate: new SourceGate({ ...deps, states: sourceStates, isCurrent }),
    probedModels: {
      embedding: () => {
        const { model, dimensions } = deps.indexVersions.live();
        return openAiEmbedding(endpoint, model, dimensions);
      },
      speech: openAiSpeech(endpoint, ASR_MODEL),
      vision: openAiVision(endpoint, VISION_MODEL),
    },
  };
}
