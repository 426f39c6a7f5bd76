import { join } from 'node:path';
import Table from 'cli-table3';
import { DemoClient, type DemoAnswer, type DemoHit } from './demo-client.ts';
import { addresses, withSession } from './session.ts';
import { PROJECT } from './tools.ts';

const FIXTURES = join(PROJECT, 'test', 'fixtures');
const CUSTOMER = 'customer-88213';

const CHAT = [
  ['customer', 'Hi, I tried to check out but my payment was declined.'],
  ['agent', 'Sorry to hear that. Which error do you see on the page?'],
  ['customer', 'It says PAY-4012. My card is 4539 1488 0343 6467 and my name is Dana Whitfield.'],
  ['agent', 'Thank you. That code means that the bank refused the second factor. Please try once more.'],
] as const;

const CALLS = ['payment-failure', 'refund-with-card', 'delivery-delay'];
const SCREENSHOTS = ['checkout-payment-failed', 'login-locked', 'settings-storage-warning'];

const QUERIES = [
  'recent payment failure',
  'PAY-4012',
  'red banner on the checkout page',
  'parcel stuck at the sorting center',
  'which card should the refund go to',
  'account locked after too many attempts',
];

await withSession(async (session, stopped) => {
  const { application, progress } = session;
  const client = new DemoClient(application.url, application.apiKey);
  const run = demo(client, (title, step) => progress.step(title, step));
  await Promise.race([run, stopped]);
  console.log(`\n${addresses(session)}`);
  if (!process.argv.includes('--keep')) return;
  await session.keep();
  console.log('\nEverything goes on running; `npm run stop` stops it.');
});
process.exit();

type Step = <T>(title: string, run: () => Promise<T>) => Promise<T>;

async function demo(client: DemoClient, step: Step): Promise<void> {
  const before = await client.post<DemoAnswer>('/v1/retrieve', { query: QUERIES[0], customerId: CUSTOMER });
  if (before.results.length > 0) console.log(`From earlier days ${before.results.length} passages are known already.`);
  const ids = await step('Handing over a chat, three calls and three screenshots', () => handOver(client));
  const early = await client.post<DemoAnswer>('/v1/retrieve', { query: QUERIES[0], customerId: CUSTOMER });
  console.log(
    `Asked at once: ${early.results.length} passages by text, and ${early.pending.length} records still pending.`,
  );
  const states = await step('Waiting until each is reachable', () =>
    Promise.all(ids.map((id) => client.untilSettled(id))),
  );
  const copies = before.results.length === 0 ? 0 : states.filter((state) => state === 'quarantined').length;
  if (copies > 0) {
    console.log(`${copies} are held back: a run of a few minutes ago has sent the same (GET /v1/quarantine).`);
  }
  const unreachable = states.filter((state) => state !== 'reachable' && (state !== 'quarantined' || copies === 0));
  if (unreachable.length > 0) throw new Error(`${unreachable.length} records ended as ${unreachable.join(', ')}`);
  console.log(await queryTable(client));
  console.log(await freshnessTable(client));
}

async function handOver(client: DemoClient): Promise<string[]> {
  const run = Date.now().toString(36);
  const messages = CHAT.map(([author, text], index) =>
    client.post<{ interactionId: string }>(`/v1/chats/chat-${run}/messages`, {
      messageId: `message-${index}`,
      customerId: CUSTOMER,
      sentAt: new Date().toISOString(),
      author,
      text,
    }),
  );
  const calls = CALLS.map((name) => {
    const ended = Date.now();
    return client.upload('/v1/calls', 'audio', join(FIXTURES, 'calls', `${name}.wav`), {
      callId: `${name}-${run}`,
      customerId: CUSTOMER,
      startedAt: new Date(ended - 60_000).toISOString(),
      endedAt: new Date(ended).toISOString(),
    });
  });
  const screenshots = SCREENSHOTS.map((name) =>
    client.upload('/v1/screenshots', 'image', join(FIXTURES, 'screens', `${name}.png`), {
      screenshotId: `${name}-${run}`,
      customerId: CUSTOMER,
      capturedAt: new Date().toISOString(),
      conversationId: `chat-${run}`,
    }),
  );
  const answers = await Promise.all([...messages, ...calls, ...screenshots]);
  return answers.map(({ interactionId }) => interactionId);
}

async function queryTable(client: DemoClient): Promise<string> {
  const table = new Table({
    head: ['query', 'best hit', 'where', 'Δi', 'Δs', 'Δt', 'Δx', 'total'],
    colWidths: [24, 52, 24, 8, 8, 8, 8, 9],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const query of QUERIES) {
    const { results } = await client.post<DemoAnswer>('/v1/retrieve', { query, customerId: CUSTOMER, k: 1 });
    const [best] = results;
    table.push(
      best === undefined
        ? [query, '–', '–', '–', '–', '–', '–', '–']
        : [query, excerpt(best.text), where(best), ...stages(best)],
    );
  }
  return `\n${table.toString()}\nFreshness in milliseconds: captured Δi accepted Δs picked up Δt embedded Δx reachable.`;
}

function excerpt(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length > 140 ? `${line.slice(0, 139)}…` : line;
}

function where({ modality, place }: DemoHit): string {
  if (place.kind === 'time') return `${modality}, second ${Math.round((place.startMs ?? 0) / 1000)}`;
  if (place.kind === 'box') return `${modality}, box at ${place.x},${place.y}`;
  return place.kind === 'picture' ? `${modality}, caption` : modality;
}

function stages({ freshness }: DemoHit): string[] {
  return ['ingestMs', 'streamMs', 'transformMs', 'indexMs', 'totalMs'].map((stage) => String(freshness[stage] ?? '–'));
}

interface FreshnessAnswer {
  readonly modalities: readonly {
    readonly modality: string;
    readonly count: number;
    readonly budgetMs: number;
    readonly stages: Readonly<Record<string, { readonly p50: number; readonly p99: number } | null>>;
    readonly total: { readonly p50: number; readonly p99: number } | null;
  }[];
}

/** p50 / p99 of each stage, from `GET /v1/freshness`. */
async function freshnessTable(client: DemoClient): Promise<string> {
  const { modalities } = await client.get<FreshnessAnswer>('/v1/freshness?window=1h');
  const table = new Table({
    head: [
      'last hour',
      'records',
      'Δi p50/p99',
      'Δs p50/p99',
      'Δt p50/p99',
      'Δx p50/p99',
      'total p50/p99',
      'budget p99',
    ],
    style: { head: [], border: [] },
  });
  const pair = (value: { p50: number; p99: number } | null | undefined) =>
    value === null || value === undefined ? '–' : `${Math.round(value.p50)} / ${Math.round(value.p99)}`;
  for (const { modality, count, stages: each, total, budgetMs } of modalities) {
    const { ingest, stream, transform, index } = each;
    table.push([modality, count, pair(ingest), pair(stream), pair(transform), pair(index), pair(total), budgetMs]);
  }
  return `\n${table.toString()}`;
}
