import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TASK_QUEUES } from '../../src/domain/task-queues.ts';
import { prepareEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, completed, erase, findErasure, requestErasure, type Erasure } from '../support/erasures.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { customerKeyOf, remainsOf } from '../support/remains.ts';
import { until } from '../support/until.ts';

interface Problem {
  readonly code: string;
  readonly errors: { field: string; message: string }[];
}

const NONE = 0;
const LONG = 3_600_000;
const SHORT = 2_000;

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await prepareEarshot({ models, dials: { ...AT_ONCE, 'erasure.drain_ms': 60_000 } });
  await earshot.start({ entry: 'workers/api.ts' });
  await earshot.start({ entry: 'workers/main.ts', args: [...TASK_QUEUES] });
});
beforeEach(() => setGrace(NONE));
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

async function setGrace(value: number): Promise<void> {
  expect((await earshot.request('PUT', '/v1/dials/erasure.grace_ms', { value })).status).toBe(200);
}

/** One message, reachable; answers its id. */
async function remember(customerId: string): Promise<string> {
  const { body } = await earshot.message({ customerId, conversationId: customerId, messageId: customerId });
  await earshot.settled(body.interactionId, 'reachable');
  return body.interactionId;
}

/** Asks again while the workflow is too busy to answer. */
const cancel = (erasureId: string) =>
  until('the cancellation is answered', async () => {
    const answer = await earshot.request<Problem>('POST', `/v1/erasures/${erasureId}/cancel`);
    return answer.body.code !== 'overloaded' && answer;
  });

const hold = (customerId: string, reason = 'a lawsuit') =>
  earshot.request<Problem>('PUT', `/v1/customers/${customerId}/hold`, { reason });

const release = (customerId: string) => earshot.request('DELETE', `/v1/customers/${customerId}/hold`);

async function listed(state: string): Promise<string[]> {
  const { body } = await earshot.request<{ erasures: Erasure[] }>('GET', `/v1/erasures?state=${state}&limit=200`);
  return body.erasures.map(({ erasureId }) => erasureId);
}

async function inState(erasureId: string, state: string): Promise<void> {
  await until(`the erasure is ${state}`, async () => (await findErasure(earshot, erasureId)).state === state);
}

describe('an erasure with a grace period', () => {
  it('keeps all when it is cancelled within it, also at once, and may be asked for anew', async () => {
    const id = await remember('regretter');
    await setGrace(LONG);
    const { body } = await requestErasure(earshot, 'regretter');
    expect(body.state).toBe('scheduled');
    expect((await cancel(body.erasureId)).status).toBe(202);
    expect((await findErasure(earshot, body.erasureId)).state).toBe('cancelled');
    expect((await cancel(body.erasureId)).status).toBe(202);
    expect((await earshot.interaction(id)).state).toBe('reachable');
    const again = await earshot.message({ customerId: 'regretter', sentAt: new Date(0).toISOString() });
    expect(again.status).toBe(202);
    await setGrace(NONE);
    const anew = await erase(earshot, 'regretter');
    expect(anew.erasureId).not.toBe(body.erasureId);
    expect(await remainsOf(earshot, 'regretter')).toEqual({});
  });

  it('erases at its end, and what came within it too', async () => {
    await remember('patient');
    await setGrace(SHORT);
    const { body } = await requestErasure(earshot, 'patient');
    const within = await earshot.message({ customerId: 'patient', sentAt: new Date().toISOString() });
    expect(within.status).toBe(202);
    const { certificate } = await completed(earshot, body.erasureId);
    expect(certificate.statement.before).toMatchObject({ 'postgres.interaction': 2 });
    expect(await remainsOf(earshot, 'patient')).toEqual({});
  });

  it('cannot be cancelled once it has begun, nor when it is over', async () => {
    await remember('too-late');
    const held = holdRoute(models, 'embeddings');
    await earshot.message({ customerId: 'too-late', conversationId: 'in-flight', text: 'in flight' });
    await held.arrived();
    const { body } = await requestErasure(earshot, 'too-late');
    expect((await cancel(body.erasureId)).status).toBe(409);
    held.release();
    await completed(earshot, body.erasureId);
    expect((await cancel(body.erasureId)).status).toBe(409);
    expect(await remainsOf(earshot, 'too-late')).toEqual({});
  });
});

describe('a legal hold', () => {
  it('refuses an erasure with its reason, is listed, and lets it through once released', async () => {
    const id = await remember('litigant');
    expect((await hold('litigant', 'case 4711')).status).toBe(200);
    const refused = await earshot.request<Problem>('POST', '/v1/erasures', { customerId: 'litigant', reason: 'asked' });
    expect(refused.status).toBe(409);
    expect(refused.body.errors).toEqual([
      { field: 'customerId', message: expect.stringContaining('case 4711') as string },
    ]);
    const customerKey = customerKeyOf(earshot, 'litigant');
    const holds = await earshot.request<{ holds: { customerKey: string; reason: string }[] }>('GET', '/v1/holds');
    expect(holds.body.holds).toContainEqual(expect.objectContaining({ customerKey, reason: 'case 4711' }));
    expect(await listed('refused')).toHaveLength(1);
    expect((await earshot.interaction(id)).state).toBe('reachable');
    expect((await release('litigant')).status).toBe(200);
    await erase(earshot, 'litigant');
    expect(await remainsOf(earshot, 'litigant')).toEqual({});
    const left = await earshot.request<{ holds: { customerKey: string }[] }>('GET', '/v1/holds');
    expect(left.body.holds.filter((each) => each.customerKey === customerKey)).toEqual([]);
  });

  it('that is placed within the grace period refuses the erasure at its end', async () => {
    const id = await remember('sued-meanwhile');
    await setGrace(SHORT);
    const { body } = await requestErasure(earshot, 'sued-meanwhile');
    expect((await hold('sued-meanwhile')).status).toBe(200);
    await inState(body.erasureId, 'refused');
    expect(await listed('refused')).toContain(body.erasureId);
    expect((await earshot.interaction(id)).state).toBe('reachable');
    expect((await earshot.message({ customerId: 'sued-meanwhile' })).status).toBe(202);
  });

  it('comes too late for an erasure that runs', async () => {
    const held = holdRoute(models, 'embeddings');
    await earshot.message({ customerId: 'sued-late', conversationId: 'sued-late', text: 'nearly gone' });
    await held.arrived();
    const { body } = await requestErasure(earshot, 'sued-late');
    expect((await hold('sued-late')).status).toBe(409);
    held.release();
    await completed(earshot, body.erasureId);
    expect(await remainsOf(earshot, 'sued-late')).toEqual({});
    expect((await hold('sued-late')).status).toBe(200);
  });

  it('is readable although another process still remembers the key that an erasure destroyed', async () => {
    await remember('held-anew');
    await setGrace(SHORT);
    const { body } = await requestErasure(earshot, 'held-anew');
    await earshot.message({ customerId: 'held-anew', text: 'remembers the key' });
    await completed(earshot, body.erasureId);
    expect((await hold('held-anew', 'a new lawsuit')).status).toBe(200);
    const [row] = await earshot.database.query<{ generation: number; current: number }>(
      `select get_byte(h.sealed_reason, 4) as generation, s.key_generation as current
       from legal_hold h
       join subject s using (tenant, customer_key)
       where customer_key = $1`,
      [customerKeyOf(earshot, 'held-anew')],
    );
    expect(row!.generation).toBe(row!.current);
  });
});
