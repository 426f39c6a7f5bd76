import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, erase } from '../support/erasures.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { findVersion, ready, reindexHeld, requestReindex, tell } from '../support/reindexes.ts';
import { remainsOf } from '../support/remains.ts';
import { findReplay, replay, replayIn, requestReplay } from '../support/replays.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;
let heard: string;
let lost: string;
let another: string;
let broken: string;

const capturedAt = '2026-01-05T09:00:00Z';
const OLD = 'The parcel was heard by the first model.';
const NEW = 'A package, as the second model understood it.';

beforeAll(async () => {
  models = await startFakeModels();
  const dials = { ...AT_ONCE, 'replay.max_records_per_second': 1_000, 'replay.records_in_parallel': 1 };
  earshot = await startEarshot({ models, dials });
  models.transcript = OLD;
  heard = await call('heard', 95);
  lost = await call('lost');
  another = await call('another');
  models.failAlways('transcriptions', { kind: 'status', status: 400 });
  broken = await call('broken', 2, 'failed');
  models.heal();
  const { body } = await earshot.upload('/v1/screenshots', 'image', await picture(), {
    ...{ screenshotId: 's', customerId: 'viewer', capturedAt },
  });
  await earshot.settled(body.interactionId, 'reachable');
  const message = await earshot.message({ text: 'typed, and never heard' });
  await earshot.settled(message.body.interactionId, 'reachable');
  // Its bytes are gone: it keeps the text that it has.
  await earshot.database.query('update interaction set raw_object = raw_object || $2 where interaction_id = $1', [
    lost,
    '-gone',
  ]);
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

/** One call of a customer of that name, settled and its run ended. */
async function call(customerId: string, seconds = 2, state = 'reachable'): Promise<string> {
  const fields = { callId: customerId, customerId, startedAt: capturedAt };
  const { body } = await earshot.upload('/v1/calls', 'audio', tone(seconds, [29, 61]), fields);
  await earshot.settled(body.interactionId, state);
  await earshot.temporal.getHandle(body.workflowId).result();
  return body.interactionId;
}

/** Texts of the customer's calls that each way of asking finds. */
async function found(customerId = 'heard'): Promise<Record<string, readonly string[]>> {
  const answers = await Promise.all(
    (['text', 'vector'] as const).map(async (mode) => {
      const queries = mode === 'text' ? ['parcel', 'package'] : ['parcel package'];
      const hits = await Promise.all(queries.map((query) => earshot.retrieve({ query, customerId, mode, k: 20 })));
      return [mode, [...new Set(hits.flatMap(({ results }) => results.map(({ text }) => text)))]] as const;
    }),
  );
  return Object.fromEntries(answers);
}

const artifacts = async (state: string) =>
  (
    await earshot.database.query<{ model: string }>(
      'select model from artifact where interaction_id = $1 and state = $2 order by piece',
      [heard, state],
    )
  ).map(({ model }) => model);

async function refused(path: string): Promise<[number, string]> {
  const { status, body } = await earshot.request<{ type: string }>('POST', path);
  return [status, body.type];
}

const request = (fields: Record<string, unknown>) =>
  requestReindex(earshot, { embeddingModel: 'fake-512', dimensions: 512, from: 'raw', acknowledge: true, ...fields });

/** Asks for a version by a model that is held at its first recording. */
const heldAt = (asrModel: string) =>
  reindexHeld(earshot, models, { embeddingModel: 'fake-512', dimensions: 512, asrModel });

describe('a version that is recognised anew', () => {
  it('is refused at once for a model that the endpoint does not have', async () => {
    models.fail('transcriptions', { kind: 'status', status: 404 });
    const { status, body } = await request({ asrModel: 'nobody' });
    expect([status, body.errors?.[0]?.field]).toEqual([400, 'asrModel']);
    models.fail('screen_text', { kind: 'status', status: 404 });
    const unseen = await request({ visionModel: 'nobody' });
    expect([unseen.status, unseen.body.errors?.[0]?.field]).toEqual([400, 'visionModel']);
  });

  it('serves new texts from its switch on, the old ones until then and after going back, and keeps what failed', async () => {
    models.transcript = NEW;
    const { body } = await request({ asrModel: 'second' });
    const { version, evidence, replayId } = await ready(earshot, body.version);
    const remade = await findReplay(earshot, replayId!);
    expect(remade).toMatchObject({
      state: 'completed',
      records: { seen: 6, remade: 2, repaired: 1, unchanged: 2, failed: 1 },
    });
    expect(remade.failures).toMatchObject([{ interactionId: lost, kind: 'transcript', code: 'raw_object_missing' }]);
    expect(evidence).toMatchObject({ parityShare: 1, failures: 0, canaries: 1, overlap: 1 });
    expect(await found()).toEqual({ text: [OLD], vector: [OLD] });
    expect(await artifacts('active')).not.toContain('second');

    expect((await tell(earshot, version, 'activate')).body.state).toBe('live');
    expect(await found()).toEqual({ text: [NEW], vector: [NEW] });
    expect(await found('lost')).toEqual({ text: [OLD], vector: [OLD] });
    expect(await found('broken')).toEqual({ text: [NEW], vector: [NEW] });
    expect((await tell(earshot, 1, 'activate')).body.state).toBe('live');
    expect(await found()).toEqual({ text: [OLD], vector: [OLD] });
    expect((await tell(earshot, version, 'activate')).body.state).toBe('live');
    expect(await refused(`/v1/replays/${replayId}/cancel`)).toEqual([409, 'urn:earshot:wrong_state']);
    // While two versions disagree, nothing else is made of the record that would serve it twice.
    expect(await refused(`/v1/failures/${broken}/resolve`)).toEqual([409, 'urn:earshot:reindexing']);

    // The time in which one can go back is over: the record has the new texts for good.
    await earshot.database.query(`update index_version set drop_after = now() where state = 'retired'`);
    await earshot.temporal.getHandle(`reindex/${version}`).signal('resume');
    await until('it is gone', async () => (await findVersion(earshot, 1)).removedAt !== null);
    expect(await artifacts('active')).toEqual(['second', 'second', 'second']);
    expect(new Set(await artifacts('superseded'))).toEqual(new Set([earshot.env['ASR_MODEL']]));
    expect(await found()).toEqual({ text: [NEW], vector: [NEW] });
    expect((await earshot.interaction(heard)).state).toBe('reachable');
    expect((await earshot.interaction(broken)).state).toBe('reachable');
  });

  it('pauses and goes on with its replay, and leaves nothing when it is cancelled in the middle of it', async () => {
    models.transcript = 'Never served.';
    const { version, replayId, held } = await heldAt('third');
    await tell(earshot, version, 'pause');
    await until('the version rests', async () => (await findVersion(earshot, version)).progress.paused);
    held.release();
    await replayIn(earshot, replayId, 'paused');
    const again = holdRoute(models, 'transcriptions');
    await tell(earshot, version, 'resume');
    await again.arrived();
    expect((await tell(earshot, version, 'cancel')).status).toBe(202);
    await replayIn(earshot, replayId, 'cancelled');
    again.release();
    await until('it is removed', async () => (await findVersion(earshot, version)).removedAt !== null);
    await until('nothing shows or hides', async () => {
      const [row] = await earshot.database.query<{ left: number }>(
        `select count(*)::integer as left from artifact
         where model = 'third' and shown_in is not null or hidden_in is not null`,
      );
      return row!.left === 0;
    });
    expect(await found()).toEqual({ text: [NEW], vector: [NEW] });
  });

  it('is given up when somebody cancels its replay in the Temporal UI', async () => {
    const { version, replayId, held } = await heldAt('fourth');
    await earshot.temporal.getHandle(`replay/${replayId}`).cancel();
    held.release();
    await until('it is dropped', async () => (await findVersion(earshot, version)).state === 'dropped');
    expect((await findReplay(earshot, replayId)).state).toBe('cancelled');
  });

  it('meets a replay of the same record, and the record keeps one text in each version', async () => {
    models.transcript = 'Heard by two models at once.';
    const slow = holdRoute(models, 'transcriptions', 'slow');
    const replayId = await requestReplay(earshot, { customerId: 'another', asrModel: 'slow' });
    await slow.arrived();
    const { version } = await ready(earshot, (await request({ asrModel: 'quick' })).body.version);
    slow.release();
    expect((await replayIn(earshot, replayId, 'completed')).failures).toMatchObject([{ code: 'reindexing' }]);
    expect(await found('another')).toEqual({ text: [NEW], vector: [NEW] });
    const hold = `update artifact set state = $1 where interaction_id = $2 and hidden_in is not null returning artifact_id`;
    const [old] = await earshot.database.query<{ artifact_id: string }>(hold, ['quarantined', another]);
    expect(await refused(`/v1/quarantine/${old!.artifact_id}/release`)).toEqual([409, 'urn:earshot:wrong_state']);
    await earshot.database.query(hold, ['active', another]);
    await tell(earshot, version, 'cancel');
    await until('it is removed', async () => (await findVersion(earshot, version)).removedAt !== null);
    expect(await found('another')).toEqual({ text: [NEW], vector: [NEW] });
    const again = await replay(earshot, { customerId: 'another', asrModel: 'slow' });
    expect(again.records).toMatchObject({ remade: 1, failed: 0 });
  });

  it('has nothing of who is erased while it is made', async () => {
    await call('forgotten');
    const { version, held } = await heldAt('fifth');
    const erased = erase(earshot, 'forgotten');
    held.release();
    await erased;
    await ready(earshot, version);
    expect((await tell(earshot, version, 'activate')).body.state).toBe('live');
    expect(await remainsOf(earshot, 'forgotten')).toEqual({});
    expect(await found('forgotten')).toEqual({ text: [], vector: [] });
  });
});
