import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkCertificates } from '../../src/erasure/certificate.ts';
import { ERASURE_STEPS, type ErasureStep } from '../../src/domain/erasure.ts';
import { startEarshot, type TestEarshot } from './../support/earshot.ts';
import { AT_ONCE, completed, findErasure, requestErasure } from '../support/erasures.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { CALL_AND_CHAT, rememberCallAndChat, type Remembered } from '../support/memories.ts';
import { startOwnStack, type OwnStack, type Server } from '../support/own-stack.ts';
import { remainsOf } from '../support/remains.ts';
import { until } from '../support/until.ts';

/** Erasures of one wave are begun one after another, so that a kill finds them at different steps. */
const WAVE = 4;

/** The server is killed when the first erasure of the wave has come so far. */
const KILLED_AT: readonly ErasureStep[] = ['stopRuns', 'destroyKeys', 'deleteRows', 'awaitRuns', 'verify'];

let models: FakeModels;
let stack: OwnStack;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  stack = await startOwnStack(models.url);
  earshot = await startEarshot({ models, dials: AT_ONCE, stackEnv: stack.env });
});
afterAll(async () => {
  await earshot?.stop();
  await stack?.stop();
  await models?.stop();
});

describe.each<Server>(['postgres', 'temporal'])('erasures while %s is killed with kill -9', (server) => {
  it('complete from whatever steps they were at, and take nothing else', async () => {
    const bystander = await rememberCallAndChat(earshot, `bystander-of-${server}`);
    const erased: { records: Remembered; erasureId: string }[] = [];
    for (const step of KILLED_AT) {
      const names = Array.from({ length: WAVE }, (_, index) => `${server}-${step}-${index}`);
      const wave = await Promise.all(names.map((name) => rememberCallAndChat(earshot, name)));
      const begun = wave.map(async (records) => {
        const { body } = await requestErasure(earshot, records.customerId);
        erased.push({ records, erasureId: body.erasureId });
        return body.erasureId;
      });
      await reached(await begun[0]!, step);
      await Promise.all(begun);
      await stack.kill(server);
      await stack.restart();
      await ready();
    }
    for (const each of erased) await expectErased(each.records, each.erasureId);
    for (const id of bystander.ids) expect((await earshot.interaction(id)).state).toBe('reachable');
  }, 400_000);
});

async function reached(erasureId: string, step: ErasureStep): Promise<void> {
  const order = ERASURE_STEPS.indexOf(step);
  await until(`an erasure is at ${step}`, async () => {
    const [row] = await earshot.database.query<{ step: ErasureStep }>(
      'select step from erasure where erasure_id = $1',
      [erasureId],
    );
    return row !== undefined && ERASURE_STEPS.indexOf(row.step) >= order;
  });
}

async function ready(): Promise<void> {
  await until('earshot is ready again', async () => (await earshot.request('GET', '/readyz')).status === 200);
}

async function expectErased({ customerId, ids }: Remembered, erasureId: string): Promise<void> {
  const { certificate } = await completed(earshot, erasureId);
  expect(certificate.statement.before, customerId).toMatchObject(CALL_AND_CHAT);
  expect(checkCertificates([certificate])).toEqual([]);
  expect(await remainsOf(earshot, customerId), customerId).toEqual({});
  for (const id of ids) expect((await earshot.interaction(id)).state, customerId).toBe('erased');
  expect((await findErasure(earshot, erasureId)).state).toBe('completed');
}
