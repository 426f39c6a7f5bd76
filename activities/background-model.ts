import { embeddingInTurns } from '../src/models/embedding-in-turns.ts';
import type { EmbeddingModel, ModelOfVersion } from '../src/models/ports.ts';
import type { ActivityDependencies } from './dependencies.ts';

/** The model of an index version for what nobody waits for: it yields to live traffic. */
export function backgroundModel(deps: ActivityDependencies, version: ModelOfVersion): EmbeddingModel {
  return embeddingInTurns(deps.embeddings.of(version), deps.backgroundTurns);
}
