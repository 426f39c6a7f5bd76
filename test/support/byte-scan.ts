import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Bytes to look for, and what to call them. */
export interface Needle {
  readonly name: string;
  readonly bytes: Buffer;
}

/** A needle in a file, or in the file's name. */
export interface Sighting {
  readonly file: string;
  readonly needle: string;
  readonly offset: number;
}

/** All forms in which a text may lie in a file. The three phases of base64 are those of its place in what was encoded. */
export function formsOf(text: string): Needle[] {
  const cases = [...new Set([text, text.toLowerCase(), text.toUpperCase()])];
  return cases.flatMap((each) => {
    const bytes = Buffer.from(each);
    const wide = Buffer.from(each, 'utf16le');
    const hex = bytes.toString('hex');
    const forms: [string, Buffer][] = [
      ['utf8', bytes],
      ['utf16le', wide],
      ['hex', Buffer.from(hex)],
      ['HEX', Buffer.from(hex.toUpperCase())],
      ['json', Buffer.from(jsonEscaped(each))],
      ...[0, 1, 2].map((phase): [string, Buffer] => [`base64+${phase}`, Buffer.from(base64Core(bytes, phase))]),
    ];
    const distinct = forms.filter(([, form], index) => forms.findIndex(([, other]) => other.equals(form)) === index);
    return distinct.map(([form, needle]) => ({ name: `${each} as ${form}`, bytes: needle }));
  });
}

/** Those characters of the base64 form that no neighbouring byte changes. */
function base64Core(bytes: Buffer, phase: number): string {
  const shifted = Buffer.concat([Buffer.alloc(phase), bytes]);
  const [start, end] = [Math.ceil((phase * 4) / 3), Math.floor((shifted.length * 4) / 3)];
  return shifted.toString('base64').slice(start, end);
}

function jsonEscaped(text: string): string {
  const escape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[^\x20-\x7e]/g, escape);
}

/** Looks for each needle in every byte of every file below the folders, in the files' names, and in what is gzipped. */
export async function scanFolders(folders: readonly string[], needles: readonly Needle[]): Promise<Sighting[]> {
  const search = searcher(needles);
  const sightings: Sighting[] = [];
  for (const folder of folders) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const file = relative(folder, path);
      for (const bytes of [Buffer.from(entry.name), ...(entry.isFile() ? await contents(path) : [])]) {
        sightings.push(...search(bytes).map((found) => ({ file, ...found })));
      }
    }
  }
  return sightings;
}

/** A file as it is, and unpacked where it is packed. One that a running server has just removed holds nothing. */
async function contents(path: string): Promise<Buffer[]> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
  return bytes.length > 2 && bytes.readUInt16BE(0) === 0x1f8b ? [bytes, gunzipSync(bytes)] : [bytes];
}

/** Finds the first place of each needle in one pass: needles are looked up by their first two bytes. */
function searcher(needles: readonly Needle[]): (bytes: Buffer) => { needle: string; offset: number }[] {
  const byStart = new Array<Needle[] | undefined>(0x1_0000).fill(undefined);
  for (const needle of needles) (byStart[needle.bytes.readUInt16BE(0)] ??= []).push(needle);
  return (bytes) => {
    const found = new Map<string, number>();
    for (let offset = 0; offset + 1 < bytes.length; offset++) {
      const candidates = byStart[(bytes[offset]! << 8) | bytes[offset + 1]!];
      if (candidates === undefined) continue;
      for (const { name, bytes: wanted } of candidates) {
        if (found.has(name) || bytes.length < offset + wanted.length) continue;
        if (bytes.compare(wanted, 0, wanted.length, offset, offset + wanted.length) === 0) found.set(name, offset);
      }
    }
    return [...found].map(([needle, offset]) => ({ needle, offset }));
  };
}
