import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseWav } from '../../src/domain/wav.ts';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';
import { AT_ONCE, completed, requestErasure } from '../support/erasures.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

const AGENT = 'key-of-an-agent-0001';
const AUDITOR = 'key-of-an-auditor-01';
const CARD = '4539 1488 0343 6467';

let models: FakeModels;
let earshot: TestEarshot;

beforeAll(async () => {
  models = await startFakeModels();
  const keys = [`${API_KEY}:channel+copilot+operator+auditor`, `${AGENT}:copilot`, `${AUDITOR}:auditor`];
  earshot = await startEarshot({ models, dials: AT_ONCE, env: { EARSHOT_API_KEYS: keys.join(',') } });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

async function call(callId: string, sound: Uint8Array, ...states: string[]): Promise<string> {
  const metadata = { callId, customerId: 'ann', startedAt: new Date(Date.now() - 600_000).toISOString() };
  const { body } = await earshot.upload('/v1/calls', 'audio', sound, metadata);
  await earshot.settled(body.interactionId, ...states);
  return body.interactionId;
}

async function fetchAs(
  key: string,
  path: string,
  reason?: string,
): Promise<{ status: number; bytes: Buffer; code: string }> {
  const response = await fetch(`http://127.0.0.1:${earshot.env['PORT']}/v1/interactions/${path}`, {
    method: path.endsWith('media') && reason === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(reason === undefined ? {} : { body: JSON.stringify({ reason }) }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const code = response.ok ? '' : (JSON.parse(bytes.toString()) as { type: string }).type.replace('urn:earshot:', '');
  return { status: response.status, bytes, code };
}

interface View {
  readonly viewedBy: string;
  readonly what: string;
  readonly reason: string | null;
  readonly redactorVersion: string | null;
}

const viewsOf = async (interactionId: string) =>
  (await earshot.request<{ views: View[] }>('GET', `/v1/interactions/${interactionId}/views`)).body.views;

describe('media', () => {
  it('are redacted for an agent and original for an auditor with a reason, and each view is logged', async () => {
    models.transcript = `I paid with ${CARD} for the banjo.`;
    const sound = tone(3);
    const id = await call('call-1', sound, 'reachable');
    const redacted = await fetchAs(AGENT, `${id}/media`);
    expect(redacted.status).toBe(200);
    const [was, is] = [parseWav(sound).data, parseWav(redacted.bytes).data];
    // The fake model tells no words: its one segment, of a second, is silent with its margin.
    const silentBytes = 1.25 * 8_000 * 2;
    expect(Buffer.from(is.subarray(0, silentBytes)).every((byte) => byte === 0)).toBe(true);
    expect(Buffer.from(is.subarray(silentBytes)).equals(Buffer.from(was.subarray(silentBytes)))).toBe(true);

    for (const path of ['original-media', 'original-text']) {
      expect((await fetchAs(AGENT, `${id}/${path}`, 'curious')).status).toBe(403);
      expect((await fetchAs(AUDITOR, `${id}/${path}`, ' ')).status).toBe(400);
    }
    expect((await fetchAs(AUDITOR, `${id}/media`)).status).toBe(403);
    expect((await fetchAs(AUDITOR, `${id}/original-media`, 'case 7 of Ms. Löwe')).bytes.equals(sound)).toBe(true);
    expect((await fetchAs(AUDITOR, `${id}/original-text`, 'case 8')).bytes.toString()).toContain(CARD);
    const views = await viewsOf(id);
    expect(views.map(({ what, reason }) => [what, reason])).toEqual([
      ['original_text', 'case 8'],
      ['original', 'case 7 of Ms. Löwe'],
      ['redacted', null],
    ]);
    expect(new Set(views.map(({ viewedBy }) => viewedBy)).size).toBe(2);
    expect(views[2]!.redactorVersion).not.toBeNull();
    const stored = await earshot.database.query('select * from media_view');
    expect(JSON.stringify(stored)).not.toContain('Löwe');
  });

  it('of which no copy can be vouched for are shown to no agent', async () => {
    const mp3 = await readFile(join(import.meta.dirname, '..', 'media', 'sounds', 'speech.mp3'));
    models.transcript = 'The parcel has not arrived.';
    const compressed = await call('call-2', mp3, 'reachable');
    models.transcript = '';
    const unheard = await call('call-3', tone(2, [1]), 'quarantined');
    for (const id of [compressed, unheard]) {
      expect(await fetchAs(AGENT, `${id}/media`)).toMatchObject({ status: 409, code: 'no_redacted_copy' });
      expect(await viewsOf(id)).toEqual([]);
    }
    expect((await fetchAs(AUDITOR, `${compressed}/original-media`, 'case 9')).bytes.equals(mp3)).toBe(true);
    const { body } = await earshot.message({ customerId: 'ann' });
    expect(await fetchAs(AGENT, `${body.interactionId}/media`)).toMatchObject({ status: 404, code: 'not_found' });
  });

  it('that are pictures are masked and lose what a camera wrote into them', async () => {
    models.screenLines = ['Checkout', `Card ${CARD}`];
    const shot = sharp({ create: { width: 200, height: 60, channels: 3, background: 'white' } });
    const picture = await shot
      .withExif({ IFD0: { Artist: 'Dana Whitfield' } })
      .jpeg()
      .toBuffer();
    const metadata = { screenshotId: 'screen', customerId: 'ann', capturedAt: new Date().toISOString() };
    const { body } = await earshot.upload('/v1/screenshots', 'image', picture, metadata);
    await earshot.settled(body.interactionId, 'reachable');
    const { bytes } = await fetchAs(AGENT, `${body.interactionId}/media`);
    expect(bytes.includes('Whitfield')).toBe(false);
    const { data, info } = await sharp(bytes).greyscale().raw().toBuffer({ resolveWithObject: true });
    const at = (x: number, y: number) => data[y * info.width + x]!;
    // The fake model has the second line from 10 to 110, at 20 to 38; the value begins after "Card".
    expect({
      value: at(80, 29) < 16,
      label: at(12, 29) > 240,
      below: at(80, 55) > 240,
      aside: at(150, 29) > 240,
    }).toEqual({
      value: true,
      label: true,
      below: true,
      aside: true,
    });
  });

  it('go with their customer: copies, views and reasons', async () => {
    const before = await earshot.database.query('select interaction_id from redacted_media');
    expect(before.length).toBe(2);
    const { body } = await requestErasure(earshot, 'ann');
    const { certificate } = await completed(earshot, body.erasureId);
    expect(certificate.statement.after).toMatchObject({ 'postgres.redacted_media': 0, 'postgres.media_view': 0 });
    const id = before[0]!['interaction_id'] as string;
    await until('the record is told to be erased', async () => (await fetchAs(AGENT, `${id}/media`)).status === 410);
    expect((await fetchAs(AUDITOR, `${id}/original-media`, 'too late')).status).toBe(410);
  });
});
