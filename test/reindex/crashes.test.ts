import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TASK_QUEUES } from '../../src/domain/task-queues.ts';
import { prepareEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { ready, requestReindex } from '../support/reindexes.ts';

const CHUNKS = 60;
const BATCH = 20;

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await prepareEarshot({ models, dials: { 'reindex.batch_chunks': BATCH } });
  await earshot.start({ entry: 'workers/api.ts' });
  const worker = await earshot.start({ entry: 'workers/main.ts', args: [...TASK_QUEUES] });
  const accepted = await Promise.all(
    Array.from({ length: CHUNKS }, (_, index) => earshot.message({ conversationId: `c-${index % 5}` })),
  );
  for (const { body } of accepted) await earshot.settled(body.interactionId, 'reachable');
  await worker.stop();
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

it('a re-embedding whose worker is killed with kill -9 at every batch ends with each vector once', async () => {
  const { body } = await requestReindex(earshot, { embeddingModel: 'fake-128', dimensions: 128 });
  for (const moment of ['after', 'before', 'after']) {
    const { child } = await earshot.start({ entry: 'test/support/dying-reindexer.ts', args: [moment] });
    expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
  }
  await earshot.start({ entry: 'workers/main.ts', args: [...TASK_QUEUES] });
  const { evidence } = await ready(earshot, body.version, 90_000);
  expect(evidence).toMatchObject({ parityShare: 1, canaries: 1 });
  const [row] = await earshot.database.query<Record<string, number>>(
    `select count(*)::integer as vectors, count(distinct chunk_id)::integer as chunks,
       count(reachable_at)::integer as reachable,
       (select count(*)::integer from lineage_edge l where (l.parameters->>'indexVersion')::integer = $1) as edges
     from embedding where index_version = $1`,
    [body.version],
  );
  expect(row).toEqual({ vectors: CHUNKS, chunks: CHUNKS, reachable: CHUNKS, edges: CHUNKS });
  // What was committed before a death is not paid for again.
  const asked = models.calls.filter(({ model }) => model === 'fake-128').flatMap(({ inputs }) => inputs);
  const ofChunks = asked.filter((text) => text.startsWith('message number'));
  expect(ofChunks.length).toBeLessThanOrEqual(CHUNKS + 3 * BATCH + 2 * 50);
}, 200_000);
