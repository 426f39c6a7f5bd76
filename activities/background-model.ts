import type { ReindexRow } from '../src/db/reindexes.ts';
import type { DialReader } from '../src/dial-reader.ts';
import { embeddingInTurns, type Turns } from '../src/models/embedding-in-turns.ts';
import type { EmbeddingModel, ModelOfVersion } from '../src/models/ports.ts';
import type { ActivityDependencies } from './dependencies.ts';

/** The model of an index version for what nobody waits for: it yields to live traffic, or takes the turns given. */
export function backgroundModel(
  deps: ActivityDependencies,
  version: ModelOfVersion,
  turns: Turns = deps.backgroundTurns,
): EmbeddingModel {
  return embeddingInTurns(deps.embeddings.of(version), turns);
}

/**
 * The turns of a step of a re-embedding. A version that is retired, or was measured before, is filled and measured again
 * because an operator asks for it, and waits: requests have their usual size, and none is held back. A live one is
 * walked over after the answer.
 */
export function turnsFor({ dials, backgroundTurns }: TurnsDependencies, version: StandingOfVersion): Turns {
  const awaited = version.state === 'retired' || (version.state === 'building' && version.evidence !== null);
  if (!awaited) return backgroundTurns;
  return { take: (_signal, send) => send(dials.get('reindex.chunks_per_request')) };
}

interface TurnsDependencies {
  readonly dials: Pick<DialReader, 'get'>;
  readonly backgroundTurns: Turns;
}

type StandingOfVersion = Pick<ReindexRow, 'state' | 'evidence'>;
