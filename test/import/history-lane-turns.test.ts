import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { historyWorkflowId } from '../../src/domain/workflows.ts';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { tenantClient } from '../support/tenant-client.ts';
import { until } from '../support/until.ts';

const LANE = historyWorkflowId('default');
const BATCH = 8;
const ACME_KEY = 'a-key-of-acme-000001';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    env: { EARSHOT_API_KEYS: `${API_KEY}:channel+copilot+operator,${ACME_KEY}:channel@acme` },
    dials: {
      'history.batch_max_messages': BATCH,
      'history.window_ms': 500,
      'sweep.interval_ms': 100,
      // What a ring misses is not found by the sweep while a test lasts.
      'sweep.ring_after_ms': 3_600_000,
    },
  });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});
afterEach(async () => {
  models.heal();
  Object.assign(models, { hold: undefined, heldRoute: undefined, latencyMs: 0 });
  await setDial('history.steps_per_run', 250);
});

async function setDial(name: string, value: number): Promise<void> {
  await earshot.request('PUT', `/v1/dials/${name}`, { value });
}

/** A message of long ago, in a conversation of its own. */
async function old(name: string, index: number, key = API_KEY) {
  const customerId = `${name}-${index}`;
  const text = `${name} said ${index}`;
  const body = { messageId: customerId, customerId, sentAt: '2026-01-05T09:00:00Z', author: 'customer', text };
  const path = `/v1/chats/${customerId}/messages`;
  const answer = await tenantClient(earshot, key).request<{ interactionId: string }>('POST', path, body);
  expect(answer.status).toBe(202);
  return answer.body.interactionId;
}
const several = (name: string, count: number, key?: string) =>
  Promise.all(Array.from({ length: count }, (_, index) => old(name, index, key)));

const one = async (sql: string, values: unknown[] = []) =>
  (await earshot.database.query<{ n: number }>(`select (${sql})::integer as n`, values))[0]!.n;
const reachable = (name: string) =>
  one(
    `select count(*) from freshness f join chunk c using (tenant, interaction_id)
     where f.state = 'reachable' and c.text like $1`,
    [`${name} %`],
  );
/** Vectors, and edges to them, of texts that begin so: each once. */
const vectors = (name: string) =>
  one(`select count(*) from embedding e join chunk c using (tenant, chunk_id) where c.text like $1`, [`${name} %`]);
const edges = (name: string) =>
  one(
    `select count(*) from lineage_edge l join chunk c on c.chunk_id = l.from_id
     where l.to_kind = 'embedding' and c.text like $1`,
    [`${name} %`],
  );
const allReachable = (name: string, count: number) =>
  until(`all of ${name} are reachable`, async () => (await reachable(name)) === count);

const lane = (workflowId = LANE) => earshot.temporal.getHandle(workflowId);
const laneRests = () =>
  until('the lane has come to its end', async () => (await lane().describe()).status.name === 'COMPLETED');

/** Runs of the lane that another one continued. */
async function continued(): Promise<number> {
  const query = `WorkflowId = "${LANE}" and ExecutionStatus = "ContinuedAsNew"`;
  const { count } = await earshot.connection.workflowService.countWorkflowExecutions({
    namespace: earshot.namespace,
    query,
  });
  return Number(count);
}

async function signalsHeard(): Promise<number> {
  const { events } = await lane().fetchHistory();
  return events!.filter(({ workflowExecutionSignaledEventAttributes: signal }) => Boolean(signal)).length;
}

describe('the lane of history', () => {
  it('of a tenant with much of it does not keep that of another waiting', async () => {
    models.latencyMs = 100;
    const FLOOD = 25 * BATCH;
    const flood = several('flood', FLOOD);
    await until('the flood is at work', async () => (await reachable('flood')) > 0);
    const acmes = await several('acme', BATCH, ACME_KEY);
    await allReachable('acme', acmes.length);
    expect(await reachable('flood')).toBeLessThan(FLOOD / 2);
    const { priority } = await lane(historyWorkflowId('acme')).describe();
    expect(priority).toMatchObject({ priorityKey: 4, fairnessKey: 'acme' });
    models.latencyMs = 0;
    await flood;
    await allReachable('flood', FLOOD);
    await laneRests();
    expect([await vectors('flood'), await edges('flood')]).toEqual([FLOOD, FLOOD]);
  });

  it('goes on as a new run, and nothing is lost or doubled, however it is rung meanwhile', async () => {
    await setDial('history.steps_per_run', 1);
    const before = await continued();
    const COUNT = 6 * BATCH;
    let done = false;
    const ringing = (async () => {
      while (!done)
        await lane()
          .signal('ring')
          .catch(() => undefined);
    })();
    await several('often', COUNT);
    await allReachable('often', COUNT);
    done = true;
    await ringing;
    await laneRests();
    await until('the runs are listed', async () => (await continued()) >= before + COUNT / BATCH - 1);
    expect([await vectors('often'), await edges('often')]).toEqual([COUNT, COUNT]);
    expect(await one('select count(*) from session where awake_since is not null')).toBe(0);
    const { priority, raw } = await lane().describe();
    expect(priority).toMatchObject({ priorityKey: 4, fairnessKey: 'default' });
    expect(raw.workflowExecutionInfo!.firstRunId).not.toBe(raw.workflowExecutionInfo!.execution!.runId);
    const result = (await lane().result()) as { messages: number };
    expect(result.messages).toBeGreaterThanOrEqual(COUNT);
  });

  it('has what rang in the last step of a run looked at by the next', async () => {
    await setDial('history.steps_per_run', 1);
    const held = holdRoute(models, 'embeddings');
    await old('last', 0);
    await held.arrived();
    const { runId } = await lane().describe();
    await old('last', 1);
    await until('it is heard', async () => (await signalsHeard()) > 1);
    held.release();
    await allReachable('last', 2);
    await laneRests();
    expect((await lane().describe()).runId).not.toBe(runId);
    expect([await vectors('last'), await edges('last')]).toEqual([2, 2]);
  });
});

describe('the lane of history, with the sweep', () => {
  beforeAll(() => setDial('sweep.ring_after_ms', 100));

  it('lets what waits for a paused source rest as rows, and takes it up by itself when the source runs', async () => {
    const source = (verb: string) => earshot.request('POST', `/v1/sources/embedding/${verb}`);
    await source('pause');
    const calls = models.calls.length;
    const COUNT = 3 * BATCH;
    await several('paused', COUNT);
    const resting = `select count(*) from freshness join session using (tenant, session_id)
      where waits_for = 'embedding' and in_lane and awake_since is null`;
    await until('all rest', async () => (await one(resting)) === COUNT);
    await laneRests();
    expect(models.calls.length).toBe(calls);
    await source('resume');
    await allReachable('paused', COUNT);
    await laneRests();
    expect([await vectors('paused'), await edges('paused')]).toEqual([COUNT, COUNT]);
    expect(await one('select count(*) from session where not in_lane')).toBe(0);
  });

  it('is not filled with signals by the sweep while it waits for its model', async () => {
    const held = holdRoute(models, 'embeddings');
    await old('slow', 0);
    await held.arrived();
    const heard = await signalsHeard();
    const rings = async () => {
      const { body } = await earshot.request<{ text: string }>('GET', '/metrics');
      const [, count] = /earshot_[a-z_]*rung[a-z_]*\{channel="chat",by="sweep"\} (\d+)/.exec(body.text) ?? [];
      return Number(count ?? 0);
    };
    const before = await rings();
    await until('the sweep has rung', async () => (await rings()) > before + 2);
    expect(await signalsHeard()).toBe(heard);
    held.release();
    await allReachable('slow', 1);
    await laneRests();
  });

  it('leaves a conversation that fails to a run that stands before history, for what is live joins it', async () => {
    await earshot.database.query(`
      create function refuse() returns trigger language plpgsql as $$ begin
        if exists (select from chunk c where c.chunk_id = new.chunk_id and c.text = 'left said 0') then
          raise exception 'no' using errcode = '22000';
        end if;
        return new;
      end $$;
      create trigger refuse before insert on embedding for each row execute function refuse()`);
    const id = await old('left', 0);
    const [row] = await earshot.database.query<{ session_id: string }>(
      'select session_id from interaction where interaction_id = $1',
      [id],
    );
    const own = lane(`chat/${row!.session_id}`);
    const described = await until('it has a run of its own', () => own.describe().catch(() => undefined));
    expect(described.priority).toMatchObject({ priorityKey: 3 });
    await earshot.database.query('drop trigger refuse on embedding; drop function refuse()');
    await allReachable('left', 1);
  });
});
