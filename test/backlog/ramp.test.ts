import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { until } from '../support/until.ts';

const BUDGET_MS = 8_000;

let models: FakeModels;
let earshot: TestEarshot;
let image: Buffer;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    dials: {
      'backlog.sample_interval_ms': 250,
      'freshness.screenshot_budget_ms': BUDGET_MS,
      // What is done about it would keep the budget from being breached: only the first step, of which nobody here
      // notices anything, is taken.
      'pressure.grow_batches_within_minutes': -1,
      'pressure.drop_captions_within_minutes': -1,
      'pressure.refuse_bulk_within_minutes': -1,
      'pressure.refuse_live_within_minutes': -1,
      'pressure.leave_after_ms': 2_000,
    },
  });
  image = await picture();
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

interface Sample {
  readonly sampled_at: Date;
  readonly waiting: number;
  readonly oldest_ms: number | null;
  readonly expected_lag_ms: number | null;
  readonly minutes_to_breach: number | null;
}

const samples = () =>
  earshot.database.query<Sample>(
    `select sampled_at, waiting, oldest_ms, expected_lag_ms, minutes_to_breach
     from backlog_sample where modality = 'screenshot' order by sampled_at`,
  );
const breached = ({ oldest_ms: oldest }: Sample) => oldest !== null && oldest > BUDGET_MS;
const warned = ({ minutes_to_breach: minutes }: Sample) => minutes !== null;

let sent = 0;
/** Each of a customer of its own, or the models would not be asked for the same picture again. */
async function send(): Promise<string> {
  sent += 1;
  const metadata = { screenshotId: `s-${sent}`, customerId: `c-${sent}`, capturedAt: new Date().toISOString() };
  const { status, body } = await earshot.upload('/v1/screenshots', 'image', image, metadata);
  expect(status).toBe(202);
  return body.interactionId;
}

async function metric(name: string): Promise<number | undefined> {
  const { body } = await earshot.request<{ text: string }>('GET', '/metrics');
  const line = body.text.split('\n').find((each) => each.startsWith(name));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

/** Sends at a rate that depends on the seconds that have passed, until something holds. */
async function sendUntil(done: () => Promise<boolean>, rateAt: (seconds: number) => number): Promise<string[]> {
  const records: Promise<string>[] = [];
  const started = performance.now();
  for (let [due, last] = [0, 0]; !(await done());) {
    const seconds = (performance.now() - started) / 1_000;
    due += rateAt(seconds) * (seconds - last);
    last = seconds;
    while (records.length < due) records.push(send());
    await pause(100);
  }
  return Promise.all(records);
}

it('a ramp is foretold before anything is late, not before it begins, and the step taken for it is left after it', async () => {
  // Four at a time: some two a second.
  models.latencyMs = 900;
  const records = await sendUntil(
    async () => (await samples()).length >= 16,
    () => 0.5,
  );
  expect((await samples()).filter(warned)).toEqual([]);
  const rampedAt = Date.now();
  records.push(
    ...(await sendUntil(
      async () => (await samples()).some(breached),
      (seconds) => 0.5 + 0.4 * seconds,
    )),
  );
  const all = await samples();
  const warning = all.find(warned)!;
  const breach = all.find(breached)!;
  expect(warning.sampled_at.getTime()).toBeGreaterThan(rampedAt);
  // Nothing is late yet, so it is foretold.
  expect(warning.sampled_at.getTime()).toBeLessThan(breach.sampled_at.getTime());
  expect(await metric('earshot_minutes_to_breach{tenant="default",modality="screenshot"}')).toBe(0);
  await until('the step is taken', async () => (await metric('earshot_pressure_step')) === 1);
  models.latencyMs = 0;
  for (const record of records) await earshot.settled(record, 'reachable');
  await until('the step is left', async () => (await metric('earshot_pressure_step')) === 0);
});

interface Backlog {
  readonly sampledAt: string;
  readonly pressure: { step: string; decided: string; cause: object | null };
  readonly queues: { queue: string; kind: string; addedPerSecond: number }[];
  readonly modalities: { modality: string; waiting: number; minutesToBreach: number | null }[];
  readonly history: {
    modalities: { at: string; modality: string; waiting: number; minutesToBreach: number | null }[];
    queues: { queue: string; kind: string; backlog: number }[];
    pressure: { from: string; to: string; cause: object | null }[];
  };
}

it('an operator sees how it stands, how it came to a step and why, by queue and modality', async () => {
  const body = await until('the last sample is of an empty backlog', async () => {
    const { body: now } = await earshot.request<Backlog>('GET', '/v1/backlog?window=1h&points=2000');
    return now.modalities.length === 3 && now.modalities.every(({ waiting }) => waiting === 0) && now;
  });
  expect(body.pressure).toMatchObject({ step: 'none', decided: 'none', cause: null });
  expect(body.queues.map(({ queue, kind }) => `${queue} ${kind}`)).toEqual([
    'audio activity',
    'batch activity',
    'batch workflow',
    'embedding activity',
    'intake activity',
    'intake workflow',
    'vision activity',
  ]);
  // Each screenshot took two steps of the models' queue.
  expect(body.queues.find(({ queue }) => queue === 'vision')!.addedPerSecond).toBeGreaterThan(0);
  const { pressure, modalities, queues } = body.history;
  expect([pressure[0]?.from, pressure[0]?.to, pressure.at(-1)?.to]).toEqual(['none', 'slow_reprocessing', 'none']);
  expect(pressure[0]!.cause).toMatchObject({ modality: 'screenshot', own: true });
  const shown = modalities.filter(({ modality }) => modality === 'screenshot');
  expect(Math.max(...shown.map(({ waiting }) => waiting))).toBe(
    Math.max(...(await samples()).map(({ waiting }) => waiting)),
  );
  expect(shown.some(({ minutesToBreach: minutes }) => minutes === 0)).toBe(true);
  expect(Math.max(...queues.filter(({ queue }) => queue === 'vision').map(({ backlog }) => backlog))).toBeGreaterThan(
    0,
  );
  for (const wrong of ['window=1', 'points=0', 'points=2001']) {
    const refused = await earshot.request<{ errors: { field: string }[] }>('GET', `/v1/backlog?${wrong}`);
    expect([refused.status, refused.body.errors[0]?.field]).toEqual([400, wrong.split('=')[0]]);
  }
});

it('a copilot is told when a record of its customer will be there, by what records take now, and not of the past', async () => {
  const held = holdRoute(models, 'screen_caption');
  const interactionId = await send();
  await held.arrived();
  const ask = async (body: object = {}) =>
    (await earshot.retrieve({ query: 'banner', customerId: `c-${sent}`, mode: 'text', ...body })).pending;
  const [pending] = await ask();
  expect(pending).toMatchObject({ interactionId, modality: 'screenshot', etaSeconds: expect.any(Number) as number });
  expect(pending!.etaSeconds).toBeGreaterThanOrEqual(1);
  const [typical] = await earshot.database.query<{ seconds: number }>(
    `select max(greatest(typical_total_ms, expected_lag_ms)) / 1000 as seconds
     from backlog_sample where modality = 'screenshot' and sampled_at > now() - interval '10 s'`,
  );
  expect(pending!.etaSeconds).toBeLessThanOrEqual(Math.ceil(typical!.seconds));
  expect(await ask({ asOf: new Date().toISOString() })).toMatchObject([{ interactionId, etaSeconds: null }]);
  held.release();
  await earshot.settled(interactionId, 'reachable');
});

it('a stream tells each sample', async () => {
  const url = `http://127.0.0.1:${earshot.env['PORT']}/v1/backlog/progress`;
  const gone = new AbortController();
  const response = await fetch(url, { headers: { authorization: `Bearer ${API_KEY}` }, signal: gone.signal });
  const seen = new Set<string>();
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    for (const [, sampledAt] of part.matchAll(/^data: .*?"sampledAt":"([^"]+)"/gm)) seen.add(sampledAt!);
    if (seen.size >= 2) break;
  }
  gone.abort();
});
