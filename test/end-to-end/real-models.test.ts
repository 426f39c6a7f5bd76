import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redact } from '../../src/domain/redaction.ts';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startS3, type S3Server } from '../support/versitygw.ts';
import { wordErrorRate } from '../support/word-error-rate.ts';

const fixture = (...path: string[]) => readFile(join(import.meta.dirname, '..', 'fixtures', ...path));
const CALLS = ['payment-failure', 'refund-with-card', 'delivery-delay'];
const SCREENS = ['checkout-payment-failed', 'login-locked', 'settings-storage-warning'];
const CUSTOMER = 'customer-88213';

describe.each(['a directory', 'S3 with versions'])('with the real models and raw objects in %s', (store) => {
  let s3: S3Server | undefined;
  let earshot: TestEarshot;
  const ids: Record<string, string> = {};

  beforeAll(async () => {
    s3 = store === 'a directory' ? undefined : await startS3();
    const env = s3 === undefined ? {} : { RAW_STORE_URL: s3.url, S3_ENDPOINT: s3.endpoint, ...s3.env };
    earshot = await startEarshot({ env });
    const now = new Date().toISOString();
    const chat = { conversationId: 'chat', customerId: CUSTOMER };
    for (const [name, text] of [
      ['chat', 'My payment was declined with PAY-4012 when I tried to check out.'],
      ['small talk', 'The weather is lovely here today.'],
    ] as const) {
      ids[name] = (await earshot.message({ ...chat, messageId: name, text })).body.interactionId;
    }
    for (const name of CALLS) {
      const metadata = { callId: name, customerId: CUSTOMER, startedAt: new Date(Date.now() - 60_000).toISOString() };
      const sound = await fixture('calls', `${name}.wav`);
      ids[name] = (await earshot.upload('/v1/calls', 'audio', sound, metadata)).body.interactionId;
    }
    for (const name of SCREENS) {
      const metadata = { screenshotId: name, customerId: CUSTOMER, capturedAt: now };
      const picture = await fixture('screens', `${name}.png`);
      ids[name] = (await earshot.upload('/v1/screenshots', 'image', picture, metadata)).body.interactionId;
    }
    for (const id of Object.values(ids)) await earshot.settled(id, 'reachable');
  });
  afterAll(async () => {
    await earshot?.stop();
    await s3?.stop();
  });

  const passages = async (name: string, kind: string) => {
    const rows = await earshot.database.query<{ content: { text: string }[] }>(
      'select content from artifact where interaction_id = $1 and kind = $2 order by piece',
      [ids[name], kind],
    );
    return rows.flatMap(({ content }) => content.map(({ text }) => text));
  };

  it.each(CALLS)('recognises the call %s with a word error rate below 0.1', async (name) => {
    const said = redact((await fixture('calls', `${name}.txt`)).toString()).text;
    expect(wordErrorRate(said, (await passages(name, 'transcript')).join(' '))).toBeLessThan(0.1);
  });

  it('cuts the long call into pieces and tells the second of each hit', async () => {
    const { results } = await earshot.retrieve({
      query: 'when will the replacement arrive',
      customerId: CUSTOMER,
      modalities: ['audio'],
    });
    expect(results[0]?.interactionId).toBe(ids['delivery-delay']);
    expect(results[0]!.place.startMs).toBeGreaterThan(20_000);
    expect(results[0]!.place.endMs).toBeLessThan(60_000);
  });

  it('redacts the card number that was spoken and the name and address on the screen', async () => {
    expect((await passages('refund-with-card', 'transcript')).join(' ')).toContain('[CARD]');
    const screen = await passages('login-locked', 'screen_text');
    expect(screen).toContain('[EMAIL]');
    expect(screen.join(' ')).not.toContain('Whitfield');
  });

  it.each(['checkout-payment-failed', 'settings-storage-warning'])('reads the screen %s exactly', async (name) => {
    const known = (await fixture('screens', `${name}.txt`)).toString().trim().split('\n');
    expect(await passages(name, 'screen_text')).toEqual(known);
  });

  it.each([
    ['PAY-4012', ['chat', 'checkout-payment-failed']],
    ['red banner on checkout', ['checkout-payment-failed']],
    ['my card was refused by the bank', ['payment-failure', 'chat']],
    ['where is my package', ['delivery-delay']],
    ['locked out after wrong passwords', ['login-locked']],
    ['disk space warning', ['settings-storage-warning']],
  ])('finds by "%s" what it should', async (query, expected) => {
    const { results } = await earshot.retrieve({ query, customerId: CUSTOMER, k: 1 });
    expect(expected.map((name) => ids[name])).toContain(results[0]?.interactionId);
  });

  it('keeps raw objects sealed: nothing that was said or shown is in them', async () => {
    if (s3 === undefined) return;
    const page = await s3.client.send(new ListObjectVersionsCommand({ Bucket: 'earshot' }));
    const keys = (page.Versions ?? []).map(({ Key }) => Key ?? '').filter((key) => key.includes('/default/'));
    expect(keys.length).toBeGreaterThanOrEqual(12);
    expect(keys.join()).not.toContain('88213');
  });
});
