import { setTimeout as delay } from 'node:timers/promises';
import Table from 'cli-table3';
import pg from 'pg';
import { keyedIds } from '../src/domain/ids.ts';
import { openAiEmbedding } from '../src/models/embedding.ts';
import { openModelEndpoint } from '../src/models/openai-client.ts';
import type { BenchClient } from './client.ts';
import { loadCorpus } from './corpus.ts';
import { percentile } from './scenario.ts';

const CHUNKS = 5_000;

/** How long the endpoint is driven to its limit, and chats are measured without a re-embedding. */
const STRETCH_MS = 20_000;

/** A chat message every so often, each in a conversation of its own. */
const CHAT_EVERY_MS = 250;

interface Version {
  readonly version: number;
  readonly state: string;
  readonly progress: { readonly step?: string; readonly added?: number };
}

/**
 * Embeds a corpus anew: alone, against what the model endpoint gives when it is asked for the same texts and nothing
 * else; and beside live chats, whose freshness is compared with that without a re-embedding.
 */
export async function benchReindex(client: BenchClient, env: Readonly<Record<string, string>>): Promise<void> {
  const database = new pg.Pool({ connectionString: env['DATABASE_URL']!, max: 4 });
  const ids = keyedIds(Buffer.from(env['EARSHOT_CUSTOMER_SECRET']!, 'hex'));
  await loadCorpus(database, [{ customerKey: ids.customerKey('default', 'reindexed'), chunks: CHUNKS }]);
  const texts = await textsOf(database);
  const limit = await endpointLimit(env, texts);
  await chats(database, client, () => delay(3_000));
  const usualMs = await chats(database, client, () => delay(STRETCH_MS));
  const alone = await reindexed(client, env, () => Promise.resolve());
  let duringMs: number[] = [];
  const beside = await reindexed(client, env, async (ended) => {
    duringMs = await chats(database, client, () => ended);
  });
  await database.end();
  report({ limit, alone, beside, usualMs, duringMs });
}

async function textsOf(database: pg.Pool): Promise<string[]> {
  const { rows } = await database.query<{ text: string }>('select text from chunk where active order by chunk_id');
  return rows.map(({ text }) => text);
}

/** Texts per second that the endpoint embeds when it has nothing else to do and is never left waiting. */
async function endpointLimit(env: Readonly<Record<string, string>>, texts: readonly string[]): Promise<number> {
  const endpoint = openModelEndpoint({ baseUrl: env['OPENAI_BASE_URL'], apiKey: env['OPENAI_API_KEY']! });
  const model = openAiEmbedding(endpoint, env['EMBEDDING_MODEL']!, Number(env['EMBEDDING_DIMENSIONS']));
  const signal = AbortSignal.timeout(10 * STRETCH_MS);
  const started = performance.now();
  let embedded = 0;
  const asking = async (offset: number) => {
    for (let at = offset; performance.now() - started < STRETCH_MS; at += 2 * 64) {
      const from = at % (texts.length - 64);
      embedded += (await model.embed(texts.slice(from, from + 64), signal)).length;
    }
  };
  await Promise.all([asking(0), asking(64)]);
  return embedded / ((performance.now() - started) / 1000);
}

/** Builds a version of the same model and gives it up again; answers rows per second of its first walk. */
async function reindexed(
  client: BenchClient,
  env: Readonly<Record<string, string>>,
  meanwhile: (ended: Promise<void>) => Promise<void>,
): Promise<number> {
  const embeddingModel = env['EMBEDDING_MODEL'];
  const body = { embeddingModel, dimensions: Number(env['EMBEDDING_DIMENSIONS']), acknowledge: true };
  const { version } = await client.post<Version>('/v1/reindex', body);
  const perSecond = rateOf(client, version);
  await Promise.all([perSecond, meanwhile(perSecond.then(() => undefined))]);
  await client.post(`/v1/index-versions/${version}/cancel`, {});
  return perSecond;
}

/** From the first row that is there to the last. */
async function rateOf(client: BenchClient, version: number): Promise<number> {
  let first: { at: number; added: number } | undefined;
  let last = { at: 0, added: 0 };
  for (;;) {
    const { progress } = await client.get<Version>(`/v1/index-versions/${version}`);
    const added = progress.added ?? 0;
    const at = performance.now();
    if (added > 0) first ??= { at, added };
    if (added > last.added) last = { at, added };
    if (progress.step === 'indexing' || progress.step === 'measuring' || progress.step === 'ready') break;
    await delay(20);
  }
  return (last.added - first!.added) / ((last.at - first!.at) / 1000);
}

/** Sends chat messages while something goes on; answers for each how long it took to be reachable by vector. */
async function chats(database: pg.Pool, client: BenchClient, meanwhile: () => Promise<unknown>): Promise<number[]> {
  let goesOn = true;
  const run = Math.random().toString(36).slice(2, 8);
  const ids: string[] = [];
  const sending = (async () => {
    for (let turn = 0; goesOn; turn++) {
      const name = `${run}-${turn}`;
      const { interactionId } = await client.post<{ interactionId: string }>(`/v1/chats/${name}/messages`, {
        messageId: name,
        customerId: `chat-${turn % 20}`,
        sentAt: new Date().toISOString(),
        author: 'customer',
        text: `my invoice number ${name} is wrong`,
      });
      ids.push(interactionId);
      await delay(CHAT_EVERY_MS);
    }
  })();
  await meanwhile();
  goesOn = false;
  await sending;
  return freshnessOf(database, ids);
}

async function freshnessOf(database: pg.Pool, ids: readonly string[]): Promise<number[]> {
  for (;;) {
    const { rows } = await database.query<{ ms: number | null }>(
      `select (extract(epoch from reachable_at - accepted_at) * 1000)::float8 as ms from freshness
       where interaction_id = any($1)`,
      [ids],
    );
    if (rows.every(({ ms }) => ms !== null)) return rows.map(({ ms }) => ms!);
    await delay(50);
  }
}

interface Outcome {
  readonly limit: number;
  readonly alone: number;
  readonly beside: number;
  readonly usualMs: readonly number[];
  readonly duringMs: readonly number[];
}

function report({ limit, alone, beside, usualMs, duringMs }: Outcome): void {
  const table = new Table({
    head: ['', 'rows/s', 'of the endpoint’s limit', 'live chat p50/p99, ms'],
    style: { head: [] },
  });
  const pair = (values: readonly number[]) =>
    `${percentile(values, 0.5).toFixed(0)} / ${percentile(values, 0.99).toFixed(0)}`;
  table.push(
    ['endpoint alone', limit.toFixed(0), '1.00', '–'],
    ['chats alone', '–', '–', pair(usualMs)],
    ['re-embedding alone', alone.toFixed(0), (alone / limit).toFixed(2), '–'],
    ['re-embedding beside chats', beside.toFixed(0), (beside / limit).toFixed(2), pair(duringMs)],
  );
  const ratio = percentile(duringMs, 0.99) / percentile(usualMs, 0.99);
  console.log(`\nRe-embedding of ${CHUNKS} chunks\n${table.toString()}`);
  console.log(
    `Ratios in this run: re-embedding to the endpoint’s limit ${(alone / limit).toFixed(2)}; live chat p99 ${ratio.toFixed(2)}.`,
  );
}
