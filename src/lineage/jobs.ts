import type { DatasetKey } from './datasets.ts';

/** A step that makes or deletes data, in OpenLineage's words a job. */
export interface LineageJob {
  readonly processing: 'STREAMING' | 'BATCH';
  readonly reads: readonly DatasetKey[];
  readonly writes: readonly DatasetKey[];
  /** Deletes rows or objects; how many of each is what the step answers. */
  readonly deletes?: true;
}

const recognition: LineageJob = { processing: 'STREAMING', reads: ['raw'], writes: ['artifact', 'chunk'] };
const embedding: LineageJob = { processing: 'STREAMING', reads: ['chunk'], writes: ['embedding'] };
const deletion: LineageJob = { processing: 'BATCH', reads: [], writes: [], deletes: true };

/** Every step that makes data, by the name of its activity; `accept` is the API's own. Others are not told of. */
export const LINEAGE_JOBS: Readonly<Record<string, LineageJob>> = {
  accept: { processing: 'STREAMING', reads: [], writes: ['interaction', 'raw', 'artifact', 'chunk'] },
  transcribePiece: recognition,
  readScreenText: recognition,
  captionScreen: recognition,
  indexArtifacts: embedding,
  indexMessages: embedding,
  deleteRows: deletion,
  deleteObjects: deletion,
  deleteExpired: deletion,
};
