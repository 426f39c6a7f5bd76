import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  CANARY_WORKFLOW,
  historyWorkflowId,
  REDO_CAPTIONS_WORKFLOW,
  RESIDUE_WORKFLOW,
  RETENTION_WORKFLOW,
  ROLLUP_WORKFLOW,
  SEAL_INDEX_WORKFLOW,
  SUPERSEDED_WORKFLOW,
} from '../../src/domain/workflows.ts';
import { PRESSURE_STEPS, type PressureStep } from '../../src/domain/pressure.ts';
import { doubtfulScreen, doubtfulSpeech } from '../support/doubtful.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, erase, requestErasure } from '../support/erasures.ts';
import { holdRoute, startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { buildVersion, findVersion, ready, reindexHeld, requestReindex } from '../support/reindexes.ts';
import { exportHistory } from '../support/history.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

// `npm run record-histories`: runs each workflow on each of its paths and keeps the histories beside this file. Kept
// ones are never overwritten: they are what older code did, and the code of today must go on replaying them.

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, dials: { ...AT_ONCE, 'call.abandoned_after_ms': 1_000 } });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

async function keep(name: string, workflowId: string, closed = 'COMPLETED', runId?: string): Promise<void> {
  const handle = earshot.temporal.getHandle(workflowId, runId);
  await until(`${name} has closed`, async () => (await handle.describe()).status.name === closed);
  const path = join(import.meta.dirname, `${name}.1.json`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, await exportHistory(earshot, workflowId, runId), { flag: 'wx' }).catch((error: NodeJS.ErrnoException) =>
    expect(error.code).toBe('EEXIST'),
  );
}

const startedAt = '2026-01-05T09:00:00Z';
const picture = () => sharp({ create: { width: 50, height: 50, channels: 3, background: 'white' } }).png().toBuffer();
const call = (callId: string, seconds: number) =>
  earshot.upload('/v1/calls', 'audio', tone(seconds, [29, 61]), { callId, customerId: 'caller', startedAt });
/** What a model has said of a customer's picture stands for the same picture again. */
const screenshot = async (screenshotId: string, customerId = 'viewer') =>
  earshot.upload('/v1/screenshots', 'image', await picture(), {
    screenshotId,
    customerId,
    capturedAt: startedAt,
  });

it('records a sealing that builds an index, and one that need not', async () => {
  const seal = async (name: string) => {
    await earshot.temporal.start(SEAL_INDEX_WORKFLOW, { workflowId: name, taskQueue: 'batch', args: [] });
    await keep(`seal-index/${name}`, name);
  };
  await seal('nothing-fresh');
  await setDial('index.seal_after_rows', 1);
  const { body } = await earshot.message({ conversationId: 'sealed' });
  await earshot.settled(body.interactionId, 'reachable');
  await seal('sealed');
});

it('records a conversation of one message, of a batch, and after a failure', async () => {
  const lone = await earshot.message({ conversationId: 'lone' });
  await keep('conversation/in-one-task', lone.body.workflowId);
  const held = Promise.withResolvers<void>();
  models.hold = held.promise;
  const batch = await earshot.message({ conversationId: 'batch' });
  await until('the first is being embedded', () => models.calls.length > 1);
  for (let count = 0; count < 5; count++) await earshot.message({ conversationId: 'batch' });
  held.resolve();
  await keep('conversation/in-one-task-batch', batch.body.workflowId);
  models.fail('embeddings', { kind: 'status', status: 503 });
  const retried = await earshot.message({ conversationId: 'retried', text: 'words of their own' });
  await keep('conversation/deferred', retried.body.workflowId);
});

it('records a call in pieces, in segments, with a failure and with a missing segment', async () => {
  await keep('call/pieces', (await call('pieces', 95)).body.workflowId);
  const segment = (callId: string, index: number) =>
    earshot.upload(`/v1/calls/${callId}/segments`, 'audio', tone(2), {
      customerId: 'caller',
      index,
      startedAt,
      endedAt: '2026-01-05T09:00:30Z',
    });
  const first = await segment('segments', 0);
  await segment('segments', 1);
  await earshot.request('POST', '/v1/calls/segments/end', { endedAt: '2026-01-05T09:01:00Z', segments: 2 });
  await keep('call/segments', first.body.workflowId);
  const gap = await segment('gap', 0);
  await earshot.request('POST', '/v1/calls/gap/end', { endedAt: '2026-01-05T09:01:00Z', segments: 2 });
  await keep('call/missing-segment', gap.body.workflowId);
  models.failAlways('transcriptions', { kind: 'status', status: 400 });
  await keep('call/refused', (await call('refused', 3)).body.workflowId);
  models.heal();
});

it('records a screenshot, without its caption and without anything', async () => {
  await keep('screenshot/whole', (await screenshot('whole')).body.workflowId);
  models.failAlways('screen_caption', { kind: 'status', status: 400 });
  await keep('screenshot/no-caption', (await screenshot('no-caption')).body.workflowId);
  models.failAlways('screen_text', { kind: 'status', status: 400 });
  await keep('screenshot/refused', (await screenshot('refused')).body.workflowId);
});

it('records a screenshot whose caption gives way, with and without text, and its making later', async () => {
  await setDial('pressure.redo_captions_interval_ms', 0);
  await force('drop_captions');
  const lines = models.screenLines;
  const deferred = await screenshot('deferred');
  await keep('screenshot/deferred-caption', deferred.body.workflowId);
  models.screenLines = [];
  await keep('screenshot/caption-without-text', (await screenshot('wordless', 'a third viewer')).body.workflowId);
  models.screenLines = lines;
  await force('none');
  const redo = (workflowId: string) =>
    earshot.temporal.start(REDO_CAPTIONS_WORKFLOW, { workflowId, taskQueue: 'batch', args: [] });
  await keep('redo-captions/one', (await redo('redo')).workflowId);
  expect(await earshot.interaction(deferred.body.interactionId)).toMatchObject({ degraded: [] });
  await keep('redo-captions/none', (await redo('redo-none')).workflowId);
});

it('records a replay that is held under pressure', async () => {
  await force('none');
  models.failAlways('screen_caption', { kind: 'status', status: 400 });
  const { body } = await screenshot('to-repair', 'another viewer');
  await earshot.settled(body.interactionId, 'reachable');
  models.heal();
  await setDial('pressure.background_last_pieces', 0);
  await force('slow_reprocessing');
  const replay = await earshot.request<{ workflowId: string }>('POST', '/v1/replays', {
    only: 'missing',
    kinds: ['caption'],
  });
  await until('it is held', async () => {
    const { events } = await earshot.temporal.getHandle(replay.body.workflowId).fetchHistory();
    return events!.some(({ timerStartedEventAttributes: timer }) => Boolean(timer));
  });
  await force('none');
  await keep('replay/held', replay.body.workflowId);
});

it('records a lane of history that is rung while it waits for company, and one that is held under pressure', async () => {
  const old = async (customerId: string) => {
    const { body } = await earshot.message({ customerId, sentAt: startedAt });
    await earshot.settled(body.interactionId, 'reachable');
  };
  await old('old-1');
  await old('old-2');
  const lane = historyWorkflowId('default');
  await keep('history-lane/rung', lane);
  await setDial('history.hold_at_most_ms', 1_500);
  await force('slow_reprocessing');
  await old('old-3');
  await force('none');
  await keep('history-lane/held', lane);
  await setDial('history.steps_per_run', 1);
  const held = holdRoute(models, 'embeddings');
  const first = await earshot.message({ customerId: 'old-4', sentAt: startedAt });
  await held.arrived();
  const { runId } = await earshot.temporal.getHandle(lane).describe();
  await earshot.message({ customerId: 'old-5', sentAt: startedAt });
  await until('it has rung', async () => {
    const { events } = await earshot.temporal.getHandle(lane, runId).fetchHistory();
    return events!.filter(({ workflowExecutionSignaledEventAttributes: ring }) => Boolean(ring)).length > 1;
  });
  held.release();
  await earshot.settled(first.body.interactionId, 'reachable');
  await keep('history-lane/continued', lane, 'CONTINUED_AS_NEW', runId);
  await setDial('history.steps_per_run', 250);
});

it('records an erasure, one that is cancelled, one that a hold refuses at its end, and a retention run', async () => {
  await earshot.message({ customerId: 'forgotten', conversationId: 'forgotten' });
  await call('forgotten', 3);
  const whole = await erase(earshot, 'forgotten');
  await keep('erase-customer/whole', whole.workflowId);
  await earshot.request('POST', `/v1/erasures/${whole.erasureId}/verify`);
  await keep('verify-erasure/clean', `verify/${whole.erasureId}`);
  await setDial('erasure.grace_ms', 3_600_000);
  const cancelled = await requestErasure(earshot, 'forgotten-later');
  const { erasureId } = cancelled.body;
  await until('the workflow waits', async () =>
    (await earshot.request('POST', `/v1/erasures/${erasureId}/cancel`)).status === 202,
  );
  await keep('erase-customer/cancelled', cancelled.body.workflowId);
  await setDial('erasure.grace_ms', 5_000);
  const refused = await requestErasure(earshot, 'held');
  await earshot.request('PUT', '/v1/customers/held/hold', { reason: 'case 7' });
  await keep('erase-customer/refused', refused.body.workflowId);
  await setDial('retention.chat_days', 1);
  await earshot.message({ customerId: 'elder', conversationId: 'elder', sentAt: '2026-01-05T09:00:00Z' });
  const run = await earshot.temporal.start(RETENTION_WORKFLOW, { workflowId: 'retention', taskQueue: 'batch', args: [] });
  await keep('retention/one', run.workflowId);
  const night = await earshot.temporal.start(RESIDUE_WORKFLOW, { workflowId: 'night', taskQueue: 'batch', args: [] });
  await keep('residue-window/closed', night.workflowId);
});

it('records a release of a part that meets a paused model, and stays open', async () => {
  models.fail('screen_text', doubtfulScreen('Parcel PX-77'));
  const { interactionId } = (await screenshot('to-release-in-part', 'in-part')).body;
  await earshot.settled(interactionId, 'reachable');
  const [held] = await earshot.database.query<{ artifact_id: string }>(
    `select artifact_id from artifact where interaction_id = $1 and state = 'quarantined'`,
    [interactionId],
  );
  await earshot.request('POST', '/v1/sources/embedding/pause');
  const release = await earshot.request<{ workflowId: string }>('POST', `/v1/quarantine/${held!.artifact_id}/release`);
  await keep('decide-quarantined/waits', release.body.workflowId);
  await earshot.request('POST', '/v1/sources/embedding/resume');
});

/** A look at the past that meets a paused model, which then runs again. */
async function keepWaitingLook(name: string): Promise<void> {
  const look = await earshot.request<{ workflowId: string }>('POST', '/v1/quarantine/reevaluate', {});
  await until('it waits', async () => {
    const { events } = await earshot.temporal.getHandle(look.body.workflowId).fetchHistory();
    return events!.some(({ timerStartedEventAttributes: timer }) => Boolean(timer));
  });
  await earshot.request('POST', '/v1/sources/embedding/resume');
  await keep(`reevaluate-quality/${name}`, look.body.workflowId);
}

it('records a release whose redacted copy is made anew, and a look at the past that waits for its model', async () => {
  const held = async (callId: string) => {
    models.fail('transcriptions', doubtfulSpeech());
    const sound = tone(3, [1], 9_000 + callId.length);
    const { body } = await earshot.upload('/v1/calls', 'audio', sound, { callId, customerId: callId, startedAt });
    await earshot.settled(body.interactionId, 'quarantined');
    return body.interactionId;
  };
  const [artifact] = await earshot.database.query<{ artifact_id: string }>(
    'select artifact_id from artifact where interaction_id = $1',
    [await held('to-copy')],
  );
  const release = `/v1/quarantine/${artifact!.artifact_id}/release`;
  const { workflowId } = (await earshot.request<{ workflowId: string }>('POST', release)).body;
  await keep('decide-quarantined/copied', workflowId);
  await held('to-wait');
  await earshot.request('POST', '/v1/sources/embedding/pause');
  await setDial('quality.min_speech_confidence', 0);
  await keepWaitingLook('waits');
  await setDial('quality.min_speech_confidence', 0.15);
});

it('records a look at the past that holds back while its model is paused, and lets go afterwards', async () => {
  models.fail('screen_text', doubtfulScreen('Parcel PX-76'));
  await earshot.settled((await screenshot('to-wait', 'waits-behind')).body.interactionId, 'reachable');
  models.fail('transcriptions', doubtfulSpeech(-1));
  await earshot.settled((await call('to-hold-back', 5)).body.interactionId, 'reachable');
  await earshot.request('POST', '/v1/sources/embedding/pause');
  await setDial('quality.min_screen_text_confidence', 0);
  await setDial('quality.min_speech_confidence', 0.5);
  await keepWaitingLook('in-passes');
  for (const kind of ['speech', 'screen_text']) await setDial(`quality.min_${kind}_confidence`, 0.15);
});

it('records a release, a discard, a release that the model refuses, a look at the past and a run over the windows', async () => {
  const held = async (callId: string) => {
    models.fail('transcriptions', doubtfulSpeech());
    const sound = tone(3, [1], 8_000 + callId.length);
    const { body } = await earshot.upload('/v1/calls', 'audio', sound, { callId, customerId: callId, startedAt });
    const settled = await earshot.settled(body.interactionId, 'quarantined');
    return (settled.artifacts[0] as unknown as { artifactId: string }).artifactId;
  };
  const decide = async (artifactId: string, decision: string) =>
    (await earshot.request<{ workflowId: string }>('POST', `/v1/quarantine/${artifactId}/${decision}`)).body.workflowId;
  await keep('decide-quarantined/released', await decide(await held('to-release'), 'release'));
  await keep('decide-quarantined/discarded', await decide(await held('to-discard'), 'discard'));
  const refused = await held('to-refuse');
  models.failAlways('embeddings', { kind: 'status', status: 400 });
  models.transcript = 'words that no model has seen';
  await earshot.database.query(`update artifact set content = jsonb_set(content, '{0,text}', '"unseen words"') where artifact_id = $1`, [refused]);
  await keep('decide-quarantined/refused', await decide(refused, 'release'));
  models.heal();
  await held('to-let-go');
  const sure = await call('sure', 4);
  await earshot.settled(sure.body.interactionId, 'reachable');
  const reevaluate = async () =>
    (await earshot.request<{ workflowId: string }>('POST', '/v1/quarantine/reevaluate', {})).body.workflowId;
  await setDial('quality.min_speech_confidence', 0.9);
  await keep('reevaluate-quality/held-back', await reevaluate());
  await setDial('quality.min_speech_confidence', 0);
  await keep('reevaluate-quality/released', await reevaluate());
  const run = await earshot.temporal.start(ROLLUP_WORKFLOW, { workflowId: 'rollup', taskQueue: 'batch', args: [] });
  await keep('rollup/one', run.workflowId);
});

it('records a replay, one that fails in part, one that is paused, one that is cancelled, and what drops old versions', async () => {
  for (const id of ['replayed-1', 'replayed-2']) {
    await earshot.settled((await screenshot(id)).body.interactionId, 'reachable');
  }
  const replay = async (scope: Record<string, unknown>) =>
    (await earshot.request<{ replayId: string; workflowId: string }>('POST', '/v1/replays', scope)).body;
  const tell = ({ replayId }: { replayId: string }, word: string) =>
    earshot.request('POST', `/v1/replays/${replayId}/${word}`);
  const scope = { customerId: 'viewer', kinds: ['caption'] };
  await keep('replay/whole', (await replay({ ...scope, visionModel: 'second' })).workflowId);
  models.failAlways('screen_caption', { kind: 'status', status: 400 });
  await keep('replay/failed', (await replay({ ...scope, visionModel: 'third' })).workflowId);
  models.heal();
  await setDial('replay.records_in_parallel', 1);
  for (const [word, name, visionModel] of [
    ['resume', 'replay/paused', 'fourth'],
    ['cancel', 'replay/cancelled', 'fifth'],
  ] as const) {
    const held = holdRoute(models, 'screen_caption');
    const asked = await replay({ ...scope, visionModel });
    await held.arrived();
    await tell(asked, 'pause');
    held.release();
    await until('it is paused', async () => {
      const { body } = await earshot.request<{ state: string }>('GET', `/v1/replays/${asked.replayId}`);
      return body.state === 'paused';
    });
    await tell(asked, word);
    await keep(name, asked.workflowId);
  }
  await setDial('replay.keep_superseded_days', 0);
  const options = { workflowId: 'superseded', taskQueue: 'batch', args: [] };
  const night = await earshot.temporal.start(SUPERSEDED_WORKFLOW, options);
  await keep('drop-superseded/one', night.workflowId);
});

it('records canaries that are reachable and that are not, and a reconciliation that repairs', async () => {
  const run = async (name: string) => {
    const id = `canary-${name}`;
    await earshot.temporal.start(CANARY_WORKFLOW, { workflowId: id, taskQueue: 'batch', args: [] });
    await keep(`canary/${name}`, id);
  };
  await run('reachable');
  models.failAlways('transcriptions', { kind: 'status', status: 400 });
  await run('failed');
  models.heal();
  await setDial('reconcile.settled_for_ms', 0);
  const lost = await call('to-be-made-anew', 3);
  await earshot.settled(lost.body.interactionId, 'reachable');
  await earshot.database.query('delete from artifact where interaction_id = $1', [lost.body.interactionId]);
  const { body } = await earshot.request<{ workflowId: string }>('POST', '/v1/reconciliations', {});
  await keep('reconcile/repaired', body.workflowId);
});

it('records a re-embedding that goes live, back, and past its grace period, one that is cancelled, and a rebuild', async () => {
  const order = (version: number, what: string) => earshot.request('POST', `/v1/index-versions/${version}/${what}`);
  const { version } = await buildVersion(earshot, 96);
  await order(version, 'resume');
  await order(version, 'activate');
  await setDial('reindex.grace_ms', 1_000);
  await order(1, 'activate');
  await keep('reindex/there-and-back', `reindex/${version}`);
  await setDial('reindex.max_chunks_per_second', 1);
  const cancelled = await requestReindex(earshot, { embeddingModel: 'fake-96', dimensions: 96, acknowledge: true });
  await order(cancelled.body.version, 'pause');
  await order(cancelled.body.version, 'resume');
  await order(cancelled.body.version, 'cancel');
  await keep('reindex/cancelled', `reindex/${cancelled.body.version}`);
  await order(1, 'rebuild');
  await keep('maintain-index-versions/rebuild', 'rebuild/1');
});

it('records a version that is recognised anew and rests meanwhile, and one that is given up with its replay', async () => {
  await setDial('reindex.grace_ms', 1_000);
  const { body } = await call('heard-anew', 2);
  await earshot.settled(body.interactionId, 'reachable');
  const order = (version: number, what: string) => earshot.request('POST', `/v1/index-versions/${version}/${what}`);
  const raw = { embeddingModel: 'fake-80', dimensions: 80 };
  const whole = await reindexHeld(earshot, models, { ...raw, asrModel: 'another' });
  await order(whole.version, 'pause');
  await until('it rests', async () => (await findVersion(earshot, whole.version)).progress.paused);
  whole.held.release();
  await order(whole.version, 'resume');
  await ready(earshot, whole.version);
  await order(whole.version, 'activate');
  await keep('reindex/from-raw', `reindex/${whole.version}`);
  const cancelled = await reindexHeld(earshot, models, { ...raw, asrModel: 'a third' });
  await order(cancelled.version, 'cancel');
  await keep('replay/given-up-with-its-version', `replay/${cancelled.replayId}`, 'CANCELLED');
  cancelled.held.release();
  await keep('reindex/from-raw-cancelled', `reindex/${cancelled.version}`);
});

/** Takes a step against too much to do, and waits until it is taken. */
async function force(step: PressureStep): Promise<void> {
  await setDial('pressure.at_least_step', PRESSURE_STEPS.indexOf(step));
  await until('the step is taken', async () => {
    const { body } = await earshot.request<{ pressure: { step: string } }>('GET', '/v1/backlog');
    return body.pressure.step === step;
  });
}

async function setDial(name: string, value: number): Promise<void> {
  await earshot.request('PUT', `/v1/dials/${name}`, { value });
}
