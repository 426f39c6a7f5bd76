import { isGrpcServiceError, WorkflowNotFoundError, type Client, type WorkflowExecutionInfo } from '@temporalio/client';
import { EarshotError } from '../domain/errors.ts';
import { eachOf } from '../domain/each-of.ts';

/** Which of a customer's runs an erasure ends and deletes. */
export interface RunSelection {
  readonly tenant: string;
  readonly customerKey: string;
  /** Runs of sessions that go on are kept, if they began after this. By Temporal's clock. */
  readonly startedBefore: Date;
  /** The customer's sessions as they are now: their workflows, and whether they have records that stay. */
  sessions(): Promise<readonly SessionRuns[]>;
}

export interface SessionRuns {
  readonly workflowId: string;
  readonly survives: boolean;
}

interface Run {
  readonly workflowId: string;
  readonly runId: string;
  readonly startTime: Date;
}

/** Requests to Temporal under way at a time. */
const PARALLEL = 16;

/** Between two looks: at first, and at the longest. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 3_000;

/** Deletion is asynchronous in the server, by default some 30 s; past this the step is tried again. */
const GONE_WITHIN_MS = 120_000;

/** What visibility lists, less what stays. The sessions are read after the list, so that none of it is younger. */
async function listedRuns(client: Client, selection: RunSelection, condition = ''): Promise<Run[]> {
  const { tenant, customerKey, startedBefore } = selection;
  const query = `customerKey = "${customerKey}" and tenant = "${tenant}"${condition}`;
  const listed: WorkflowExecutionInfo[] = [];
  for await (const run of client.workflow.list({ query })) listed.push(run);
  const sessions = await selection.sessions();
  const alive = new Set(sessions.filter(({ survives }) => survives).map(({ workflowId }) => workflowId));
  return listed.filter(({ workflowId, startTime }) => !alive.has(workflowId) || startTime <= startedBefore);
}

/** Runs of the customer's sessions that visibility, which may lag behind, does not list. */
async function unlistedRuns(client: Client, selection: RunSelection, listed: readonly Run[]): Promise<Run[]> {
  const known = new Set(listed.map(({ workflowId }) => workflowId));
  const found: Run[] = [];
  const sessions = (await selection.sessions()).filter(({ workflowId }) => !known.has(workflowId));
  await eachOf(sessions, PARALLEL, async ({ workflowId, survives }) => {
    const latest = await unlessGone(client.workflow.getHandle(workflowId).describe());
    if (latest !== undefined && (!survives || latest.startTime <= selection.startedBefore)) found.push(latest);
  });
  return found;
}

/**
 * Cancels the customer's running workflows and waits until they have ended, so that what is in flight is finished or
 * has stopped; terminates those that take too long, whose steps notice at their next heartbeat.
 */
export async function endRuns(
  client: Client,
  selection: RunSelection,
  drainMs: number,
  beat: () => void,
): Promise<{ cancelled: number; terminated: number }> {
  const deadline = Date.now() + drainMs;
  const cancelled = new Set<string>();
  const pause = growingPause();
  for (;;) {
    const open = await listedRuns(client, selection, ' and ExecutionStatus = "Running"');
    if (open.length === 0) return { cancelled: cancelled.size, terminated: 0 };
    if (Date.now() >= deadline) {
      await eachOf(open, PARALLEL, ({ workflowId, runId }) =>
        unlessGone(client.workflow.getHandle(workflowId, runId).terminate('erasure of the customer')),
      );
      return { cancelled: cancelled.size, terminated: open.length };
    }
    const news = open.filter(({ runId }) => !cancelled.has(runId));
    await eachOf(news, PARALLEL, ({ workflowId, runId }) =>
      unlessGone(client.workflow.getHandle(workflowId, runId).cancel()),
    );
    news.forEach(({ runId }) => cancelled.add(runId));
    beat();
    await pause();
  }
}

/** Has the customer's executions deleted, which the server does in its own time; answers how many. */
export async function deleteRuns(client: Client, selection: RunSelection): Promise<number> {
  const listed = await listedRuns(client, selection);
  const runs = [...listed, ...(await unlistedRuns(client, selection, listed))];
  await deleteEach(client, runs);
  return runs.length;
}

/**
 * Waits until the server has forgotten the customer's executions, asking for those again that it still lists.
 *
 * @throws EarshotError `not_verified`
 */
export async function awaitNoRuns(client: Client, selection: RunSelection, beat: () => void): Promise<void> {
  const deadline = Date.now() + GONE_WITHIN_MS;
  const pause = growingPause();
  for (;;) {
    const left = await listedRuns(client, selection);
    if (left.length === 0) return;
    if (Date.now() >= deadline) throw new EarshotError('not_verified', `${left.length} executions are still listed`);
    await deleteEach(client, left);
    beat();
    await pause();
  }
}

async function deleteEach(client: Client, runs: readonly Run[]): Promise<void> {
  const { namespace } = client.options;
  await eachOf(runs, PARALLEL, ({ workflowId, runId }) =>
    unlessGone(client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution: { workflowId, runId } })),
  );
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

/** Pauses between looks, each longer than the one before. */
function growingPause(): () => Promise<void> {
  let next = FIRST_PAUSE_MS;
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, next));
    next = Math.min(2 * next, LONGEST_PAUSE_MS);
  };
}
