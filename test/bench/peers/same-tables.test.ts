import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { audit, isClean, storedRows } from '../../../bench/peers/audit.ts';
import { createDatabase, prepareTemplate, type ContenderDatabase } from '../../../bench/peers/database.ts';
import { chatMessages } from '../../../bench/peers/messages.ts';
import { Promised } from '../../../bench/peers/promised.ts';
import { untilReachable } from '../../../bench/peers/reachable.ts';
import { readSettings } from '../../../bench/peers/service/settings.ts';
import { openSteps } from '../../../bench/peers/service/steps.ts';
import { serveStubModels, type StubModels } from '../../../bench/stub-models/server.ts';

let database: ContenderDatabase;
let models: StubModels;
const env = () => inject('stackEnv');

beforeAll(async () => {
  models = await serveStubModels({ embeddingBaseMs: 0, embeddingPerItemMs: 0 });
  await prepareTemplate(env()['DATABASE_URL']!, env()['EMBEDDING_MODEL']!, 384);
  database = await createDatabase(env()['DATABASE_URL']!, 'test', 'copies');
});

afterAll(async () => {
  await database.pool.end();
  await models.stop();
});

it('gives the engines beside Earshot tables with the same indexes', async () => {
  const { rows } = await database.pool.query<{ theirs: string; ours: string }>(`
    select relation, theirs, ours
    from (values ('chunk', 'chunk'), ('embedding', 'embedding_v1'), ('lineage_edge', 'lineage_edge')) t (relation, source),
    lateral (
      select array_agg(regexp_replace(pg_get_indexdef(indexrelid), '^.* USING', '') order by 1)::text as theirs
      from pg_index where indrelid = ('peers.' || relation)::regclass) copied,
    lateral (
      select array_agg(regexp_replace(pg_get_indexdef(indexrelid), '^.* USING', '') order by 1)::text as ours
      from pg_index where indrelid = ('public.' || source)::regclass) source`);
  expect(rows).toHaveLength(3);
  for (const { theirs, ours } of rows) expect(theirs).toBe(ours);
});

it('writes the same rows when a step of an engine runs twice', async () => {
  const steps = openSteps(readSettings({ ...env(), DATABASE_URL: database.url, OPENAI_BASE_URL: models.url }));
  const promised = new Promised(env()['EARSHOT_CUSTOMER_SECRET']!);
  const messages = chatMessages('twice', 20, 5);
  const written = await steps.embed(messages.flatMap((message) => steps.redact(message)));
  await steps.upsert(written);
  await steps.upsert(written);
  await steps.close();
  messages.forEach((message) => promised.note(message));
  expect(await untilReachable(database.pool, promised.records, 10_000)).toEqual([]);
  expect(isClean(audit(promised.records, await storedRows(database.pool)))).toBe(true);
  const { rows } = await database.pool.query<{ text: string }>(`select text from chunk where text like '%[CARD]%'`);
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.every(({ text }) => !text.includes('4539'))).toBe(true);
});
