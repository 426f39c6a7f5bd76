import { isGrpcServiceError, WorkflowNotFoundError, type Client } from '@temporalio/client';
import { eachOf } from '../domain/each-of.ts';

/** Requests to Temporal under way at a time. */
const PARALLEL = 4;
const GRPC_NOT_FOUND = 5;

/** Ends and deletes executions, the latest of each workflow id. What is gone is no error; the server takes its time. */
export async function forgetRuns(client: Client, workflowIds: readonly string[]): Promise<void> {
  const { namespace } = client.options;
  await eachOf([...new Set(workflowIds)], PARALLEL, async (workflowId) => {
    await unlessGone(client.workflow.getHandle(workflowId).terminate('it was a canary'));
    await unlessGone(client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution: { workflowId } }));
  });
}

async function unlessGone(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (error instanceof WorkflowNotFoundError) return;
    if (isGrpcServiceError(error) && Number(error.code) === GRPC_NOT_FOUND) return;
    throw error;
  });
}
