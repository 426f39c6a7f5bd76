import { markErased, stampReachable, type SleepCondition } from '../src/db/embeddings.ts';
import { EarshotError } from '../src/domain/errors.ts';
import type { ActivityDependencies } from './dependencies.ts';

/**
 * Ends a step: asks the read path for the chunks that were written, stamps what it returns and settles the records
 * that are complete. Answers whether the session, where one is given, now sleeps.
 *
 * @throws EarshotError `not_reachable` when the read path does not return what was committed.
 */
export async function settleRecords(
  deps: ActivityDependencies,
  tenant: string,
  interactionIds: readonly string[],
  writtenChunks: readonly string[],
  sleep?: SleepCondition,
): Promise<boolean> {
  const { writes } = deps;
  const { index_version: indexVersion } = deps.indexVersions.live();
  const seen = writtenChunks.length === 0 ? [] : await writes.probe(tenant, indexVersion, writtenChunks);
  // A chat message is one piece, whose one step settles it: stamp and settlement share a round trip.
  if (sleep === undefined && seen.length > 0) {
    await stampReachable(deps.database.forTenant(tenant).app, tenant, indexVersion, seen);
  }
  const request = { interactionIds, reachableChunks: seen, ...(sleep === undefined ? {} : { sleep }) };
  const asleep = await writes.settle(tenant, indexVersion, request);
  if (seen.length === writtenChunks.length) return asleep;
  throw new EarshotError(
    'not_reachable',
    `${writtenChunks.length - seen.length} chunks were written and are not found`,
  );
}

/** Closes the books on records whose writes the fence refused. */
export async function settleErased(
  deps: ActivityDependencies,
  tenant: string,
  interactionIds: readonly string[],
): Promise<void> {
  if (interactionIds.length > 0) await markErased(deps.database.forTenant(tenant).app, tenant, interactionIds);
}
