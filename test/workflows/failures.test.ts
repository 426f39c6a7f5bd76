import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    dials: { 'sweep.interval_ms': 100, 'sweep.ring_after_ms': 300, 'sweep.stuck_after_ms': 300 },
  });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});
beforeEach(() => models.heal());

interface Failure {
  interactionId: string;
  modality: string;
  state: string;
  attempts: number;
  workflowId: string;
  pieces: { kind: string; code: string; detail: string; workflowId: string; runId: string }[];
}
interface Failures {
  failures: Failure[];
  nextCursor: string | null;
}

const REFUSED = { kind: 'status', status: 422 } as const;

const failures = async (query = '') => (await earshot.request<Failures>('GET', `/v1/failures?${query}`)).body;
const resolve = (id: string) =>
  earshot.request<{ resolved: boolean }>('POST', `/v1/failures/${id}/resolve`).then(({ body }) => body);
const minuteAgo = () => new Date(Date.now() - 60_000).toISOString();

describe('a record that failed', () => {
  it('is listed with the real error; one is run again alone, then all', async () => {
    models.failAlways('embeddings', REFUSED);
    const broken: string[] = [];
    for (const name of ['one', 'two', 'three']) {
      const { body } = await earshot.message({ customerId: `broken-${name}`, text: `the modem ${name} blinks` });
      await earshot.settled(body.interactionId, 'failed');
      broken.push(body.interactionId);
    }
    models.heal();
    const good = await Promise.all(
      Array.from({ length: 97 }, (_, index) => earshot.message({ conversationId: `c-${index % 5}` })),
    );
    for (const { body } of good) await earshot.settled(body.interactionId, 'reachable');

    const { failures: listed } = await failures();
    expect(listed.map(({ interactionId }) => interactionId)).toEqual(broken.toReversed());
    expect(listed[0]).toMatchObject({ modality: 'chat', state: 'failed', attempts: 1 });
    expect(listed[0]!.pieces).toMatchObject([{ kind: 'message', code: 'model_rejected' }]);
    expect(listed[0]!.pieces[0]!.detail).toContain('the endpoint answered 422');
    // The same list, page by page.
    const first = await failures('limit=2');
    const second = await failures(`limit=2&cursor=${first.nextCursor}`);
    expect([...first.failures, ...second.failures]).toEqual(listed);
    expect((await failures('code=model_unavailable')).failures).toEqual([]);

    expect(await resolve(broken[1]!)).toMatchObject({ resolved: true });
    await earshot.settled(broken[1]!, 'reachable');
    expect((await failures()).failures.map(({ interactionId }) => interactionId)).toEqual([broken[2], broken[0]]);
    expect((await earshot.retrieve({ query: 'modem', customerId: 'broken-two' })).results).toHaveLength(1);

    const { body } = await earshot.request('POST', '/v1/failures/resolve', { modality: 'chat' });
    expect(body).toEqual({ resolved: 2 });
    for (const id of broken) await earshot.settled(id, 'reachable');
    expect((await failures()).failures).toEqual([]);
    // Asked again, nothing happens.
    expect(await resolve(broken[0]!)).toMatchObject({ resolved: false });
    const [counts] = await earshot.database.query('select count(*)::integer as n from embedding');
    expect(counts).toEqual({ n: 100 });
  });

  it('in one of its parts serves the others while it is run again, and after that failed too', async () => {
    models.failAlways('screen_caption', REFUSED);
    const { body } = await earshot.upload('/v1/screenshots', 'image', await picture(), {
      screenshotId: 'screen',
      customerId: 'viewer',
      capturedAt: minuteAgo(),
    });
    const id = body.interactionId;
    expect(await earshot.settled(id, 'reachable')).toMatchObject({ degraded: ['caption'] });
    const [failure] = (await failures('state=degraded')).failures;
    expect(failure).toMatchObject({ interactionId: id, pieces: [{ kind: 'caption', code: 'model_rejected' }] });
    expect(failure!.pieces[0]!.workflowId).toBe(body.workflowId);
    expect(failure!.pieces[0]!.runId).toMatch(/^[0-9a-f-]{36}$/);

    const texts = models.calls.filter(({ route }) => route === 'screen_text').length;
    await resolve(id);
    await until('it failed again', async () => (await failures()).failures[0]?.attempts === 2);
    await earshot.settled(id, 'reachable');
    expect((await earshot.retrieve({ query: 'PAY-4012', customerId: 'viewer' })).results).toHaveLength(1);

    models.heal();
    await resolve(id);
    expect(
      (
        await until('it is whole', async () => {
          const interaction = await earshot.settled(id, 'reachable');
          return interaction.degraded.length === 0 && interaction;
        })
      ).artifacts,
    ).toHaveLength(2);
    expect((await failures()).failures).toEqual([]);
    // What was read before is not read again.
    expect(models.calls.filter(({ route }) => route === 'screen_text')).toHaveLength(texts);
  });

  it('in a call that goes on is run again by the run that is open', async () => {
    models.failAlways('transcriptions', REFUSED);
    const segment = {
      customerId: 'caller',
      index: 0,
      startedAt: minuteAgo(),
      endedAt: new Date(Date.now() - 50_000).toISOString(),
    };
    const { body } = await earshot.upload('/v1/calls/live/segments', 'audio', tone(3), segment);
    await earshot.settled(body.interactionId, 'failed');
    models.heal();
    await resolve(body.interactionId);
    await earshot.settled(body.interactionId, 'reachable');
    const runs = await earshot.database.query(
      `select distinct run_id from artifact where interaction_id = '${body.interactionId}'`,
    );
    expect(runs).toHaveLength(1);
  });

  it('whose text the embedding model refuses is failed, not erased, and comes back', async () => {
    models.failAlways('embeddings', REFUSED);
    models.transcript = 'A parcel that nobody has embedded before.';
    const call = { callId: 'refused', customerId: 'refused', startedAt: minuteAgo() };
    const { body } = await earshot.upload('/v1/calls', 'audio', tone(3), call);
    expect(await earshot.settled(body.interactionId, 'failed', 'erased')).toMatchObject({ reason: 'model_rejected' });
    models.heal();
    const heard = models.calls.filter(({ route }) => route === 'transcriptions').length;
    await resolve(body.interactionId);
    await earshot.settled(body.interactionId, 'reachable');
    expect(models.calls.filter(({ route }) => route === 'transcriptions')).toHaveLength(heard);
    expect((await earshot.retrieve({ query: 'parcel', customerId: 'refused' })).results).toHaveLength(1);
  });

  it('of an erased customer is refused with 410, and an unknown one with 404', async () => {
    models.failAlways('embeddings', REFUSED);
    const { body } = await earshot.message({ customerId: 'gone' });
    await earshot.settled(body.interactionId, 'failed');
    models.heal();
    await earshot.request('POST', '/v1/erasures', { customerId: 'gone', reason: 'asked' });
    await until('it is refused', async () => {
      const { status } = await earshot.request('POST', `/v1/failures/${body.interactionId}/resolve`);
      return status === 410;
    });
    const unknown = await earshot.request('POST', '/v1/failures/00000000-0000-8000-8000-000000000000/resolve');
    expect(unknown.status).toBe(404);
  });
});

/** Puts the last ring of all sessions back, once all sleep. */
async function makeOverdue() {
  await until('all sessions sleep', async () => {
    const open = await earshot.database.query(
      `select from session where awake_since is not null and session_id not in (
         select session_id from interaction where segment_index is not null)`,
    );
    return open.length === 0;
  });
  await earshot.database.query(`update session set ring_after = now() - interval '1 hour' where awake_since is null`);
}

describe('a record that waits in a session that sleeps', () => {
  it('is woken for by the sweep', async () => {
    const { body } = await earshot.message({ customerId: 'sleeper' });
    await earshot.settled(body.interactionId, 'reachable');
    await earshot.database.query(`
      update freshness set state = 'processing', accepted_at = now() - interval '1 hour'
      where interaction_id = '${body.interactionId}'`);
    await makeOverdue();
    await earshot.settled(body.interactionId, 'reachable');
  });

  it('is settled also when its vectors were written and never probed', async () => {
    const call = { callId: 'unprobed', customerId: 'unprobed', startedAt: minuteAgo() };
    const { body } = await earshot.upload('/v1/calls', 'audio', tone(3), call);
    await earshot.settled(body.interactionId, 'reachable');
    // What a process leaves that dies between the two statements of its last step.
    await earshot.database.query(`
      update embedding set reachable_at = null
      where chunk_id in (select chunk_id from chunk where interaction_id = '${body.interactionId}')`);
    await earshot.database.query(`
      update freshness set state = 'processing', reachable_at = null, accepted_at = now() - interval '1 hour'
      where interaction_id = '${body.interactionId}'`);
    await makeOverdue();
    await earshot.settled(body.interactionId, 'reachable');
  });
});
