import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_KEY, startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { tone } from '../support/sound.ts';
import { tenantClient } from '../support/tenant-client.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;
let folder: string;

const ACME_KEY = 'a-key-of-acme-000001';

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
    env: { EARSHOT_API_KEYS: `${API_KEY}:channel+copilot+operator,${ACME_KEY}:copilot@acme` },
    dials: {
      'import.max_records_per_second': 400,
      'import.max_waiting_records': 200,
      'chat.batch_window_ms': 100,
      'sweep.interval_ms': 200,
      'sweep.ring_after_ms': 1_000,
    },
  });
  folder = join(earshot.folder, 'history');
  await mkdir(join(folder, 'media'), { recursive: true });
});
afterAll(async () => {
  await earshot?.stop();
  await models?.stop();
});

const HISTORY = 500;
const message = (index: number) => ({
  type: 'message',
  conversationId: `old-${index % 25}`,
  messageId: `m-${index}`,
  customerId: `old-customer-${index % 25}`,
  sentAt: new Date(Date.UTC(2026, 0, 1, 0, index)).toISOString(),
  author: 'customer',
  text: `what was said ${index}`,
});

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; output: string; errors: string }>;
}

function runImport(path: string, ...options: string[]): Run {
  const child = spawn(process.execPath, ['workers/import.ts', ...options, path], { env: earshot.env });
  let output = '';
  let errors = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, ended: ended.then((code) => ({ code, output, errors })) };
}

const countsIn = (output: string) => JSON.parse(output.trim().split('\n').at(-1)!) as Record<string, unknown>;
/** Line, code and field of each refusal, in their order in the file. */
const refusalsOf = (file: string, errors: string) =>
  errors
    .trim()
    .split('\n')
    .filter((line) => line.startsWith(`${file}:`))
    .map((line) =>
      line
        .slice(file.length + 1)
        .split(': ')
        .slice(0, 3),
    )
    .toSorted();
const numberOf = async (condition: string) => {
  const [row] = await earshot.database.query<{ n: number }>(
    `select count(*)::integer as n from freshness where ${condition}`,
  );
  return row!.n;
};

describe('the import of history', () => {
  it('goes on after kill -9 where it was, loses and doubles nothing, and lets live records through', async () => {
    const file = join(folder, '1-chats.ndjson');
    const lines = Array.from({ length: HISTORY }, (_, index) => JSON.stringify(message(index)));
    await writeFile(file, lines.join('\n'));
    const first = runImport(folder);
    await until('it is in the middle', async () => (await numberOf('true')) >= 100);
    first.child.kill('SIGKILL');
    await first.ended;
    const before = await numberOf('true');
    expect(before).toBeLessThan(HISTORY);

    const second = runImport(folder);
    const live = await Promise.all(
      Array.from({ length: 10 }, (_, index) => earshot.message({ customerId: `live-${index}` })),
    );
    for (const { body } of live) await earshot.settled(body.interactionId, 'reachable');
    const { code, output } = await second.ended;
    expect(code).toBe(0);
    const expected = { lines: HISTORY, accepted: HISTORY - before, repeated: before, refused: 0, refusedBy: {} };
    expect(countsIn(output)).toEqual(expected);
    await until('all is reachable', async () => (await numberOf(`state = 'reachable'`)) === HISTORY + live.length);
    const { results } = await earshot.retrieve({ query: 'said 137', customerId: 'old-customer-12' });
    expect(results[0]).toMatchObject({ text: 'what was said 137', eventTime: '2026-01-01T02:17:00.000Z' });
    const chunks = await earshot.database.query('select from chunk');
    expect(chunks).toHaveLength(HISTORY + live.length);
  });

  it('takes calls and screenshots from beside the lines, and names what it refuses without quoting it', async () => {
    const at = '2026-02-01T10:00:00Z';
    const known = { customerId: 'old-media', file: 'media/call.wav' };
    await writeFile(join(folder, 'media', 'call.wav'), tone(3));
    await writeFile(join(folder, 'media', 'screen.png'), await picture());
    await writeFile(join(earshot.folder, 'outside.wav'), tone(3));
    const lines = [
      { type: 'call', callId: 'old-call', startedAt: at, ...known },
      {
        type: 'screenshot',
        screenshotId: 'old-screen',
        customerId: 'old-media',
        capturedAt: at,
        file: 'media/screen.png',
      },
      { type: 'call', callId: 'elsewhere', startedAt: at, ...known, file: '../outside.wav' },
      { type: 'call', callId: 'without', startedAt: at, customerId: 'old-media' },
      { ...message(1), text: 'another text under the same id' },
      { ...message(900), sentAt: 'Mrs Secret called' },
    ];
    const file = join(folder, '2-media.ndjson');
    await writeFile(file, [...lines.map((line) => JSON.stringify(line)), 'Mrs Secret is no JSON', ''].join('\n'));
    const { code, output, errors } = await runImport(file).ended;
    expect(code).toBe(1);
    const refused = { refused: 5, refusedBy: { invalid_request: 4, conflict: 1 } };
    expect(countsIn(output)).toEqual({ lines: 7, accepted: 2, repeated: 0, ...refused });
    expect(refusalsOf(file, errors)).toEqual([
      ['3', 'invalid_request', 'file'],
      ['4', 'invalid_request', 'file'],
      ['5', 'conflict', 'a record with this idempotency key has another body'],
      ['6', 'invalid_request', 'sentAt'],
      ['7', 'invalid_request', 'line'],
    ]);
    expect(errors).not.toContain('Secret');
    await until('the media are reachable', async () => {
      const { results } = await earshot.retrieve({ query: 'parcel PAY-4012', customerId: 'old-media' });
      return new Set(results.map(({ modality }) => modality)).size === 2;
    });
    const again = await runImport(file).ended;
    expect(countsIn(again.output)).toEqual({ lines: 7, accepted: 0, repeated: 2, ...refused });
  });

  it('goes on past lines and files that are too large, damaged or not there, reads none that is too large, and counts them by code', async () => {
    const at = '2026-03-01T10:00:00Z';
    const call = (name: string, file: string) => ({
      type: 'call',
      callId: name,
      customerId: 'hard',
      startedAt: at,
      file,
    });
    const parts = join(folder, 'hard');
    await mkdir(join(parts, 'media'), { recursive: true });
    await mkdir(join(parts, '1-folder.ndjson'));
    await writeFile(join(parts, 'media', 'huge.wav'), tone(1));
    // Larger than memory: reading it would end the process.
    await truncate(join(parts, 'media', 'huge.wav'), 1_000 * 2 ** 30);
    await writeFile(join(parts, 'media', 'damaged.wav'), tone(3).subarray(0, 30));
    await writeFile(join(parts, 'media', 'whole.wav'), tone(4));
    const file = join(parts, '2-calls.ndjson');
    const lines = [
      JSON.stringify(call('huge', 'media/huge.wav')),
      JSON.stringify(call('damaged', 'media/damaged.wav')),
      JSON.stringify(call('nowhere', 'media/nowhere.wav')),
      JSON.stringify(call('folder', 'media')),
      JSON.stringify({ ...message(901), text: 'x'.repeat(3 * 2 ** 20) }),
      Buffer.from([0x22, 0xff, 0x22]),
      JSON.stringify(call('whole', 'media/whole.wav')),
    ];
    await writeFile(file, Buffer.concat(lines.map((line) => Buffer.concat([Buffer.from(line), Buffer.from('\r\n')]))));
    const { code, output, errors } = await runImport(parts).ended;
    expect(refusalsOf(file, errors)).toEqual([
      ['1', 'too_large', 'file'],
      ['2', 'malformed_media', 'audio'],
      ['3', 'invalid_request', 'file'],
      ['4', 'invalid_request', 'file'],
      ['5', 'too_large', 'line'],
      ['6', 'invalid_request', 'line'],
    ]);
    expect(refusalsOf(join(parts, '1-folder.ndjson'), errors)).toEqual([['0', 'invalid_request', 'file']]);
    const refusedBy = { invalid_request: 4, too_large: 2, malformed_media: 1 };
    expect(countsIn(output)).toEqual({ lines: 7, accepted: 1, repeated: 0, refused: 6, refusedBy });
    expect(code).toBe(1);
  });

  it('is of the tenant that its operator names, and of no other; a name that is none of the deployment ends it', async () => {
    const file = join(folder, 'of-acme.ndjson');
    await writeFile(file, JSON.stringify({ ...message(0), customerId: 'ann', text: 'a trumpet of long ago' }));
    const { code, output } = await runImport(file, '--tenant', 'acme').ended;
    expect([code, countsIn(output)]).toMatchObject([0, { lines: 1, accepted: 1 }]);
    const ask = (key: string) => tenantClient(earshot, key).retrieve({ query: 'trumpet', mode: 'text' });
    const [found] = await until('it is found', async () => {
      const { results } = await ask(ACME_KEY);
      return results.length > 0 && results;
    });
    expect(found).toMatchObject({ text: 'a trumpet of long ago', customerId: 'ann' });
    expect((await ask(API_KEY)).results).toEqual([]);

    const mistyped = await runImport(file, '--tenant', 'acmee').ended;
    expect(mistyped.code).toBe(2);
    expect(mistyped.errors).toContain('--tenant');
  });
});
