import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { StoreCounts } from '../domain/erasure.ts';
import type { ErasedSubject } from './subject.ts';

/** Which runs may still be there: those of sessions that go on, if they began after the erasure. */
export interface SurvivingRuns {
  readonly startedAfter: Date;
  readonly workflowIds: ReadonlySet<string>;
}

/** Counts of the customer's executions that visibility lists, and of remembered runs that can still be described. */
export async function countRuns(
  client: Client,
  subject: ErasedSubject,
  survivingNow: () => Promise<SurvivingRuns>,
): Promise<StoreCounts> {
  const listed: { workflowId: string; startTime: Date }[] = [];
  if (subject.customerKey !== null) {
    const query = `customerKey = "${subject.customerKey}" and tenant = "${subject.tenant}"`;
    for await (const { workflowId, startTime } of client.workflow.list({ query }))
      listed.push({ workflowId, startTime });
  }
  // After the list: a run of it may belong to a session that has begun meanwhile.
  const { workflowIds, startedAfter } = await survivingNow();
  const left = listed.filter(({ workflowId, startTime }) => !workflowIds.has(workflowId) || startTime <= startedAfter);
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
