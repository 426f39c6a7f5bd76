import { noteReplays, type ReindexRow } from '../../src/db/reindexes.ts';
import { createReplay, findReplay } from '../../src/db/replays.ts';
import { listTenants } from '../../src/db/subjects.ts';
import { versionReplayIdOf } from '../../src/domain/ids.ts';
import type { ReplayRef } from '../../src/domain/replay.ts';
import type { ActivityDependencies } from '../dependencies.ts';

/**
 * Writes down, once for each tenant, the replay that recognises anew for a version that is made from the raw bytes.
 * Records that are captured later are recognised as they come. Answers those that are not completed.
 */
export async function openVersionReplays(deps: ActivityDependencies, version: ReindexRow): Promise<ReplayRef[]> {
  if (version.source !== 'raw') return [];
  const { index_version: indexVersion, asr_model: asrModel, vision_model: visionModel } = version;
  const replays = (await listTenants(deps.database.deployment)).map((tenant) => ({
    tenant,
    replayId: versionReplayIdOf(tenant, indexVersion),
  }));
  await noteReplays(deps.database.deployment, indexVersion, replays);
  const open: ReplayRef[] = [];
  for (const ref of replays) {
    const { app } = deps.database.forTenant(ref.tenant);
    await createReplay(app, {
      ...ref,
      ...{ from: null, to: version.created_at, customerKey: null, modalities: null, kinds: null, selection: 'all' },
      ...{ asrModel, visionModel, forVersion: indexVersion, requestedBy: version.asked_by ?? 'nobody' },
    });
    if ((await findReplay(app, ref))?.state !== 'completed') open.push(ref);
  }
  return open;
}
