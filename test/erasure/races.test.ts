import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RING_SIGNAL } from '../../src/domain/workflows.ts';
import { startEarshot, type Answer, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, completed, erase, requestErasure } from '../support/erasures.ts';
import { holdRoute, startFakeModels, type FakeModels, type ModelRoute } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { remainsOf } from '../support/remains.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    // A held model is let go when its step learns that it was cancelled, which takes up to 12 s.
    dials: { ...AT_ONCE, 'erasure.drain_ms': 60_000, 'sweep.ring_after_ms': 300, 'sweep.interval_ms': 100 },
  });
});
afterEach(() => Object.assign(models, { hold: undefined, heldRoute: undefined }));
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

type Sent = Promise<Answer<{ interactionId: string; workflowId: string }>>;

const now = () => new Date().toISOString();
const aMinuteAgo = () => new Date(Date.now() - 60_000).toISOString();

/** Words that were not heard before: the vectors of others are remembered, and their model is not asked. */
const hear = (customerId: string) => (models.transcript = `A parcel of ${customerId} has not arrived.`);

const send: Record<'message' | 'call' | 'screenshot', (customerId: string) => Sent> = {
  message: (customerId) => earshot.message({ customerId, conversationId: customerId, messageId: customerId }),
  call: (customerId) =>
    earshot.upload('/v1/calls', 'audio', tone(2), { callId: customerId, customerId, startedAt: aMinuteAgo() }),
  screenshot: async (customerId) =>
    earshot.upload('/v1/screenshots', 'image', await picture(), {
      screenshotId: customerId,
      customerId,
      capturedAt: aMinuteAgo(),
    }),
};

let passers = 0;

/** A record that goes all the way: what was in flight before it has had its turn on every queue. */
async function nothingInFlight(): Promise<void> {
  for (const kind of ['message', 'call', 'screenshot'] as const) {
    const { body } = await send[kind](`passer-by-${(passers += 1)}`);
    await earshot.settled(body.interactionId, 'reachable');
  }
  await until('all sessions sleep', async () => {
    return (await earshot.database.query('select from session where awake_since is not null')).length === 0;
  });
}

const STEPS: [string, keyof typeof send, ModelRoute][] = [
  ['a call is being recognised', 'call', 'transcriptions'],
  ['a call is being indexed', 'call', 'embeddings'],
  ['a screenshot is being read', 'screenshot', 'screen_text'],
  ['a message is being embedded', 'message', 'embeddings'],
];

describe.each(STEPS)('an erasure while %s', (_, kind, route) => {
  it('leaves nothing when the model answers after the fence', async () => {
    const customerId = `fenced-${kind}-${route}`;
    hear(customerId);
    const held = holdRoute(models, route);
    const { body } = await send[kind](customerId);
    await held.arrived();
    const requested = await requestErasure(earshot, customerId);
    held.release();
    const { certificate } = await completed(earshot, requested.body.erasureId);
    expect(certificate.statement.before).toMatchObject({ 'postgres.interaction': 1 });
    await nothingInFlight();
    expect(await remainsOf(earshot, customerId)).toEqual({});
    expect((await earshot.interaction(body.interactionId)).state).toBe('erased');
  });

  it('leaves nothing when the model answers after its completion', async () => {
    const customerId = `late-${kind}-${route}`;
    hear(customerId);
    const held = holdRoute(models, route);
    const { body } = await send[kind](customerId);
    await held.arrived();
    await erase(earshot, customerId);
    held.release();
    await nothingInFlight();
    expect(await remainsOf(earshot, customerId)).toEqual({});
    expect((await earshot.interaction(body.interactionId)).state).toBe('erased');
  });
});

describe('an erasure while messages come in', () => {
  it('takes those of before its watermark and no other', async () => {
    const customerId = 'bursting';
    const answers: { status: number; sentAt: string; id: string }[] = [];
    const talk = async (lane: number) => {
      for (let index = 0; index < 25; index++) {
        const sentAt = now();
        const message = { customerId, conversationId: `burst-${lane}`, messageId: `${lane}/${index}`, sentAt };
        const { status, body } = await earshot.message(message);
        answers.push({ status, sentAt, id: body.interactionId });
      }
    };
    const eraseAmidst = async () => {
      await until('the burst is on', () => answers.length >= 20);
      return requestErasure(earshot, customerId);
    };
    const [{ body }] = await Promise.all([eraseAmidst(), ...[1, 2, 3, 4].map(talk)]);
    const { erasedBefore } = await completed(earshot, body.erasureId);
    expect([...new Set(answers.map(({ status }) => status))].filter((status) => ![202, 410].includes(status))).toEqual(
      [],
    );
    const acknowledged = answers.filter(({ status }) => status === 202);
    const later = acknowledged.filter(({ sentAt }) => sentAt > erasedBefore!);
    const earlier = acknowledged.filter(({ sentAt }) => sentAt <= erasedBefore!);
    expect(later.length).toBeGreaterThan(0);
    expect(earlier.length).toBeGreaterThan(0);
    for (const { id } of later) await earshot.settled(id, 'reachable');
    await nothingInFlight();
    expect(await remainsOf(earshot, customerId, erasedBefore!)).toEqual({});
    for (const { id } of earlier) expect((await earshot.interaction(id)).state).toBe('erased');
    for (const { id } of later) expect((await earshot.interaction(id)).state).toBe('reachable');
  });
});

describe('a conversation that goes on', () => {
  it('is taken up again although its workflow was ended with the erasure', async () => {
    const customerId = 'talker';
    const held = holdRoute(models, 'embeddings');
    const say = (messageId: string, text: string) =>
      earshot.message({ customerId, conversationId: 'going-on', messageId, text, sentAt: now() });
    await say('before', 'a word of before');
    await held.arrived();
    const requested = await requestErasure(earshot, customerId);
    const during = await say('during', 'a word of meanwhile');
    held.release();
    const { erasedBefore } = await completed(earshot, requested.body.erasureId);
    const after = await say('after', 'a word of afterwards');
    for (const { status, body } of [during, after]) {
      expect(status).toBe(202);
      await earshot.settled(body.interactionId, 'reachable');
    }
    const { results } = await earshot.retrieve({ query: 'a word', customerId });
    expect(results.map(({ text }) => text).sort()).toEqual(['a word of afterwards', 'a word of meanwhile']);
    expect(await remainsOf(earshot, customerId, erasedBefore!)).toEqual({});
  });
});

describe('a session that was erased', () => {
  it('stays empty when its workflow is run again, and cannot be reset', async () => {
    const customerId = 'revenant';
    const sessions = await Promise.all(
      (['message', 'call', 'screenshot'] as const).map(async (kind) => (await send[kind](customerId)).body),
    );
    for (const { interactionId } of sessions) await earshot.settled(interactionId, 'reachable');
    const runs = await Promise.all(
      sessions.map(async ({ workflowId }) => (await earshot.temporal.getHandle(workflowId).describe()).runId),
    );
    await erase(earshot, customerId);
    for (const [index, { workflowId }] of sessions.entries()) {
      const execution = { workflowId, runId: runs[index]! };
      await expect(reset(execution)).rejects.toThrow(/not found/i);
      await runAgain(workflowId);
    }
    await nothingInFlight();
    expect(await remainsOf(earshot, customerId)).toEqual({});
  });
});

function reset(workflowExecution: { workflowId: string; runId: string }): Promise<unknown> {
  const { connection, namespace } = earshot;
  const request = { namespace, workflowExecution, workflowTaskFinishEventId: 4 as never, requestId: 'again' };
  return connection.workflowService.resetWorkflowExecution(request);
}

async function runAgain(workflowId: string): Promise<void> {
  const [channel, sessionId] = workflowId.split('/');
  const handle = await earshot.temporal.signalWithStart(channel === 'chat' ? 'conversation' : channel!, {
    workflowId,
    taskQueue: 'intake',
    args: [{ tenant: 'default', sessionId }],
    signal: RING_SIGNAL,
    signalArgs: [],
  });
  await handle.result();
}
