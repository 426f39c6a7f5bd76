import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';

const SCREENS = ['checkout-payment-failed', 'settings-storage-warning'];
/** Of one fixture screen, in pixels. */
const HEIGHT = 800;
const fixture = (name: string) => readFile(join(import.meta.dirname, '..', 'fixtures', 'screens', name));

let earshot: TestEarshot;

beforeAll(async () => {
  earshot = await startEarshot();
});
afterAll(() => earshot?.stop());

/** Screens below each other, as a scrolled page is captured. */
async function stacked(names: readonly string[]): Promise<Buffer> {
  const layers = await Promise.all(
    names.map(async (name, index) => ({ input: await fixture(`${name}.png`), left: 0, top: index * HEIGHT })),
  );
  const canvas = sharp({ create: { width: 1_280, height: names.length * HEIGHT, channels: 3, background: 'white' } });
  return canvas.composite(layers).png().toBuffer();
}

describe('a long screenshot', () => {
  it('of 1,280 × 6,400 pixels is read whole, each line once and at its place', async () => {
    const names = [...SCREENS, ...SCREENS, ...SCREENS, ...SCREENS];
    const metadata = { screenshotId: 'long', customerId: 'scroller', capturedAt: new Date().toISOString() };
    const { body } = await earshot.upload('/v1/screenshots', 'image', await stacked(names), metadata);
    await earshot.settled(body.interactionId, 'reachable');
    const [artifact] = await earshot.database.query<{ content: { text: string; place: { y: number } }[] }>(
      "select content from artifact where interaction_id = $1 and kind = 'screen_text'",
      [body.interactionId],
    );
    for (const [index, name] of names.entries()) {
      const known = (await fixture(`${name}.txt`)).toString().trim().split('\n');
      const read = artifact!.content.filter(({ place }) => Math.floor(place.y / HEIGHT) === index);
      expect(read.map(({ text }) => text)).toEqual(known);
    }
  });
});
