import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

/**
 * What canaries are made of. No two are the same bytes, so that nothing kept from an earlier one can answer for a
 * model: words are drawn from the canary's id, and a recording and a picture differ in what nobody hears or sees.
 */

const SYLLABLES = [
  'bra',
  'cle',
  'dro',
  'fin',
  'gul',
  'hep',
  'jom',
  'kva',
  'lurz',
  'mib',
  'nox',
  'pli',
  'quo',
  'ruf',
  'sna',
  'tev',
];

/** Twelve words of no language, of letters alone: nothing in them looks like personal data. */
export function canaryWords(canaryId: string): string {
  const digest = createHash('sha256').update(canaryId).digest();
  const syllable = (index: number) => SYLLABLES[digest.readUInt8(index % digest.length) % SYLLABLES.length]!;
  const words = Array.from({ length: 12 }, (_, word) => syllable(2 * word) + syllable(2 * word + 1));
  return `a canary sings ${words.join(' ')}`;
}

/** A short sentence, spoken; the last samples of its silence are noise of the smallest amplitude. */
export async function canaryRecording(canaryId: string): Promise<Buffer> {
  const wav = await readFile(join(import.meta.dirname, 'voice.wav'));
  const noise = createHash('sha256').update(canaryId).digest();
  noise.forEach((byte, index) => wav.writeInt16LE(byte % 3, wav.length - 2 * (index + 1)));
  return wav;
}

/** A small screen; a strip of eight pixels in its corner is of colours of its own. */
export async function canaryScreen(canaryId: string): Promise<Buffer> {
  const colours = createHash('sha256').update(canaryId).digest().subarray(0, 24);
  const strip = { input: colours, raw: { width: 8, height: 1, channels: 3 as const }, left: 0, top: 0 };
  const screen = await readFile(join(import.meta.dirname, 'screen.png'));
  return sharp(screen).toColourspace('srgb').removeAlpha().composite([strip]).png().toBuffer();
}
