import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { PROGRESS_QUERY, quarantineWorkflowId, reevaluationWorkflowId } from '../../src/domain/workflows.ts';
import { doubtfulScreen, doubtfulSpeech } from '../support/doubtful.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, dials: { 'sweep.interval_ms': 200 } });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});
beforeEach(() => models.heal());

const startedAt = '2026-01-05T09:00:00Z';
let pitch = 0;

/** A call that the model hears and is not sure of. */
async function heldCall(customerId: string): Promise<string> {
  models.fail('transcriptions', doubtfulSpeech());
  pitch += 1;
  const metadata = { callId: customerId, customerId, startedAt };
  const { body } = await earshot.upload('/v1/calls', 'audio', tone(2, [1], 8_000 + pitch), metadata);
  await earshot.settled(body.interactionId, 'quarantined');
  return body.interactionId;
}

async function heldScreen(customerId: string): Promise<string> {
  models.fail('screen_text', doubtfulScreen('Parcel PX-78'));
  const picture = await sharp({ create: { width: 50, height: 30, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();
  const metadata = { screenshotId: customerId, customerId, capturedAt: startedAt };
  const { body } = await earshot.upload('/v1/screenshots', 'image', picture, metadata);
  await earshot.settled(body.interactionId, 'reachable');
  return body.interactionId;
}

const heldArtifact = async (interactionId: string) =>
  (
    await earshot.database.query<{ artifact_id: string }>(
      `select artifact_id from artifact where interaction_id = $1 and state = 'quarantined'`,
      [interactionId],
    )
  )[0]!.artifact_id;

/** The run that made the copy of now, in which what was let go is heard or seen. */
const copyIsMadeBy = (interactionId: string, workflowId: string) =>
  until(`${workflowId} has made a copy`, async () => {
    const copies = await earshot.database.query(
      `select from redacted_media where interaction_id = $1 and workflow_id = $2 and state = 'active'
        and (parameters->'answers')::text like '%active %' and (parameters->'answers')::text not like '%quarantined %'`,
      [interactionId, workflowId],
    );
    return copies.length === 1;
  });

const source = (verb: 'pause' | 'resume') => earshot.request('POST', `/v1/sources/embedding/${verb}`);

interface Reevaluation {
  readonly reevaluationId: string;
  readonly released: number;
  readonly heldBack: number;
  readonly waitsFor: string | null;
  readonly finishedAt: string | null;
}

const reevaluate = async () =>
  (await earshot.request<Reevaluation>('POST', '/v1/quarantine/reevaluate', {})).body.reevaluationId;
const lookAt = async (id: string) =>
  (await earshot.request<Reevaluation>('GET', `/v1/quarantine/reevaluations/${id}`)).body;
const waits = (id: string) =>
  until('it waits', async () => {
    const run = earshot.temporal.getHandle(reevaluationWorkflowId(id));
    return (await run.query<{ waits: boolean }>(PROGRESS_QUERY)).waits;
  });
const finished = (id: string) =>
  until('it is done', async () => {
    const seen = await lookAt(id);
    return seen.finishedAt !== null && seen;
  });
const setDial = (name: string, value: number) => earshot.request('PUT', `/v1/dials/quality.${name}`, { value });
const setThreshold = (value: number) => setDial('min_speech_confidence', value);
const failures = async () => (await earshot.request<{ failures: unknown[] }>('GET', '/v1/failures')).body.failures;
const foundByVector = async (customerId: string) =>
  (await earshot.retrieve({ query: 'parcel replacement', mode: 'vector', customerId })).results.length;

it('what an operator lets go has its redacted copy made anew, before anybody looks at it', async () => {
  for (const held of [await heldCall('let-go'), await heldScreen('let-go-too')]) {
    const artifactId = await heldArtifact(held);
    await earshot.request('POST', `/v1/quarantine/${artifactId}/release`);
    await copyIsMadeBy(held, quarantineWorkflowId(artifactId));
  }
  expect(await earshot.database.query('select from media_view')).toEqual([]);
});

it('a look at the past lets nothing go while the model is paused, says so, and goes on by itself', async () => {
  const ids = [await heldCall('past-1'), await heldCall('past-2')];
  await source('pause');
  await setThreshold(0);
  const look = await reevaluate();
  await waits(look);
  expect(await lookAt(look)).toMatchObject({ waitsFor: 'embedding', released: 0, finishedAt: null });
  for (const id of ids) expect((await earshot.interaction(id)).state).toBe('quarantined');
  await source('resume');
  expect(await finished(look)).toMatchObject({ released: 2, waitsFor: null });
  for (const id of ids) {
    await earshot.settled(id, 'reachable');
    await copyIsMadeBy(id, reevaluationWorkflowId(look));
  }
  expect(await foundByVector('past-1')).toBe(1);
  expect(await failures()).toEqual([]);
  await setThreshold(0.15);
});

it('what it had let go when the model was paused waits with it, and is no failure', async () => {
  const id = await heldCall('midway');
  models.failAlways('embeddings', { kind: 'status', status: 503 });
  await earshot.database.query(
    `update artifact set content = jsonb_set(content, '{0,text}', '"words that no model has seen"') where interaction_id = $1`,
    [id],
  );
  await setThreshold(0);
  const look = await reevaluate();
  await until('it is let go', async () => (await earshot.interaction(id)).state === 'processing');
  await source('pause');
  await waits(look);
  expect(await failures()).toEqual([]);
  models.heal();
  await source('resume');
  expect(await finished(look)).toMatchObject({ released: 1 });
  await earshot.settled(id, 'reachable');
  expect(await foundByVector('midway')).toBe(1);
});

it('what is too doubtful is out of service at once, also behind what waits for a paused model', async () => {
  const screen = await heldScreen('waits behind');
  models.fail('transcriptions', doubtfulSpeech(-1));
  const metadata = { callId: 'doubtful', customerId: 'doubtful', startedAt };
  const { interactionId } = (await earshot.upload('/v1/calls', 'audio', tone(2, [1], 7_777), metadata)).body;
  await earshot.settled(interactionId, 'reachable');
  await source('pause');
  await setDial('reevaluate_page', 1);
  await setDial('min_screen_text_confidence', 0);
  await setThreshold(0.5);
  const dryRun = await earshot.request<{ holdBack: number }>('POST', '/v1/quarantine/reevaluate', { dryRun: true });
  const look = await reevaluate();
  await waits(look);
  const { holdBack } = dryRun.body;
  expect(await lookAt(look)).toMatchObject({
    heldBack: holdBack,
    released: 0,
    waitsFor: 'embedding',
    finishedAt: null,
  });
  expect((await earshot.interaction(interactionId)).state).toBe('quarantined');
  expect((await earshot.retrieve({ query: 'parcel replacement', customerId: 'doubtful' })).results).toEqual([]);
  expect(await heldArtifact(screen)).toBeDefined();
  await source('resume');
  expect(await finished(look)).toMatchObject({ heldBack: holdBack, released: 1 });
  expect(
    (await earshot.retrieve({ query: 'PX-78', mode: 'vector', customerId: 'waits behind' })).results[0]?.text,
  ).toContain('PX-78');
});
