import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ErasureActivities } from '../../src/domain/activities.ts';
import { TASK_QUEUES } from '../../src/domain/task-queues.ts';
import { checkCertificates } from '../../src/erasure/certificate.ts';
import { prepareEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, completed, findErasure, requestErasure } from '../support/erasures.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { CALL_AND_CHAT, rememberCallAndChat, type Remembered } from '../support/memories.ts';
import { remainsOf } from '../support/remains.ts';
import { until } from '../support/until.ts';

/** All activities of workflows/erase-customer.ts: the type makes a new one fail to compile until it is here. */
const STEPS: Record<keyof ErasureActivities, 'erasing' | 'cancelling'> = {
  openErasure: 'erasing',
  raiseFence: 'erasing',
  cancelScheduled: 'cancelling',
  writeLedger: 'erasing',
  stopRuns: 'erasing',
  markRecords: 'erasing',
  countBefore: 'erasing',
  destroyKeys: 'erasing',
  deleteRuns: 'erasing',
  deleteRows: 'erasing',
  deleteObjects: 'erasing',
  awaitRuns: 'erasing',
  clearResidue: 'erasing',
  verifyErasure: 'erasing',
  certify: 'erasing',
};

/** A customer whose erasure is killed at one point. */
interface Doomed {
  readonly point: string;
  readonly path: 'erasing' | 'cancelling';
  readonly records: Remembered;
  erasureId: string;
}

/** Half as many as a worker runs steps at a time: each of them holds one, and those of earlier waves go on beside. */
const WAVE = 10;

let models: FakeModels;
let earshot: TestEarshot;
let doomed: Doomed[];
let bystander: Remembered;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await prepareEarshot({ models, dials: AT_ONCE });
  await earshot.start({ entry: 'workers/api.ts' });
  const worker = await startWorker();
  bystander = await rememberCallAndChat(earshot, 'bystander');
  doomed = await Promise.all(
    Object.entries(STEPS).flatMap(([step, path]) =>
      ['before', 'after'].map(async (moment) => {
        const records = await rememberCallAndChat(earshot, `${step}-${moment}`);
        return { point: `${step}/${moment}`, path, records, erasureId: '' };
      }),
    ),
  );
  await worker.stop();
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

function startWorker() {
  return earshot.start({ entry: 'workers/main.ts', args: [...TASK_QUEUES] });
}

/** Takes a wave of erasures to their points and kills the worker there. */
async function killAtEach(wave: Doomed[]): Promise<void> {
  for (const each of wave) {
    await setGrace(each.path === 'cancelling' ? 3_600_000 : 1);
    each.erasureId = (await requestErasure(earshot, each.records.customerId)).body.erasureId;
  }
  const args = wave.map(({ erasureId, point }) => `${erasureId}=${point}`);
  const { child } = await earshot.start({ entry: 'test/support/dying-worker.ts', args });
  const killed = once(child, 'exit');
  for (const { path, erasureId } of wave) if (path === 'cancelling') await cancel(erasureId);
  expect((await killed)[1]).toBe('SIGKILL');
}

/** With a grace period, however short, it is the workflow that raises the fence. */
async function setGrace(value: number): Promise<void> {
  await earshot.request('PUT', '/v1/dials/erasure.grace_ms', { value });
}

/** The answer is lost with the worker. */
async function cancel(erasureId: string): Promise<void> {
  await until('the cancellation has been taken', async () => {
    const { body } = await earshot.request<{ detail?: string }>('POST', `/v1/erasures/${erasureId}/cancel`);
    return body.detail === undefined || (await updatesOf(erasureId)) > 0;
  });
}

async function updatesOf(erasureId: string): Promise<number> {
  const { events } = await earshot.temporal.getHandle(`erase/${erasureId}`).fetchHistory();
  return (events ?? []).filter((event) => Boolean(event.workflowExecutionUpdateAcceptedEventAttributes)).length;
}

describe('an erasure whose worker is killed with kill -9', () => {
  it('completes from every step, before and after its effect, and takes nothing else', async () => {
    for (let at = 0; at < doomed.length; at += WAVE) await killAtEach(doomed.slice(at, at + WAVE));
    await startWorker();
    for (const each of doomed) await (each.path === 'erasing' ? expectErased(each) : expectKept(each));
    for (const id of bystander.ids) expect((await earshot.interaction(id)).state).toBe('reachable');
    const { body } = await earshot.request<{ certificates: Parameters<typeof checkCertificates>[0] }>(
      'GET',
      '/v1/erasure-certificates?limit=1000',
    );
    expect(body.certificates.length).toBe(doomed.filter(({ path }) => path === 'erasing').length);
    expect(checkCertificates(body.certificates)).toEqual([]);
  }, 600_000);
});

async function expectErased({ point, erasureId, records }: Doomed): Promise<void> {
  const { certificate } = await completed(earshot, erasureId);
  expect(certificate.statement.before, point).toMatchObject(CALL_AND_CHAT);
  expect(await remainsOf(earshot, records.customerId), point).toEqual({});
  for (const id of records.ids) expect((await earshot.interaction(id)).state, point).toBe('erased');
}

async function expectKept({ point, erasureId, records }: Doomed): Promise<void> {
  await until(`${point} is cancelled`, async () => (await findErasure(earshot, erasureId)).state === 'cancelled');
  for (const id of records.ids) expect((await earshot.interaction(id)).state, point).toBe('reachable');
}
