import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { tone } from '../support/sound.ts';
import { unzip } from '../support/zip.ts';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({ models });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

/** A chat, a call and a screenshot of a customer, all reachable. */
async function capture(customerId: string): Promise<{ chat: string; call: string; screen: string }> {
  const at = '2026-03-01T10:00:00Z';
  const call = { callId: `call of ${customerId}`, customerId, startedAt: at };
  const screen = { screenshotId: `screen of ${customerId}`, customerId, capturedAt: at };
  const accepted = await Promise.all([
    earshot.message({ customerId, text: 'the word zeugma' }),
    earshot.upload('/v1/calls', 'audio', tone(2), call),
    earshot.upload('/v1/screenshots', 'image', await picture(), screen),
  ]);
  const ids = accepted.map(({ body }) => body.interactionId) as [string, string, string];
  for (const id of ids) await earshot.settled(id, 'reachable');
  return { chat: ids[0], call: ids[1], screen: ids[2] };
}

type Line = Readonly<Record<string, unknown>>;

interface Archive {
  readonly names: string[];
  readonly manifest: { counts: Record<string, number>; problems: { code: string; interactionId: string }[] };
  readonly lines: (name: string) => Line[];
}

async function exported(customerId: string): Promise<Archive> {
  const response = await fetch(`http://127.0.0.1:${earshot.env['PORT']}/v1/customers/${customerId}/export`, {
    headers: { authorization: `Bearer ${API_KEY}` },
  });
  const files = await unzip(new Uint8Array(await response.arrayBuffer()));
  const lines = (name: string) => files.get(name)!.toString().split('\n').slice(0, -1);
  return {
    names: [...files.keys()],
    manifest: JSON.parse(files.get('manifest.json')!.toString()) as Archive['manifest'],
    lines: (name) => lines(name).map((line) => JSON.parse(line) as Line),
  };
}

describe('an export', () => {
  it('is a look at each original, by the key that asked, which auditors and the customer see', async () => {
    const { chat, call, screen } = await capture('ada');
    const views = (await exported('ada')).lines('views.jsonl');
    expect(views.map((view) => `${String(view['interactionId'])} ${String(view['what'])}`).sort()).toEqual(
      [
        `${chat} original_text`,
        `${call} original`,
        `${call} original_text`,
        `${screen} original`,
        `${screen} original_text`,
      ].sort(),
    );
    const { body } = await earshot.request<{ views: Line[] }>('GET', `/v1/interactions/${call}/views`);
    expect(body.views).toHaveLength(2);
    for (const view of [...views, ...body.views]) {
      expect(view['reason']).toBe('export of all that is held of the customer');
      expect(view['viewedBy']).toMatch(/^key-[0-9a-f]{8}$/);
    }
  });

  it('ends where a look at an original cannot be logged', async () => {
    await capture('finn');
    await earshot.database.query('revoke insert on media_view from earshot_app');
    try {
      await expect(exported('finn')).rejects.toThrow();
    } finally {
      await earshot.database.query('grant insert on media_view to earshot_app');
    }
    expect((await exported('finn')).manifest.counts).toMatchObject({ raw: 2, views: 5 });
  });

  it('has no original after the fence of an erasure', async () => {
    const { chat } = await capture('gus');
    await earshot.database.query(
      `update subject set erased_before = now()
       where customer_key = (select customer_key from interaction where interaction_id = $1)`,
      [chat],
    );
    const { manifest, names, lines } = await exported('gus');
    expect(manifest.counts).toMatchObject({ raw: 0, recognised: 0, views: 0 });
    expect(new Set(manifest.problems.map(({ code }) => code))).toEqual(new Set(['erased']));
    expect(names.filter((name) => /^(raw|recognised)/.test(name))).toEqual([]);
    const line = lines('interactions.jsonl').find(({ interactionId }) => interactionId === chat);
    expect(line).toMatchObject({ payload: null });
  });
});
