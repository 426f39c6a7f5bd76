import { DBOS } from '@dbos-inc/dbos-sdk';
import type { ChatMessage } from '../messages.ts';
import { serve, type Engine } from '../service/service.ts';
import type { Settings } from '../service/settings.ts';
import type { Steps } from '../service/steps.ts';

// DBOS Transact: one workflow a message, named by the message, with the three steps. Started in the process that
// accepts it, `node dbos.ts`, or through a queue, `node dbos.ts queue`.

/** Connections for workflow states, beside those of the steps. The default is 10. */
const SYSTEM_CONNECTIONS = 20;

/** The default is a second. */
const QUEUE_POLLING_MS = 10;

/** Workflows of the queue that run at a time. */
const QUEUE_CONCURRENCY = 50;

const RETRIES = { retriesAllowed: true, maxAttempts: 10, intervalSeconds: 0.1, backoffRate: 2 };

const QUEUE = 'messages';

async function open(settings: Settings, steps: Steps): Promise<Engine> {
  const queued = process.argv[2] === 'queue';
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
  const index = DBOS.registerWorkflow(
    async (message: ChatMessage): Promise<void> => {
      const redacted = await DBOS.runStep(() => Promise.resolve(steps.redact(message)), { name: 'redact', ...RETRIES });
      const embedded = await DBOS.runStep(() => steps.embed(redacted), { name: 'embed', ...RETRIES });
      await DBOS.runStep(() => steps.upsert(embedded), { name: 'upsert', ...RETRIES });
    },
    { name: 'index-message' },
  );
  await DBOS.launch();
  if (queued) {
    const limits = { workerConcurrency: QUEUE_CONCURRENCY, minPollingIntervalMs: QUEUE_POLLING_MS };
    await DBOS.registerQueue(QUEUE, { ...limits, onConflict: 'always_update' });
  }
  return {
    // The workflow and its input are committed when its handle is there.
    accept: (message) =>
      DBOS.startWorkflow(index, { workflowID: steps.idOf(message), ...(queued ? { queueName: QUEUE } : {}) })(message),
    stop: () => DBOS.shutdown({ workflowCompletionTimeoutMS: 10_000 }),
  };
}

await serve(open);
