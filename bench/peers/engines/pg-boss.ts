import { PgBoss } from 'pg-boss';
import type { ChatMessage } from '../messages.ts';
import { serve, type Engine } from '../service/service.ts';
import type { Settings } from '../service/settings.ts';
import type { EmbeddedPassage, Passage, Steps } from '../service/steps.ts';

// pg-boss: a chain of three jobs. Each is taken in batches, and its end commits together with the jobs that follow it
// (`transactional`), so that a job is neither lost nor doubled between two queues. A batch is retried as one.

/** Jobs of a batch, and batches of a queue under way at a time. */
const BATCH = 64;
const BATCHES = 3;

/** Connections: those of the batches, and some for accepting. */
const CONNECTIONS = 20;

/**
 * What a dead process held is taken up once it has expired, which is looked for every so often. The steps take well
 * under a second; the defaults are fifteen minutes and one.
 */
const QUEUE = {
  notify: true,
  retryLimit: 10,
  retryDelay: 1,
  expireInSeconds: 10,
  // What is done with is kept for seven days by default.
  deleteAfterSeconds: 60 * 60,
};
const SUPERVISION = { superviseIntervalSeconds: 5, monitorIntervalSeconds: 5 };

const WORK = {
  batchSize: BATCH,
  localConcurrency: BATCHES,
  transactional: true,
  burstWhenBatchFull: true,
  pollingIntervalSeconds: 0.5,
  notifyPollingIntervalSeconds: 0.5,
} as const;

async function open(settings: Settings, steps: Steps): Promise<Engine> {
  const boss = new PgBoss({
    connectionString: settings.DATABASE_URL,
    max: CONNECTIONS,
    useListenNotify: true,
    schedule: false,
    ...SUPERVISION,
  });
  boss.on('error', (error) => console.error(error.stack));
  await boss.start();
  for (const name of ['redact', 'embed', 'upsert']) {
    if ((await boss.getQueue(name)) === null) await boss.createQueue(name, QUEUE);
  }
  await boss.work<ChatMessage, void, typeof WORK>('redact', WORK, async (jobs, db) => {
    const next = jobs.map(({ data }) => ({ data: { passages: steps.redact(data) } }));
    await boss.insert('embed', next, { db });
  });
  await boss.work<Passages<Passage>, void, typeof WORK>('embed', WORK, async (jobs, db) => {
    const embedded = await steps.embed(jobs.flatMap(({ data }) => data.passages));
    let taken = 0;
    const next = jobs.map(({ data }) => {
      const passages = embedded.slice(taken, (taken += data.passages.length));
      return { data: { passages } };
    });
    await boss.insert('upsert', next, { db });
  });
  await boss.work<Passages<EmbeddedPassage>, void, typeof WORK>('upsert', WORK, async (jobs, db) => {
    const embedded = jobs.flatMap(({ data }) => data.passages);
    await steps.upsert(embedded, (text, values) => db.executeSql(text, values));
  });
  return {
    accept: (message) => boss.send('redact', message, { id: steps.idOf(message) }),
    stop: () => boss.stop({ graceful: true, timeout: 10_000 }),
  };
}

interface Passages<Each> {
  readonly passages: readonly Each[];
}

await serve(open);
