import { chunksToEmbed } from '../../src/db/embeddings.ts';
import type { IndexVersionRow } from '../../src/db/index-versions.ts';
import { countUnindexed } from '../../src/db/replaced-artifacts.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import { backgroundModel } from '../background-model.ts';
import type { ActivityDependencies } from '../dependencies.ts';
import { embedAndStore } from '../embed-and-store.ts';

/**
 * Gives the chunks of artifacts a vector in an index version where they have none: that of an equal text of the
 * customer, else one from the model; then asks the readers whether all can be searched. Answers how many were given.
 *
 * @throws EarshotError `erased`, `model_rejected`, `not_reachable`.
 */
export async function giveVectors(
  deps: ActivityDependencies,
  tenant: string,
  version: IndexVersionRow,
  artifactIds: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const { app, reader } = deps.database.forTenant(tenant);
  const { index_version: indexVersion } = version;
  const lacking = await chunksToEmbed(app, tenant, artifactIds, indexVersion);
  if (lacking.length === 0) return 0;
  const model = backgroundModel(deps, version);
  const toEmbed = { tenant, version, model, chunks: lacking, pickedUpAt: null };
  const { written, rejected } = await embedAndStore(deps, toEmbed, signal);
  if (rejected.length > 0) throw new EarshotError('model_rejected', `${rejected.length} chunks cannot be embedded`);
  if (lacking.length > written.length) throw new EarshotError('erased', 'the fence refused the vectors of a record');
  const unindexed = await countUnindexed(reader, tenant, artifactIds, indexVersion);
  if (unindexed > 0) throw new EarshotError('not_reachable', `${unindexed} chunks were given no usable vector`);
  return lacking.length;
}
