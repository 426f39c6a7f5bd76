import { afterAll, beforeAll, expect, it } from 'vitest';
import { findLiveTraffic } from '../../src/db/live-traffic.ts';
import { openDatabase, type Database } from '../../src/db/pools.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { fillWithRecords } from '../support/many-records.ts';

let owner: TestDatabase;
let database: Database;

beforeAll(async () => {
  owner = await createDatabase();
  database = openDatabase({ url: owner.url });
  await fillWithRecords(owner, 2);
});
afterAll(async () => {
  await database?.close();
  await owner?.drop();
});

it('a conversation that never sleeps is live traffic as long as something new waits in it; a stuck one is not', async () => {
  const [session] = await owner.query<{ session_id: string }>('select session_id from session limit 1');
  const look = async () => {
    const { waiting, awake } = await findLiveTraffic(database.forTenant('default').app, 'default', 60_000);
    return { waiting, awake };
  };
  const wake = (since: string) =>
    owner.query(`update session set awake_since = now() - $2::interval where session_id = $1`, [
      session!.session_id,
      since,
    ]);
  const age = (state: string, accepted: string, newest: string) =>
    owner.query(
      `update freshness f set state = $2,
         accepted_at = now() - case when newest then $4::interval else $3::interval end
       from (select interaction_id, row_number() over (order by interaction_id) = 1 as newest
             from freshness where session_id = $1) as each
       where f.interaction_id = each.interaction_id`,
      [session!.session_id, state, accepted, newest],
    );
  expect(await look()).toEqual({ waiting: false, awake: false });
  await wake('5 s');
  expect(await look()).toEqual({ waiting: true, awake: true });
  // Nobody waits for the lane of history.
  await owner.query('update session set in_lane = true');
  expect(await look()).toEqual({ waiting: false, awake: false });
  await owner.query('update session set in_lane = false');
  await wake('10 min');
  await age('accepted', '10 min', '5 s');
  expect(await look()).toEqual({ waiting: true, awake: true });
  await age('processing', '10 min', '2 min');
  expect(await look()).toEqual({ waiting: false, awake: false });
  await age('reachable', '10 min', '5 s');
  expect(await look()).toEqual({ waiting: false, awake: false });
});
