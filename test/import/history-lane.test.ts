import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { HISTORY_WORKFLOW, historyWorkflowId } from '../../src/domain/workflows.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, erase } from '../support/erasures.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { until } from '../support/until.ts';

const LANE = historyWorkflowId('default');
/** Nobody waits for it. */
const BULK = { priority: 'u=7' };

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    dials: {
      ...AT_ONCE,
      'import.max_records_per_second': 1_000,
      'history.window_ms': 1_000,
      'sweep.interval_ms': 100,
      'sweep.ring_after_ms': 2_000,
    },
  });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});
afterEach(() => {
  models.heal();
  Object.assign(models, { hold: undefined, heldRoute: undefined, poison: undefined, poisonStatus: 400 });
});

/** Hands messages over by the process that operators run. */
async function importMessages(name: string, messages: number, conversations: number): Promise<Record<string, unknown>> {
  const lines = Array.from({ length: messages }, (_, index) =>
    JSON.stringify({
      type: 'message',
      conversationId: `${name}-${index % conversations}`,
      messageId: `${name}-${index}`,
      customerId: `${name}-${index % conversations}`,
      sentAt: new Date(Date.UTC(2026, 0, 1, 0, 0, index)).toISOString(),
      author: 'customer',
      text: `${name} said ${index}`,
    }),
  );
  const file = join(earshot.folder, `${name}.ndjson`);
  await writeFile(file, lines.join('\n'));
  const child = spawn(process.execPath, ['workers/import.ts', file], { env: earshot.env });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output += data.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  expect(code, output).toBe(0);
  return JSON.parse(output.trim().split('\n').at(-1)!) as Record<string, unknown>;
}

/** A message of history that a channel hands over. */
async function old(customerId: string, text = `what ${customerId} said`) {
  const body = { messageId: `${customerId}-${text}`, customerId, sentAt: new Date().toISOString(), author: 'customer' };
  const path = `/v1/chats/${customerId}/messages`;
  const answer = await earshot.request<{ interactionId: string }>('POST', path, { ...body, text }, BULK);
  expect(answer.status).toBe(202);
  return answer.body.interactionId;
}

/** A message each of conversations that are one batch, for the lane is at work when they come. */
async function togetherAfter(name: string, texts: readonly string[], before = () => {}): Promise<string[]> {
  const held = holdRoute(models, 'embeddings');
  await old(`${name}-first`, `${name} first`);
  await held.arrived();
  const ids = [];
  for (const [index, text] of texts.entries()) ids.push(await old(`${name}-${index}`, text));
  before();
  held.release();
  return ids;
}

const one = async (sql: string, values: unknown[] = []) =>
  (await earshot.database.query<{ n: number }>(`select (${sql})::integer as n`, values))[0]!.n;
const reachable = (name: string) =>
  one(
    `select count(*) from freshness f join chunk c using (tenant, interaction_id)
     where f.state = 'reachable' and c.text like $1`,
    [`${name} %`],
  );
/** Sessions of records that no run of their own has looked after. */
const inLane = (interactionIds: readonly string[]) =>
  one(
    `select count(*) from session s join interaction i using (tenant, session_id)
     where i.interaction_id = any($1::uuid[]) and in_lane`,
    [interactionIds],
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

async function runs(query: string): Promise<number> {
  const { count } = await earshot.connection.workflowService.countWorkflowExecutions({
    namespace: earshot.namespace,
    query,
  });
  return Number(count);
}

const laneRests = () =>
  until('the lane has come to its end', async () => {
    const { status } = await earshot.temporal.getHandle(LANE).describe();
    return status.name === 'COMPLETED';
  });

describe('history', () => {
  it('of 600 messages in 300 conversations takes a few runs, and each message is reachable once', async () => {
    expect(await importMessages('many', 600, 300)).toMatchObject({ lines: 600, accepted: 600, refused: 0 });
    await until('all are reachable', async () => (await reachable('many')) === 600);
    await laneRests();
    await until('the runs are listed', async () => (await runs(`WorkflowType = "${HISTORY_WORKFLOW}"`)) > 0);
    expect(await runs('WorkflowType = "conversation"')).toBe(0);
    const { priority } = await earshot.temporal.getHandle(LANE).describe();
    expect(priority).toMatchObject({ priorityKey: 4, fairnessKey: 'default' });
    expect(await runs(`WorkflowType = "${HISTORY_WORKFLOW}"`)).toBeLessThanOrEqual(4);
    expect([await vectors('many'), await edges('many')]).toEqual([600, 600]);
    expect(await one('select count(*) from session where awake_since is not null')).toBe(0);
    const { results } = await earshot.retrieve({ query: 'said 137', customerId: 'many-137' });
    expect(results[0]).toMatchObject({ text: 'many said 137' });
  });

  it('does not keep a live message waiting: the conversation leaves the lane, and nothing is doubled', async () => {
    const held = holdRoute(models, 'embeddings');
    const first = await old('overtaken', 'overtaken once');
    await held.arrived();
    const { raw } = await earshot.temporal.getHandle(LANE).describe();
    expect(raw.pendingActivities![0]!.priority).toMatchObject({ priorityKey: 4 });
    // Only what was asked before waits from here on: the lane is in the middle of this conversation.
    models.hold = undefined;
    const { body } = await earshot.message({
      customerId: 'overtaken',
      conversationId: 'overtaken',
      text: 'overtaken now',
    });
    await earshot.settled(body.interactionId, 'reachable');
    await earshot.settled(first, 'reachable');
    expect(await runs('ExecutionStatus = "Running" and WorkflowType = "historyLane"')).toBeLessThanOrEqual(1);
    expect((await earshot.temporal.getHandle(LANE).describe()).status.name).toBe('RUNNING');
    held.release();
    await laneRests();
    expect([await vectors('overtaken'), await edges('overtaken')]).toEqual([2, 2]);
    // Started as a live one is, with its first task; the sweep, which would find it later, signals.
    const { events } = await earshot.temporal.getHandle(body.workflowId).fetchHistory();
    expect(events![1]!.workflowTaskScheduledEventAttributes).toBeTruthy();
  });

  it('waits for a model that is away, as a whole; of many conversations one that fails does so by itself, visibly', async () => {
    await earshot.database.query(`
      create function refuse() returns trigger language plpgsql as $$ begin
        if exists (select from chunk c where c.chunk_id = new.chunk_id and c.text = 'alone breaks') then
          raise exception 'no' using errcode = '22000';
        end if;
        return new;
      end $$;
      create trigger refuse before insert on embedding for each row execute function refuse()`);
    models.failAlways('embeddings', { kind: 'status', status: 503 });
    const ids = [];
    for (let index = 0; index < 10; index++) ids.push(await old(`alone-${index}`, `alone ${index}`));
    const breaks = await old('alone-x', 'alone breaks');
    models.poison = 'poisonous';
    const poisoned = await old('alone-y', 'alone poisonous');
    await until('it has tried', async () => (await earshot.logs()).includes('"activity":"indexHistory"'));
    expect(await reachable('alone')).toBe(0);
    models.heal();
    for (const id of ids) await earshot.settled(id, 'reachable');
    expect((await earshot.settled(poisoned, 'failed')).reason).toBe('model_rejected');
    const own = `chat/${await sessionOf(breaks)}`;
    await until('it has a run of its own', () =>
      earshot.temporal
        .getHandle(own)
        .describe()
        .then(
          ({ status }) => status.name === 'RUNNING',
          () => false,
        ),
    );
    await laneRests();
    await earshot.database.query('drop trigger refuse on embedding; drop function refuse()');
    await earshot.settled(breaks, 'reachable');
    expect(await vectors('alone')).toBe(11);
  });

  it('goes on past a text that always makes the model fail: its conversation alone waits for that', async () => {
    Object.assign(models, { poison: 'fatal', poisonStatus: 500 });
    const ids = await togetherAfter('past', ['past 0', 'past 1', 'past fatal', 'past 3', 'past 4']);
    const [fatal] = ids.splice(2, 1);
    for (const id of ids) await earshot.settled(id, 'reachable');
    await laneRests();
    expect(await inLane([fatal!])).toBe(0);
    expect((await earshot.interaction(fatal!)).state).not.toBe('reachable');
    models.poison = undefined;
    await earshot.settled(fatal!, 'reachable');
    expect([await vectors('past'), await edges('past')]).toEqual([6, 6]);
  });

  it('stays together while what the model answers is of no use for any of it', async () => {
    const useless = { kind: 'body', body: 'useless' } as const;
    const texts = Array.from({ length: 5 }, (_, index) => `useless ${index}`);
    const ids = await togetherAfter('useless', texts, () => models.failAlways('embeddings', useless));
    await until('it has tried', async () =>
      (await earshot.logs())
        .split('\n')
        .some((line) => ['step failed', 'indexHistory', 'model_answer_invalid'].every((each) => line.includes(each))),
    );
    models.heal();
    for (const id of ids) await earshot.settled(id, 'reachable');
    await laneRests();
    expect(await inLane(ids)).toBe(5);
  });

  it('does not draw what is live after it: what waited for a paused source keeps its own run', async () => {
    const source = (verb: string) => earshot.request('POST', `/v1/sources/embedding/${verb}`);
    await source('pause');
    const { body } = await earshot.message({ customerId: 'parked', conversationId: 'parked', text: 'parked live' });
    const asleep = `select count(*) from session join freshness using (tenant, session_id)
      where interaction_id = $1::uuid and awake_since is null and waits_for = 'embedding'`;
    await until('it sleeps', async () => (await one(asleep, [body.interactionId])) === 1);
    const late = await old('parked', 'parked late');
    expect(await inLane([late])).toBe(0);
    await source('resume');
    for (const id of [body.interactionId, late]) await earshot.settled(id, 'reachable');
    expect([await vectors('parked'), await edges('parked')]).toEqual([2, 2]);
  });

  it('of a customer who is erased in the middle is waited for by nobody, leaves nothing and does not return', async () => {
    const before = await old('forgotten', 'forgotten before');
    await earshot.settled(before, 'reachable');
    const held = holdRoute(models, 'embeddings');
    await old('forgotten', 'forgotten words');
    const other = await old('remembered', 'remembered words');
    await held.arrived();
    const { certificate, after } = await erase(earshot, 'forgotten');
    expect(certificate).not.toBeNull();
    expect(Object.values(after ?? {}).reduce((sum, count) => sum + count, 0)).toBe(0);
    expect((await earshot.temporal.getHandle(LANE).describe()).status.name).toBe('RUNNING');
    held.release();
    await earshot.settled(other, 'reachable');
    await laneRests();
    for (const table of ['chunk', 'embedding', 'session', 'freshness']) {
      const gone = `customer_key not in (select customer_key from interaction)`;
      expect(await one(`select count(*) from ${table} where ${gone}`), table).toBe(0);
    }
    expect(await vectors('forgotten')).toBe(0);
  });

  it('is held under pressure, and goes on in the end; what is live goes on', async () => {
    const force = async (value: number) => {
      await earshot.request('PUT', '/v1/dials/pressure.at_least_step', { value });
      const step = ['none', 'slow_reprocessing'][value];
      await until('the step is taken', async () => {
        const { body } = await earshot.request<{ pressure: { step: string } }>('GET', '/v1/backlog');
        return body.pressure.step === step;
      });
    };
    await force(1);
    const id = await old('pressed', 'pressed words');
    await until('it is held', async () => {
      const { events } = await earshot.temporal.getHandle(LANE).fetchHistory();
      return events!.some(({ timerStartedEventAttributes: timer }) => Boolean(timer));
    });
    const { body } = await earshot.message({ customerId: 'pressing' });
    await earshot.settled(body.interactionId, 'reachable');
    expect((await earshot.interaction(id)).state).toBe('accepted');
    await force(0);
    await earshot.settled(id, 'reachable');
    await laneRests();
  });

  it('is not lost or doubled by kill -9 in the middle, nor by a run that is ended and a ring that is not heard', async () => {
    const held = holdRoute(models, 'embeddings');
    await importMessages('killed', 100, 50);
    await held.arrived();
    earshot.application!.child.kill('SIGKILL');
    held.release();
    await earshot.temporal.getHandle(LANE).terminate('by the test');
    await earshot.start();
    await until('all are reachable', async () => (await reachable('killed')) === 100);
    expect([await vectors('killed'), await edges('killed')]).toEqual([100, 100]);
  });

  it('that a worker had when it was killed is done by the next', async () => {
    const held = holdRoute(models, 'embeddings');
    await importMessages('again', 60, 30);
    await held.arrived();
    const { runId } = await earshot.temporal.getHandle(LANE).describe();
    earshot.application!.child.kill('SIGKILL');
    held.release();
    await earshot.start();
    await until('all are reachable', async () => (await reachable('again')) === 60);
    expect((await earshot.temporal.getHandle(LANE).describe()).runId).toBe(runId);
    expect([await vectors('again'), await edges('again')]).toEqual([60, 60]);
  });
});

async function sessionOf(interactionId: string): Promise<string> {
  const [row] = await earshot.database.query<{ session_id: string }>(
    'select session_id from interaction where interaction_id = $1',
    [interactionId],
  );
  return row!.session_id;
}
