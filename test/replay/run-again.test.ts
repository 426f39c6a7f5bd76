import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { replay } from '../support/replays.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  const dials = { 'replay.max_records_per_second': 1_000, 'sweep.interval_ms': 100, 'sweep.ring_after_ms': 300 };
  earshot = await startEarshot({ models, dials });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

async function call(callId: string, sound: Buffer): Promise<string> {
  const metadata = { callId, customerId: callId, startedAt: '2026-01-05T09:00:00Z' };
  const { body } = await earshot.upload('/v1/calls', 'audio', sound, metadata);
  await earshot.settled(body.interactionId, 'reachable');
  await earshot.temporal.getHandle(body.workflowId).result();
  return body.interactionId;
}

/** Has a record run again, as reconciliation and operators do. */
async function wake(interactionId: string): Promise<void> {
  await earshot.database.query(
    `update freshness set state = 'accepted', attempts = attempts + 1 where interaction_id = $1`,
    [interactionId],
  );
  await earshot.database.query(
    `update session set arrivals = arrivals + 1, awake_since = now(), ring_after = now()
     where session_id = (select session_id from interaction where interaction_id = $1)`,
    [interactionId],
  );
}

async function runAgain(interactionId: string): Promise<void> {
  await wake(interactionId);
  await earshot.settled(interactionId, 'reachable');
}

const served = (interactionId: string) =>
  earshot.database.query<{ artifact_id: string; piece: number; model: string }>(
    `select distinct a.artifact_id, a.piece, a.model
     from artifact a join chunk c on c.artifact_id = a.artifact_id and c.active
     where a.interaction_id = $1 and a.state = 'active' order by a.piece, a.artifact_id`,
    [interactionId],
  );
const setTarget = (value: number) => earshot.request('PUT', '/v1/dials/call.piece_target_ms', { value });
const asked = () => models.calls.filter(({ route }) => route === 'transcriptions').length;

it('a recording that is run again after a replay keeps what the replay made, cut as it was the first time', async () => {
  const id = await call('replayed', tone(95, [29, 61]));
  await setTarget(60_000);
  await replay(earshot, { customerId: 'replayed', asrModel: 'second' });
  const before = await served(id);
  expect(before.map(({ piece, model }) => [piece, model])).toEqual([0, 1, 2].map((piece) => [piece, 'second']));
  // An index version that was built since has vectors of what is served alone.
  const replaced = 'embedding where chunk_id in (select chunk_id from chunk where interaction_id = $1 and not active)';
  await earshot.database.query(`delete from ${replaced}`, [id]);
  await runAgain(id);
  expect(await served(id)).toEqual(before);
  expect(await earshot.database.query(`select from ${replaced}`, [id])).toEqual([]);
  await setTarget(30_000);
});

it('pieces that were replaced, failed or dropped come back into service where nothing stands for them', async () => {
  const id = await call('bare', tone(95, [29, 61]));
  const before = await served(id);
  expect(before).toHaveLength(3);
  const outOfService = async (piece: number, how: string) =>
    earshot.database.query(`update artifact set ${how} where interaction_id = $1 and piece = ${piece}`, [id]);
  await outOfService(0, `state = 'superseded', superseded_at = now()`);
  await outOfService(1, `state = 'failed', reason = 'not_reachable', failed_at = now()`);
  await earshot.database.query(
    `update chunk set active = false, withdrawn_at = now() where interaction_id = $1 and artifact_id <> $2`,
    [id, before[2]!.artifact_id],
  );
  await earshot.database.query('delete from chunk where artifact_id = $1', [before[0]!.artifact_id]);
  const heard = asked();
  await runAgain(id);
  expect(await served(id)).toEqual(before);
  expect(asked()).toBe(heard);
  expect((await earshot.retrieve({ query: 'parcel replacement', customerId: 'bare' })).results).toHaveLength(3);
});

it('a recording that other logic made is served on as it is, and only the piece that failed is made by that of today', async () => {
  const id = await call('older', tone(95, [29, 61]));
  await replay(earshot, { customerId: 'older', asrModel: 'second' });
  // As it is once the nightly clean-up has dropped what the replay replaced.
  await earshot.database.query(`delete from artifact where interaction_id = $1 and state = 'superseded'`, [id]);
  const [first, second, third] = await served(id);
  await earshot.database.query('delete from artifact where artifact_id = $1', [second!.artifact_id]);
  const heard = asked();
  await runAgain(id);
  const after = await served(id);
  expect(after.filter(({ piece }) => piece !== 1)).toEqual([first, third]);
  expect(after.map(({ piece, model }) => [piece, model])[1]).toEqual([1, earshot.env['ASR_MODEL']]);
  expect(asked()).toBeLessThanOrEqual(heard + 1);
});

it('a recording that was not cut stays whole after the dial was lowered', async () => {
  const id = await call('whole', tone(20, [9]));
  const before = await served(id);
  await setTarget(5_000);
  await runAgain(id);
  await replay(earshot, { customerId: 'whole' });
  expect(await served(id)).toEqual(before);
  await setTarget(30_000);
});

it('behind the fence of an erasure nothing comes back into service', async () => {
  const id = await call('fenced', tone(2));
  await earshot.database.query(
    `update artifact set state = 'superseded', superseded_at = now() where interaction_id = $1`,
    [id],
  );
  await earshot.database.query('update chunk set active = false, withdrawn_at = now() where interaction_id = $1', [id]);
  await earshot.database.query(
    `update subject set erased_before = now()
     where customer_key = (select customer_key from interaction where interaction_id = $1)`,
    [id],
  );
  await wake(id);
  await until('its books are closed', async () => {
    const rows = await earshot.database.query(`select from freshness where interaction_id = $1 and state = 'erased'`, [
      id,
    ]);
    return rows.length === 1;
  });
  expect(await served(id)).toEqual([]);
});
