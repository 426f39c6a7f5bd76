import { canaryRecords, closeCanary, type CanaryRecordRow } from '../../src/db/canaries.ts';
import { deleteRecords } from '../../src/db/erased-rows.ts';
import type { PlantedCanaries } from '../../src/domain/activities.ts';
import type { CanaryRef } from '../../src/domain/canary.ts';
import { noteRun } from '../../src/lineage/run-notes.ts';
import { recordPrefix } from '../../src/raw-store/object-key.ts';
import { forgetRuns } from '../../src/temporal/forget-runs.ts';
import type { ActivityDependencies } from '../dependencies.ts';

/** Older than this is what a run left behind that crashed: no run takes so long. */
const LEFT_BEHIND_MS = 2 * 60 * 60_000;

/** Removes the canaries of a run, and those that a crashed one has left: executions, rows and raw objects. */
export async function cleanUpCanaries(
  deps: ActivityDependencies,
  ref: CanaryRef,
  planted: PlantedCanaries,
  signal: AbortSignal,
): Promise<void> {
  const { tenant } = ref;
  const database = deps.database.forTenant(tenant);
  const ids = [...planted.canaries.map(({ record }) => record), planted.distractor].flatMap(
    (record) => record?.interactionId ?? [],
  );
  const records = await canaryRecords(database.app, tenant, ids, LEFT_BEHIND_MS);
  await forgetRuns(
    deps.temporal,
    records.map(({ workflow_id }) => workflow_id),
  );
  // Rows first: without its row no step writes anything more for a record.
  const deleted = await deleteRecords(
    database,
    records.map(({ interaction_id }) => interaction_id),
    records.map(({ session_id }) => session_id),
  );
  noteRun({ deleted });
  for (const record of records) await deleteObjects(deps, tenant, record, signal);
  await closeCanary(database.app, ref, deps.dials.get('canary.keep_days'));
}

async function deleteObjects(
  { rawStore }: ActivityDependencies,
  tenant: string,
  record: CanaryRecordRow,
  signal: AbortSignal,
): Promise<void> {
  const { customer_key: customerKey, key_generation: generation, interaction_id: interactionId } = record;
  const prefix = recordPrefix({ tenant, customerKey, generation, interactionId });
  noteRun({ deleted: { 'raw.versions': await rawStore.deleteAll({ prefix, keep: () => false }, signal) } });
}
