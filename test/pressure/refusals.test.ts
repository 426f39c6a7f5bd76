import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PRESSURE_STEPS, type PressureStep } from '../../src/domain/pressure.ts';
import { startEarshot, type Answer, type TestEarshot } from '../support/earshot.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    dials: {
      'pressure.at_least_step': PRESSURE_STEPS.indexOf('refuse_bulk'),
      'pressure.retry_after_min_ms': 1_000,
      // An import goes on for a while, to be refused.
      'pressure.background_first_pause_ms': 0,
      'pressure.background_last_pieces': 20,
      'chat.batch_window_ms': 0,
      'pressure.redo_captions_interval_ms': 0,
    },
  });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const LONG_AGO = new Date(Date.now() - 7 * 86_400_000).toISOString();
const now = () => new Date().toISOString();
let ids = 0;
type Taken = Answer<{ interactionId: string; workflowId: string }>;

const call = (startedAt = now()): Promise<Taken> =>
  earshot.upload('/v1/calls', 'audio', tone(1, [(ids += 1)]), {
    callId: `c-${ids}`,
    customerId: `c-${ids}`,
    startedAt,
  });
const screenshot = async (capturedAt = now()): Promise<Taken> => {
  const metadata = { screenshotId: `s-${(ids += 1)}`, customerId: `s-${ids}`, capturedAt };
  return earshot.upload('/v1/screenshots', 'image', await picture(), metadata);
};
const chat = (sentAt = now()): Promise<Taken> => earshot.message({ customerId: `m-${(ids += 1)}`, sentAt });

/** Waits until a dial is in force in the process that answers. */
async function setDial(name: string, value: number, inForce: () => Promise<boolean>): Promise<void> {
  await earshot.request('PUT', `/v1/dials/${name}`, { value });
  await until(`${name} is in force`, inForce);
}
const setStep = (step: PressureStep, inForce: () => Promise<boolean>) =>
  setDial('pressure.at_least_step', PRESSURE_STEPS.indexOf(step), inForce);

/** Records by class and outcome, as the metrics count them. */
async function counted(): Promise<Record<string, number>> {
  const { body } = await earshot.request<{ text: string }>('GET', '/metrics');
  const counts: Record<string, number> = {};
  for (const line of body.text.split('\n')) {
    const [, labels, value] = /^earshot_intake_records_total\{(.*)\} (\d+)$/.exec(line) ?? [];
    if (labels !== undefined) counts[labels.replaceAll(/\w+="|"/g, '')] = Number(value);
  }
  return counts;
}

const refused = (what: string, step: string) => ({
  status: 429,
  body: { type: 'urn:earshot:overloaded', details: { step, refused: what } },
});
const secondsOf = ({ headers }: { headers: Headers }) => Number(headers.get('retry-after'));

it('history is refused first, then calls and screenshots, chat last; what was accepted has landed', async () => {
  const taken: Taken[] = [];
  const take = (answer: Taken) => (expect(answer.status).toBe(202), taken.push(answer));
  const old = [await chat(LONG_AGO), await call(LONG_AGO), await screenshot(LONG_AGO)];
  old.forEach((answer) => expect(answer).toMatchObject(refused('bulk', 'refuse_bulk')));
  old.forEach((answer) => expect(secondsOf(answer)).toBeGreaterThanOrEqual(1));
  const hurriless = await earshot.request('POST', '/v1/calls', 'never read', { priority: 'u=7' });
  expect(hurriless).toMatchObject(refused('bulk', 'refuse_bulk'));
  for (const [path, body] of [
    ['/v1/replays', {}],
    ['/v1/reindex', { embeddingModel: 'fake-512', dimensions: 512 }],
    ['/v1/failures/resolve', {}],
    ['/v1/quarantine/reevaluate', {}],
  ] as const) {
    expect(await earshot.request('POST', path, body)).toMatchObject(refused('bulk', 'refuse_bulk'));
  }
  for (const answer of [await chat(), await call(), await screenshot()]) take(answer);

  let refusedScreens = 0;
  await setStep('refuse_live', async () => {
    const answer = await screenshot();
    if (answer.status === 202) take(answer);
    else refusedScreens += 1;
    return answer.status === 429;
  });
  expect(await screenshot()).toMatchObject(refused('screenshot', 'refuse_live'));
  expect(await call()).toMatchObject(refused('audio', 'refuse_live'));
  take(await chat());
  for (const { body } of taken) await earshot.settled(body.interactionId, 'reachable');
  const counts = await counted();
  const rows = await earshot.database.query('select from interaction');
  const accepted = Object.entries(counts).filter(([labels]) => labels.endsWith('accepted'));
  expect(accepted.reduce((sum, [, count]) => sum + count, 0)).toBe(taken.length);
  expect(rows).toHaveLength(taken.length);
  expect(counts).toMatchObject({
    'chat,live,accepted': 2,
    'call,live,accepted': 1,
    'chat,bulk,refused': 1,
    'call,bulk,refused': 2,
    'screenshot,bulk,refused': 1,
    'call,live,refused': 1,
    'screenshot,live,refused': refusedScreens + 1,
  });
});

it('live chat is refused at the last step alone, when more waits than the dial allows', async () => {
  const held = holdRoute(models, 'embeddings');
  expect((await chat()).status).toBe(202);
  await held.arrived();
  await earshot.database.query(
    `insert into backlog_sample (tenant, sampled_at, modality, waiting, accepted, recognising, indexing, overdue, stuck, late,
       completed_per_second, growth_per_second, budget_ms)
     values ('default', now() + interval '1 minute', 'chat', 120, 0, 0, 120, 0, 0, 0, 2, 0, 10000)`,
  );
  await setDial('pressure.refuse_chat_at_waiting_records', 100, async () => (await chat()).status === 429);
  const answer = await chat();
  expect(answer).toMatchObject(refused('chat', 'refuse_live'));
  // 120 records at 2 a second.
  expect(secondsOf(answer)).toBe(60);
  await setStep('refuse_bulk', async () => (await chat()).status === 202);
  await earshot.database.query('delete from backlog_sample');
  held.release();
});

it('an import that is refused comes back as it is told, and loses nothing', async () => {
  const folder = join(earshot.folder, 'history');
  await mkdir(folder);
  const line = (index: number) =>
    JSON.stringify({
      ...{ type: 'message', conversationId: 'old', messageId: `m-${index}`, customerId: 'old', sentAt: LONG_AGO },
      ...{ author: 'customer', text: `said long ago ${index}` },
    });
  await writeFile(join(folder, 'old.ndjson'), Array.from({ length: 12 }, (_, index) => line(index)).join('\n'));
  const child = spawn(process.execPath, ['workers/import.ts', folder], { env: earshot.env });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  let told = '';
  child.stderr.on('data', (data: Buffer) => (told += data.toString()));
  const ended = new Promise((resolve) => child.once('close', resolve));
  await until('it has been refused', () => told.includes('told to wait 1 s: overloaded'));
  await earshot.request('PUT', '/v1/dials/pressure.at_least_step', { value: 0 });
  expect(await ended).toBe(0);
  expect(JSON.parse(output.trim().split('\n').at(-1)!)).toEqual({
    ...{ lines: 12, accepted: 12, repeated: 0, refused: 0, refusedBy: {} },
  });
});
