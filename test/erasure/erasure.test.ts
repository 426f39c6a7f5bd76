import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkCertificates } from '../../src/erasure/certificate.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, completed, erase, findErasure, requestErasure, type Erasure } from '../support/erasures.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { tone } from '../support/sound.ts';
import { picture } from '../support/pictures.ts';

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

const aMinuteAgo = () => new Date(Date.now() - 60_000).toISOString();

/** One of each modality; answers the ids of the records. */
async function remember(customerId: string, name: string): Promise<string[]> {
  const accepted = [
    await earshot.message({
      customerId,
      conversationId: name,
      messageId: `${name}-1`,
      text: `the ${name} of the first`,
    }),
    await earshot.message({
      customerId,
      conversationId: name,
      messageId: `${name}-2`,
      text: `the ${name} of the second`,
    }),
    await earshot.upload('/v1/calls', 'audio', tone(2), { callId: name, customerId, startedAt: aMinuteAgo() }),
    await earshot.upload('/v1/screenshots', 'image', await picture(), {
      screenshotId: name,
      customerId,
      capturedAt: aMinuteAgo(),
    }),
  ];
  const ids = accepted.map(({ body }) => body.interactionId);
  for (const id of ids) await earshot.settled(id, 'reachable');
  return ids;
}

describe('an erasure', () => {
  it('leaves nothing of a customer, all of the others, and a certificate that can be checked', async () => {
    const ids = await remember('walker', 'pogostick');
    const others = await remember('bystander', 'umbrella');
    await earshot.retrieve({ query: 'pogostick', customerId: 'walker' });
    const { certificate, state } = await erase(earshot, 'walker');
    expect(state).toBe('completed');
    expect(certificate.statement.before).toMatchObject({
      'postgres.interaction': 4,
      'postgres.chunk': 5,
      'postgres.embedding': 5,
      'postgres.data_key': 1,
      'postgres.session': 3,
      'temporal.runs': 3,
    });
    expect(certificate.statement.before['raw.versions']).toBeGreaterThanOrEqual(5);
    expect(Object.values(certificate.statement.after).every((count) => count === 0)).toBe(true);
    expect(checkCertificates([certificate])).toEqual([]);

    const { results, history, pending } = await earshot.retrieve({ query: 'pogostick', customerId: 'walker' });
    expect({ results, history, pending }).toEqual({ results: [], history: 'none', pending: [] });
    const unscoped = await earshot.retrieve({ query: 'the pogostick of the first', k: 50 });
    expect(unscoped.results.filter(({ text }) => text.includes('pogostick'))).toEqual([]);
    for (const id of ids) expect(await earshot.interaction(id)).toMatchObject({ state: 'erased', artifacts: [] });
    for (const id of others) expect((await earshot.interaction(id)).state).toBe('reachable');
    expect((await earshot.retrieve({ query: 'umbrella', customerId: 'bystander' })).results).not.toEqual([]);
  });

  it('refuses what was captured before it, for ever, and takes what comes after it under a new key', async () => {
    const sentAt = aMinuteAgo();
    const old = { customerId: 'returner', conversationId: 'back', messageId: 'old', text: 'an old message', sentAt };
    const { body } = await earshot.message(old);
    await earshot.settled(body.interactionId, 'reachable');
    const { erasureId } = await erase(earshot, 'returner');
    expect((await earshot.message(old)).status).toBe(410);
    expect((await earshot.message({ ...old, messageId: 'late' })).status).toBe(410);
    // The same record with a later time is still the record that was erased.
    expect((await earshot.message({ ...old, sentAt: new Date().toISOString() })).status).toBe(410);
    const fresh = await earshot.message({
      ...old,
      messageId: 'new',
      sentAt: new Date().toISOString(),
      text: 'hello anew',
    });
    expect(fresh.status).toBe(202);
    await earshot.settled(fresh.body.interactionId, 'reachable');
    const { results } = await earshot.retrieve({ query: 'hello anew', customerId: 'returner' });
    expect(results.map(({ text }) => text)).toEqual(['hello anew']);
    const verify = async () => {
      const path = `/v1/erasures/${erasureId}/verify`;
      return (await earshot.request<{ clean: boolean; found: Record<string, number> }>('POST', path)).body;
    };
    expect(await verify()).toMatchObject({ clean: true });
    // Of the record that came after the erasure.
    await earshot.database.query(
      `insert into lineage_edge (tenant, from_id, to_id, from_kind, to_kind, interaction_id, customer_key, activity, code_version)
       select tenant, interaction_id, gen_random_uuid(), 'raw', 'artifact', interaction_id, customer_key, 'back', 'test'
       from interaction where interaction_id = $1`,
      [fresh.body.interactionId],
    );
    expect(await verify()).toMatchObject({ clean: true });
    // As if somebody's own tool had brought a row back.
    await earshot.database.query(`insert into data_key (tenant, customer_key, generation, wrapped)
      select tenant, customer_key, 1, '' from interaction where interaction_id = '${fresh.body.interactionId}'`);
    expect(await verify()).toMatchObject({ clean: false, found: { 'postgres.data_key': 1 } });
    await earshot.database.query(`delete from data_key where wrapped = ''`);
    const again = await erase(earshot, 'returner');
    expect(again.certificate.statement.before).toMatchObject({ 'postgres.interaction': 1 });
    expect(again.certificate.statement.destroyedKeyGenerations).toBe(2);
  });

  it('is in no cache: the same question finds what has just come, and no more once it is erased', async () => {
    const ask = async () =>
      (await earshot.retrieve({ query: 'where is my trombone', customerId: 'asker' })).results.map(({ text }) => text);
    expect(await ask()).toEqual([]);
    const { body } = await earshot.message({ customerId: 'asker', text: 'the trombone is late' });
    await earshot.settled(body.interactionId, 'reachable');
    expect(await ask()).toEqual(['the trombone is late']);
    const { body: erasure } = await requestErasure(earshot, 'asker');
    // From the answer on, while rows and vectors still wait to be deleted.
    expect(await ask()).toEqual([]);
    await completed(earshot, erasure.erasureId);
    expect(await ask()).toEqual([]);
  });

  it('is answered with the first when it is asked for twice, at once and later', async () => {
    await earshot.message({ customerId: 'twice', conversationId: 'twice' });
    const both = await Promise.all([requestErasure(earshot, 'twice'), requestErasure(earshot, 'twice')]);
    expect(new Set(both.map(({ body }) => body.erasureId)).size).toBe(1);
    await completed(earshot, both[0].body.erasureId);
    const later = await requestErasure(earshot, 'twice');
    expect(later.body).toMatchObject({ erasureId: both[0].body.erasureId, state: 'completed' });
  });

  it('takes several customers at once, and one of whom nothing was ever held', async () => {
    await earshot.message({ customerId: 'many-1', conversationId: 'many-1' });
    await earshot.message({ customerId: 'many-2', conversationId: 'many-2' });
    const { body } = await earshot.request<{ erasures: Erasure[] }>('POST', '/v1/erasures', {
      customerIds: ['many-1', 'many-2', 'never-seen'],
      reason: 'asked by letter',
    });
    expect(body.erasures).toHaveLength(3);
    for (const { erasureId } of body.erasures) await completed(earshot, erasureId);
    const certificates = await earshot.request<{ certificates: Erasure['certificate'][]; publicKey: string }>(
      'GET',
      '/v1/erasure-certificates?limit=1000',
    );
    const chain = certificates.body.certificates.map((each) => each!);
    expect(chain.map(({ statement }) => statement.sequence)).toEqual(chain.map((_, index) => index + 1));
    expect(checkCertificates(chain, certificates.body.publicKey)).toEqual([]);
    const listed = await earshot.request<{ erasures: Erasure[] }>('GET', '/v1/erasures?state=completed&limit=200');
    expect(listed.body.erasures.length).toBe(chain.length);
  });

  it('keeps its reason, unless that names the customer', async () => {
    const named = await requestErasure(earshot, 'customer-77', 'letter of Customer-77');
    expect(named.status).toBe(400);
    const { body } = await requestErasure(earshot, 'customer-77', 'ticket 12, write to eve@example.org');
    expect((await findErasure(earshot, body.erasureId)).reason).toBe('ticket 12, write to [EMAIL]');
    expect((await earshot.request('POST', '/v1/erasures', { reason: 'x' })).status).toBe(400);
    expect(
      (await earshot.request('POST', '/v1/erasures', { customerId: 'a', customerIds: ['a'], reason: 'x' })).status,
    ).toBe(400);
  });
});
