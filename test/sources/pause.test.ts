import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeEach(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    dials: {
      'sweep.interval_ms': 100,
      'sweep.ring_after_ms': 300,
      'sweep.stuck_after_ms': 300,
      'sources.pause_after_failures': 4,
      'sources.pause_after_ms': 500,
    },
  });
});
afterEach(async () => {
  await earshot?.stop();
  await models?.stop();
});

interface Source {
  source: string;
  state: string;
  cause: string | null;
  failures: number;
  waiting: number;
  lastError: string | null;
  changedBy: string | null;
  changes: { state: string; cause: string | null; changedBy: string }[];
}

const DEAD = { kind: 'status', status: 503 } as const;
const sourceOf = async (name: string): Promise<Source> => {
  const { body } = await earshot.request<{ sources: Source[] }>('GET', '/v1/sources');
  return body.sources.find(({ source }) => source === name)!;
};
const isPaused = (name: string) =>
  until(`${name} is paused`, async () => {
    const seen = await sourceOf(name);
    return seen.state === 'paused' && seen;
  });
const isWaiting = (name: string, count: number) =>
  until(`${count} wait for ${name}`, async () => (await sourceOf(name)).waiting === count);
const countCalls = (route: string) => models.calls.filter((call) => call.route === route).length;
const minuteAgo = () => new Date(Date.now() - 60_000).toISOString();

let calls = 0;
const sendCall = async (callId = `call-${(calls += 1)}`) => {
  const call = { callId, customerId: `of-${callId}`, startedAt: minuteAgo() };
  return (await earshot.upload('/v1/calls', 'audio', tone(3 + calls), call)).body.interactionId;
};
const segment = async (callId: string, index: number) => {
  const startedAt = new Date(Date.now() - 60_000 + index * 10_000).toISOString();
  const endedAt = new Date(Date.now() - 55_000 + index * 10_000).toISOString();
  const body = { customerId: 'live', index, startedAt, endedAt };
  return (await earshot.upload(`/v1/calls/${callId}/segments`, 'audio', tone(5), body)).body.interactionId;
};
const doubled = () =>
  earshot.database.query(`
    select interaction_id, kind, piece from artifact where state = 'active' group by 1, 2, 3 having count(*) > 1`);

describe('a source whose endpoint is dead', () => {
  it('pauses itself and stays paused over a restart, while others go on; resumed, all that waited becomes reachable', async () => {
    models.failAlways('transcriptions', DEAD);
    const waiting = [await sendCall(), await sendCall(), await segment('live', 0)];
    const paused = await isPaused('speech');
    expect(paused).toMatchObject({ cause: 'failures', changedBy: 'sweep' });
    expect(paused.failures).toBeGreaterThanOrEqual(4);
    expect(paused.lastError).toContain('503');

    // Calls are accepted on and wait as rows: no step and no model request is made for them any more.
    waiting.push(await sendCall());
    await isWaiting('speech', 4);
    const asked = countCalls('transcriptions');
    const { body: chat } = await earshot.message({ customerId: 'others' });
    const screen = { screenshotId: 'screen', customerId: 'others', capturedAt: minuteAgo() };
    const { body: shot } = await earshot.upload('/v1/screenshots', 'image', await picture(), screen);
    await earshot.settled(chat.interactionId, 'reachable');
    await earshot.settled(shot.interactionId, 'reachable');
    await until('no step is under way or waits', async () => (await openSteps()).length === 0);
    const health = await earshot.request<{ status: string; reasons: { code: string }[] }>('GET', '/v1/health');
    expect(health.body.reasons).toContainEqual(
      expect.objectContaining({ status: 'red', code: 'source_paused_speech' }),
    );
    expect((await earshot.request<{ text: string }>('GET', '/metrics')).body.text).toContain(
      'earshot_source_paused{source="speech"} 1',
    );

    await earshot.application!.stop();
    models.heal();
    await earshot.start();
    waiting.push(await sendCall());
    await isWaiting('speech', 5);
    expect((await earshot.interaction(waiting[0]!)).state).toBe('processing');
    expect(await earshot.interaction(waiting[0]!)).toMatchObject({ waitsFor: 'speech' });
    expect(countCalls('transcriptions')).toBe(asked);

    const resumed = await earshot.request('POST', '/v1/sources/speech/resume');
    expect(resumed.body).toEqual({ source: 'speech', state: 'running', changed: true });
    for (const id of waiting) await earshot.settled(id, 'reachable');
    expect(await doubled()).toEqual([]);
    expect(countCalls('transcriptions')).toBe(asked + waiting.length);
    const after = await sourceOf('speech');
    expect(after).toMatchObject({ state: 'running', failures: 0, waiting: 0 });
    expect(after.changes.map(({ state, cause }) => [state, cause])).toEqual([
      ['running', null],
      ['paused', 'failures'],
    ]);
    expect(after.changes[0]!.changedBy).not.toBe('sweep');
  });

  /** Remote steps that are under way or wait for their next attempt, over all open workflows. */
  async function openSteps(): Promise<string[]> {
    const open: string[] = [];
    for await (const { workflowId } of earshot.temporal.list({ query: `ExecutionStatus = 'Running'` })) {
      const { raw } = await earshot.temporal.getHandle(workflowId).describe();
      open.push(...(raw.pendingActivities ?? []).map(({ activityType }) => activityType?.name ?? ''));
    }
    return open;
  }

  it('is not taken for dead because of one record that breaks it, nor because it refuses one', async () => {
    models.fail('transcriptions', ...Array.from({ length: 4 }, () => DEAD));
    const id = await sendCall();
    await until('it has failed often', () => countCalls('transcriptions') >= 4);
    await earshot.settled(id, 'reachable');
    expect(await sourceOf('speech')).toMatchObject({ state: 'running', failures: 0 });
    models.failAlways('transcriptions', { kind: 'status', status: 422 });
    for (let refused = 0; refused < 5; refused++) await earshot.settled(await sendCall(), 'failed');
    expect(await sourceOf('speech')).toMatchObject({ state: 'running', failures: 0 });
  });

  it('is asked whether it answers again where that is wanted, and resumed by itself', async () => {
    models.failAlways('screen_text', DEAD);
    models.failAlways('screen_caption', DEAD);
    const screen = { screenshotId: 'screen', customerId: 'viewer', capturedAt: minuteAgo() };
    const { body } = await earshot.upload('/v1/screenshots', 'image', await picture(), screen);
    await isPaused('vision');
    await earshot.request('PUT', '/v1/dials/sources.probe_interval_ms', { value: 200 });
    models.heal();
    expect(await earshot.settled(body.interactionId, 'reachable')).toMatchObject({ degraded: [], waitsFor: null });
    expect((await sourceOf('vision')).changedBy).toBe('probe');
  });
});

describe('a source that an operator pauses', () => {
  it('lets words be searched on, and says what they lack; resumed, every message gets its vector', async () => {
    const { body: known } = await earshot.message({ customerId: 'asker', text: 'the modem blinks' });
    await earshot.settled(known.interactionId, 'reachable');
    const paused = await earshot.request('POST', '/v1/sources/embedding/pause');
    expect(paused.body).toEqual({ source: 'embedding', state: 'paused', changed: true });
    expect((await earshot.request('POST', '/v1/sources/embedding/pause')).body).toMatchObject({ changed: false });
    const asked = countCalls('embeddings');
    const sent = await Promise.all(
      ['one', 'two', 'three'].map((word) => earshot.message({ customerId: 'asker', text: `the modem ${word}` })),
    );
    const call = await sendCall();
    await isWaiting('embedding', 4);
    const answer = await earshot.retrieve({ query: 'modem', customerId: 'asker' });
    expect(answer.degraded).toEqual(['vector']);
    expect(answer.results).toHaveLength(4);
    expect(answer.pending).toHaveLength(3);
    // A probe is for what failed, not for what somebody wants paused.
    await earshot.request('PUT', '/v1/dials/sources.probe_interval_ms', { value: 100 });
    const health = await earshot.request<{ reasons: { code: string; status: string }[] }>('GET', '/v1/health');
    expect(health.body.reasons).toContainEqual(
      expect.objectContaining({ status: 'yellow', code: 'source_paused_embedding' }),
    );
    expect(countCalls('embeddings')).toBe(asked);

    await earshot.request('POST', '/v1/sources/embedding/resume');
    for (const { body } of sent) await earshot.settled(body.interactionId, 'reachable');
    await earshot.settled(call, 'reachable');
    expect(await doubled()).toEqual([]);
    expect((await earshot.request('POST', '/v1/sources/nothing/pause')).status).toBe(404);
  });
});
