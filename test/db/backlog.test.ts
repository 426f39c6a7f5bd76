import type { Client } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BacklogSampler } from '../../src/backlog/sample.ts';
import { latestBacklog } from '../../src/db/backlog-history.ts';
import { parkRecords, wakeParked } from '../../src/db/parked-records.ts';
import { claimSample } from '../../src/db/pressure.ts';
import { openDatabase, type Database } from '../../src/db/pools.ts';
import { countWaiting } from '../../src/db/waiting.ts';
import { DIALS, type DialName } from '../../src/domain/dials.ts';
import { Pace } from '../../src/import/pace.ts';
import { openLog } from '../../src/observe/log.ts';
import { PressureReader } from '../../src/pressure-reader.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { fillWithRecords } from '../support/many-records.ts';
import { until } from '../support/until.ts';

let owner: TestDatabase;
let database: Database;
const moved: Partial<Record<DialName, number>> = {};
const dials = { get: (name: DialName) => moved[name] ?? DIALS[name].defaultValue };

/** Temporal is away. */
const temporal = { connection: { withDeadline: () => Promise.reject(new Error('away')) }, options: {} };
const sample = async (of: Pick<Database, 'forTenant' | 'deployment'> = database) => {
  // Whatever the interval, it is time.
  await owner.query(`update pressure set sampled_at = '-infinity'`);
  const deps = { database: of as Database, dials, temporal: temporal as unknown as Client, log: openLog('silent') };
  const sampler = new BacklogSampler(deps);
  expect(await sampler.sample()).toBe(true);
  await sampler.settled();
};

beforeAll(async () => {
  owner = await createDatabase();
  database = openDatabase({ url: owner.url });
  await fillWithRecords(owner, 1);
  await owner.query(`insert into tenant (tenant) values ('acme')`);
});
afterAll(async () => {
  await database?.close();
  await owner?.drop();
});
beforeEach(async () => {
  for (const name of Object.keys(moved)) delete moved[name as DialName];
  await owner.query(
    `update freshness set state = 'reachable', reachable_at = now(), accepted_at = now() - interval '1 day',
       waits_for = null, parked_at = null`,
  );
  await owner.query('delete from backlog_sample');
  await owner.query('delete from pressure_change');
  await owner.query(`update pressure set step = 'none', decided_at = '-infinity', calm_since = null, overloads = '{}'`);
});

/** Has so many records wait, in a state, since so many seconds ago. */
const wait = (count: number, state: string, secondsAgo: number, withText = false, heldFor = '1 s') =>
  owner.query(
    `update freshness set
       state = $2, accepted_at = now() - $3 * interval '1 s', reachable_at = null,
       captured_at = now() - $3 * interval '1 s' - $5::interval,
       text_reachable_at = case when $4 then now() end
     where interaction_id in (select interaction_id from freshness where state = 'reachable' limit $1)`,
    [count, state, secondsAgo, withText, heldFor],
  );
/** Has so many of those that wait become reachable. */
const finish = (count: number) =>
  owner.query(
    `update freshness set state = 'reachable', reachable_at = now()
     where interaction_id in (select interaction_id from freshness where state = 'accepted' order by parked_at nulls first limit $1)`,
    [count],
  );
const chats = async (tenant = 'default') =>
  (await latestBacklog(database.forTenant(tenant).reader, tenant, 60_000)).find(({ modality }) => modality === 'chat');

describe('a sample', () => {
  it('is taken by one of any number of processes', async () => {
    const claims = () => Promise.all(Array.from({ length: 10 }, () => claimSample(database.deployment, 60_000)));
    await owner.query(`update pressure set sampled_at = now() - interval '61 s'`);
    expect((await claims()).filter((at) => at !== undefined)).toHaveLength(1);
    expect((await claims()).filter((at) => at !== undefined)).toEqual([]);
  });

  it('tells what waits by what it waits for, and who is late or stuck, also while Temporal is away', async () => {
    await wait(5, 'accepted', 1);
    await wait(3, 'processing', 2);
    await wait(2, 'processing', 3, true);
    await wait(4, 'accepted', 20);
    await wait(1, 'processing', 3_600);
    // History has no budget.
    await wait(6, 'accepted', 3_700, false, '30 days');
    await sample();
    expect(await chats()).toMatchObject({
      waiting: 21,
      late: 6,
      accepted: 15,
      recognising: 4,
      indexing: 2,
      overdue: 4,
      stuck: 1,
      // Neither is known of a first sample.
      arrived: null,
      completed: null,
      // Four are past their budget.
      minutes_to_breach: 0,
    });
    expect((await chats())!.oldest_ms).toBeGreaterThanOrEqual(3_600_000);
    expect((await chats())!.oldest_ms).toBeLessThan(3_690_000);
    expect(await chats('acme')).toMatchObject({ waiting: 0, minutes_to_breach: null });
  });

  it('tells what came and went since the one before', async () => {
    moved['backlog.sample_interval_ms'] = 60_000;
    await wait(10, 'accepted', 30);
    await sample();
    await finish(6);
    await wait(9, 'accepted', 0);
    await wait(20, 'accepted', 0, false, '30 days');
    await sample();
    expect(await chats()).toMatchObject({ waiting: 33, late: 20, arrived: 9, completed: 6 });
  });

  it('has no budget for the lane of history, which is held, however new it is', async () => {
    moved['backlog.sample_interval_ms'] = 60_000;
    await sample();
    await wait(4, 'accepted', 0);
    await wait(2, 'accepted', 20);
    await wait(1, 'processing', 3_600);
    await owner.query(
      `update session set in_lane = true where session_id in (select session_id from freshness where state <> 'reachable')`,
    );
    await wait(3, 'accepted', 0);
    await sample();
    await owner.query('update session set in_lane = false');
    expect(await chats()).toMatchObject({ waiting: 10, late: 7, overdue: 0, stuck: 0, arrived: 3, completed: 0 });
    expect((await chats())!.oldest_ms).toBeLessThan(20_000);
  });

  it('tells so after a gap too, unless it is longer than what a forecast sees', async () => {
    for (const [gapSeconds, arrived] of [
      [14, 9],
      [17, null],
    ]) {
      await wait(4, 'accepted', 20);
      await sample();
      await owner.query(`update backlog_sample set sampled_at = sampled_at - $1 * interval '1 s'`, [gapSeconds]);
      await wait(9, 'accepted', 0);
      await sample();
      expect((await chats())!.arrived).toBe(arrived);
      await owner.query('delete from backlog_sample');
    }
  });

  it('counts what waits for a paused source neither as completed nor, when it is woken, as load', async () => {
    moved['backlog.sample_interval_ms'] = 60_000;
    await wait(10, 'accepted', 30);
    await sample();
    const park = async () => {
      const waiting = await owner.query<{ id: string }>(
        `select interaction_id as id from freshness where state = 'accepted' and waits_for is null limit 8`,
      );
      const { app } = database.forTenant('default');
      await parkRecords(
        app,
        'default',
        waiting.map(({ id }) => id),
        'embedding',
      );
    };
    await owner.query(`update model_source set state = 'paused', cause = 'operator' where source = 'embedding'`);
    await park();
    await sample();
    expect(await chats()).toMatchObject({ waiting: 2, completed: 0 });
    await owner.query(`update model_source set state = 'running', cause = null where source = 'embedding'`);
    expect(await wakeParked(database.forTenant('default').app, 'default', 100)).toBe(8);
    await finish(1);
    await sample();
    expect(await chats()).toMatchObject({ waiting: 9, late: 8, overdue: 1, minutes_to_breach: null });
    // Nor does what comes and waits for the source at once.
    await wait(5, 'accepted', 0);
    await owner.query(
      `update freshness set waits_for = 'embedding', parked_at = now() where accepted_at > now() - interval '5 s'`,
    );
    await sample();
    expect(await chats()).toMatchObject({ waiting: 9, completed: 0 });
    // Waiting for a source again, they leave nothing a second time.
    await park();
    await sample();
    expect(await chats()).toMatchObject({ completed: 0 });
  });

  it('is forgotten in its time, a few rows at once', async () => {
    await sample();
    await owner.query(
      `insert into backlog_sample (tenant, sampled_at, modality, waiting, late, accepted, recognising, indexing, stuck, overdue,
         budget_ms, growth_per_second)
       select 'default', now() - interval '10 days' + n * interval '1 s', 'chat', 0, 0, 0, 0, 0, 0, 0, 1, 0
       from generate_series(1, 25) n`,
    );
    const left = async () =>
      (await owner.query('select from backlog_sample where sampled_at < now() - interval $$9 days$$')).length;
    moved['backlog.prune_rows'] = 10;
    const counts = [];
    for (let time = 0; time < 3; time++) {
      await sample();
      counts.push(await left());
    }
    expect(counts).toEqual([15, 5, 0]);
    expect(await chats()).toBeDefined();
  });

  it('is of one tenant alone', async () => {
    await sample();
    const statement = { name: 'all_samples', text: 'select distinct tenant from backlog_sample', values: [] };
    expect((await database.forTenant('acme').reader.query(statement)).rows).toEqual([{ tenant: 'acme' }]);
  });
});

describe('an import', () => {
  it('is held back by what is to be done, and by what waits for a paused source only beyond a bound of its own', async () => {
    await wait(5, 'accepted', 20);
    await wait(30, 'processing', 20);
    await owner.query(`update freshness set waits_for = 'speech' where state = 'processing'`);
    const budgets = { chat: 10_000, screenshot: 20_000, audio: 180_000 };
    const count = (most: number) => countWaiting(database.forTenant('default').reader, 'default', budgets, most);
    expect(await count(100)).toEqual({ waiting: 5, late: 5, parked: 30 });
    expect(await count(10)).toEqual({ waiting: 5, late: 5, parked: 10 });
  });

  it('waits while as much waits for a paused source as its dial says, and goes on when there is room', async () => {
    moved['import.max_parked_records'] = 10;
    await wait(10, 'accepted', 1);
    await owner.query(`update freshness set waits_for = 'speech' where state = 'accepted'`);
    const told: string[] = [];
    const brake = { pass: () => true, wait: () => Promise.resolve() };
    const pace = new Pace({ database, dials, brake }, 'default', (why) => told.push(why));
    let through = false;
    const turn = pace.turn().then(() => (through = true));
    await until('it waits', () => told.length > 0);
    expect([told, through]).toEqual([['10 records or more wait for a model that is paused'], false]);
    await finish(1);
    await owner.query(`update freshness set waits_for = null where state = 'reachable'`);
    await turn;
  });
});

describe('the step', () => {
  const decided = async () => (await owner.query<{ step: string }>('select step from pressure'))[0]!.step;

  it('is taken because of load, not because nothing is completed at all', async () => {
    await wait(9, 'accepted', 20);
    await sample();
    await sample();
    expect([(await chats())!.minutes_to_breach, await decided()]).toEqual([0, 'none']);
    await finish(2);
    await sample();
    expect([(await chats())!.minutes_to_breach, await decided()]).toEqual([0, 'slow_reprocessing']);
    expect(
      await owner.query('select from_step, to_step, cause_tenant, cause_modality, cause_minutes from pressure_change'),
    ).toEqual([
      {
        from_step: 'none',
        to_step: 'slow_reprocessing',
        cause_tenant: 'default',
        cause_modality: 'chat',
        cause_minutes: 0,
      },
    ]);
  });

  it('follows the tenants that can be measured, and is not left while one cannot, for a minute', async () => {
    moved['pressure.leave_after_ms'] = 0;
    const without = {
      deployment: database.deployment,
      forTenant: (tenant: string) => {
        if (tenant === 'acme') throw new Error('the statement took too long');
        return database.forTenant(tenant);
      },
    };
    await wait(9, 'accepted', 20);
    await sample(without);
    await finish(2);
    await sample(without);
    expect(await decided()).toBe('slow_reprocessing');
    await finish(7);
    await sample(without);
    expect(await decided()).toBe('slow_reprocessing');
    moved['pressure.stale_after_ms'] = 0;
    await sample(without);
    expect(await decided()).toBe('none');
  });

  it('that refuses live records refuses those of the overloaded modality, or of all when it is forced', async () => {
    moved['pressure.rise_after_ms'] = 0;
    moved['pressure.refuse_live_after_ms'] = 0;
    // Samples follow each other at once here, so that rates are very high.
    moved['forecast.refusing_share'] = 0;
    await wait(60, 'accepted', 20);
    await sample();
    for (let time = 0; time < 5; time++) {
      await finish(1);
      await sample();
    }
    expect(await decided()).toBe('refuse_live');
    const reader = await PressureReader.open(database, dials);
    expect([reader.overloaded('chat'), reader.overloaded('audio')]).toEqual([true, false]);
    moved['pressure.at_least_step'] = 5;
    expect(reader.overloaded('audio')).toBe(true);
    reader.close();
  });

  it('that is read is what was decided last, unless that is old, and at least what the dial says', async () => {
    await wait(9, 'accepted', 20);
    await sample();
    await finish(2);
    await sample();
    const reader = await PressureReader.open(database, dials);
    expect(reader.step()).toBe('slow_reprocessing');
    await owner.query(`update pressure set decided_at = now() - interval '61 s'`);
    await reader.refresh();
    expect(reader.step()).toBe('none');
    moved['pressure.at_least_step'] = 2;
    expect(reader.step()).toBe('grow_batches');
    reader.close();
  });
});
