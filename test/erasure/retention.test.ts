import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkCertificates } from '../../src/erasure/certificate.ts';
import { RETENTION_SCHEDULE } from '../../src/temporal/schedules.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { completed, type Erasure } from '../support/erasures.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';
import { ScheduleClient } from '@temporalio/client';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, dials: { 'retention.chat_days': 30 } });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();

async function applyRetention(): Promise<Erasure[]> {
  const before = await erasures();
  const schedules = new ScheduleClient({ connection: earshot.connection, namespace: earshot.namespace });
  await schedules.getHandle(RETENTION_SCHEDULE).trigger();
  return until('the retention run has opened an erasure', async () => {
    const fresh = (await erasures()).filter(({ erasureId }) => !before.some((known) => known.erasureId === erasureId));
    return fresh.length > 0 && fresh;
  });
}

async function erasures(): Promise<Erasure[]> {
  return (await earshot.request<{ erasures: Erasure[] }>('GET', '/v1/erasures')).body.erasures;
}

describe('records older than their class may be', () => {
  it('are gone after the retention run, counted and certified; younger ones and other classes stay', async () => {
    const old = {
      customerId: 'elder',
      conversationId: 'old',
      messageId: 'old',
      sentAt: daysAgo(31),
      text: 'an antique',
    };
    const message = await earshot.message(old);
    const held = await earshot.message({ ...old, customerId: 'held', conversationId: 'h', messageId: 'held' });
    const young = await earshot.message({ ...old, messageId: 'young', sentAt: daysAgo(29), text: 'a novelty' });
    const call = await earshot.upload('/v1/calls', 'audio', tone(2), {
      callId: 'old',
      customerId: 'elder',
      startedAt: daysAgo(31),
    });
    const ids = [message, held, young, call].map(({ body }) => body.interactionId);
    for (const id of ids) await earshot.settled(id, 'reachable');
    await earshot.request('PUT', '/v1/customers/held/hold', { reason: 'case 7' });
    const [opened] = await applyRetention();
    const { certificate } = await completed(earshot, opened!.erasureId);
    expect(certificate.statement).toMatchObject({
      scope: 'retention',
      customerKey: null,
      before: { 'postgres.interaction': 1, 'postgres.chunk': 1, 'postgres.embedding': 1 },
      after: { 'postgres.interaction': 0, 'postgres.chunk': 0, 'postgres.embedding': 0 },
    });
    expect(checkCertificates([certificate])).toEqual([]);
    const states = await Promise.all(ids.map(async (id) => (await earshot.interaction(id)).state));
    expect(states).toEqual(['erased', 'reachable', 'reachable', 'reachable']);
    const { results } = await earshot.retrieve({ query: 'antique novelty', customerId: 'elder', mode: 'text' });
    expect(results.map(({ text }) => text)).toEqual(['a novelty']);
    expect((await earshot.message(old)).status).toBe(410);
  });

  it('take their raw objects with them', async () => {
    await earshot.request('PUT', '/v1/dials/retention.audio_days', { value: 30 });
    const [opened] = await applyRetention();
    const { certificate } = await completed(earshot, opened!.erasureId);
    expect(certificate.statement.before).toMatchObject({ 'postgres.interaction': 1, 'raw.readable_probes': 1 });
    expect(certificate.statement.after).toMatchObject({ 'raw.readable_probes': 0 });
  });
});

describe('open erasures', () => {
  it('are counted in the metrics, with the time to the nearest deadline', async () => {
    await earshot.request('PUT', '/v1/dials/erasure.grace_ms', { value: 3_600_000 });
    await earshot.request('POST', '/v1/erasures', { customerId: 'waiting', reason: 'asked by letter' });
    const metrics = async () => (await earshot.request<{ text: string }>('GET', '/metrics')).body.text;
    expect(await metrics()).toContain('earshot_erasures_open{tenant="default"} 1');
    expect(await metrics()).toContain('earshot_erasures_late{tenant="default"} 0');
    expect(await metrics()).toMatch(/earshot_erasure_deadline_seconds\{tenant="default"\} 25\d{5}/);
    await earshot.request('PUT', '/v1/dials/erasure.warn_before_ms', { value: 30 * 86_400_000 });
    const late = 'earshot_erasures_late{tenant="default"} 1';
    await until('it is late', async () => (await metrics()).includes(late));
  });
});
