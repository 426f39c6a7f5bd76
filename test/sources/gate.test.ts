import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { changeSource, listSources, noteSourceFailure, pauseFailing } from '../../src/db/model-sources.ts';
import { openDatabase, type Database } from '../../src/db/pools.ts';
import { dialValues } from '../../src/domain/dials.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import { openLog } from '../../src/observe/log.ts';
import { openMetrics } from '../../src/observe/metrics.ts';
import { withStanding } from '../../src/sources/background.ts';
import { SourceGate } from '../../src/sources/model-gate.ts';
import { SourceStates } from '../../src/sources/source-states.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

let owner: TestDatabase;
let database: Database;
let states: SourceStates;
let gate: SourceGate;

beforeAll(async () => {
  owner = await createDatabase();
  database = openDatabase({ url: owner.url });
  states = await SourceStates.open(database);
  const dials = dialValues([]);
  gate = new SourceGate({
    database,
    states,
    dials: { get: (name) => dials[name] },
    metrics: openMetrics(),
    log: openLog('silent'),
    isCurrent: (_source, model) => model === 'current',
  });
});
afterAll(async () => {
  states?.close();
  await database?.close();
  await owner?.drop();
});
beforeEach(async () => {
  await changeSource(database.deployment, 'speech', 'running', 'test');
  await states.refresh();
});

const signal = AbortSignal.timeout(30_000);
const ask = (model: string, send: () => Promise<string> = () => Promise.resolve('heard')) =>
  gate.pass({ source: 'speech', model, tokens: 0 }, signal, send);
const fail = (error: EarshotError) => () => Promise.reject(error);
const failures = async () => {
  const sources = await listSources(database.deployment);
  return sources.find(({ source }) => source === 'speech')!.failures;
};

it('failures of the endpoint count, in a row and for the current model alone', async () => {
  const down = new EarshotError('model_unavailable', 'the endpoint answered 503');
  for (const _ of [1, 2]) await expect(ask('current', fail(down))).rejects.toBe(down);
  await expect(ask('another', fail(down))).rejects.toBe(down);
  for (const code of ['model_rejected', 'model_answer_invalid', 'model_overloaded'] as const) {
    await expect(ask('current', fail(new EarshotError(code, 'no')))).rejects.toMatchObject({ code });
  }
  expect(await failures()).toBe(2);
  await ask('another');
  expect(await failures()).toBe(2);
  await ask('current');
  await expect.poll(failures).toBe(0);
});

it('one that is paused for failures refuses the model that failed, and lets another one through', async () => {
  await noteSourceFailure(database.deployment, 'speech', 'the endpoint answered 503');
  // A good answer in between: not paused.
  expect(await pauseFailing(database.deployment, 'speech', 2)).toBe(false);
  expect(await pauseFailing(database.deployment, 'speech', 1)).toBe(true);
  await states.refresh();
  await expect(ask('current')).rejects.toMatchObject({ code: 'model_paused', retryable: false });
  expect(await ask('another')).toBe('heard');
  // An operator takes the pause over: now it is for all.
  await changeSource(database.deployment, 'speech', 'paused', 'test');
  await states.refresh();
  await expect(ask('another')).rejects.toMatchObject({ code: 'model_paused' });
});

it('what has no row that could wait waits for the resumption itself', async () => {
  await changeSource(database.deployment, 'speech', 'paused', 'test');
  await states.refresh();
  let sent = false;
  const waiting = withStanding({ behindLive: true, waitsOutPauses: true }, () =>
    ask('current', () => Promise.resolve((sent = true)).then(() => 'heard')),
  );
  await states.refresh();
  expect(sent).toBe(false);
  await changeSource(database.deployment, 'speech', 'running', 'test');
  await states.refresh();
  expect(await waiting).toBe('heard');
});
