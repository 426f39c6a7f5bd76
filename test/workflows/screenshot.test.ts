import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';

let models: FakeModels;
let earshot: TestEarshot;
let picture: Buffer;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models });
  picture = await sharp({ create: { width: 4_000, height: 1_000, channels: 3, background: 'white' } })
    .png()
    .toBuffer();
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});
beforeEach(() => models.heal());

function screenshot(screenshotId: string) {
  // Each has a customer of its own, or the models would not be asked for the same picture again.
  const customerId = `viewer of ${screenshotId}`;
  const metadata = {
    screenshotId,
    customerId,
    capturedAt: new Date().toISOString(),
    conversationId: `talk of ${screenshotId}`,
  };
  return earshot.upload('/v1/screenshots', 'image', picture, metadata);
}

describe('a screenshot', () => {
  it('is found by its text and by its caption, each with its place', async () => {
    const { body } = await screenshot('both');
    await earshot.settled(body.interactionId, 'reachable');
    const byText = await earshot.retrieve({ query: 'PAY-4012', customerId: 'viewer of both', mode: 'text' });
    // Sent at half its size, for no side may be longer than 2,000 pixels: boxes come back in pixels of the original.
    expect(byText.results[0]).toMatchObject({
      conversationId: 'talk of both',
      place: { kind: 'box', x: 20, width: 200 },
    });
    const byCaption = await earshot.retrieve({ query: 'red banner', customerId: 'viewer of both', mode: 'text' });
    expect(byCaption.results[0]?.place.kind).toBe('picture');
  });

  it('of more than twice the longest side is read in parts, with places in the whole', async () => {
    models.calls.length = 0;
    const canvas = sharp({ create: { width: 300, height: 9_000, channels: 3, background: 'white' } });
    const metadata = { screenshotId: 'long', customerId: 'scroller', capturedAt: new Date().toISOString() };
    const { body } = await earshot.upload('/v1/screenshots', 'image', await canvas.png().toBuffer(), metadata);
    await earshot.settled(body.interactionId, 'reachable');
    expect(models.calls.filter(({ route }) => route === 'screen_text')).toHaveLength(3);
    expect(models.calls.filter(({ route }) => route === 'screen_caption')).toHaveLength(1);
    const [artifact] = await earshot.database.query<{ content: { place: { y: number } }[] }>(
      "select content from artifact where interaction_id = $1 and kind = 'screen_text'",
      [body.interactionId],
    );
    const tops = artifact!.content.map(({ place }) => place.y);
    // Parts of 3,107 pixels from 0, 2,946 and 5,893, shrunk by 1.55; the model says 0 and 20 of each.
    expect(tops).toEqual([0, 31, 2_946, 2_977, 5_893, 5_924]);
  });

  it('without a caption is reachable by its text, and says what it lacks', async () => {
    models.failAlways('screen_caption', { kind: 'status', status: 400 });
    const { body } = await screenshot('no caption');
    expect(await earshot.settled(body.interactionId, 'reachable')).toMatchObject({ degraded: ['caption'] });
  });

  it('of which neither part can be made is failed with its reason', async () => {
    models.failAlways('screen_caption', { kind: 'status', status: 400 });
    models.failAlways('screen_text', { kind: 'status', status: 422 });
    const { body } = await screenshot('nothing');
    expect(await earshot.settled(body.interactionId, 'failed')).toMatchObject({ reason: 'model_rejected' });
  });

  const truncated = { choices: [{ finish_reason: 'stop', message: { content: '{"lines":[{"te' } }] };
  it.each([
    ['truncated JSON in its message', truncated],
    ['a message that was cut off', { choices: [{ finish_reason: 'length', message: { content: '{"lines":[]}' } }] }],
    ['JSON of another shape', { choices: [{ finish_reason: 'stop', message: { content: '{"text":"x"}' } }] }],
    ['no message', { choices: [] }],
  ])('is read again when the model gave %s', async (name, answer) => {
    models.calls.length = 0;
    models.fail('screen_text', { kind: 'body', body: JSON.stringify(answer) });
    const { body } = await screenshot(name);
    await earshot.settled(body.interactionId, 'reachable');
    expect(models.calls.filter(({ route }) => route === 'screen_text')).toHaveLength(2);
  });
});
