import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CANARY_CUSTOMER } from '../../src/domain/canary.ts';
import { readPlan } from '../../src/rehearsal/read-plan.ts';
import type { ModalityRehearsal } from '../../src/rehearsal/rehearse-week.ts';
import { PROJECT } from '../../src/stack/tools.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

/** Recordings of a Monday: one each 15 s, of which a model needs 60 s, so that some four are under way at a time. */
const CALLS = 120;
const MONDAY = '2026-11-16T09:00:00Z';
const LATER = '2026-11-23T09:00:00Z';
const CUSTOMER = 'c4ca4238a0b923820dcc509a6f75849b';
const MODEL_MS = 60_000;
const REST_MS = 4_000;

let owner: TestDatabase;

beforeAll(async () => {
  owner = await createDatabase();
  await owner.query(`insert into tenant (tenant) values ('other')`);
  await calls('default', CUSTOMER, MONDAY, CALLS);
  // What nobody's queue would have made fresh, and what is nobody's.
  await calls('default', CUSTOMER, MONDAY, 3, `interval '9 days'`);
  await calls('default', CANARY_CUSTOMER.key, MONDAY, 5);
  await calls('other', CUSTOMER, MONDAY, 7);
  await calls('default', CUSTOMER, LATER, 11);
});
afterAll(() => owner?.drop());

/** Calls of a text that none may show. */
async function calls(tenant: string, key: string, from: string, count: number, ago = `interval '1 second'`) {
  const values = [tenant, key, from, count, MODEL_MS, REST_MS];
  await owner.query(
    `insert into subject (tenant, customer_key) values ($1, $2) on conflict do nothing`,
    values.slice(0, 2),
  );
  await owner.query(
    `with began as (
       insert into session (tenant, session_id, channel, customer_key, workflow_id, ring_after)
       values ($1, gen_random_uuid(), 'call', $2, 'w', now())
       returning session_id
     ), record as materialized (
       select gen_random_uuid() as id, session_id, $3::timestamptz + (n - 1) * interval '15 seconds' as at
       from began, generate_series(1, $4::integer) n
     ), logged as (
       insert into interaction (tenant, interaction_id, session_id, customer_key, channel, modality, body_hash,
         captured_at, accepted_at, key_generation, sealed_payload, media_type, code_version)
       select $1, id, session_id, $2, 'call', 'audio', '', at - ${ago}, at, 1, '', 't', 't' from record
     ), stamped as (
       insert into freshness (tenant, interaction_id, session_id, customer_key, modality, state, captured_at, accepted_at,
         reachable_at)
       select $1, id, session_id, $2, 'audio', 'reachable', at - ${ago}, at, at + ($5::integer + $6::integer) * interval '1 ms'
       from record
     )
     insert into artifact (tenant, artifact_id, interaction_id, customer_key, kind, state, content, confidence, model,
       model_version, redactor_version, code_version, model_ms)
     select $1, gen_random_uuid(), id, $2, 'transcript', 'active', '[{"text": "a secret"}]', 1, 'm', 'm', 'r', 'c', $5
     from record`,
    values,
  );
}

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

/** As an operator runs it. */
function rehearseMonday(...more: string[]): Promise<Ran> {
  const args = ['workers/rehearse.ts', '--from', MONDAY, '--to', '2026-11-16T11:00:00Z', ...more];
  const env = { PATH: process.env['PATH'], DATABASE_URL: owner.url, EARSHOT_AUDIO_STEPS: '6' };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: PROJECT, env }, (error, out, errors) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, errors }),
    );
  });
}

async function audioOf(...more: string[]): Promise<ModalityRehearsal & { readonly code: number }> {
  const { code, out } = await rehearseMonday('--json', ...more);
  const audio = (JSON.parse(out) as ModalityRehearsal[]).find(({ modality }) => modality === 'audio')!;
  return { ...audio, code };
}

describe('a rehearsal of last Monday', () => {
  it('comes to what was measured when the same arrives once', async () => {
    const { measured, once, restMs, places } = await audioOf();
    expect(measured.records).toBe(CALLS);
    expect(places).toBe(6);
    expect(restMs).toBeCloseTo(REST_MS, 3);
    expect(once.records).toBe(CALLS);
    expect(once.p99Ms).toBeCloseTo(measured.p99Ms!, 3);
    expect(once.p99Ms).toBeCloseTo(1_000 + MODEL_MS + REST_MS, 3);
  });

  it('tells that a budget breaks, how many places would keep it, and with these it is kept', async () => {
    const { code, budgetMs, rehearsed, placesNeeded } = await audioOf('--times', '3');
    expect(code).toBe(1);
    expect(rehearsed.records).toBe(3 * CALLS);
    expect(rehearsed.p99Ms).toBeGreaterThan(budgetMs);
    expect(rehearsed.busyHours).toBeCloseTo((3 * CALLS * MODEL_MS) / 3_600_000, 6);
    // Three times four are under way at a time; the budget lets a few wait.
    expect(placesNeeded).toBeGreaterThan(8);
    expect(placesNeeded).toBeLessThanOrEqual(12);
    const enough = await audioOf('--times', '3', '--audio-places', String(placesNeeded));
    expect(enough).toMatchObject({ code: 0, rehearsed: { withinBudget: true } });
  });

  it('stands beside what came really', async () => {
    const { against } = await audioOf('--against-from', LATER, '--against-to', '2026-11-23T11:00:00Z');
    expect(against).toMatchObject({ records: 11 });
    expect(against?.p50Ms).toBeCloseTo(1_000 + MODEL_MS + REST_MS, 3);
  });

  it('is a table that names nobody, with what it costs', async () => {
    const { out } = await rehearseMonday('--times', '3', '--price-per-hour', '1.5');
    expect(out).toContain('BROKEN');
    expect(out).toMatch(/cost .* 9\.00/);
    expect(out).not.toContain('secret');
    expect(out).not.toContain(CUSTOMER);
  });

  it('of another tenant is another', async () => {
    expect((await audioOf('--tenant', 'other')).measured.records).toBe(7);
  });

  it('counts what was never recognised as long as others, and what was let go as no measure', async () => {
    await owner.query(
      `delete from artifact where interaction_id in (
         select interaction_id from freshness where tenant = 'other' order by accepted_at limit 3)`,
    );
    await owner.query(`
      update freshness set released_at = now(), reachable_at = accepted_at + interval '3 days'
      where interaction_id = (
        select interaction_id from freshness where tenant = 'other' order by accepted_at desc limit 1)`);
    const { unmeasured, measured, once } = await audioOf('--tenant', 'other');
    expect(unmeasured).toBe(3);
    expect(once.busyHours).toBeCloseTo((7 * MODEL_MS) / 3_600_000, 6);
    expect(measured.p99Ms).toBeLessThan(100_000);
  });

  it('is refused where nothing came, as by a slip in the name of the tenant', async () => {
    const { code, errors } = await rehearseMonday('--tenant', 'nobody');
    expect({ code, errors }).toMatchObject({ code: 2, errors: expect.stringContaining('nothing came') as string });
  });

  it.each([
    [['--times', '0'], '--times'],
    [['--times', ''], '--times'],
    [['--from', '5'], 'time zone'],
    [['--audio-places', '1.5'], '--audio-places'],
    [['--to', '2026-11-16T08:00:00Z'], '--from and --to'],
    [['--to', '2027-11-16T08:00:00Z'], 'a week apart'],
    [['--against-from', MONDAY], '--against-from and --against-to'],
    [['--what'], '--what'],
  ])('is refused with %s, and says why', (more, hint) => {
    expect(() => readPlan(['--from', MONDAY, '--to', '2026-11-16T11:00:00Z', ...more])).toThrow(hint);
  });
});
