import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bucketOf, quantile } from '../../src/domain/service.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { until } from '../support/until.ts';

const TRANSFORM_BUDGET_MS = 4_000;
const GENEROUS_MS = 60_000;

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    dials: {
      'budget.chat_ingest_ms': GENEROUS_MS,
      'budget.chat_stream_ms': GENEROUS_MS,
      'budget.chat_transform_ms': TRANSFORM_BUDGET_MS,
      'budget.chat_index_ms': GENEROUS_MS,
      'budget.tell_pickup_after_ms': 100,
      'sla.flush_ms': 100,
    },
  });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

interface Objective {
  name: string;
  target: number;
  measured: number | null;
  met: boolean | null;
}
interface ServiceLevel {
  met: boolean;
  objectives: Objective[];
  freshness: {
    modality: string;
    status: string;
    overBudget: string[];
    stages: { stage: string; status: string; p99Ms: number | null; oldestWaitingMs: number | null }[];
  }[];
  service: { kind: string; requests: number; failed: number; p99Ms: number | null }[];
  minutes: { known: number; alive: number };
  recovery: { longestOverBudgetMinutes: number };
}

const level = async () => (await earshot.request<ServiceLevel>('GET', '/v1/sla?window=1h')).body;
const chatOf = ({ freshness }: ServiceLevel) => freshness.find(({ modality }) => modality === 'chat')!;
const objectiveOf = ({ objectives }: ServiceLevel, name: string) => objectives.find((each) => each.name === name)!;
const servedOf = ({ service }: ServiceLevel, kind: string) => service.find((each) => each.kind === kind);

describe('a stage that is broken', () => {
  it('turns the budget red and is named, while records stand in it and after they have passed it', async () => {
    const { body: first } = await earshot.message();
    await earshot.settled(first.interactionId, 'reachable');
    expect(chatOf(await level()).overBudget).toEqual([]);

    const held = holdRoute(models, 'embeddings');
    const { body } = await earshot.message();
    const red = await until('the model is named', async () => {
      const chat = chatOf(await level());
      const waits = chat.stages.find(({ stage }) => stage === 'transform')?.oldestWaitingMs ?? 0;
      // Percentiles of two records lie between them.
      return waits > 1.1 * TRANSFORM_BUDGET_MS && chat;
    });
    expect(red.status).toBe('red');
    const reds = red.stages.filter(({ status }) => status === 'red');
    expect(reds.map(({ stage }) => stage)).toEqual(['transform']);
    expect(reds[0]!.oldestWaitingMs).toBeGreaterThan(TRANSFORM_BUDGET_MS);
    held.release();
    await earshot.settled(body.interactionId, 'reachable');

    const after = chatOf(await level());
    const passed = after.stages.filter(({ status }) => status === 'red');
    expect(passed.map(({ stage }) => stage)).toEqual(['transform']);
    expect(passed[0]!.p99Ms).toBeGreaterThan(TRANSFORM_BUDGET_MS);
    const { body: fresh } = await earshot.request<{ modalities: { status: string; overBudget: string[] }[] }>(
      'GET',
      '/v1/freshness',
    );
    expect(fresh.modalities[0]).toMatchObject({ status: 'red' });
    expect(fresh.modalities[0]!.overBudget).toContain('transform');
  });
});

describe('the service level', () => {
  it('counts how requests were answered, over a restart too, and holds it to its targets', async () => {
    for (const query of ['one', 'two', 'three']) await earshot.retrieve({ query });
    models.failAlways('embeddings', { kind: 'status', status: 503 });
    expect((await earshot.request('POST', '/v1/retrieve', { query: 'four', mode: 'vector' })).status).toBe(503);
    models.heal();
    const before = await until('they are counted', async () => {
      const seen = await level();
      return servedOf(seen, 'retrieval')?.requests === 4 && seen;
    });
    expect(servedOf(before, 'retrieval')).toMatchObject({ requests: 4, failed: 1 });
    expect(servedOf(before, 'acceptance')).toMatchObject({ requests: 2, failed: 0 });
    expect(servedOf(before, 'acceptance')!.p99Ms).toBeGreaterThan(0);
    expect(objectiveOf(before, 'availability').met).toBe(false);
    expect(objectiveOf(before, 'availability').measured).toBeLessThan(99.9);
    expect(objectiveOf(before, 'canaries_found')).toMatchObject({ measured: null, met: null });
    expect(objectiveOf(before, 'held_back')).toMatchObject({ measured: 0, met: true });
    expect(before.met).toBe(false);

    await earshot.application!.stop();
    await earshot.start();
    expect(servedOf(await level(), 'retrieval')).toMatchObject({ requests: 4, failed: 1 });
    await earshot.request('PUT', '/v1/dials/sla.availability_percent', { value: 10 });
    expect(objectiveOf(await level(), 'availability')).toMatchObject({ target: 10, met: true });
  });

  it('tells of minutes in which nobody was there, and how long records came late after that', async () => {
    await earshot.database.query(`
      insert into service_minute (tenant, minute, process_id, kind, requests, failed, took)
      select 'default', date_trunc('minute', now()) - ago * interval '1 minute', gen_random_uuid(), 'alive', 0, 0, '{}'
      from unnest(array[20, 19, 18, 2, 1]) as ago`);
    expect((await level()).minutes).toEqual({ known: 20, alive: 5 });
    await earshot.database.query(`
      with moved as (
        select interaction_id, row_number() over () as nth from freshness where modality = 'chat'
      )
      update freshness f set
        reachable_at = date_trunc('minute', now()) - (case nth when 1 then 10 else 11 end) * interval '1 minute',
        captured_at = now() - interval '30 minutes', accepted_at = now() - interval '30 minutes'
      from moved
      where f.interaction_id = moved.interaction_id`);
    expect((await level()).recovery).toEqual({ longestOverBudgetMinutes: 2 });
  });

  it('tells percentiles to a tenth', () => {
    const counts = new Map<number, number>();
    for (let ms = 1; ms <= 1_000; ms++) counts.set(bucketOf(ms), (counts.get(bucketOf(ms)) ?? 0) + 1);
    for (const share of [0.5, 0.95, 0.99]) {
      expect(Math.abs(quantile(counts, share)! / (share * 1_000) - 1)).toBeLessThan(0.1);
    }
    expect(quantile(new Map(), 0.5)).toBeNull();
  });
});

describe('a fault of the memory', () => {
  it('is told by health and service level however many lesser ones have been seen since', async () => {
    await earshot.database.query(`
      insert into quality_violation (tenant, check_name, code, severity, first_seen_at)
      select 'default', 'reconciliation', 'fault_' || nth, case nth when 1 then 'red' else 'yellow' end, now() + nth * interval '1 ms'
      from generate_series(1, 150) as nth`);
    expect(objectiveOf(await level(), 'red_violations_open')).toMatchObject({ measured: 1, met: false });
    const { body } = await earshot.request<{ reasons: { code: string; status: string }[] }>('GET', '/v1/health');
    expect(body.reasons.filter(({ status }) => status === 'red').map(({ code }) => code)).toContain(
      'reconciliation_fault_1',
    );
  });
});
