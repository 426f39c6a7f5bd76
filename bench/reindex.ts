import { setTimeout as delay } from 'node:timers/promises';
import Table from 'cli-table3';
import pg from 'pg';
import { keyedIds } from '../src/domain/ids.ts';
import { openAiEmbedding } from '../src/models/embedding.ts';
import { openModelEndpoint } from '../src/models/openai-client.ts';
import type { EmbeddingModel } from '../src/models/ports.ts';
import type { BenchClient } from './client.ts';
import { loadCorpus } from './corpus.ts';
import { percentile } from './scenario.ts';

/** More than are embedded within a stretch. */
const CHUNKS = 5_000;

/** How long chats are measured alone, re-embedding alone, and both. */
const STRETCH_MS = 45_000;

/** How the endpoint is driven to find its limit: texts of a request, requests at a time, and how long each way. */
const WAYS = [1, 4, 16, 64].flatMap((texts) => [1, 2].map((inFlight) => ({ texts, inFlight })));
const WAY_MS = 4_000;

/** Seldom enough to be no traffic of its own. */
const LOOK_EVERY_MS = 200;

/** A chat message every so often, each in a conversation of its own. */
const CHAT_EVERY_MS = 250;

interface Version {
  readonly version: number;
  readonly removedAt: string | null;
  readonly progress: { readonly step?: string; readonly added?: number };
}

/**
 * Embeds a corpus anew: alone, against what the model endpoint gives when it is asked for the same texts and nothing
 * else; and beside live chats, whose freshness is compared with that without a re-embedding.
 */
export async function benchReindex(client: BenchClient, env: Readonly<Record<string, string>>): Promise<void> {
  const database = new pg.Pool({ connectionString: env['DATABASE_URL']!, max: 4 });
  const ids = keyedIds(Buffer.from(env['EARSHOT_CUSTOMER_SECRET']!, 'hex'));
  // They would take model time now and then, and count as live traffic.
  await client.put('/v1/dials/canary.interval_ms', { value: 0 });
  await loadCorpus(database, [{ customerKey: ids.customerKey('default', 'reindexed'), chunks: CHUNKS }]);
  const texts = await textsOf(database);
  const limit = await endpointLimit(env, texts);
  await chats(database, client, () => delay(3_000));
  const usualMs = await chats(database, client, () => delay(STRETCH_MS));
  const alone = await reindexed(client, env, () => delay(STRETCH_MS));
  let duringMs: number[] = [];
  const heldBefore = await client.metric(HELD);
  const beside = await reindexed(client, env, async () => {
    duringMs = await chats(database, client, () => delay(STRETCH_MS));
  });
  await database.end();
  report({ limit, alone, beside, usualMs, duringMs, heldSeconds: (await client.metric(HELD)) - heldBefore });
}

const HELD = 'earshot_background_embedding_held_seconds_total';

async function textsOf(database: pg.Pool): Promise<string[]> {
  const { rows } = await database.query<{ text: string }>('select text from chunk where active order by chunk_id');
  return rows.map(({ text }) => text);
}

interface Limit {
  readonly perSecond: number;
  readonly texts: number;
  readonly inFlight: number;
}

/** Texts per second that the endpoint embeds when it has nothing else to do, in the way that suits it best. */
async function endpointLimit(env: Readonly<Record<string, string>>, texts: readonly string[]): Promise<Limit> {
  const endpoint = openModelEndpoint({ baseUrl: env['OPENAI_BASE_URL'], apiKey: env['OPENAI_API_KEY']! });
  const model = openAiEmbedding(endpoint, env['EMBEDDING_MODEL']!, Number(env['EMBEDDING_DIMENSIONS']));
  await drive(model, texts, WAYS[0]!);
  let best: Limit = { perSecond: 0, texts: 0, inFlight: 0 };
  for (const way of WAYS) {
    const perSecond = await drive(model, texts, way);
    console.log(`endpoint: ${way.texts} texts, ${way.inFlight} at a time: ${perSecond.toFixed(0)}/s`);
    if (perSecond > best.perSecond) best = { perSecond, ...way };
  }
  return best;
}

async function drive(
  model: EmbeddingModel,
  texts: readonly string[],
  way: { readonly texts: number; readonly inFlight: number },
): Promise<number> {
  const signal = AbortSignal.timeout(10 * WAY_MS);
  const started = performance.now();
  let next = 0;
  let embedded = 0;
  const asking = async () => {
    while (performance.now() - started < WAY_MS) {
      const from = next % (texts.length - way.texts);
      next += way.texts;
      const vectors = await model.embed(texts.slice(from, from + way.texts), signal);
      embedded += vectors.length;
    }
  };
  await Promise.all(Array.from({ length: way.inFlight }, asking));
  return embedded / ((performance.now() - started) / 1000);
}

/** Builds a version of the same model while something goes on, and gives it up; answers rows per second of its walk. */
async function reindexed(
  client: BenchClient,
  env: Readonly<Record<string, string>>,
  meanwhile: () => Promise<void>,
): Promise<number> {
  const embeddingModel = env['EMBEDDING_MODEL'];
  const body = { embeddingModel, dimensions: Number(env['EMBEDDING_DIMENSIONS']), acknowledge: true };
  const { version } = await client.post<Version>('/v1/reindex', body);
  const over = new AbortController();
  const perSecond = rateOf(client, version, over.signal);
  await meanwhile().finally(() => over.abort());
  await client.post(`/v1/index-versions/${version}/cancel`, {});
  await removed(client, version);
  return perSecond;
}

async function removed(client: BenchClient, version: number): Promise<void> {
  while ((await client.get<Version>(`/v1/index-versions/${version}`)).removedAt === null) await delay(LOOK_EVERY_MS);
}

/** From the first rows that are there to the last, until the walk or the stretch is over. */
async function rateOf(client: BenchClient, version: number, over: AbortSignal): Promise<number> {
  let first: { at: number; added: number } | undefined;
  let last = { at: 0, added: 0 };
  while (!over.aborted) {
    const { progress } = await client.get<Version>(`/v1/index-versions/${version}`);
    const added = progress.added ?? 0;
    const at = performance.now();
    if (added > 0) first ??= { at, added };
    if (added > last.added) last = { at, added };
    if (progress.step === 'indexing' || progress.step === 'measuring' || progress.step === 'ready') break;
    await delay(LOOK_EVERY_MS);
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
  readonly limit: Limit;
  readonly alone: number;
  readonly beside: number;
  readonly usualMs: readonly number[];
  readonly duringMs: readonly number[];
  /** How long requests of the second re-embedding were held back for chats. */
  readonly heldSeconds: number;
}

function report({ limit: best, alone, beside, usualMs, duringMs, heldSeconds }: Outcome): void {
  const limit = best.perSecond;
  const table = new Table({
    head: ['', 'rows/s', 'of the endpoint’s limit', 'live chat p50/p99, ms'],
    style: { head: [] },
  });
  const pair = (values: readonly number[]) =>
    `${percentile(values, 0.5).toFixed(0)} / ${percentile(values, 0.99).toFixed(0)}`;
  table.push(
    [`endpoint alone, ${best.texts} texts, ${best.inFlight} at a time`, limit.toFixed(0), '1.00', '–'],
    ['chats alone', '–', '–', pair(usualMs)],
    ['re-embedding alone', alone.toFixed(0), (alone / limit).toFixed(2), '–'],
    ['re-embedding beside chats', beside.toFixed(0), (beside / limit).toFixed(2), pair(duringMs)],
  );
  const ratio = percentile(duringMs, 0.99) / percentile(usualMs, 0.99);
  console.log(`\nRe-embedding of ${CHUNKS} chunks\n${table.toString()}`);
  console.log(
    `Ratios in this run: re-embedding to the endpoint’s limit ${(alone / limit).toFixed(2)}; live chat p99 ${ratio.toFixed(2)}.`,
  );
  console.log(`${duringMs.length} chats; requests of the re-embedding were held back for ${heldSeconds.toFixed(0)} s.`);
}
