import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
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
  readonly more: boolean;
}

const exposures = async (search: string) => {
  const { status, body } = await earshot.request<Exposures>('GET', `/v1/exposures?${search}`);
  expect(status).toBe(200);
  return body;
};

/** Undoes a redaction in what is stored, as a redactor that did not know the value would have left it. */
async function asOlderRedactor(interactionId: string, label: string, value: string, type: string): Promise<void> {
  const changes = [
    `update artifact set content = replace(content::text, $2, $3)::jsonb, redactions = redactions - $4::text,
       redactor_version = 'older'
     where interaction_id = $1`,
    `update chunk set text = replace(text, $2, $3), words = default where interaction_id = $1 and $4::text is not null`,
  ];
  for (const change of changes) await query(change, [interactionId, label, value, type]);
}

/** What a replay of a better redactor leaves: the artifact as it is, made anew, in service; the old one out of it. */
async function replay(interactionId: string, value: string, label: string, type: string): Promise<void> {
  await query(
    `insert into artifact (tenant, artifact_id, interaction_id, customer_key, kind, piece, state, content, redactions,
       confidence, model, model_version, parameters, redactor_version, code_version, created_at)
     select tenant, gen_random_uuid(), interaction_id, customer_key, kind, piece, 'active',
       replace(content::text, $2, $3)::jsonb, redactions || jsonb_build_object($4::text, 1), confidence, model, model_version,
       parameters || '{"redactor":"newer"}', 'newer', code_version, now()
     from artifact where interaction_id = $1`,
    [interactionId, value, label, type],
  );
  await query(`update artifact set state = 'superseded' where interaction_id = $1 and redactor_version = 'older'`, [
    interactionId,
  ]);
  await query(`update chunk set active = false, withdrawn_at = now() where interaction_id = $1`, [interactionId]);
}

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
    await asOlderRedactor(body.interactionId, '[CARD]', CARD, 'card');
    const showed = await ask('paid yesterday', 'ann');
    const didNot = await ask('ukulele strings', 'ann');
    expect(showed.results[0]?.text).toContain(CARD);
    expect(didNot.results.map((hit) => hit.text).join()).not.toContain(CARD);
    expect(await exposures('customerId=ann')).toEqual({ answers: [], views: [], more: false });

    await replay(body.interactionId, CARD, '[CARD]', 'card');
    const found = await exposures('customerId=ann');
    expect(found.answers).toEqual([
      {
        retrievalId: showed.retrievalId,
        position: 1,
        askedAt: expect.any(String) as string,
        askedBy: expect.stringMatching(/^key-[0-9a-f]{8}$/) as string,
        chunkId: showed.results[0]?.chunkId,
        interactionId: body.interactionId,
        types: ['card'],
        shownBy: 'older',
        hiddenBy: 'newer',
        hiddenAt: expect.any(String) as string,
      },
    ]);
    expect(JSON.stringify(found)).not.toContain('4539');
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

  it('is not looked for everywhere and at all times at once', async () => {
    const { status, body } = await earshot.request<{ errors: { field: string }[] }>('GET', '/v1/exposures');
    expect({ status, field: body.errors[0]?.field }).toEqual({ status: 400, field: 'from' });
  });
});
