import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turnOfLoop } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ApiDependencies } from '../../src/api/dependencies.ts';
import { EarshotError } from '../../src/domain/errors.ts';
import { importHistory, type RefusedLine } from '../../src/import/import-history.ts';

const LINES = 50;
let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'earshot-import-'));
  file = join(folder, 'history.ndjson');
  const line = { type: 'chat-end', conversationId: 'c' };
  await writeFile(file, Array.from({ length: LINES }, () => JSON.stringify(line)).join('\n'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What a handler needs first fails. */
function failing(error: () => Error): ApiDependencies {
  return {
    metrics: { accepted: { get: () => Promise.resolve({ values: [] }) } },
    get ids(): never {
      throw error();
    },
  } as unknown as ApiDependencies;
}

/** Each turn takes long enough for what is under way to fail while nobody waits for it. */
const pace = {
  turn: async () => {
    for (let turn = 0; turn < 20; turn++) await turnOfLoop();
  },
};

const nothing = () => undefined;

it('refuses lines on errors that are not expected, without their words, and goes on', async () => {
  const refused: RefusedLine[] = [];
  const deps = failing(() => new TypeError('Mrs Secret is no number'));
  const { counts, failure } = await importHistory(deps, 'default', [file], pace, {
    onRefused: (line) => refused.push(line),
    onToldToWait: nothing,
  });
  expect(failure).toBeUndefined();
  expect(counts).toMatchObject({ lines: LINES, accepted: 0, refused: LINES, refusedBy: { unexpected_error: LINES } });
  expect(refused[0]).toEqual({ file, line: 1, code: 'unexpected_error', message: 'TypeError' });
});

it('ends once a store stays away, after what is under way, and tells why', async () => {
  const away = new EarshotError('raw_store_unavailable', 'away', { retryAfterMs: 1 });
  const { counts, failure } = await importHistory(
    failing(() => away),
    'default',
    [file, file],
    pace,
    { onRefused: nothing, onToldToWait: nothing },
  );
  expect(failure).toBe(away);
  expect(counts).toMatchObject({ lines: 0, refused: 0 });
});
