import { Logger, makeWorkerUtils, run, type TaskList, type WorkerUtils } from 'graphile-worker';
import type pg from 'pg';
import type { ChatMessage } from '../messages.ts';
import { serve, type Engine } from '../service/service.ts';
import type { Settings } from '../service/settings.ts';
import type { EmbeddedPassage, Passage, Steps } from '../service/steps.ts';

// Graphile Worker: a chain of three jobs, each of which adds the next one before it ends. With the settings of its
// performance page: a local queue, and completions in batches.

const WORKER = {
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};

const SPEC = { maxAttempts: 10 };

async function open(settings: Settings, steps: Steps): Promise<Engine> {
  const logger = new Logger(() => (level, message) => {
    if (level === 'error' || level === 'warning') console.error(message);
  });
  const utils = await makeWorkerUtils({ connectionString: settings.DATABASE_URL, logger });
  await utils.migrate();
  await unlockDead(utils);
  const tasks: TaskList = {
    redact: async (payload, { addJob }) => {
      await addJob('embed', steps.redact(payload as ChatMessage), SPEC);
    },
    embed: async (payload, { addJob }) => {
      await addJob('upsert', await steps.embed(payload as Passage[]), SPEC);
    },
    upsert: (payload) => steps.upsert(payload as EmbeddedPassage[]),
  };
  const preset = { worker: { connectionString: settings.DATABASE_URL, logger, ...WORKER } };
  const runner = await run({ preset, noHandleSignals: true }, tasks);
  return {
    accept: (message) => runner.addJob('redact', message, SPEC),
    stop: async () => {
      await runner.stop();
      await utils.release();
    },
  };
}

/**
 * What a dead process had locked waits for four hours. This is the only process of its kind, so that whoever holds a
 * lock while it starts is dead.
 */
async function unlockDead(utils: WorkerUtils): Promise<void> {
  const text = 'select distinct locked_by as worker from graphile_worker.jobs where locked_by is not null';
  const { rows } = await utils.withPgClient((client: pg.PoolClient) => client.query<{ worker: string }>(text));
  if (rows.length > 0) await utils.forceUnlockWorkers(rows.map(({ worker }) => worker));
}

await serve(open);
