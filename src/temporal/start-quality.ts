import { WorkflowIdConflictPolicy, type Client } from '@temporalio/client';
import type { QuarantineRef, ReevaluationRef } from '../domain/activities.ts';
import {
  QUARANTINE_WORKFLOW,
  quarantineWorkflowId,
  REEVALUATION_WORKFLOW,
  reevaluationWorkflowId,
} from '../domain/workflows.ts';
import { customerAttributes, tenantAttribute } from './search-attributes.ts';

/** Starts what follows from an operator's decision, unless it runs. */
export async function startDecision(
  client: Client,
  ref: QuarantineRef & { readonly customerKey: string },
  timeoutMs: number,
): Promise<void> {
  const { tenant, interactionId, artifactId, customerKey } = ref;
  const input: QuarantineRef = { tenant, interactionId, artifactId };
  await client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.start(QUARANTINE_WORKFLOW, {
      workflowId: quarantineWorkflowId(artifactId),
      taskQueue: 'batch',
      args: [input],
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      typedSearchAttributes: customerAttributes(tenant, customerKey),
      staticSummary: `quarantined artifact ${artifactId}`,
    }),
  );
}

/** Starts a look at the past, unless it runs. */
export async function startReevaluation(client: Client, ref: ReevaluationRef, timeoutMs: number): Promise<void> {
  const { tenant, reevaluationId } = ref;
  const input: ReevaluationRef = { tenant, reevaluationId };
  await client.withDeadline(Date.now() + timeoutMs, () =>
    client.workflow.start(REEVALUATION_WORKFLOW, {
      workflowId: reevaluationWorkflowId(reevaluationId),
      taskQueue: 'batch',
      args: [input],
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      typedSearchAttributes: tenantAttribute(tenant),
      staticSummary: `re-evaluation ${reevaluationId}`,
    }),
  );
}
