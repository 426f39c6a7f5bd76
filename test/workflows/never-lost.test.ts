import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeEach(async () => {
  models = await startFakeModels();
  earshot = await prepareEarshot({
    models,
    dials: { 'sweep.ring_after_ms': 300, 'sweep.interval_ms': 100, 'intake.ring_timeout_ms': 200 },
  });
});
afterEach(async () => {
  await earshot?.stop();
  await models?.stop();
});

async function counts() {
  const [row] = await earshot.database.query<Record<string, number>>(`
    select
      (select count(*)::integer from interaction) as interactions,
      (select count(*)::integer from artifact) as artifacts,
      (select count(*)::integer from chunk) as chunks,
      (select count(*)::integer from embedding) as embeddings,
      (select count(*)::integer from freshness where state = 'reachable') as reachable,
      (select count(*)::integer from lineage_edge where to_id not in (select media_id from redacted_media)) as edges`);
  return row!;
}

describe('what was acknowledged', () => {
  it('is picked up by the sweep when the API dies between its commit and the ring', async () => {
    await earshot.start();
    const { body } = await earshot.message({ text: 'never lost' });
    await earshot.settled(body.interactionId, 'reachable');
    // The state that such a death leaves: the row is there and awake, and nobody has rung.
    await earshot.database.query(`update freshness set state = 'accepted', reachable_at = null`);
    await earshot.database.query(`update session set awake_since = now(), ring_after = now(), arrivals = arrivals + 1`);
    await earshot.settled(body.interactionId, 'reachable');
  });

  it('is picked up as what it is: history behind what is live', async () => {
    await earshot.start();
    const priorities = { today: 3, 'last year': 4 };
    const records: Record<string, { interactionId: string; workflowId: string }> = {};
    for (const name of Object.keys(priorities)) {
      const capturedAt = new Date(Date.now() - (name === 'today' ? 0 : 365 * 86_400_000)).toISOString();
      const metadata = { screenshotId: name, customerId: name, capturedAt };
      const { body } = await earshot.upload('/v1/screenshots', 'image', await picture(), metadata);
      records[name] = body;
      // A run that is still open would take up the record itself.
      await earshot.temporal.getHandle(body.workflowId).result();
    }
    const runOf = async (name: string) => earshot.temporal.getHandle(records[name]!.workflowId).describe();
    const first = Object.fromEntries(
      await Promise.all(Object.keys(records).map(async (name) => [name, (await runOf(name)).runId] as const)),
    );
    await earshot.database.query(`update freshness set state = 'accepted', reachable_at = null`);
    await earshot.database.query(`update session set awake_since = now(), ring_after = now(), arrivals = arrivals + 1`);
    for (const [name, priorityKey] of Object.entries(priorities)) {
      const { raw } = await until('the sweep has rung', async () => {
        const run = await runOf(name);
        return run.runId !== first[name] && run;
      });
      expect([name, raw.workflowExecutionInfo?.priority?.priorityKey]).toEqual([name, priorityKey]);
      await earshot.settled(records[name]!.interactionId, 'reachable');
    }
  });

  it('survives kill -9 of the process in the middle of its work, once each', async () => {
    const running = await earshot.start();
    const held = Promise.withResolvers<void>();
    models.hold = held.promise;
    const started = new Date(Date.now() - 60_000).toISOString();
    const accepted = [
      ...(await Promise.all(
        Array.from({ length: 20 }, (_, index) => earshot.message({ conversationId: `c${index % 4}` })),
      )),
      await earshot.upload('/v1/calls', 'audio', tone(3), {
        callId: 'call',
        customerId: 'customer-1',
        startedAt: started,
      }),
    ];
    expect(accepted.map(({ status }) => status)).toEqual(Array(21).fill(202));
    await until('models are at work', () => models.calls.length >= 2);
    running.child.kill('SIGKILL');
    held.resolve();
    await earshot.start();
    for (const { body } of accepted) await earshot.settled(body.interactionId, 'reachable');
    expect(await counts()).toEqual({
      interactions: 21,
      artifacts: 21,
      chunks: 21,
      embeddings: 21,
      reachable: 21,
      edges: 63,
    });
  });

  it('is accepted and reachable by text while no worker runs, and processed once one does', async () => {
    await earshot.start({ entry: 'workers/api.ts' });
    // No worker runs: the API alone takes the message, and text is reachable at once.
    const { status, body } = await earshot.message({ text: 'accepted without workers' });
    expect(status).toBe(202);
    const { results, pending } = await earshot.retrieve({ query: 'workers', customerId: 'customer-1', mode: 'text' });
    expect(results[0]?.interactionId).toBe(body.interactionId);
    expect(pending).toMatchObject([{ interactionId: body.interactionId, stage: 'indexing' }]);
    await earshot.application?.stop();
    await earshot.start();
    await earshot.settled(body.interactionId, 'reachable');
  });

  it('is finished before a worker stops by SIGTERM, and the process ends by itself', async () => {
    const running = await earshot.start();
    const held = Promise.withResolvers<void>();
    models.hold = held.promise;
    const { body } = await earshot.message();
    await until('the model is at work', () => models.calls.length > 0);
    const stopped = running.stop();
    await until('it drains', async () => (await earshot.logs()).includes('earshot is draining'));
    held.resolve();
    await stopped;
    expect(running.child.exitCode).toBe(0);
    expect((await earshot.database.query('select state from freshness'))[0]).toEqual({ state: 'reachable' });
    expect(body.interactionId).toBeDefined();
  });

  it('is processed by workers that each run alone', async () => {
    const parts = ['intake', 'audio', 'embedding'];
    await earshot.start({ entry: 'workers/api.ts' });
    const { spawn } = await import('node:child_process');
    const workers = parts.map((queue) =>
      spawn(process.execPath, ['workers/main.ts', queue], { env: earshot.env, stdio: 'ignore' }),
    );
    const startedAt = new Date(Date.now() - 60_000).toISOString();
    const call = await earshot.upload('/v1/calls', 'audio', tone(3), { callId: 'c', customerId: 'x', startedAt });
    await earshot.settled(call.body.interactionId, 'reachable');
    const ended = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
    workers.forEach((worker) => worker.kill('SIGTERM'));
    expect(await Promise.all(ended)).toEqual([0, 0, 0]);
  });
});
