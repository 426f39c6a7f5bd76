import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/pools.ts';
import { releaseArtifact } from '../../src/db/quarantine.ts';
import { quarantineWorkflowId, ROLLUP_WORKFLOW } from '../../src/domain/workflows.ts';
import { doubtfulScreen, doubtfulSpeech } from '../support/doubtful.ts';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  const dials = { 'sweep.interval_ms': 200, 'quality.alarm_min_recognitions': 10 };
  earshot = await startEarshot({ models, dials });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});
beforeEach(() => {
  models.heal();
  models.transcript = 'The parcel has not arrived and the customer asks for a replacement.';
});

interface HeldBack {
  artifactId: string;
  interactionId: string;
  modality: string;
  kind: string;
  state: string;
  check: string;
  confidence: number;
  decision: { decision: string; decidedBy: string; appliedAt: string | null } | null;
}

const startedAt = '2026-01-05T09:00:00Z';
let pitch = 0;

function call(callId: string, customerId: string, metadata: object = {}, seconds = 2) {
  pitch += 1;
  const sound = tone(seconds, [seconds / 2], 8_000 + pitch);
  return earshot.upload('/v1/calls', 'audio', sound, { callId, customerId, startedAt, ...metadata });
}

/** The model hears, and is not sure: exp(-3) is 5 %. */
const doubt = (logprob?: number) => models.fail('transcriptions', doubtfulSpeech(logprob));

async function heldBack(interactionId: string, query = ''): Promise<HeldBack[]> {
  const { body } = await earshot.request<{ artifacts: HeldBack[] }>('GET', `/v1/quarantine?limit=500${query}`);
  return body.artifacts.filter((artifact) => artifact.interactionId === interactionId);
}

const decide = (artifactId: string, decision: string) =>
  earshot.request<{ decidedAt: string }>('POST', `/v1/quarantine/${artifactId}/${decision}`);
const found = async (customerId: string) =>
  (await earshot.retrieve({ query: 'parcel replacement', customerId })).results.map((hit) => hit.interactionId);
const setDial = (name: string, value: number) => earshot.request('PUT', `/v1/dials/${name}`, { value });

describe('a noisy call', () => {
  it('is quarantined with its score and without its words, and found once it is released', async () => {
    doubt();
    const { body } = await call('noisy', 'noisy');
    expect(await earshot.settled(body.interactionId, 'quarantined')).toMatchObject({ reason: 'low_confidence' });
    const [held] = await heldBack(body.interactionId, '&modality=audio&check=low_confidence');
    expect(held).toMatchObject({ kind: 'transcript', check: 'low_confidence', state: 'quarantined', decision: null });
    expect(held!.confidence).toBeCloseTo(Math.exp(-3) * 0.99, 3);
    expect(JSON.stringify(held)).not.toContain('parcel');
    const content = await earshot.request('GET', `/v1/quarantine/${held!.artifactId}/content`);
    expect(JSON.stringify(content.body)).toContain('parcel');
    expect(await found('noisy')).toEqual([]);
    const [first, second] = [await decide(held!.artifactId, 'release'), await decide(held!.artifactId, 'release')];
    expect(first.status).toBe(202);
    expect(second.body).toEqual(first.body);
    await earshot.settled(body.interactionId, 'reachable');
    expect(await found('noisy')).toEqual([body.interactionId]);
    const released = await until('it is done', async () => {
      const [artifact] = await heldBack(body.interactionId, '&state=released');
      return artifact !== undefined && artifact.decision?.appliedAt !== null && artifact;
    });
    expect(released).toMatchObject({ check: 'low_confidence', state: 'active', decision: { decision: 'release' } });
    expect((await decide(held!.artifactId, 'release')).body).toEqual(first.body);
    expect((await decide(held!.artifactId, 'discard')).status).toBe(409);
    const chunk = (await earshot.retrieve({ query: 'parcel', customerId: 'noisy' })).results[0]!.chunkId;
    const lineage = await earshot.request<{ edges: { from: string }[] }>('GET', `/v1/chunks/${chunk}/lineage`);
    expect(lineage.body.edges.map(({ from }) => from)).toContain(body.interactionId);
  });

  it('that is discarded is never found and cannot be released any more', async () => {
    doubt();
    const { body } = await call('discarded', 'discarded');
    await earshot.settled(body.interactionId, 'quarantined');
    const [held] = await heldBack(body.interactionId);
    expect((await decide(held!.artifactId, 'discard')).status).toBe(202);
    await until('it is put aside', async () => (await earshot.interaction(body.interactionId)).reason === 'discarded');
    expect((await decide(held!.artifactId, 'release')).status).toBe(409);
    expect(await heldBack(body.interactionId)).toEqual([]);
    expect(await heldBack(body.interactionId, '&state=discarded')).toMatchObject([{ artifactId: held!.artifactId }]);
    expect(await found('discarded')).toEqual([]);
    expect((await decide('00000000-0000-8000-8000-000000000000', 'release')).status).toBe(404);
  });

  it('is released also when the process that took the order died before it started anything', async () => {
    doubt();
    const { body } = await call('orphaned', 'orphaned');
    await earshot.settled(body.interactionId, 'quarantined');
    await earshot.database.query(
      `insert into quarantine_decision (tenant, artifact_id, interaction_id, customer_key, decision, reason, confidence,
         decided_by, start_after)
       select tenant, artifact_id, interaction_id, customer_key, 'release', reason, confidence, 'a test', now()
       from artifact where interaction_id = $1`,
      [body.interactionId],
    );
    await earshot.settled(body.interactionId, 'reachable');
  });

  it('is not brought back by a release that meets the erasure of its customer', async () => {
    doubt();
    const { body } = await call('fenced', 'fenced');
    await earshot.settled(body.interactionId, 'quarantined');
    const [held] = await heldBack(body.interactionId);
    const fence = `update subject set erased_before = $2
      where customer_key = (select customer_key from interaction where interaction_id = $1)`;
    await earshot.database.query(fence, [body.interactionId, new Date()]);
    const database = openDatabase({ url: earshot.database.url });
    const chunkId = '00000000-0000-8000-8000-000000000001';
    const served = await releaseArtifact(database.forTenant('default').app, {
      tenant: 'default',
      artifactId: held!.artifactId,
      chunkerVersion: 'test',
      codeVersion: 'test',
      workflowId: null,
      runId: null,
      chunks: [{ chunkId, ordinal: 0, text: 'back again', place: { kind: 'picture' }, confidence: 1 }],
      eventTimes: [new Date()],
    });
    await database.close();
    expect(served).toBe(false);
    expect(await earshot.database.query('select from chunk where chunk_id = $1', [chunkId])).toEqual([]);
  });
});

describe('what else is held back', () => {
  it('is another language, and a sound that lasts longer than its time', async () => {
    models.transcript =
      'Guten Tag, mein Paket ist leider noch nicht angekommen und ich hätte gerne eine Rückerstattung dafür.';
    const german = await call('german', 'german');
    expect(await earshot.settled(german.body.interactionId, 'quarantined')).toMatchObject({ reason: 'wrong_language' });
    models.transcript = 'The parcel has not arrived.';
    const long = await call('long', 'long', { endedAt: '2026-01-05T09:00:02Z' }, 9);
    const settled = await earshot.settled(long.body.interactionId, 'quarantined');
    expect(settled).toMatchObject({ reason: 'impossible_duration' });
  });

  it('is a segment whose clock was far off', async () => {
    const segment = (index: number, from: string, to: string) =>
      earshot.upload('/v1/calls/skewed/segments', 'audio', tone(2, [1], 9_000 + index), {
        customerId: 'skewed',
        index,
        startedAt: `2026-01-05T${from}Z`,
        endedAt: `2026-01-05T${to}Z`,
      });
    const good = await segment(0, '09:00:00', '09:00:30');
    const off = await segment(1, '08:20:00', '08:20:30');
    await earshot.settled(good.body.interactionId, 'reachable');
    expect(await earshot.settled(off.body.interactionId, 'quarantined')).toMatchObject({ reason: 'clock_skew' });
  });

  it('is what was sent again under another id: pictures, and long messages, but no "ok"', async () => {
    await setDial('quality.duplicate_window_ms', 600_000);
    const picture = await sharp({ create: { width: 60, height: 40, channels: 3, background: 'teal' } })
      .png()
      .toBuffer();
    const screenshot = (screenshotId: string, capturedAt: string) =>
      earshot.upload('/v1/screenshots', 'image', picture, { screenshotId, customerId: 'twice', capturedAt });
    const first = await screenshot('one', startedAt);
    await earshot.settled(first.body.interactionId, 'reachable');
    const copy = await screenshot('two', '2026-01-05T09:01:00Z');
    expect(await earshot.settled(copy.body.interactionId, 'quarantined')).toMatchObject({
      reason: 'duplicate_content',
    });
    const later = await screenshot('three', '2026-01-05T10:00:00Z');
    await earshot.settled(later.body.interactionId, 'reachable');
    const say = (text: string) => earshot.message({ customerId: 'twice', conversationId: 'twice', text });
    const story = 'I ordered a parcel and it has not arrived, so I ask for a replacement. '.repeat(4);
    for (const text of ['ok', 'ok', story]) {
      await earshot.settled((await say(text)).body.interactionId, 'reachable');
    }
    const again = await say(story);
    expect(again.status).toBe(202);
    expect(await earshot.settled(again.body.interactionId, 'quarantined')).toMatchObject({
      reason: 'duplicate_content',
    });
    const [held] = await heldBack(again.body.interactionId);
    await decide(held!.artifactId, 'release');
    await earshot.settled(again.body.interactionId, 'reachable');
    await setDial('quality.duplicate_window_ms', 0);
  });
});

it('a part of a record that is released while its model is paused is found once that runs', async () => {
  models.fail('screen_text', doubtfulScreen('Parcel PX-77'));
  const picture = await sharp({ create: { width: 50, height: 30, channels: 3, background: 'olive' } })
    .png()
    .toBuffer();
  const metadata = { screenshotId: 'in part', customerId: 'in part', capturedAt: startedAt };
  const { interactionId } = (await earshot.upload('/v1/screenshots', 'image', picture, metadata)).body;
  await earshot.settled(interactionId, 'reachable');
  const [held] = await heldBack(interactionId);
  expect(held).toMatchObject({ kind: 'screen_text' });
  await earshot.request('POST', '/v1/sources/embedding/pause');
  await decide(held!.artifactId, 'release');
  const run = earshot.temporal.getHandle(quarantineWorkflowId(held!.artifactId));
  await until('the run has closed', async () => (await run.describe()).status.name === 'COMPLETED');
  const { body } = await earshot.request<{ failures: HeldBack[] }>('GET', '/v1/failures?code=model_paused');
  expect(body.failures).toEqual([]);
  const [open] = await heldBack(interactionId, '&state=released');
  expect(open?.decision).toMatchObject({ decision: 'release', appliedAt: null });
  await earshot.request('POST', '/v1/sources/embedding/resume');
  await until('it is found', async () => {
    const { results } = await earshot.retrieve({ query: 'PX-77', mode: 'vector', customerId: 'in part' });
    return results.some(({ text }) => text.includes('PX-77'));
  });
});

describe('another threshold', () => {
  it('re-evaluates the past both ways, counts first when asked to, and overrules no operator', async () => {
    const ids: string[] = [];
    for (const name of ['sure', 'less-sure', 'kept']) {
      doubt(name === 'sure' ? -0.1 : -1);
      ids.push((await call(name, name)).body.interactionId);
      await earshot.settled(ids.at(-1)!, 'reachable');
    }
    const [sure, lessSure, kept] = ids as [string, string, string];
    const reevaluate = async (body: object) => {
      const { body: answer } = await earshot.request<{ reevaluationId: string }>(
        'POST',
        '/v1/quarantine/reevaluate',
        body,
      );
      return until('it is done', async () => {
        const path = `/v1/quarantine/reevaluations/${answer.reevaluationId}`;
        const { body: seen } = await earshot.request<{ finishedAt: string | null; heldBack: number }>('GET', path);
        return seen.finishedAt !== null && seen;
      });
    };
    await setDial('quality.min_speech_confidence', 0.5);
    const dry = await earshot.request<{ holdBack: number }>('POST', '/v1/quarantine/reevaluate', {
      modality: 'audio',
      dryRun: true,
    });
    expect((await earshot.interaction(lessSure)).state).toBe('reachable');
    const run = await reevaluate({ modality: 'audio' });
    expect(run.heldBack).toBe(dry.body.holdBack);
    expect(await earshot.interaction(lessSure)).toMatchObject({ state: 'quarantined', reason: 'low_confidence' });
    expect((await earshot.interaction(sure)).state).toBe('reachable');
    expect(await found('less-sure')).toEqual([]);
    const [operators] = await heldBack(kept);
    await decide(operators!.artifactId, 'release');
    await earshot.settled(kept, 'reachable');
    await reevaluate({});
    expect((await earshot.interaction(kept)).state).toBe('reachable');
    await setDial('quality.min_speech_confidence', 0.15);
    await reevaluate({});
    await earshot.settled(lessSure, 'reachable');
    expect(await found('less-sure')).toEqual([lessSure]);
  });
});

it('a spike of empty transcripts raises an alarm that goes when it is over, and every check is counted', async () => {
  await earshot.database.query(`update artifact set created_at = created_at - interval '2 hours'`);
  for (let index = 0; index < 10; index++) {
    models.transcript = index % 10 < 3 ? '' : 'The parcel has not arrived.';
    const { body } = await call(`spike ${index}`, 'spike');
    await earshot.settled(body.interactionId, 'reachable', 'quarantined');
  }
  const rollUp = (id: string) =>
    earshot.temporal.execute(ROLLUP_WORKFLOW, { workflowId: id, taskQueue: 'batch', args: [] });
  const alarms = async () => {
    type Alarms = { alarms: { check: string; share: number; clearedAt: string | null }[] };
    const { body } = await earshot.request<Alarms>('GET', '/v1/quality');
    return body.alarms.filter(({ check }) => check === 'empty_transcript');
  };
  await rollUp('with the spike');
  const [raised] = await alarms();
  expect(raised?.share).toBeCloseTo(0.3, 5);
  expect(raised?.clearedAt).toBeNull();
  const metrics = await fetch(`http://127.0.0.1:${earshot.env['PORT']}/metrics`, {
    headers: { authorization: `Bearer ${API_KEY}` },
  }).then((response) => response.text());
  expect(metrics).toMatch(/earshot_quality_alarms\{[^}]*check="empty_transcript"\} 1/);
  expect(metrics).toMatch(/earshot_quarantined\{[^}]*check="empty_transcript"\} 3/);
  expect(metrics).toMatch(
    /earshot_quality_checks_total\{check="empty_transcript",outcome="held_back",modality="audio"\} 3/,
  );
  await earshot.database.query(`update artifact set created_at = created_at - interval '2 hours'`);
  await rollUp('after it');
  expect((await alarms())[0]?.clearedAt).not.toBeNull();
});
