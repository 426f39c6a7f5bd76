import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import type { Kind } from './profile.ts';

/** One answer of 202: what Earshot has promised to keep. */
export interface Acknowledged {
  readonly interactionId: string;
  readonly name: string;
  readonly kind: Kind;
  /** By the sender's clock, in milliseconds since 1970. */
  readonly acceptedAt: number;
}

/** A file of one JSON line per 202, written as they come: it tells what was promised, whoever dies. */
export interface Witness {
  note(acknowledged: Acknowledged): void;
  close(): Promise<void>;
}

export function openWitness(path: string): Witness {
  const file = createWriteStream(path, { flags: 'a' });
  return {
    note: (acknowledged) => void file.write(`${JSON.stringify(acknowledged)}\n`),
    close: async () => {
      file.end();
      await finished(file);
    },
  };
}

/** What a witness noted; a last line that was cut short, because the sender died, was no promise that it had heard of. */
export async function readWitness(path: string): Promise<Acknowledged[]> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Acknowledged);
}
