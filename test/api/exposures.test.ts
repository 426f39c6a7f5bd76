import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REDACTOR_VERSION } from '../../src/domain/redaction.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { asOlderLogic } from '../support/older-logic.ts';
import { replay } from '../support/replays.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

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

const CARD = '4539 1488 0343 6467';
const query = (text: string, values: unknown[]) => earshot.database.query(text, values);

interface Exposures {
  readonly answers: Readonly<Record<string, unknown>>[];
  readonly views: Readonly<Record<string, unknown>>[];
  readonly nextCursor: string | null;
}

const exposures = async (search: string) => {
  const { status, body } = await earshot.request<Exposures>('GET', `/v1/exposures?${search}`);
  expect(status).toBe(200);
  return body;
};

/** Undoes the redaction of a card in what is stored, as a redactor that did not know it would have left it. */
const asOlderRedactor = (interactionId: string, kind: string) =>
  asOlderLogic(earshot, {
    interactionId,
    kind,
    artifact: { redactor_version: 'older', redactions: {} },
    text: ['[CARD]', CARD],
  });

async function ask(words: string, customerId: string) {
  const { retrievalId, results } = await earshot.retrieve({ query: words, customerId, mode: 'text', k: 5 });
  await until('the answer is recorded', async () => {
    const rows = await query('select from retrieval where retrieval_id = $1', [retrievalId]);
    return rows.length > 0;
  });
  return { retrievalId, results };
}

describe('what an older redactor left in sight', () => {
  it('is listed with each answer that showed it, by whom it was asked and of which type, never with the value', async () => {
    const filler = `The weather in the mountains was pleasant all week. `.repeat(12);
    const text = `My banjo was paid with ${CARD} yesterday. ${filler} The ukulele came without strings.`;
    const { body } = await earshot.message({ customerId: 'ann', text });
    await earshot.settled(body.interactionId, 'reachable');
    const other = await earshot.message({ customerId: 'ann', text: 'The banjo has a long neck.' });
    await earshot.settled(other.body.interactionId, 'reachable');
    await asOlderRedactor(body.interactionId, 'message');
    const showed = await ask('paid yesterday', 'ann');
    const didNot = await ask('ukulele strings', 'ann');
    expect(showed.results[0]?.text).toContain(CARD);
    expect(didNot.results.map((hit) => hit.text).join()).not.toContain(CARD);
    expect(await exposures('customerId=ann')).toEqual({ answers: [], views: [], nextCursor: null });

    expect((await replay(earshot, { only: 'stale' })).records).toMatchObject({ remade: 1, failed: 0 });
    const found = await exposures('customerId=ann');
    expect(found.answers).toEqual([
      {
        retrievalId: showed.retrievalId,
        position: 1,
        askedAt: expect.any(String) as string,
        askedBy: expect.stringMatching(/^key-[0-9a-f]{8}$/) as string,
        chunkId: expect.any(String) as string,
        interactionId: body.interactionId,
        types: ['card'],
        shownBy: 'older',
        hiddenBy: REDACTOR_VERSION,
        hiddenAt: expect.any(String) as string,
      },
    ]);
    expect(JSON.stringify(found)).not.toContain('4539');
    expect(
      await query('select from chunk where chunk_id = $1 and active', [found.answers[0]?.['chunkId']]),
    ).toHaveLength(1);
    expect((await replay(earshot)).records).toMatchObject({ remade: 0, failed: 0 });
    expect(await exposures('customerId=ann')).toEqual(found);
    expect(await exposures(`interactionId=${body.interactionId}`)).toEqual(found);
    expect((await exposures(`interactionId=${other.body.interactionId}`)).answers).toEqual([]);
    expect(
      (await exposures(`from=${encodeURIComponent(new Date(Date.now() + 60_000).toISOString())}`)).answers,
    ).toEqual([]);
  });

  it('is listed with each look at a recording in which it was heard, and not with looks at the better copy', async () => {
    models.transcript = `I paid with ${CARD} for the banjo.`;
    const metadata = { callId: 'call', customerId: 'bob', startedAt: new Date(Date.now() - 60_000).toISOString() };
    const { body } = await earshot.upload('/v1/calls', 'audio', tone(2), metadata);
    await earshot.settled(body.interactionId, 'reachable');
    const look = async () =>
      expect((await earshot.request('GET', `/v1/interactions/${body.interactionId}/media`)).status).toBe(200);
    await look();
    // As a redactor that found nothing would have made it.
    await query(
      `update redacted_media set media_id = gen_random_uuid(), hidden = '[]', redactor_version = 'older'
       where interaction_id = $1`,
      [body.interactionId],
    );
    await query(`update media_view v set media_id = m.media_id from redacted_media m where v.interaction_id = $1`, [
      body.interactionId,
    ]);
    await look();
    const { views } = await exposures('customerId=bob');
    expect(views).toMatchObject([{ interactionId: body.interactionId, types: ['card'], shownBy: 'older' }]);
    const rows = await query(`select state, sealed_object is null as gone from redacted_media order by state`, []);
    expect(rows).toEqual([
      { state: 'active', gone: false },
      { state: 'superseded', gone: true },
    ]);
  });

  it('leaves text, answers, redacted copy and counts at once when a replay applies the better redactor', async () => {
    models.transcript = `The kazoo was paid with ${CARD} yesterday.`;
    const metadata = { callId: 'kazoo', customerId: 'cid', startedAt: '2026-01-05T09:00:00Z' };
    const { body } = await earshot.upload('/v1/calls', 'audio', tone(2), metadata);
    const id = body.interactionId;
    await earshot.settled(id, 'reachable');
    const media = () =>
      query(
        `select media_id, redactor_version as by from redacted_media where state = 'active' and interaction_id = $1`,
        [id],
      );
    const look = () => earshot.request('GET', `/v1/interactions/${id}/media`);
    expect((await look()).status).toBe(200);
    await asOlderRedactor(id, 'transcript');
    await query(
      `update redacted_media set media_id = gen_random_uuid(), hidden = '[]', redactor_version = 'older' where interaction_id = $1`,
      [id],
    );
    await query(
      `update media_view v set media_id = m.media_id from redacted_media m where v.interaction_id = $1 and m.interaction_id = $1`,
      [id],
    );
    const showed = await ask('kazoo paid yesterday', 'cid');
    expect(showed.results[0]?.text).toContain(CARD);
    await query('delete from rollup_hour', []);

    expect((await replay(earshot, { only: 'stale', customerId: 'cid' })).records).toMatchObject({
      remade: 1,
      failed: 0,
    });
    const left = await query(
      `select from chunk where text like '%4539%' union all select from artifact where content::text like '%4539%'`,
      [],
    );
    expect(left).toEqual([]);
    const again = await ask('kazoo paid yesterday', 'cid');
    expect(again.results[0]?.text).toContain('[CARD]');
    const { answers, views } = await exposures('customerId=cid');
    expect(answers).toMatchObject([{ retrievalId: showed.retrievalId, interactionId: id, types: ['card'] }]);
    expect(views).toMatchObject([{ interactionId: id, types: ['card'], shownBy: 'older' }]);
    expect(await media()).toMatchObject([{ by: REDACTOR_VERSION }]);
    expect(await query('select modality, hour from rollup_hour where dirtied_at is not null', [])).toEqual([
      { modality: 'audio', hour: new Date('2026-01-05T09:00:00Z') },
    ]);
  });

  it('is read in pages that lose and repeat nothing, also where much happened at the same moment', async () => {
    await query(
      `insert into exposure (tenant, retrieval_id, position, interaction_id, customer_key, hidden, shown_by, hidden_by)
       select tenant, retrieval_id, position, interaction_id, customer_key, hidden, shown_by, 'newer still' from exposure`,
      [],
    );
    const moment = '2026-02-01T09:00:00.123456Z';
    await query('update retrieval set asked_at = $1', [moment]);
    await query('update media_view set viewed_at = $1', [moment]);
    const since = 'from=2026-01-01T00:00:00Z';
    const whole = await exposures(since);
    expect([whole.answers.length, whole.views.length, whole.nextCursor]).toEqual([4, 2, null]);
    const seen: string[] = [];
    for (let cursor = ''; ;) {
      const { answers, views, nextCursor } = await exposures(`${since}&limit=1${cursor}`);
      // An answer comes with all of its passages.
      expect(new Set([...answers, ...views].map((row) => row['retrievalId'] ?? row['viewId'])).size).toBe(1);
      seen.push(...[...answers, ...views].map((row) => JSON.stringify(row)));
      if (nextCursor === null) break;
      cursor = `&cursor=${nextCursor}`;
    }
    expect(seen.sort()).toEqual([...whole.answers, ...whole.views].map((row) => JSON.stringify(row)).sort());
  });

  it('is not looked for everywhere and at all times at once', async () => {
    const { status, body } = await earshot.request<{ errors: { field: string }[] }>('GET', '/v1/exposures');
    expect({ status, field: body.errors[0]?.field }).toEqual({ status: 400, field: 'from' });
  });
});
