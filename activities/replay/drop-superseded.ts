import { artifactsToDrop, dropArtifacts } from '../../src/db/superseded.ts';
import { listTenants } from '../../src/db/subjects.ts';
import { eachOf } from '../../src/domain/each-of.ts';
import type { ActivityDependencies } from '../dependencies.ts';

const DAY_MS = 86_400_000;

/** Artifacts that are dropped in one transaction, and kept answers that are deleted at a time. */
const PAGE = 200;
const PARALLEL = 8;

/**
 * Drops what was replaced, or was made and never came into service, longer ago than the dial keeps it. A kept answer of
 * a model goes before the last row that names it.
 */
export async function dropSuperseded(deps: ActivityDependencies, signal: AbortSignal): Promise<number> {
  const before = new Date(Date.now() - deps.dials.get('replay.keep_superseded_days') * DAY_MS);
  let dropped = 0;
  for (const tenant of await listTenants(deps.database.deployment)) {
    const { app } = deps.database.forTenant(tenant);
    for (;;) {
      signal.throwIfAborted();
      const page = await artifactsToDrop(app, tenant, before, PAGE);
      if (page.length === 0) break;
      const objects = page.flatMap(({ lone_object: object }) => object ?? []);
      await eachOf(objects, PARALLEL, (object) => deps.rawStore.delete(object, signal));
      await dropArtifacts(
        app,
        tenant,
        page.map(({ artifact_id: id }) => id),
      );
      dropped += page.length;
    }
  }
  return dropped;
}
