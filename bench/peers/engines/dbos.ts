import { DBOS } from '@dbos-inc/dbos-sdk';
import type { ChatMessage } from '../messages.ts';
import { serve, type Engine } from '../service/service.ts';
import type { Settings } from '../service/settings.ts';
import type { Passage, Steps } from '../service/steps.ts';

// DBOS Transact: one workflow a message, named by the message. `node dbos.ts` starts it in the process that accepts the
// message, with a step for each of redacting, embedding and writing. `node dbos.ts queue` takes it from a queue.
// `node dbos.ts fused` divides the work as Earshot does: what is accepted is redacted already, and one step embeds and
// writes.

/** Connections for workflow states, beside those of the steps. The default is 10. */
const SYSTEM_CONNECTIONS = 20;

/** The default is a second. */
const QUEUE_POLLING_MS = 10;

/** Workflows of the queue that run at a time. */
const QUEUE_CONCURRENCY = 50;

const QUEUE = 'messages';

const RETRIES = { retriesAllowed: true, maxAttempts: 10, intervalSeconds: 0.1, backoffRate: 2 };

async function open(settings: Settings, steps: Steps): Promise<Engine> {
  const way = process.argv[2];
  DBOS.setConfig({
    name: 'peers',
    systemDatabaseUrl: settings.DATABASE_URL,
    systemDatabasePoolSize: SYSTEM_CONNECTIONS,
    // A process that starts again takes up what one of the same version and name left behind.
    applicationVersion: '1',
    executorID: 'peers',
    tracingEnabled: false,
    logLevel: 'warn',
  });
  const accept = way === 'fused' ? fused(steps) : divided(steps, way === 'queue' ? { queueName: QUEUE } : {});
  await DBOS.launch();
  if (way === 'queue') {
    const limits = { workerConcurrency: QUEUE_CONCURRENCY, minPollingIntervalMs: QUEUE_POLLING_MS };
    await DBOS.registerQueue(QUEUE, { ...limits, onConflict: 'always_update' });
  }
  // The workflow and its input are committed when its handle is there.
  return { accept, stop: () => DBOS.shutdown({ workflowCompletionTimeoutMS: 10_000 }) };
}

function divided(steps: Steps, options: { queueName?: string }): Engine['accept'] {
  const index = async (message: ChatMessage): Promise<void> => {
    const redacted = await DBOS.runStep(() => Promise.resolve(steps.redact(message)), { name: 'redact', ...RETRIES });
    const embedded = await DBOS.runStep(() => steps.embed(redacted), { name: 'embed', ...RETRIES });
    await DBOS.runStep(() => steps.upsert(embedded), { name: 'upsert', ...RETRIES });
  };
  const workflow = DBOS.registerWorkflow(index, { name: 'index-message' });
  return (message) => DBOS.startWorkflow(workflow, { workflowID: steps.idOf(message), ...options })(message);
}

function fused(steps: Steps): Engine['accept'] {
  const index = async (redacted: Passage[]): Promise<void> => {
    const write = async () => steps.upsert(await steps.embed(redacted));
    await DBOS.runStep(write, { name: 'index', ...RETRIES });
  };
  const workflow = DBOS.registerWorkflow(index, { name: 'index-message' });
  return (message) => DBOS.startWorkflow(workflow, { workflowID: steps.idOf(message) })(steps.redact(message));
}

await serve(open);
