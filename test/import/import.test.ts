import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEarshot, type TestEarshot } from '../support/earshot.ts';
import { startFakeModels, type FakeModels } from '../support/fake-models.ts';
import { picture } from '../support/pictures.ts';
import { tone } from '../support/sound.ts';
import { until } from '../support/until.ts';

let models: FakeModels;
let earshot: TestEarshot;
let folder: string;

beforeAll(async () => {
  models = await startFakeModels();
  earshot = await startEarshot({
    models,
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

function runImport(path: string): Run {
  const child = spawn(process.execPath, ['workers/import.ts', path], { env: earshot.env });
  let output = '';
  let errors = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, ended: ended.then((code) => ({ code, output, errors })) };
}

const countsIn = (output: string) => JSON.parse(output.trim().split('\n').at(-1)!) as Record<string, number>;
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
    expect(countsIn(output)).toEqual({ lines: HISTORY, accepted: HISTORY - before, repeated: before, refused: 0 });
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
    expect(countsIn(output)).toEqual({ lines: 7, accepted: 2, repeated: 0, refused: 5 });
    const refused = errors
      .trim()
      .split('\n')
      .map((line) =>
        line
          .slice(file.length + 1)
          .split(': ')
          .slice(0, 3),
      );
    expect(refused.toSorted()).toEqual([
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
  });
});
