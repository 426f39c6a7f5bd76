import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { OwnerConnection } from '../db/owner.ts';
import type { StoreCounts } from '../domain/erasure.ts';
import type { ErasedSubject } from './subject.ts';

/**
 * Counts the customer's executions that visibility lists, and remembered runs that can still be described. Runs of
 * sessions that have newer records stay, if they began after the erasure: `startedBefore`, by Temporal's clock. Of a
 * look `later` than the erasure every run since is new.
 */
export async function countRuns(
  client: Client,
  owner: OwnerConnection,
  subject: ErasedSubject,
  startedBefore: Date,
  later: boolean,
): Promise<StoreCounts> {
  const listed: { workflowId: string; startTime: Date }[] = [];
  if (subject.customerKey !== null) {
    const query = `customerKey = "${subject.customerKey}" and tenant = "${subject.tenant}"`;
    for await (const { workflowId, startTime } of client.workflow.list({ query }))
      listed.push({ workflowId, startTime });
  }
  // After the list: a run of it may belong to a session that has begun meanwhile.
  const alive = await sessionsThatGoOn(owner, subject);
  const left = listed.filter(
    ({ workflowId, startTime }) => startTime <= startedBefore || (!later && !alive.has(workflowId)),
  );
  let described = 0;
  for (const { workflowId, runId } of subject.probes.runs) {
    if (await exists(client, workflowId, runId)) described += 1;
  }
  return { 'temporal.runs': left.length, 'temporal.described_probes': described };
}

async function exists(client: Client, workflowId: string, runId: string): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId, runId).describe();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

async function sessionsThatGoOn(owner: OwnerConnection, subject: ErasedSubject): Promise<Set<string>> {
  const { tenant, customerKey, destroyedGeneration } = subject;
  const { rows } = await owner.query<{ workflow_id: string }>(
    `select distinct s.workflow_id
     from interaction i
     join session s on s.tenant = $1 and s.session_id = i.session_id
     where i.tenant = $1 and i.customer_key = $2 and i.key_generation > $3`,
    [tenant, customerKey, destroyedGeneration],
  );
  return new Set(rows.map(({ workflow_id }) => workflow_id));
}
