import { isGrpcServiceError, WorkflowNotFoundError, type Client, type WorkflowExecutionInfo } from '@temporalio/client';
import { EarshotError } from '../domain/errors.ts';
import { eachOf } from '../parallel.ts';

/** One execution. */
export interface RunRef {
  readonly workflowId: string;
  readonly runId: string;
}

/** Which of a customer's runs an erasure ends and deletes. */
export interface RunSelection {
  readonly tenant: string;
  readonly customerKey: string;
  /** Workflows of the customer's sessions, known from the database: visibility may lag behind. */
  readonly workflowIds: readonly string[];
  /** Sessions that go on with records of their own after the erasure keep the runs that began after it. */
  readonly survivors: ReadonlySet<string>;
  readonly startedBefore: Date;
}

/** Requests to Temporal under way at a time. */
const PARALLEL = 16;
const LOOK_EVERY_MS = 200;

/** Deletion is asynchronous in the server, by default some 30 s; past this the step is tried again. */
const GONE_WITHIN_MS = 120_000;

/** Every run of the selection, open and closed, of every chain. */
async function selectedRuns(client: Client, selection: RunSelection): Promise<(RunRef & { readonly open: boolean })[]> {
  const { tenant, customerKey, workflowIds, survivors, startedBefore } = selection;
  const query = `customerKey = "${customerKey}" and tenant = "${tenant}"`;
  const found = new Map<string, RunRef & { open: boolean }>();
  const add = ({
    workflowId,
    runId,
    startTime,
    status,
  }: Pick<WorkflowExecutionInfo, 'workflowId' | 'runId' | 'startTime' | 'status'>) => {
    if (survivors.has(workflowId) && startTime > startedBefore) return;
    found.set(`${workflowId} ${runId}`, { workflowId, runId, open: status.name === 'RUNNING' });
  };
  for await (const run of client.workflow.list({ query })) add(run);
  await eachOf(workflowIds, PARALLEL, async (workflowId) => {
    const latest = await unlessGone(client.workflow.getHandle(workflowId).describe());
    if (latest !== undefined) add(latest);
  });
  return [...found.values()];
}

/**
 * Cancels the customer's running workflows and waits until they have ended, so that what is in flight is finished or
 * has stopped; terminates those that take too long.
 */
export async function endRuns(
  client: Client,
  selection: RunSelection,
  drainMs: number,
  beat: () => void,
): Promise<{ cancelled: number; terminated: number }> {
  const deadline = Date.now() + drainMs;
  const cancelled = new Set<string>();
  for (;;) {
    const open = (await selectedRuns(client, selection)).filter((run) => run.open);
    if (open.length === 0) return { cancelled: cancelled.size, terminated: 0 };
    if (Date.now() >= deadline) {
      await eachOf(open, PARALLEL, ({ workflowId, runId }) =>
        unlessGone(client.workflow.getHandle(workflowId, runId).terminate('erasure of the customer')),
      );
      return { cancelled: cancelled.size, terminated: open.length };
    }
    const news = open.filter(({ runId }) => !cancelled.has(runId));
    await eachOf(news, PARALLEL, async ({ workflowId, runId }) => {
      await unlessGone(client.workflow.getHandle(workflowId, runId).cancel());
      cancelled.add(runId);
    });
    beat();
    await pause();
  }
}

/** Has the customer's executions deleted, which the server does in its own time; answers how many. */
export async function deleteRuns(client: Client, selection: RunSelection): Promise<number> {
  const runs = await selectedRuns(client, selection);
  const { namespace } = client.options;
  await eachOf(runs, PARALLEL, ({ workflowId, runId }) =>
    unlessGone(client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution: { workflowId, runId } })),
  );
  return runs.length;
}

/**
 * Waits until the server has forgotten the customer's executions, asking for those again that it still lists.
 *
 * @throws EarshotError `not_verified`
 */
export async function awaitNoRuns(client: Client, selection: RunSelection, beat: () => void): Promise<void> {
  const deadline = Date.now() + GONE_WITHIN_MS;
  for (;;) {
    const left = await deleteRuns(client, selection);
    if (left === 0) return;
    if (Date.now() >= deadline) throw new EarshotError('not_verified', `${left} executions are still listed`);
    beat();
    await pause();
  }
}

const GRPC_NOT_FOUND = 5;

async function unlessGone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    if (isGrpcServiceError(error) && Number(error.code) === GRPC_NOT_FOUND) return undefined;
    throw error;
  }
}

async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
}
