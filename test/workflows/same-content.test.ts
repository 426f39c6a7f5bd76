import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, completed, requestErasure } from '../support/erasures.ts';
import { startFakeModels, type FakeModels, type ModelRoute } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { tone } from '../support/sound.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models, dials: AT_ONCE });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});
afterEach(() => {
  models.calls.length = 0;
});

const asked = (route: ModelRoute) => models.calls.filter((call) => call.route === route).length;

async function call(callId: string, customerId: string, startedAt = new Date(Date.now() - 60_000)): Promise<string> {
  const metadata = { callId, customerId, startedAt: startedAt.toISOString() };
  const { body } = await earshot.upload('/v1/calls', 'audio', tone(2), metadata);
  await earshot.settled(body.interactionId, 'reachable');
  return body.interactionId;
}

async function screen(screenshotId: string, customerId: string): Promise<string> {
  const metadata = { screenshotId, customerId, capturedAt: new Date().toISOString() };
  const { body } = await earshot.upload('/v1/screenshots', 'image', await picture(), metadata);
  await earshot.settled(body.interactionId, 'reachable');
  return body.interactionId;
}

async function message(customerId: string, text: string): Promise<string> {
  const { body } = await earshot.message({ customerId, text });
  await earshot.settled(body.interactionId, 'reachable');
  return body.interactionId;
}

async function deleteObjects(interactionId: string): Promise<void> {
  const raw = join(earshot.folder, 'raw');
  const paths = await readdir(raw, { recursive: true });
  const folder = paths.find((path) => path.endsWith(interactionId));
  expect(folder).toBeDefined();
  await rm(join(raw, folder!), { recursive: true });
}

/** Records that a vector search of a customer finds. */
async function found(customerId: string, query: string): Promise<string[]> {
  const { results } = await earshot.retrieve({ customerId, query, mode: 'vector', k: 20 });
  return results.map(({ interactionId }) => interactionId);
}

const vectorOf = async (interactionId: string) => {
  const rows = await earshot.database.query<{ embedding: string }>(
    'select md5(e.embedding::text) as embedding from embedding e join chunk using (chunk_id) where interaction_id = $1 order by 1',
    [interactionId],
  );
  return rows.map(({ embedding }) => embedding);
};

describe('the same content of one customer', () => {
  it('sent again with other metadata asks no model, be it a message, a recording or a screen', async () => {
    const before = [
      await message('ann', 'the ornithopter is late'),
      await call('first', 'ann'),
      await screen('first', 'ann'),
    ];
    // A vector that no model would give: what has it was copied.
    const moved = `update embedding set embedding = l2_normalize(embedding + array_fill(0.01, array[384])::vector)`;
    await earshot.database.query(moved);
    models.calls.length = 0;
    const again = [
      await message('ann', 'the ornithopter is late'),
      await call('second', 'ann', new Date(Date.now() - 3_600_000)),
      await screen('second', 'ann'),
    ];
    expect(models.calls).toEqual([]);
    for (const [index, id] of again.entries()) expect(await vectorOf(id)).toEqual(await vectorOf(before[index]!));
    expect(await found('ann', 'ornithopter')).toEqual(expect.arrayContaining([before[0], again[0]]));
  });

  it('stays findable in one record when the other goes, without any model being asked', async () => {
    const [first, second] = [await call('bob-1', 'bob'), await call('bob-2', 'bob')];
    models.calls.length = 0;
    // As retention does: the record that the answer was taken from goes, with its objects.
    await earshot.database.query('delete from interaction where interaction_id = $1', [first]);
    await deleteObjects(first);
    const metadata = { callId: 'bob-3', customerId: 'bob', startedAt: new Date(Date.now() - 60_000).toISOString() };
    const { body } = await earshot.upload('/v1/calls', 'audio', tone(2), metadata);
    await earshot.settled(body.interactionId, 'reachable');
    expect(await found('bob', 'parcel replacement')).toEqual(expect.arrayContaining([second, body.interactionId]));
    expect(asked('transcriptions')).toBe(0);
  });

  it('is another content for another customer, and for one who was erased', async () => {
    await message('cleo', 'the gramophone is broken');
    await call('cleo-1', 'cleo');
    const known = (await earshot.database.query('select distinct content_hash from interaction')).length;
    models.calls.length = 0;
    await message('dan', 'the gramophone is broken');
    await call('dan-1', 'dan');
    expect({ heard: asked('transcriptions'), embedded: asked('embeddings') }).toEqual({ heard: 1, embedded: 2 });
    const now = await earshot.database.query('select distinct content_hash from interaction');
    expect(now.length).toBe(known + 1);

    const { body } = await requestErasure(earshot, 'cleo');
    await completed(earshot, body.erasureId);
    models.calls.length = 0;
    await call('cleo-2', 'cleo', new Date());
    expect(asked('transcriptions')).toBe(1);
    expect(await found('dan', 'gramophone')).not.toEqual([]);
  });
});
